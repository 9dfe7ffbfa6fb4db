//! Replicas of watchers: what they are told, literally, that they keep still, and what they do once promoted.

use super::*;
use crate::harness::*;

/// Master and replica in sync, with a watcher `w` over `k:`.
#[track_caller]
fn pair_of(args: &[&str]) -> (Server, Server, Client) {
    follow(watching(args), Server::start(args))
}

/// The same, both under one clock.
#[track_caller]
fn pair_under(clock: &Clock) -> (Server, Server, Client) {
    follow(watching_under(clock, &[]), Server::start_under(clock, &[]))
}

#[track_caller]
fn follow((master, mut c): (Server, Client), replica: Server) -> (Server, Server, Client) {
    replica.replica_of(&master);
    c.ok("PING");
    (master, replica, c)
}

/// Waits until this time has passed for everybody.
fn pass(ms: i64) {
    wait_until("the time has passed", || now_ms() > ms);
}

#[test]
fn an_expiry_is_told_with_key_deadline_reason_type_and_value_and_the_deletion() {
    let (server, mut c) = watching(&[]);
    let mut feed = Feed::open(&server);
    c.ok("SET k:1 \"a b\" PX 500");
    let at = c.ok("PEXPIRETIME k:1").int();
    wait_until("it has expired", || expiries(&mut c, "w")[1] == 1);
    let told = feed.take(&mut c);
    assert_eq!(told[0], format!("SET k:1 'a b' PXAT {at}"));
    let fire: Vec<&String> = told.iter().filter(|line| line.contains("EXPIRY.FIRE")).collect();
    assert_eq!(fire.len(), 1, "{told:?}");
    let (time, rest) = fire[0].strip_prefix("TSGEN.AT ").and_then(|rest| rest.split_once(' ')).expect("an envelope");
    assert_eq!(rest, format!("EXPIRY.FIRE w k:1 {at} expired string 'a b'"));
    let fired_at: i64 = time.parse().expect("a time");
    assert!(fired_at >= at && fired_at < at + 10_000, "fired {} ms after the deadline", fired_at - at);
    assert_eq!(told.iter().filter(|line| *line == "DEL k:1" || *line == "UNLINK k:1").count(), 1, "{told:?}");
    c.play("> EXPIRY.CLAIM w me\n [[<t> …]]\n > EXPIRY.ACK w <t>\n 1");
    feed.expect(&mut c, &["TSGEN.AT <_1> EXPIRY.CLAIM w me COUNT 1 LEASE 30000 TOKEN <t>", "EXPIRY.ACK w <t>"]);
}

/// Between the two a crash would make a deletion of it.
#[test]
fn an_expiry_that_is_found_by_looking_is_replicated_together_with_the_end_of_its_key() {
    let (server, mut c) = watching(&[]);
    let mut feed = Feed::open(&server);
    at_once(&mut c, &["SET k:1 v PX 5", "DEBUG SLEEP 0.05"]);
    assert_eq!(take_one(&mut c, "w").key, "k:1");
    let told = feed.take(&mut c);
    let fire = told.iter().position(|line| line.contains("EXPIRY.FIRE w k:1")).unwrap_or_else(|| panic!("{told:?}"));
    assert!(["DEL k:1", "UNLINK k:1"].contains(&&*told[fire - 1]), "{told:?}");
    assert_eq!((&*told[fire - 2], &*told[fire + 1]), ("MULTI", "EXEC"), "{told:?}");
}

#[test]
fn tracking_is_not_told() {
    let (server, mut c) = watching(&[]);
    let mut feed = Feed::open(&server);
    c.play("> SET k:1 v PXAT 8000000000000\n OK\n > PEXPIREAT k:1 8000000000001\n 1\n > PERSIST k:1\n 1\n > EXPIRY.TRACKED w\n []\n > EXPIRY.INFO w\n […]");
    feed.expect(&mut c, &["SET k:1 v PXAT 8000000000000", "PEXPIREAT k:1 8000000000001", "PERSIST k:1"]);
    c.ok("EXPIRY.CREATE v PREFIX a PREFIX b");
    feed.expect(
        &mut c,
        &["TSGEN.AT <_t> EXPIRY.CREATE v PREFIX a PREFIX b MAXVALUE 65536 KEEPEVICTED no MAXHELD 67108864 LEASE 30000 MAXDELIVERIES 16 BACKOFF 0 MAXBACKOFF 0"],
    );
}

#[test]
fn a_replica_tracks_what_its_master_tracks() {
    let (master, replica, mut c) = pair_of(&[]);
    for line in [
        "SET k:1 v EX 1000",
        "SET k:2 v EX 1000",
        "SET k:3 v EX 1000",
        "SET k:4 v EX 1000",
        "EXPIRE k:1 2000",
        "PERSIST k:2",
        "DEL k:3",
        "RENAME k:4 k:5",
        "RPUSH k:6 a",
        "EXPIRE k:6 500",
        "COPY k:6 k:7",
        "PEXPIRE k:7 700000",
    ] {
        c.ok(line);
    }
    replica.wait_in_sync(&master);
    let here = tracked(&mut c, "w");
    assert_eq!(here.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["k:6", "k:7", "k:5", "k:1"]);
    assert_eq!(tracked(&mut replica.client(), "w"), here);
    same_data(&master, &replica);
}

/// The replica walks over the keys by itself. Its timer once came every ten seconds only.
#[test]
fn a_replica_tracks_keys_that_were_there_before_the_watcher_as_soon_as_its_master() {
    let (master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut c = master.client();
    c.ok("DEBUG POPULATE 60000 other 10");
    c.ok("EVAL \"for i = 1, 20000 do redis.call('SET', 'k:' .. i, i, 'EX', 1000) end\" 0");
    c.ok("EXPIRY.CREATE w PREFIX k:");
    wait_until("the master tracks all", || expiries(&mut c, "w")[0] == 20_000);
    replica.wait_in_sync(&master);
    let mut r = replica.client();
    let begin = now_ms();
    wait_until("the replica tracks all", || expiries(&mut r, "w")[0] == 20_000);
    assert!(now_ms() - begin < 3_000, "after {} ms more", now_ms() - begin);
}

#[test]
fn a_replica_delivers_nothing_by_itself_and_everything_its_master_tells() {
    let mut clock = Clock::new();
    let (master, replica, mut c) = pair_under(&clock);
    let at = clock.now_ms() + AHEAD;
    c.ok(&format!("SET k:1 v PXAT {at}"));
    c.ok("RPUSH k:2 a b");
    c.ok(&format!("PEXPIREAT k:2 {at}"));
    replica.wait_in_sync(&master);
    master.signal("STOP");
    clock.pass_to(at);
    let mut r = replica.client();
    // Its timer has been there.
    let ticked = clock.now_ms() + 100;
    wait_until("it had the time", || clock.now_ms() > ticked && r.ok("PING") == "PONG");
    assert_eq!(expiries(&mut r, "w"), [2, 0, 0, 0, 0]);
    master.signal("CONT");
    wait_until("both have expired", || expiries(&mut c, "w")[1] == 2);
    same_data(&master, &replica);
    assert_eq!(expiries(&mut r, "w"), [0, 2, 0, 0, 0]);
    r.expect("EXPIRY.CLAIM w me", "-READONLY …");
}

#[test]
fn a_promoted_replica_delivers_a_later_deadline_once_with_the_value() {
    let (mut master, replica, mut c) = pair_of(&[]);
    c.ok("SET k:1 v PX 500");
    c.ok("APPEND k:1 !");
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    assert_eq!(pairs(&delivered(&mut r, "w", "k:", 700)), [pair("k:1", "v!")]);
}

/// The usual failover: some seconds pass between the end of the master and the promotion. No look was due on the replica then.
#[test]
fn a_replica_promoted_after_the_deadline_delivers_it_with_the_value() {
    let (mut master, replica, mut c) = pair_of(&[]);
    c.ok("SET k:first v PX 60");
    take_one(&mut c, "w");
    c.ok("SET k:1 v PX 1500");
    c.ok("APPEND k:1 !");
    c.ok("SET k:second v PX 60");
    take_one(&mut c, "w");
    let at = c.ok("PEXPIRETIME k:1").int();
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    pass(at + 100);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    assert_eq!(pairs(&delivered(&mut r, "w", "k:", 60)), [pair("k:1", "v!")]);
}

/// It has no time to walk over all of them for those that are overdue. (Once it did; how long a promotion takes, `tests/stalls` tells.)
#[test]
fn a_replica_with_a_million_keys_delivers_what_was_overdue_when_it_was_promoted() {
    let mut clock = Clock::new();
    let (mut master, replica, mut c) = pair_under(&clock);
    let at = clock.now_ms() + AHEAD;
    for n in 0..100 {
        c.ok(&format!("SET k:{n} v{n} PXAT {at}"));
    }
    c.ok("APPEND k:7 !");
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("DEBUG POPULATE 1000000 other 10");
    // Before values are copied.
    clock.pass_to(at - 800);
    wait_until("they are over", || clock.now_ms() > at + 50);
    r.ok("REPLICAOF NO ONE");
    let mut taken = pairs(&take(&mut r, "w", 100));
    taken.sort();
    let value = |n: usize| format!("v{n}{}", if n == 7 { "!" } else { "" });
    let mut expected: Vec<_> = (0..100).map(|n| pair(&format!("k:{n}"), &value(n))).collect();
    expected.sort();
    assert_eq!(taken, expected);
}

/// It slept through the times at which values are copied, and nobody else has them.
#[test]
fn a_replica_that_was_held_up_until_its_promotion_delivers_values_all_the_same() {
    let mut clock = Clock::new();
    let (mut master, replica, mut c) = pair_under(&clock);
    let at = clock.now_ms() + AHEAD;
    for n in 0..100 {
        c.ok(&format!("SET k:{n} v{n} PXAT {at}"));
    }
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    clock.pass_to(at - 700);
    let again = format!("REPLICAOF 127.0.0.1 {}", master.port);
    at_once(&mut r, &["DEBUG SLEEP 0.9", "REPLICAOF NO ONE", &again, "REPLICAOF NO ONE"]);
    let mut taken = pairs(&take(&mut r, "w", 100));
    taken.sort();
    let mut expected: Vec<_> = (0..100).map(|n| pair(&format!("k:{n}"), &format!("v{n}"))).collect();
    expected.sort();
    assert_eq!(taken, expected);
    assert_eq!(delivered(&mut r, "w", "k:", 50), []);
}

/// Where nobody shows the value of a key at its end, it walks over its keys: more of them than it could at its promotion.
#[test]
fn a_replica_that_was_held_up_copies_what_it_missed_before_it_is_promoted() {
    let mut clock = Clock::new();
    let (mut master, replica, mut c) = pair_under(&clock);
    let at = clock.now_ms() + AHEAD;
    c.ok(&format!("SET k:1 v PXAT {at}"));
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("DEBUG POPULATE 300000 other 10");
    clock.pass_to(at - 700);
    r.ok("DEBUG SLEEP 0.9");
    wait_for_copies(&replica, 1);
    r.ok("REPLICAOF NO ONE");
    assert_eq!(take_one(&mut r, "w").pair(), pair("k:1", "v"));
}

#[test]
fn what_was_delivered_before_the_failover_is_not_delivered_again_after_it() {
    let (mut master, replica, mut c) = pair_of(&[]);
    c.ok("SET k:1 v PX 40");
    c.ok("SET k:2 v PX 40");
    let first = take_one(&mut c, "w");
    c.ok(&format!("EXPIRY.ACK w {}", first.token));
    wait_until("both have expired", || expiries(&mut c, "w") == [0, 1, 0, 0, 0]);
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    assert_eq!(delivered(&mut r, "w", "k:", 60).len(), 1);
}

/// The master's clock decides. For a replica whose clock is ahead, every key it hears of may seem to have ended already.
#[test]
fn a_replica_whose_clock_is_off_tracks_what_its_master_tracks() {
    for ahead in [10_000, -10_000] {
        let mut clock = Clock::new();
        clock.pass(20_000);
        clock.step(ahead - 20_000);
        let (master, mut c) = watching(&[]);
        let mut replica = Server::start_under(&clock, &[]);
        replica.replica_of(&master);
        for (key, ms) in [("k:1", 3_000), ("k:2", 5_000), ("k:3", 60_000)] {
            c.ok(&format!("SET {key} v PX {ms}"));
        }
        c.ok("PEXPIRE k:2 4000");
        replica.wait_in_sync(&master);
        let mut r = replica.client();
        assert_eq!(tracked(&mut r, "w"), tracked(&mut c, "w"), "ahead by {ahead} ms");
        // What it tells a reader is another matter; what it delivers is what its master told.
        c.ok("SET k:4 v PX 20");
        wait_until("one has expired", || expiries(&mut c, "w")[1] == 1);
        same_data(&master, &replica);
        assert_eq!(expiries(&mut r, "w"), expiries(&mut c, "w"), "ahead by {ahead} ms");
        replica.assert_alive();
    }
}

#[test]
fn a_deadline_moved_or_ended_while_the_replica_lags_is_the_masters_say() {
    let (master, replica, mut c) = pair_of(&[]);
    for key in ["k:moved", "k:ended", "k:kept"] {
        c.ok(&format!("SET {key} v PX 1500"));
    }
    let at = c.ok("PEXPIRETIME k:kept").int();
    replica.wait_in_sync(&master);
    replica.signal("STOP");
    c.play("> EXPIRE k:moved 1000\n 1\n > DEL k:ended\n 1");
    pass(at + 50);
    wait_until("the master has delivered", || expiries(&mut c, "w")[1] == 1);
    replica.signal("CONT");
    same_data(&master, &replica);
    let mut r = replica.client();
    assert_eq!((expiries(&mut r, "w"), tracked(&mut r, "w")), ([1, 1, 0, 0, 0], tracked(&mut c, "w")));
}

#[test]
fn full_and_partial_resync_and_a_replica_of_a_replica_hold_the_same() {
    let (master, replica, mut c) = pair_of(&[]);
    let last = Server::start(&[]);
    for n in 0..20 {
        c.ok(&format!("SET k:{n} v{n} PX {}", 20 + n));
        c.ok(&format!("SET k:long{n} v EX {}", 1_000 + n));
    }
    wait_until("some have expired", || expiries(&mut c, "w")[1] > 3);
    last.replica_of(&replica);
    c.ok("CLIENT KILL TYPE replica SKIPME yes");
    wait_until("all have expired", || expiries(&mut c, "w")[1] == 20);
    c.ok("EXPIRY.CLAIM w me COUNT 5");
    same_data(&master, &replica);
    same_data(&replica, &last);
    let here = tracked(&mut c, "w");
    assert_eq!(here.len(), 20);
    assert_eq!(tracked(&mut replica.client(), "w"), here);
    assert_eq!(tracked(&mut last.client(), "w"), here);
    let late = Server::start(&[]);
    late.replica_of(&master);
    assert_eq!(tracked(&mut late.client(), "w"), here);
    same_data(&master, &late);
}

#[test]
fn wrong_claims_on_a_replica_change_nothing() {
    let (master, replica, mut c) = pair_of(&[]);
    c.ok("SET k:1 v PX 20");
    wait_until("it has expired", || expiries(&mut c, "w")[1] == 1);
    replica.wait_in_sync(&master);
    replica
        .client()
        .play("> EXPIRY.CREATE x PREFIX y\n -READONLY …\n > EXPIRY.ACK w 5\n -READONLY …\n > EXPIRY.TRACKED w\n []");
    same_data(&master, &replica);
}
