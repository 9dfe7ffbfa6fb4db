//! The database has what clients were told, no more and no less, while everybody is well.

use crate::harness::*;
use crate::traffic::Traffic;
use crate::world::{key, World};
use std::time::{Duration, Instant};

/// Lets traffic pass until the workers have written so many batches, and at least for so long.
#[track_caller]
fn let_pass(world: &World, length: Duration, batches: usize) {
    let end = Instant::now() + length;
    let written = || world.postgres.query("SELECT count(*) FROM tsgen_batches").parse::<usize>().expect("a count");
    wait_until("traffic and workers do their work", || Instant::now() >= end && written() >= batches);
}

#[test]
fn two_of_each_at_full_load_are_exact() {
    let world = World::new();
    // Windows end at a hundred milliseconds, so that batches with many keys in common are written at the same time.
    let serves = [world.serve("--limit 0 --every-ms 100"), world.serve("--limit 0 --every-ms 100")];
    world.redis.client().ok("TALLY.ALTER increments MAXFIELDS 100");
    let mut workers = [world.work(""), world.work("")];
    let started = Instant::now();
    let traffic = Traffic::start(&[&serves[0].url, &serves[1].url], 16, 300);
    let_pass(&world, Duration::from_secs(5), 100);
    let account = traffic.stop();
    let rate = account.requests as f64 / started.elapsed().as_secs_f64();
    for serve in serves {
        let mut app = serve.app;
        assert_eq!(app.terminate(), Some(0));
    }
    for worker in &mut workers {
        assert_eq!(worker.terminate(), Some(0));
        assert!(worker.lines_with(": written").len() > 10, "both should have worked");
        assert_eq!(worker.lines_with("was there already"), [""; 0]);
    }
    assert!(account.unknown.is_empty(), "all were answered");
    account.assert_kept_by(&world.counters());
    assert!(!world.postgres.log().contains("deadlock"), "{}", world.postgres.log());
    println!("{} increments, {rate:.0} a second", account.requests);
}

#[test]
fn workers_that_write_the_same_rows_at_once_never_deadlock() {
    const KEYS: u64 = 2_000;
    const BATCHES: i64 = 40;
    let world = World::new();
    let _serve = world.serve("--limit 0 --every-ms 3600000");
    let mut c = world.redis.client();
    let mut increments = vec![b"TALLY.MINCR".to_vec(), b"increments".to_vec()];
    // Not in the order in which they are to be written.
    for n in (0..KEYS).map(|n| n * 7 % KEYS) {
        increments.extend([key(n).into_bytes(), b"1".to_vec()]);
    }
    for _ in 0..BATCHES {
        c.call(&increments.iter().map(Vec::as_slice).collect::<Vec<_>>());
        c.ok("TALLY.SEAL increments");
    }
    let workers = [world.work(""), world.work("")];
    world.wait_until_drained();
    for worker in &workers {
        assert!(worker.lines_with(": written").len() > 5, "both should have worked");
    }
    assert_eq!(world.counters(), (0..KEYS).map(|n| (key(n), BATCHES)).collect());
    assert!(!world.postgres.log().contains("deadlock"), "{}", world.postgres.log());
}

#[test]
fn what_was_accepted_before_sigterm_is_in_the_database_when_all_have_ended() {
    let world = World::new();
    // Windows so long that only SEAL ends them.
    let (mut serve, mut worker) = (world.serve("--limit 0 --every-ms 3600000"), world.work(""));
    let traffic = Traffic::start(&[&serve.url], 8, 100);
    wait_until("there is traffic", || world.redis.client().ok("TALLY.INFO increments").field("fields").int() == 100);
    assert_eq!(serve.app.terminate(), Some(0));
    let account = traffic.stop();
    serve.app.line_with("stopped");
    assert_eq!(worker.terminate(), Some(0));
    account.assert_kept_by(&world.counters());
    assert!(world.is_drained());
}

#[test]
fn a_worker_that_ends_writes_all_that_is_ready() {
    let world = World::new();
    let _serve = world.serve("--limit 0 --every-ms 3600000");
    let mut worker = world.work("");
    worker.signal("STOP");
    let mut c = world.redis.client();
    for n in 0..50 {
        c.ok(&format!("TALLY.INCR increments {} 1", key(n % 7)));
        c.ok("TALLY.SEAL increments");
    }
    // It sees both at once, what there is to do and that it should end.
    worker.signal("TERM");
    worker.signal("CONT");
    assert_eq!(worker.end().code(), Some(0));
    assert!(world.is_drained());
    assert_eq!(world.counters().values().sum::<i64>(), 50);
}

#[test]
fn workers_that_start_at_once_make_the_tables_once() {
    let world = World::new();
    let workers: Vec<App> = (0..4).map(|_| world.begin_work("")).collect();
    for worker in &workers {
        worker.line_with(": ready");
        assert_eq!(worker.lines().len(), 1, "{:?}", worker.lines());
    }
    assert!(!world.postgres.log().contains("ERROR"), "{}", world.postgres.log());
}
