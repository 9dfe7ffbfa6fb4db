//! Watchers themselves: several of them, in several databases, renamed, copied, moved, restored; and what they find when they come.

use super::*;
use crate::common::AOF;
use crate::harness::*;

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

/// A watcher `w` over `k:` that has walked over what was there.
#[track_caller]
fn settled() -> (Server, Client) {
    let (server, mut c) = watching(&[]);
    assert_eq!(delivered(&mut c, "w", "k:", 30), []);
    (server, c)
}

#[test]
fn every_watcher_of_a_key_is_told_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> EXPIRY.CREATE all PREFIX \"\"\n OK\n > EXPIRY.CREATE k PREFIX k\n OK\n > EXPIRY.CREATE k1 PREFIX k:1 PREFIX k:\n OK\n > EXPIRY.CREATE z PREFIX z\n OK");
    c.ok("SET k:1 v PX 50");
    for watcher in ["all", "k", "k1"] {
        let entry = take_one(&mut c, watcher);
        assert_eq!((entry.key.as_str(), entry.value.as_deref()), ("k:1", Some(&b"v"[..])), "{watcher}");
    }
    wait_until("nothing more", || ["all", "k", "k1", "z"].iter().all(|w| expiries(&mut c, w)[..2] == [0, 0]));
}

#[test]
fn our_own_keys_are_never_watched() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > EXPIRY.CREATE w PREFIX ""
        OK
        > TSGEN.ADD k:t 1 a
        1
        > DEBOUNCE.PUSH k:d g a
        1
        > EXPIRY.CREATE k:w PREFIX nothing
        OK
        > PEXPIRE k:t 30
        1
        > PEXPIRE k:d 30
        1
        > PEXPIRE k:w 30
        1
        > EXPIRY.TRACKED w
        []
        "#,
    );
    assert_eq!(delivered(&mut c, "w", "k:", 60), []);
    c.expect("EXISTS k:t k:d k:w", "0");
}

#[test]
fn a_watcher_sees_its_own_database_only() {
    let (server, mut c) = settled();
    let mut one = server.client();
    one.play("> SELECT 1\n OK\n > SET k:other v PX 20\n OK\n > EXPIRY.CREATE w PREFIX k:\n OK");
    one.ok("SET k:one v PX 60");
    c.ok("SET k:zero v PX 40");
    assert_eq!(names(&delivered(&mut c, "w", "k:", 80)), ["k:zero"]);
    assert!(names(&delivered(&mut one, "w", "k:", 40)).contains(&"k:one"));
}

#[test]
fn swapped_databases_take_their_watchers_along() {
    let (server, mut c) = settled();
    let mut one = server.client();
    one.play("> SELECT 1\n OK\n > EXPIRY.CREATE w1 PREFIX k:\n OK");
    c.ok("SET k:zero v PX 80");
    one.ok("SET k:one v PX 80");
    c.ok("SWAPDB 0 1");
    assert_eq!(names(&delivered(&mut c, "w1", "k:", 120)), ["k:one"]);
    assert_eq!(names(&delivered(&mut one, "w", "k:", 120)), ["k:zero"]);
}

#[test]
fn a_renamed_watcher_goes_on() {
    let (_server, mut c) = settled();
    c.play("> SET k:1 v PX 80\n OK\n > RENAME w v\n OK\n > SET k:2 v PX 90\n OK");
    assert_eq!(names(&delivered(&mut c, "v", "k:", 120)), ["k:1", "k:2"]);
}

#[test]
fn a_deleted_watcher_is_gone_and_a_new_one_under_its_name_starts_anew() {
    let (_server, mut c) = settled();
    c.play("> SET k:1 v PX 60\n OK\n > DEL w\n 1\n > SET k:2 v PX 60\n OK\n > EXPIRY.CREATE w PREFIX z:\n OK\n > SET z:1 v PX 60\n OK");
    assert_eq!(names(&delivered(&mut c, "w", "z:", 90)), ["z:1"]);
    c.play("> SET z:2 v PX 30\n OK\n > FLUSHALL\n OK\n > EXPIRY.CREATE w PREFIX z:\n OK");
    assert_eq!(delivered(&mut c, "w", "z:", 60), []);
}

#[test]
fn a_copied_watcher_watches_too() {
    let (_server, mut c) = settled();
    c.play("> SET k:1 v PX 80\n OK\n > COPY w v\n 1\n > SET k:2 v PX 90\n OK");
    assert_eq!(names(&delivered(&mut c, "v", "k:", 120)), ["k:1", "k:2"]);
    assert_eq!(names(&take(&mut c, "w", 2)), ["k:1", "k:2"]);
}

/// A watcher is for the keys of the database in which it is.
#[test]
fn a_watcher_moved_to_another_database_watches_that_one() {
    let (_server, mut c) = settled();
    c.play("> SET k:zero v PX 150\n OK\n > SELECT 1\n OK\n > SET k:one v PX 200\n OK\n > SELECT 0\n OK\n > MOVE w 1\n 1\n > SELECT 1\n OK");
    assert_eq!(names(&delivered(&mut c, "w", "k:", 260)), ["k:one"]);
}

#[test]
fn a_watcher_copied_to_another_database_watches_that_one() {
    let (_server, mut c) = settled();
    c.play("> SET k:zero v PX 150\n OK\n > SELECT 1\n OK\n > SET k:one v PX 200\n OK\n > SELECT 0\n OK\n > COPY w w DB 1\n 1\n > SELECT 1\n OK");
    assert_eq!(names(&delivered(&mut c, "w", "k:", 260)), ["k:one"]);
}

/// The payload says that a key is tracked; the keyspace says that it was deleted in time, extended, or is new.
#[test]
fn a_restored_watcher_believes_the_keyspace_more_than_its_payload() {
    let (_server, mut c) = settled();
    c.play("> SET k:deleted v PX 150\n OK\n > SET k:longer v PX 150\n OK\n > SET k:same v PX 180\n OK\n > EXPIRY.TRACKED w\n […]");
    let dump = c.ok("DUMP w");
    c.play("> DEL w k:deleted\n 2\n > PEXPIRE k:longer 100000\n 1\n > SET k:new v PX 200\n OK");
    assert_eq!(crate::cmd!(c, "RESTORE", "w", 0, dump.bytes()), "OK");
    assert_eq!(names(&delivered(&mut c, "w", "k:", 260)), ["k:same", "k:new"]);
    assert_eq!(tracked_names(&mut c, "w"), ["k:longer"]);
}

/// The same when the RESTORE is read from the AOF: a key that was deleted before it is not delivered after a restart.
#[test]
fn a_watcher_that_was_restored_believes_the_keyspace_after_a_restart_too() {
    let mut clock = Clock::new();
    let (mut server, mut c) = watching_under(&clock, &AOF);
    let end = clock.now_ms() + AHEAD;
    for name in ["deleted", "same"] {
        c.ok(&format!("SET k:{name} v PXAT {end}"));
    }
    wait_until("both are tracked", || tracked_names(&mut c, "w").len() == 2);
    let dump = c.ok("DUMP w");
    c.play("> DEL w k:deleted\n 2");
    assert_eq!(crate::cmd!(c, "RESTORE", "w", 0, dump.bytes()), "OK");
    server.restart(Stop::Kill);
    let mut c = server.client();
    clock.pass_to(end - 100);
    assert_eq!(names(&delivered(&mut c, "w", "k:", 500)), ["k:same"]);
}

#[test]
fn keys_that_were_there_before_are_found_without_holding_anybody_up() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"for i = 1, 100000 do redis.call('SET', 'k:' .. i, i, 'EX', 1000 + i) end\" 0");
    c.ok("SET k:forever v");
    c.ok("SET other v EX 1000");
    c.ok("EXPIRY.CREATE w PREFIX k:");
    // Others are served while it looks: they see it get on.
    let mut seen = std::collections::BTreeSet::new();
    wait_until("all are tracked", || {
        let tracked = expiries(&mut c, "w")[0];
        seen.insert(tracked);
        tracked == 100_000
    });
    assert!(seen.len() > 3, "all in one go: {seen:?}");
    assert_eq!(tracked_names(&mut c, "w")[..2], ["k:1", "k:2"]);
}

#[test]
fn a_watcher_over_a_hundred_thousand_keys_that_is_deleted_stops_watching() {
    let (_server, mut c) = settled();
    c.ok("EVAL \"for i = 1, 100000 do redis.call('SET', 'k:' .. i, i, 'EX', 1000) end\" 0");
    wait_until("all are tracked", || expiries(&mut c, "w")[0] == 100_000);
    c.ok("DEL w");
    c.ok("SET k:1 v PX 20");
    c.expect("EXPIRY.TRACKED w", "[]");
}

/// The walks of all databases share the time, whichever comes first.
#[test]
fn a_watcher_does_not_wait_for_the_keys_of_other_databases() {
    const KEYS: usize = 100_000;
    let server = Server::start(&[]);
    let mut c = server.client();
    let set = |nth: usize| ["SET", &format!("k:{nth}"), "v", "EX", "3600"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..KEYS).map(set));
    for db in [1, 2] {
        c.play(&format!("> SELECT {db}\n OK\n > SET k:1 v EX 3600\n OK"));
    }
    c.ok("MULTI");
    for db in 0..3 {
        c.play(&format!("> SELECT {db}\n QUEUED\n > EXPIRY.CREATE w PREFIX k:\n QUEUED"));
    }
    c.ok("EXEC");
    let mut told = Vec::new();
    wait_until("the small databases are through", || {
        c.ok("MULTI");
        for db in 0..3 {
            c.play(&format!("> SELECT {db}\n QUEUED\n > EXPIRY.INFO w\n QUEUED"));
        }
        let replies = c.ok("EXEC");
        told = replies.items().iter().skip(1).step_by(2).map(|info| info.field("waiting").int()).collect();
        told[1..] == [1, 1]
    });
    assert!(told[0] < KEYS as i64, "the large one was through before them");
    c.ok("SELECT 0");
    wait_until("the large one is through", || c.ok("EXPIRY.INFO w").field("waiting").int() == KEYS as i64);
}
