//! Real servers and time: an hour of increments, a clock that is set, and workers that are woken.

use super::*;
use crate::common::{server_ms, AOF};
use crate::harness::*;

const MINUTE: i64 = 60_000;
const EVERY: i64 = 9_000;

/// What the database lacks is younger than EVERY, whenever one asks, and nothing is delivered before its window is over.
#[test]
fn in_an_hour_of_increments_a_database_is_never_more_than_every_behind() {
    let mut clock = Clock::at_noon();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 9000");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let noon = clock.now_ms();
    // The increments of the one field so far, and when they were over.
    let (mut increments, mut database, mut behind) = (Vec::new(), 0, 0);
    while clock.now_ms() < noon + 60 * MINUTE {
        let delta = random.between(-5, 100);
        c.ok(&format!("TALLY.INCR k f {delta}"));
        increments.push((server_ms(&mut c), delta));
        // Now and then nobody comes for a while.
        clock.pass(if random.one_in(20) { random.between(0, 40_000) } else { random.between(0, 3_000) });
        let asked_at = server_ms(&mut c);
        let reply = c.ok("TALLY.CLAIM k w COUNT 100");
        let answered_at = server_ms(&mut c);
        for batch in reply.items().iter().map(Batch::of) {
            assert_eq!(batch.sealed_at, batch.opened_at + EVERY);
            assert!(batch.sealed_at <= answered_at, "{} ms early", batch.sealed_at - answered_at);
            database += batch.sums[0].1;
            c.expect(&format!("TALLY.ACK k {}", batch.token), "1");
        }
        // What is over is there; a window that is open explains the rest, to the last increment.
        let all: i64 = increments.iter().map(|(_, delta)| delta).sum();
        c.expect("TALLY.GET k f", &(all - database).to_string());
        let lacking = increments.iter().rev().scan(all - database, |rest, (at, delta)| {
            let lacks = (*rest != 0).then_some(*at);
            *rest -= delta;
            lacks
        });
        if let Some(oldest) = lacking.last() {
            behind = behind.max(asked_at - oldest);
        }
    }
    // The last client call before it was asked may have taken a moment.
    assert!((EVERY - 3_000..=EVERY + 100).contains(&behind), "{behind} ms behind");
    assert!(increments.len() > 800, "{} increments", increments.len());
}

#[test]
fn a_blocked_worker_is_woken_within_milliseconds_and_never_early() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 40");
    let late: Vec<i64> = (0..20)
        .map(|round| {
            c.expect(&format!("TALLY.INCR k f {round}"), &round.to_string());
            let batch = claim(&mut c, "k", 1).remove(0);
            let late = now_ms() - batch.sealed_at;
            assert_eq!((batch.sealed_at - batch.opened_at, batch.sums[0].1), (40, round));
            assert!((0..2_000).contains(&late), "{late} ms after its time");
            late
        })
        .collect();
    // A machine may stall now and then; not every time.
    assert!(late.iter().filter(|late| **late <= 5).count() >= 5, "ms after their times: {late:?}");
}

#[test]
fn what_seals_a_window_at_once_wakes_at_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 3");
    for (before, command) in [
        ("> TALLY.INCR k a\n 1", "TALLY.SEAL k"),
        ("> TALLY.MINCR k a 1 b 1\n [1 1]", "TALLY.INCR k c"),
        ("> TALLY.INCR k b\n 1", "TALLY.MINCR k a 1 c 1"),
        ("> TALLY.INCR k a\n 1", "EVAL \"return redis.call('TALLY.SEAL', KEYS[1])\" 1 k"),
    ] {
        let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0");
        c.play(before);
        assert!(worker.is_blocked(&mut c), "an open window wakes nobody");
        c.ok(command);
        assert!(!worker.is_blocked(&mut c), "{command}");
        assert_eq!(worker.reply().items().len(), 1);
    }
}

/// The sink, with nobody there at all: no client asks for anything while the time passes.
#[test]
fn windows_end_for_a_sink_with_nobody_watching() {
    let mut clock = Clock::at_noon();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 600000 SINK stream");
    for round in 1..=3 {
        c.play("> TALLY.INCR k f\n 1");
        clock.pass(9 * MINUTE);
        c.expect("TALLY.INCR k f", "2");
        c.expect("XLEN stream", &(round - 1).to_string());
        clock.pass(MINUTE + 1);
        wait_until("it is in the stream", || c.run("XLEN stream") == round);
    }
}

#[test]
fn a_clock_set_forward_ends_the_window_that_is_over_by_it() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 3600000\n OK\n > TALLY.INCR k f\n 1");
    let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0");
    clock.step(59 * MINUTE);
    c.expect("TALLY.INCR k f", "2");
    assert!(worker.is_blocked(&mut c));
    clock.step(2 * MINUTE);
    assert_eq!(Batch::of(&worker.reply().items()[0]).sums, [(b"f".to_vec(), 2)]);
    c.expect("TALLY.INCR k f", "1");
}

/// The window that is open then ends later, at its time by the clock. What was sealed is delivered all the same.
#[test]
fn a_clock_set_back_delays_but_loses_and_doubles_nothing() {
    let mut clock = Clock::new();
    let mut server = Server::start_under(&clock, &AOF);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 60000 LEASE 36000000\n OK\n > TALLY.INCR k f\n 1\n > TALLY.SEAL k\n 1\n > TALLY.INCR k f 10\n 10");
    clock.step(-60 * MINUTE);
    c.expect("TALLY.INCR k f 100", "110");
    let sealed = claim(&mut c, "k", 9);
    assert_eq!(sealed.iter().map(|batch| batch.sums[0].1).collect::<Vec<_>>(), [1]);
    c.expect("TALLY.CLAIM k w COUNT 9", "[]");
    c.expect("TALLY.GET k f", "111");
    same_data(&server, &replica);
    server.restart(Stop::Kill);
    let mut c = server.client();
    c.expect("TALLY.INCR k f 1000", "1110");
    // An operator need not wait.
    c.expect("TALLY.SEAL k", "1");
    c.expect("TALLY.INCR k f 5", "5");
    clock.pass(MINUTE);
    let rest = claim(&mut c, "k", 9);
    assert_eq!(rest.iter().map(|batch| batch.sums[0].1).collect::<Vec<_>>(), [1110, 5]);
    assert!(sealed[0].number < rest[0].number && rest[0].number < rest[1].number, "numbers rise: {rest:?}");
    assert!(sealed[0].token < rest[0].token);
    same_data(&server, &replica);
}

#[test]
fn a_clock_that_jumps_both_ways_delivers_every_increment_once() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 5000 MAXFIELDS 4");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let (mut made, mut numbers, mut database) = ([0; 5], std::collections::BTreeSet::new(), [0; 5]);
    for _ in 0..600 {
        match random.below(6) {
            0 => clock.step(random.between(-20_000, 20_000)),
            1 => clock.pass(random.between(0, 3_000)),
            2 => {
                for entry in c.ok("TALLY.CLAIM k w COUNT 3 LEASE 3600000").items() {
                    let items = entry.items();
                    assert!(numbers.insert(items[2].int()), "the number of another batch: {entry}");
                    for pair in items[5].items().chunks(2) {
                        database[pair[0].text().parse::<usize>().expect("a number")] += pair[1].int();
                    }
                    c.ok(&format!("TALLY.ACK k {}", items[0].int()));
                }
            }
            _ => {
                let (field, delta) = (random.below(5) as usize, random.between(-9, 9));
                c.ok(&format!("TALLY.INCR k {field} {delta}"));
                made[field] += delta;
            }
        }
    }
    for field in 0..5 {
        c.expect(&format!("TALLY.GET k {field}"), &(made[field] - database[field]).to_string());
    }
    same_data(&server, &replica);
}
