//! Replicas of TALLY keys: what they are told, literally; that they look at no clock; and what they do once promoted.

use super::*;
use crate::common::*;
use crate::harness::*;
use std::collections::BTreeSet;

const HOUR: i64 = 3_600_000;

#[test]
fn an_increment_of_an_open_window_goes_as_it_came_and_what_opens_or_seals_carries_its_time() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > TALLY.CREATE k EVERY 3600000 MAXFIELDS 3 MIN -5
        OK
        > tally.incr k a
        1
        > tally.incr k a
        2
        > TALLY.INCR k b -5
        -5
        > TALLY.MINCR k a 1 "" 2
        [3 2]
        > TALLY.MINCR k a 1 a 2
        [1 3]
        > TALLY.MINCR k a 1 b 2
        [4 2]
        > TALLY.SEAL k
        2
        > TALLY.ALTER k EVERY 5000
        OK
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_0> TALLY.CREATE k EVERY 3600000 FIELD any MIN -5 MAXFIELDS 3 LEASE 30000 MAXDELIVERIES 0 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0",
            "TSGEN.AT <_1> TALLY.INCR k a",
            "tally.incr k a",
            "TALLY.INCR k b -5",
            "TSGEN.AT <_2> TALLY.MINCR k a 1 '' 2",
            "TSGEN.AT <_3> TALLY.MINCR k a 1 a 2",
            "TALLY.MINCR k a 1 b 2",
            "TSGEN.AT <_4> TALLY.SEAL k",
            "TSGEN.AT <_5> TALLY.ALTER k EVERY 5000",
        ],
    );
    c.ok("CONFIG SET tsgen.tally-every 4321 tsgen.tally-max-fields 7 tsgen.lease 12345");
    c.play("> TALLY.CREATE by-default\n OK\n > TALLY.CREATE full FIELD UUID MIN 1 MAX 2 SINK s SINKMAXLEN 9\n OK");
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_6> TALLY.CREATE by-default EVERY 4321 FIELD any MAXFIELDS 7 LEASE 12345 MAXDELIVERIES 0 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0",
            "TSGEN.AT <_7> TALLY.CREATE full EVERY 4321 FIELD uuid MIN 1 MAX 2 MAXFIELDS 7 LEASE 12345 MAXDELIVERIES 0 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0 SINK s SINKMAXLEN 9",
        ],
    );
}

#[test]
fn an_increment_of_an_overdue_window_carries_its_time() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 30\n OK\n > TALLY.INCR k f\n 1");
    let mut feed = Feed::open(&server);
    wait_until("its time is over", || batches(&mut c, "k") == [0, 1, 0, 0, 0]);
    feed.expect(&mut c, &[]);
    c.play("> TALLY.ALTER k EVERY 3600000\n OK\n > TALLY.INCR k f\n 1\n > TALLY.INCR k f\n 2");
    feed.expect(
        &mut c,
        &["TSGEN.AT <_1> TALLY.ALTER k EVERY 3600000", "TSGEN.AT <_2> TALLY.INCR k f", "TALLY.INCR k f"],
    );
}

#[test]
fn transactions_and_scripts_keep_increments_in_their_place() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 2");
    let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0 LEASE 500");
    let mut feed = Feed::open(&server);
    c.play("> MULTI\n OK\n > TALLY.INCR k a\n QUEUED\n > TALLY.INCR k a\n QUEUED\n > SET x 1\n QUEUED\n > TALLY.INCR k b\n QUEUED\n > EXEC\n [1 2 OK 1]");
    let token = worker.reply().items()[0].items()[0].int();
    feed.expect(
        &mut c,
        &[
            "MULTI",
            "TSGEN.AT <_1> TALLY.INCR k a",
            "TALLY.INCR k a",
            "SET x 1",
            "TSGEN.AT <_2> TALLY.INCR k b",
            "EXEC",
            &format!("TSGEN.AT <_3> TALLY.CLAIM k w COUNT 1 LEASE 500 TOKEN {token}"),
        ],
    );
    c.expect(
        "EVAL \"redis.call('TALLY.INCR', 'k', 'c') return redis.call('TALLY.MINCR', 'k', 'c', 2, 'c', 3)\" 1 k",
        "[3 6]",
    );
    feed.expect(&mut c, &["MULTI", "TSGEN.AT <_4> TALLY.INCR k c", "TALLY.MINCR k c 2 c 3", "EXEC"]);
}

/// To a replica an hour ahead every window is long over, to one an hour behind none ever is, nor to one behind both of them. Yet all
/// add what they are told to add to the window that their master has open.
#[test]
fn a_replica_adds_whatever_its_own_clock_says() {
    let (mut ahead, mut behind) = (Clock::new(), Clock::new());
    ahead.step(HOUR);
    behind.step(-HOUR);
    let master = Server::start(&[]);
    let replicas = [&ahead, &behind, &behind].map(|clock| Server::start_under(clock, &AOF));
    replicas[0].replica_of(&master);
    replicas[1].replica_of(&master);
    replicas[2].replica_of(&replicas[0]);
    let mut c = master.client();
    c.ok("TALLY.CREATE k EVERY 150 MAXFIELDS 20");
    c.ok("TALLY.CREATE long EVERY 1800000");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for round in 0..1_500 {
        let key = random.pick(&["k", "k", "k", "long"]);
        let (field, other) = (random.below(30), random.below(30));
        c.ok(&match random.below(12) {
            0 => format!("TALLY.MINCR {key} f{field} 3 f{other} -1 f{field} 1"),
            1 if round % 5 == 0 => format!("TALLY.SEAL {key}"),
            2 => format!("TALLY.CLAIM {key} w COUNT 2 LEASE {}", random.between(1, 90)),
            3 => format!("TALLY.ACK {key} 1-{}", (now_ms() - random.between(0, 100)) * 1024),
            _ => format!("TALLY.INCR {key} f{field} {}", random.between(-9, 9)),
        });
        if round % 300 == 299 {
            for replica in &replicas {
                same_data(&master, replica);
            }
        }
    }
    c.ok("TALLY.MINCR long f0 1 last 1");
    for replica in &replicas {
        same_data(&master, replica);
        // Whatever it shows as due, it seals nothing by itself.
        let mut r = replica.client();
        assert_eq!(r.ok("TALLY.GET long last"), c.ok("TALLY.GET long last"));
        r.expect("TALLY.INCR long last", "-READONLY …");
    }
    assert_eq!(batches(&mut replicas[0].client(), "long")[0], 0, "to this one it is over");
    assert_eq!(batches(&mut replicas[1].client(), "long")[0], 1);
    // And so do their files, whenever they are read.
    for mut replica in replicas {
        let digest = replica.digest_all();
        replica.client().ok("REPLICAOF NO ONE");
        replica.restart(Stop::Kill);
        assert_eq!(replica.digest_all(), digest);
    }
}

/// An AOF tells increments without their times. It may be read a day later, or under a clock that was set back.
#[test]
fn an_aof_means_the_same_whenever_it_is_read() {
    for hours in [24, -24] {
        let mut clock = Clock::new();
        let mut server = Server::start_under(&clock, &AOF);
        let mut c = server.client();
        c.ok("TALLY.CREATE k EVERY 60000 MAXFIELDS 5");
        for i in 0..40 {
            c.ok(&format!("TALLY.INCR k f{} {i}", i % 7));
            c.ok(&format!("TALLY.MINCR k a 1 f{} 1", i % 3));
            clock.pass(9_000);
        }
        c.ok("TALLY.CLAIM k w COUNT 3 LEASE 100");
        c.ok("TALLY.MINCR k f1 5 f2 6");
        let (digest, sums) =
            (server.digest_all(), (0..7).map(|i| c.ok(&format!("TALLY.GET k f{i}"))).collect::<Vec<_>>());
        for _ in 0..2 {
            server.stop(Stop::Kill);
            clock.step(hours * HOUR);
            server.start_again();
            assert_eq!(server.digest_all(), digest, "{hours} hours later");
        }
        let mut c = server.client();
        assert_eq!((0..7).map(|i| c.ok(&format!("TALLY.GET k f{i}"))).collect::<Vec<_>>(), sums);
    }
}

/// The window goes on, and ends when it would have ended on the old master, with everything in it.
#[test]
fn a_promoted_replica_seals_the_open_window_at_its_time() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TALLY.CREATE k EVERY 900\n OK\n > TALLY.INCR k f\n 1\n > TALLY.INCR k f\n 2");
    replica.wait_in_sync(&master);
    let mut c = promote(master, &replica);
    c.expect("TALLY.INCR k f", "3");
    let batch = claim(&mut c, "k", 1).remove(0);
    assert!(server_ms(&mut c) >= batch.sealed_at);
    assert_eq!((batch.sealed_at - batch.opened_at, batch.sums), (900, vec![(b"f".to_vec(), 3)]));
}

/// One batch under one number, for ever: who has a number in a database has these sums.
#[test]
fn batch_numbers_are_never_used_again_after_failover_del_or_restore() {
    let mut master = Server::start(&AOF);
    let mut c = master.client();
    let mut numbers = BTreeSet::new();
    let mut next = |c: &mut Client, what: &str| {
        c.play("> TALLY.INCR k f\n …\n > TALLY.SEAL k\n 1");
        let batches = claim(c, "k", 10);
        for batch in &batches {
            assert!(numbers.insert(batch.number), "{what}: {} is the number of another batch", batch.number);
            c.expect(&format!("TALLY.ACK k {}", batch.token), "1");
        }
        let last = batches[batches.len() - 1].number;
        assert_eq!(numbers.last(), Some(&last), "{what}: numbers rise");
    };
    c.ok("TALLY.CREATE k");
    for _ in 0..30 {
        next(&mut c, "one after the other");
    }
    let dump = c.ok("DUMP k");
    next(&mut c, "after DUMP");
    // A key that begins anew in the millisecond of the last number may use it again: so says the page of CLAIM.
    let clock_moves = || {
        let now = now_ms();
        wait_until("the clock has moved", || now_ms() > now);
    };
    c.ok("DEL k");
    clock_moves();
    assert_eq!(crate::cmd!(c, "RESTORE", "k", 0, dump.bytes()), "OK");
    next(&mut c, "after RESTORE");
    for how in ["DEL k", "FLUSHALL", "RENAME k other"] {
        c.ok(how);
        clock_moves();
        c.ok("TALLY.CREATE k");
        next(&mut c, how);
    }
    // A copy counts on by itself, and both go on rising.
    c.ok("COPY k other REPLACE");
    next(&mut c, "after COPY");
    master.restart(Stop::Kill);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    next(&mut master.client(), "after a restart");
    // This one the replica never hears of; the window before it is open on both.
    let mut c = master.client();
    c.ok("TALLY.INCR k f");
    replica.wait_in_sync(&master);
    replica.signal("STOP");
    next(&mut c, "only on the old master");
    replica.signal("CONT");
    let mut c = promote(master, &replica);
    next(&mut c, "on the new master");
}
