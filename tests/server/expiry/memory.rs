//! Watched keys that Redis throws out for want of memory: they are delivered at their deadlines all the same.

use super::*;
use crate::common::AOF;
use crate::harness::*;

#[track_caller]
fn evicting() -> (Server, Client) {
    // The watcher has no TTL, so it stays.
    watching(&["--maxmemory-policy", "volatile-ttl"])
}

#[test]
fn an_evicted_key_is_delivered_at_its_deadline_and_says_so() {
    let mut clock = Clock::new();
    let (_server, mut c) = watching_under(&clock, &["--maxmemory-policy", "volatile-ttl"]);
    let end = clock.now_ms() + AHEAD;
    c.ok(&format!("SET k:1 v PXAT {end}"));
    evict(&mut c, "k:1");
    clock.pass_to(end - 100);
    assert_eq!(tracked(&mut c, "w"), [("k:1".to_owned(), end)]);
    let entry = take_one(&mut c, "w");
    assert_eq!((entry.key.as_str(), entry.deadline, entry.reason.as_str()), ("k:1", end, "evicted"));
    let late = clock.now_ms() - end;
    assert!((1..LATE_MS).contains(&late), "{late} ms after the deadline");
}

/// So long before the deadline nothing has been copied by us.
#[test]
fn an_evicted_key_has_the_value_it_had_where_redis_shows_it() {
    let (server, mut c) = evicting();
    c.ok("EXPIRY.ALTER w KEEPEVICTED yes");
    c.ok("SET k:1 old PX 1500");
    c.ok("APPEND k:1 -and-new");
    evict(&mut c, "k:1");
    let entry = take_one(&mut c, "w");
    assert_eq!((entry.key.as_str(), entry.reason.as_str()), ("k:1", "evicted"));
    // On older servers there is one if the machine has stalled for a second before the eviction.
    let is_known = server.has_version("7.2.4") || entry.value.is_some();
    assert_eq!(entry.value.as_deref(), is_known.then_some(&b"old-and-new"[..]));
}

#[test]
fn an_evicted_key_that_is_set_again_is_an_ordinary_key_again() {
    let (_server, mut c) = evicting();
    c.ok("SET k:1 v PX 300");
    c.ok("SET k:2 v PX 300");
    evict(&mut c, "k:1");
    c.ok("SET k:1 v2 PX 350");
    c.ok("SET k:2 v2");
    let got = delivered(&mut c, "w", "k:", 450);
    assert_eq!(
        got.iter().map(|entry| (entry.pair(), entry.reason.as_str())).collect::<Vec<_>>(),
        [(pair("k:1", "v2"), "expired")]
    );
}

#[test]
fn an_evicted_key_that_is_set_with_a_deadline_in_the_past_is_not_delivered() {
    let (server, mut c) = evicting();
    c.ok("SET k:1 v PX 700");
    evict(&mut c, "k:1");
    c.ok("SET k:1 w PXAT 1000");
    // Before 7.2.4 nobody tells what deadline it had. Valkey does not even store it, and neither does Redis 8.10.
    if server.has_version("7.2.4") && !server.has_version("8.10") && !server.has_valkey("8.0") {
        assert_eq!(delivered(&mut c, "w", "k:", 900), []);
    }
}

/// Once the mark of the eviction outlived the key that was set in its place.
#[test]
fn an_evicted_key_that_is_set_for_ever_and_deleted_in_time_is_not_delivered() {
    let (_server, mut c) = evicting();
    c.ok("SET k:1 v PX 700");
    evict(&mut c, "k:1");
    c.play("> SET k:1 paid\n OK\n > DEL k:1\n 1\n > EXPIRY.TRACKED w\n []");
    assert_eq!(delivered(&mut c, "w", "k:", 900), []);
}

/// Overwriting it without a TTL is no event that is followed. Before 7.2.4 nobody tells at its end that it had no deadline any more.
#[test]
fn a_key_that_had_lost_its_deadline_when_it_was_evicted_is_not_delivered() {
    let (server, mut c) = watching(&["--maxmemory-policy", "allkeys-lfu"]);
    c.ok("SET k:1 v PX 1500");
    c.ok(&format!("SET k:1 {}", "v".repeat(1 << 20)));
    // The watcher is in greater demand, so it stays.
    for _ in 0..100 {
        c.ok("TOUCH w");
    }
    let used: i64 = c.info("memory", "used_memory").parse().expect("bytes");
    c.ok(&format!("CONFIG SET maxmemory {}", used - (1 << 18)));
    wait_until("the key is evicted", || c.run("EXISTS k:1") == 0);
    c.ok("CONFIG SET maxmemory 0");
    let expected = if server.has_version("7.2.4") { vec![] } else { vec![pair("k:1", "(nil)")] };
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 1600)), expected);
}

#[test]
fn an_eviction_is_told_to_replicas_and_survives_promotion_and_restart() {
    for keep_evicted in [false, true] {
        evict_and_fail_over(keep_evicted);
    }
}

#[track_caller]
fn evict_and_fail_over(keep_evicted: bool) {
    let mut clock = Clock::new();
    let args = ["--maxmemory-policy", "volatile-ttl", "--appendonly", "yes", "--appendfsync", "always"];
    let (mut master, mut c) = watching_under(&clock, &args);
    let replica = Server::start_under(&clock, &[]);
    replica.replica_of(&master);
    c.ok(&format!("EXPIRY.ALTER w KEEPEVICTED {}", if keep_evicted { "yes" } else { "no" }));
    let end = clock.now_ms() + AHEAD;
    c.ok(&format!("SET k:1 v PXAT {end}"));
    let mut feed = Feed::open(&master);
    evict(&mut c, "k:1");
    let mut told: Vec<String> = feed.take(&mut c).into_iter().filter(|line| line.contains("k:1")).collect();
    if !master.has_version("7.2") {
        let announced = told.remove(0);
        assert!(announced.ends_with("EXPIRY.ENDS w k:1 evicted"), "{announced}");
    }
    let value = match (master.has_version("7.2.4"), keep_evicted) {
        (true, true) => " string v",
        (true, false) => " string",
        (false, _) => "",
    };
    let told_so = told[1].ends_with(&format!("EXPIRY.EVICT w k:1 {end}{value}"));
    assert!(told.len() == 2 && told[0].ends_with(" k:1") && told_so, "{told:?}");
    replica.wait_in_sync(&master);
    assert_eq!(tracked(&mut replica.client(), "w"), tracked(&mut c, "w"));
    master.restart(Stop::Kill);
    let mut c = master.client();
    c.ok("CONFIG SET maxmemory 0");
    assert_eq!(tracked_names(&mut c, "w"), ["k:1"]);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    clock.pass_to(end - 100);
    for client in [&mut c, &mut r] {
        let entry = take_one(client, "w");
        assert_eq!((entry.key.as_str(), entry.deadline, entry.reason.as_str()), ("k:1", end, "evicted"));
        // A value that was not kept comes back nowhere. Before 7.2.4 those who are told in advance can still read it.
        let expected = keep_evicted.then_some(&b"v"[..]);
        assert!(entry.value.as_deref() == expected || (keep_evicted && value.is_empty()), "{entry:?}");
    }
}

#[test]
fn expiries_are_delivered_and_drained_while_memory_is_full() {
    let (_server, mut c) = watching(&["--maxmemory-policy", "noeviction"]);
    c.ok("SET k:1 v PX 150");
    c.ok("CONFIG SET maxmemory 1");
    c.play("> SET other x\n -OOM …\n > EXPIRY.CREATE v PREFIX a\n -OOM …");
    let entry = take_one(&mut c, "w");
    assert_eq!(entry.pair(), pair("k:1", "v"));
    c.expect(&format!("EXPIRY.ACK w {}", entry.token), "1");
}

#[test]
fn a_value_that_changes_very_often_is_not_kept_very_often() {
    let (_server, mut c) = watching(&[]);
    let value = "x".repeat(60_000);
    for n in 0..50 {
        c.ok(&format!("SET k:{n} {value} EX 1000"));
    }
    let before = c.ok("MEMORY USAGE w SAMPLES 0").int();
    for _ in 0..200 {
        c.ok("APPEND k:1 y");
    }
    assert!(c.ok("MEMORY USAGE w SAMPLES 0").int() <= before + 1_000);
    assert!(before < 50_000, "{before} bytes for 50 tracked keys");
}

/// Once the names of very many were held until others came.
#[test]
fn keys_that_were_changed_take_no_memory_once_they_were_looked_at() {
    let (_server, mut c) = watching(&[]);
    let used = |c: &mut Client| c.info("memory", "used_memory").parse::<i64>().expect("bytes");
    let before = used(&mut c);
    let name = format!("'k:{}' .. n", "x".repeat(100));
    c.ok(&format!("EVAL \"for n = 1, 100000 do local k = {name} redis.call('SET', k, 'v', 'EX', 1000) redis.call('DEL', k) end\" 0"));
    wait_until("all were looked at", || used(&mut c) < before + (4 << 20));
}

#[test]
fn saving_in_the_foreground_leaves_no_copies_behind() {
    let (_server, mut c) = watching(&[]);
    let value = "x".repeat(60_000);
    for n in 0..50 {
        c.ok(&format!("SET k:{n} {value} EX 1000"));
    }
    let before = c.ok("MEMORY USAGE w SAMPLES 0").int();
    c.ok("SAVE");
    let after = c.ok("MEMORY USAGE w SAMPLES 0").int();
    assert!(after < before + 100_000, "{before} bytes before, {after} after");
}

/// So many SETs of so many bytes, in pipelines; how many were refused.
#[track_caller]
fn write(c: &mut Client, prefix: &str, count: usize, bytes: usize) -> usize {
    let value = "x".repeat(bytes);
    let mut refused = 0;
    for first in (0..count).step_by(500) {
        let sets = (first..count.min(first + 500)).map(|n| words(&format!("SET {prefix}{n} {value} EX 36000")));
        refused += c.pipeline(sets.collect::<Vec<_>>()).iter().filter(|reply| reply.is_error()).count();
    }
    refused
}

fn info(c: &mut Client, field: &str) -> i64 {
    c.ok("EXPIRY.INFO w").field(field).int()
}

/// Once a watcher kept the values of evicted keys until their deadlines. Soon it held all memory itself, and every writer was refused.
#[test]
fn eviction_under_a_watcher_makes_room() {
    let (_server, mut c) = evicting();
    let used: i64 = c.info("memory", "used_memory").parse().expect("bytes");
    c.ok(&format!("CONFIG SET maxmemory {}", used + (5 << 20)));
    assert_eq!(write(&mut c, "k:", 5_000, 10_000), 0, "SETs were refused");
    assert!(c.ok("DBSIZE").int() > 100, "hardly any keys are left");
    assert_eq!((info(&mut c, "held-bytes"), info(&mut c, "waiting")), (0, 5_000));
}

#[test]
fn of_evicted_keys_no_more_bytes_are_kept_than_maxheld_allows() {
    let (_server, mut c) = evicting();
    c.ok("EXPIRY.ALTER w KEEPEVICTED yes MAXHELD 1000000");
    let used: i64 = c.info("memory", "used_memory").parse().expect("bytes");
    c.ok(&format!("CONFIG SET maxmemory {}", used + (4 << 20)));
    assert_eq!(write(&mut c, "k:", 2_000, 10_000), 0, "SETs were refused");
    let held = info(&mut c, "held-bytes");
    // Nothing shows the value of an evicted key before 7.2.4.
    assert!(held <= 1_000_000, "{held} bytes are held");
}

/// Waits until so many have ended.
#[track_caller]
fn ended(c: &mut Client, count: i64) {
    wait_until("they have ended", || info(c, "ready") == count);
}

#[test]
fn beyond_maxheld_entries_come_without_values_the_same_everywhere_until_others_are_acknowledged() {
    let args = AOF;
    let (mut master, mut c) = watching(&args);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    c.ok("EXPIRY.ALTER w MAXHELD 10000");
    let value = "x".repeat(1_000);
    // With room for copies: none is there when the next key ends.
    for n in 0..30 {
        c.ok(&format!("SET k:{n:02} {value} PX 20"));
        ended(&mut c, n + 1);
    }
    assert_eq!((info(&mut c, "held-bytes"), info(&mut c, "values-dropped")), (10_000, 20));
    same_data(&master, &replica);
    assert_eq!(info(&mut replica.client(), "held-bytes"), 10_000);
    master.restart(Stop::Kill);
    let mut c = master.client();
    assert_eq!(info(&mut c, "held-bytes"), 10_000);
    let entries = take(&mut c, "w", 30);
    let (with, without): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.value.is_some());
    assert_eq!((with.len(), without.len()), (10, 20));
    assert!(without.iter().all(|entry| entry.kind.as_deref() == Some("string")), "{without:?}");
    for entry in &entries[..5] {
        c.expect(&format!("EXPIRY.ACK w {}", entry.token), "1");
    }
    assert_eq!(info(&mut c, "held-bytes"), 5_000);
    c.ok(&format!("SET k:again {value} PX 20"));
    assert_eq!(take_one(&mut c, "w").value.map(|value| value.len()), Some(1_000));
    c.ok("EXPIRY.ALTER w MAXHELD 1");
    c.ok(&format!("SET k:none {value} PX 20"));
    assert_eq!(take_one(&mut c, "w").value, None);
    c.ok("EXPIRY.ALTER w MAXHELD 0");
    c.ok(&format!("SET k:some {value} PX 20"));
    assert_eq!(take_one(&mut c, "w").value.map(|value| value.len()), Some(1_000));
    let dump = c.ok("DUMP w");
    c.ok("DEL w");
    assert_eq!(crate::cmd!(c, "RESTORE", "w", 0, dump.bytes()), "OK");
    assert_eq!((info(&mut c, "maxheld"), info(&mut c, "held-bytes")), (0, 7_000));
}

/// What a file is to hold is not what a watcher holds: a restart must not lose what there was room for.
#[test]
fn a_file_has_the_values_of_all_tracked_strings_whatever_maxheld_says() {
    let (mut server, mut c) = watching(&["--appendonly", "no"]);
    c.ok("EXPIRY.ALTER w MAXHELD 1000");
    let value = "x".repeat(1_000);
    for n in 0..20 {
        c.ok(&format!("SET k:{n:02} {value} PX 1500"));
    }
    let end = c.ok("PEXPIRETIME k:19").int();
    c.ok("SAVE");
    assert_eq!(info(&mut c, "held-bytes"), 0, "the copies are gone when the file is written");
    server.stop(Stop::Kill);
    wait_until("all are over", || now_ms() > end);
    server.start_again();
    let entries = take(&mut server.client(), "w", 20);
    let bare = entries.iter().filter(|entry| entry.value.is_none()).count();
    assert_eq!(bare, 0, "{bare} of 20 came without their values");
}

/// Its deadline was never seen, so nobody can say when it would have expired.
#[test]
fn a_key_evicted_in_the_turn_in_which_it_got_its_deadline_is_not_delivered_early() {
    let (_server, mut c) = watching(&["--maxmemory-policy", "volatile-ttl"]);
    let used: i64 = c.info("memory", "used_memory").parse().expect("a number");
    c.ok(&format!("CONFIG SET maxmemory {}", used + 1_500_000));
    for command in ["SET k:1 v EX 1000", "SETRANGE big 3000000 x", "SET other 1"] {
        c.send(&words(command).iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    for _ in 0..3 {
        c.read();
    }
    c.ok("CONFIG SET maxmemory 0");
    c.expect("EXISTS k:1", "0");
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 300)), []);
}

/// Its deadline can be read where a look in the event ends nothing (7.2). Before, nobody has read it when the key is gone: the one eviction that is not told.
#[test]
fn a_key_evicted_in_the_turn_in_which_it_got_its_deadline_is_delivered_at_that_from_7_2_on() {
    let (server, mut c) = watching(&["--maxmemory-policy", "volatile-ttl"]);
    let set_at = now_ms();
    // Each command makes room before it runs.
    at_once(
        &mut c,
        &["SET k:1 v PX 3000", "CONFIG SET maxmemory 1kb", "EXISTS k:1", "EXISTS k:1", "CONFIG SET maxmemory 0"],
    );
    c.expect("EXISTS k:1", "0");
    assert!(now_ms() < set_at + 3_000 || !server.has_version("7.2"), "it has expired: this machine stands still");
    let entries = delivered(&mut c, "w", "k:", 3_300);
    let told: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.reason.as_str())).collect();
    if server.has_version("7.2") {
        assert_eq!(told, [("k:1", "evicted")]);
        assert!(entries[0].deadline >= set_at + 3_000, "{entries:?}");
    } else {
        assert_eq!(told, []);
    }
}
