//! The server at its limits with a window open: what is TALLY's own.

use super::*;
use crate::common::*;
use crate::harness::*;

/// A large window is sealed by the timer itself, which must not while writes are paused.
#[test]
fn a_large_window_is_sealed_after_a_pause() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.ok("TALLY.CREATE large EVERY 60 MAXFIELDS 100000");
    let mut worker = Blocked::new(&server, "TALLY.CLAIM large w BLOCK 0");
    let mut command = vec![b"TALLY.MINCR".to_vec(), b"large".to_vec()];
    command.extend((0..12_000).flat_map(|i| [format!("f{i}").into_bytes(), b"1".to_vec()]));
    c.ok("MULTI");
    c.pipeline([command]);
    c.play("> CLIENT PAUSE 60000 WRITE\n QUEUED\n > EXEC\n …");
    let started = now_ms();
    wait_until("it has been over for a while", || now_ms() > started + 300);
    assert!(worker.is_blocked(&mut c));
    c.ok("CLIENT UNPAUSE");
    assert_eq!(Batch::of(&worker.reply().items()[0]).sums.len(), 12_000);
    same_data(&server, &replica);
    server.assert_alive();
}

#[test]
fn at_maxmemory_increments_are_refused_and_a_window_is_read_and_sealed() {
    Server::start(&[]).client().play(
        r#"
        > TALLY.CREATE k
        OK
        > TALLY.INCR k a
        1
        > CONFIG SET maxmemory 1
        OK
        > TALLY.INCR k a
        -OOM …
        > TALLY.MINCR k a 1
        -OOM …
        > TALLY.GET k a
        1
        > TALLY.SEAL k
        1
        > TALLY.CLAIM k w
        [[<a> …['a' 1]]]
        "#,
    );
}

/// Whichever of the two sealed it, an increment is in one batch.
#[test]
fn a_failover_keeps_sums_exactly() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TALLY.CREATE k EVERY 700\n OK\n > TALLY.CREATE piped EVERY 20 SINK stream\n OK\n > TALLY.INCR k f 2\n 2");
    for _ in 0..100 {
        c.ok("TALLY.INCR piped f");
        c.ok("TALLY.INCR k f");
    }
    fail_over(&master, &replica);
    let mut c = replica.client();
    let mut sum = 0;
    while sum < 102 {
        sum += claim(&mut c, "k", 1)[0].sums[0].1;
    }
    assert_eq!(sum, 102);
    wait_until("all is in the sink", || batches(&mut c, "piped") == [0; 5]);
    let entries = c.ok("XRANGE stream - +");
    let sums = entries.items().iter().map(|entry| entry.items()[1].field("f").text().parse::<i64>().expect("a number"));
    assert_eq!(sums.sum::<i64>(), 100);
    same_data(&replica, &master);
}

#[test]
fn an_open_window_does_not_keep_the_timer_busy() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 3600000\n OK\n > TALLY.INCR k f\n 1\n > TALLY.CREATE over EVERY 1\n OK\n > TALLY.INCR over f\n 1");
    wait_until("it is over", || batches(&mut c, "over")[1] == 1);
    c.expect("TALLY.CLAIM other w BLOCK 50", "[]");
    let before = ticks(&mut c);
    for _ in 0..1_000 {
        c.ok("TALLY.INCR k f");
    }
    c.expect("TALLY.CLAIM other w BLOCK 300", "[]");
    let spent = ticks(&mut c) - before;
    assert!(spent < 30, "{spent} ticks");
}
