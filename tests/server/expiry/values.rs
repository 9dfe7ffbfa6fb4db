//! That watched strings are delivered with the values that they ended with, whatever holds the server up, and whatever files are written and read
//! around their end.

use super::*;
use crate::common::AOF;
use crate::harness::*;

/// Opening the keys to copy them once ended those whose time was over, after the look that should have told.
#[test]
fn a_save_after_a_stall_holds_the_values_of_what_was_over_by_then() {
    for save in ["SAVE", "BGSAVE"] {
        let (mut server, mut c) = watching(&["--save", ""]);
        c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
        c.ok("EXPIRY.CREATE v PREFIX k:1");
        c.ok("SET k:1 one PX 1200");
        c.ok("APPEND k:1 -more");
        c.ok("SET k:2 2 PX 1200");
        c.ok("SET k:long v EX 1000");
        // k:new is set in the turn of the save itself.
        let replies = at_once(&mut c, &["SET k:new short PX 100", "DEBUG SLEEP 1.5", save]);
        assert_eq!(replies.len(), 3);
        wait_until("it is saved", || c.info("persistence", "rdb_bgsave_in_progress") == "0");
        server.restart(Stop::Kill);
        let mut c = server.client();
        let mut got = pairs(&delivered(&mut c, "w", "k:", 50));
        got.sort();
        assert_eq!(got, [pair("k:1", "one-more"), pair("k:2", "2"), pair("k:new", "short")], "{save}");
        assert_eq!(pairs(&take(&mut c, "v", 1)), [pair("k:1", "one-more")], "{save}");
        assert_eq!(tracked_names(&mut c, "w"), ["k:long"]);
    }
}

/// The same for what a replica gets at a full synchronisation.
#[test]
fn a_full_synchronisation_after_a_stall_holds_the_values() {
    let (mut master, mut c) = watching(&[]);
    let replica = Server::start(&[]);
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    c.ok("SET k:1 one PX 400");
    let mut reader = master.client();
    // The replica asks for its copy while the loop is held.
    c.send(&[b"DEBUG", b"SLEEP", b"0.8"]);
    replica.client().ok(&format!("REPLICAOF 127.0.0.1 {}", master.port));
    reader.send(&[b"PING"]);
    reader.read();
    c.read();
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    assert_eq!(pairs(&take(&mut r, "w", 1)), [pair("k:1", "one")]);
}

/// As far as the AOF reaches, that is.
#[test]
fn a_crash_after_a_stall_loses_no_value() {
    let (mut server, mut c) = watching(&AOF);
    c.ok("SET k:1 one PX 300");
    c.ok("APPEND k:1 -more");
    c.ok("SET k:read v PX 300");
    // The AOF is not written before the loop sleeps: what was read has not ended for it yet.
    for line in ["DEBUG SLEEP 0.5", "GET k:read", "DEBUG SLEEP 3"] {
        c.send(&words(line).iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    c.read();
    server.restart(Stop::Kill);
    let mut got = pairs(&delivered(&mut server.client(), "w", "k:", 50));
    got.sort();
    // If the loop came to sleep after the stall, an older server has delivered what had been copied before it.
    let is_exact = server.has_version("7.2.4");
    assert!(got[0].1 == "one-more" || (!is_exact && got[0].1 == "one"), "{got:?}");
    assert_eq!(got[1..], [pair("k:read", "v")]);
}

/// Long before its deadline, when nothing was copied yet.
#[test]
fn the_value_of_an_evicted_string_survives_restart_and_failover() {
    for rewritten in [false, true] {
        let mut args = AOF.to_vec();
        args.extend(["--maxmemory-policy", "volatile-ttl"]);
        let mut clock = Clock::new();
        let (mut master, mut c) = watching_under(&clock, &args);
        let mut replica = Server::start_under(&clock, &AOF);
        replica.replica_of(&master);
        c.ok("EXPIRY.ALTER w KEEPEVICTED yes");
        let end = clock.now_ms() + AHEAD;
        c.ok(&format!("SET k:1 old PXAT {end}"));
        c.ok("APPEND k:1 -and-new");
        evict(&mut c, "k:1");
        if rewritten {
            c.ok("BGREWRITEAOF");
            wait_until("the rewrite is over", || c.info("persistence", "aof_rewrite_in_progress") == "0");
        }
        replica.wait_in_sync(&master);
        let mut r = replica.client();
        r.ok("REPLICAOF NO ONE");
        // Before 7.2.4 it is shown to nobody at the end; but those who are told in advance can still read it, the AOF's reader included.
        let is_known = master.has_version("7.2.4") || !rewritten;
        let value = if is_known { "old-and-new" } else { "(nil)" };
        master.restart(Stop::Kill);
        clock.pass_to(end - 100);
        let entry = take_one(&mut master.client(), "w");
        assert_eq!((entry.pair(), entry.reason.as_str()), (pair("k:1", value), "evicted"), "after a restart");
        assert_eq!(take_one(&mut r, "w").pair(), pair("k:1", "old-and-new"), "after a failover");
        replica.restart(Stop::Kill);
        assert_eq!(expiries(&mut replica.client(), "w"), [0, 0, 1, 0, 0]);
    }
}

/// From 7.2 on keys can be looked at so that nobody notices.
#[test]
fn watching_counts_no_hits_and_no_misses() {
    let (server, mut c) = watching(&[]);
    if !server.has_version("7.2") {
        return;
    }
    c.ok("CONFIG RESETSTAT");
    for n in 0..10 {
        c.ok(&format!("SET k:{n} v PX {}", 30 + n));
        c.ok(&format!("SET k:long{n} v EX 1000"));
        c.ok(&format!("DEL k:long{n}"));
    }
    wait_until("all have expired", || c.ok("DBSIZE").int() == 1);
    let counted: [i64; 2] =
        ["keyspace_hits", "keyspace_misses"].map(|field| c.info("stats", field).parse().expect("a number"));
    // Redis 8.6 counts one itself when it shows the value of a key that ends.
    let at_most: i64 = if server.has_version("8.6") { 10 } else { 0 };
    assert!(counted[0] <= at_most && counted[1] == 0, "hits and misses: {counted:?}");
    assert_eq!(take(&mut c, "w", 10).len(), 10);
}

fn bytes(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Sets keys that end at these times, counted from a moment to come, and sees each delivered with its value.
#[track_caller]
fn all_have_their_values(ends: impl Iterator<Item = i64>) {
    let mut clock = Clock::new();
    let (_server, mut c) = watching_under(&clock, &[]);
    let begin = clock.now_ms() + AHEAD;
    let sets: Vec<_> = ends
        .enumerate()
        .map(|(n, end)| bytes(&["SET", &format!("k:{n}"), &format!("v{n}"), "PXAT", &(begin + end).to_string()]))
        .collect();
    let count = sets.len();
    c.pipeline(sets);
    // Before values are copied.
    clock.pass_to(begin - 800);
    let entries = take(&mut c, "w", count);
    let wrong: Vec<_> =
        entries.iter().map(Entry::pair).filter(|(key, value)| *value != key.replace("k:", "v")).collect();
    assert!(wrong.is_empty(), "{} of {count} without the value: {:?}…", wrong.len(), &wrong[..wrong.len().min(3)]);
}

/// Hundreds of keys end at midnight, in the same millisecond.
#[test]
fn many_keys_of_one_millisecond_are_all_delivered_with_their_values() {
    all_have_their_values(std::iter::repeat_n(0, 500));
}

#[test]
fn a_burst_of_keys_within_some_milliseconds_is_delivered_with_values() {
    all_have_their_values((0..6_000).map(|n| n / 150));
}

/// A server that is held up over a deadline has no time to copy the value before it. Since 7.2.4 Redis shows it when it deletes the key.
#[test]
fn the_value_of_a_key_that_ended_while_the_loop_was_held_is_the_last_where_redis_shows_it() {
    let mut clock = Clock::new();
    let (server, mut c) = watching_under(&clock, &[]);
    let at = clock.now_ms() + AHEAD;
    c.ok(&format!("SET k:1 old PXAT {at}"));
    c.ok(&format!("SET k:2 old PXAT {at}"));
    // Values are copied half a second before the end, and once more 20 ms before, unless the loop is held by then.
    clock.pass_to(at - 480);
    wait_for_copies(&server, 6);
    at_once(&mut c, &["APPEND k:1 -and-new", "DEBUG SLEEP 0.6"]);
    let mut entries: Vec<_> = take(&mut c, "w", 2).iter().map(Entry::pair).collect();
    entries.sort();
    let last = if server.has_version("7.2.4") { "old-and-new" } else { "old" };
    assert_eq!(entries, [pair("k:1", last), pair("k:2", "old")]);
}

/// The copy of the first life was delivered as the value of the second.
#[test]
fn a_copy_of_an_earlier_life_is_not_delivered_with_the_next() {
    let (_server, mut c) = watching(&[]);
    // Copied 500 ms before the deadline, which is at once.
    c.ok("SET k:1 first PX 490");
    at_once(&mut c, &["DEL k:1", "RPUSH k:1 second", "PEXPIRE k:1 5", "DEBUG SLEEP 0.03"]);
    assert_eq!(take_one(&mut c, "w").pair(), pair("k:1", "(nil)"));
}

#[test]
fn copies_are_made_of_keys_whose_lives_were_cut_short() {
    // A machine that stalls for some milliseconds may cost values, as documented; it does not do so every time.
    let all_have_values = || {
        let (_server, mut c) = watching(&[]);
        // A key of the same time makes the timer look ahead further than the others live.
        for n in 0..40 {
            c.ok("SET k:a x PX 25");
            c.ok("SET k:long v EX 100");
            c.ok(&format!("SET k:{n} v PX 4"));
            c.ok("PEXPIRE k:long 9");
        }
        delivered(&mut c, "w", "k:", 60).iter().all(|entry| entry.value.is_some())
    };
    assert!((0..10).any(|_| all_have_values()), "entries without values in every one of ten tries");
}
