//! What could go wrong between the moment at which something happens to a watched key and the one at which it is looked at.

use super::*;
use crate::common::AOF;
use crate::harness::*;

/// An expiry that was noticed in the same turn of the loop in which a pause began was told to replicas during the pause, and
/// Redis asserts that nobody does that.
#[test]
fn an_expiry_noticed_just_before_a_pause_does_not_kill_the_server() {
    let (mut server, mut c) = watching(&["--appendonly", "yes"]);
    let replies = at_once(&mut c, &["SET k:1 v PX 100", "DEBUG SLEEP 0", "SET k:2 v PX 100"]);
    assert_eq!(replies.len(), 3);
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    // The loop does not sleep between the end of the key's life and the pause.
    at_once(&mut c, &["DEBUG SLEEP 0.15", "GET k:1", "CLIENT PAUSE 100 WRITE", "PING"]);
    server.assert_alive();
    let mut keys: Vec<String> = take(&mut c, "w", 2).into_iter().map(|entry| entry.key).collect();
    keys.sort();
    assert_eq!(keys, ["k:1", "k:2"]);
}

/// The whole life of a key may lie between two looks.
#[test]
fn a_key_that_ends_in_the_turn_of_the_loop_in_which_it_began_is_delivered() {
    let (_server, mut c) = watching(&[]);
    at_once(&mut c, &["SET k:new v PX 5", "DEBUG SLEEP 0.03"]);
    let entries = delivered(&mut c, "w", "k:", 40);
    let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["k:new"]);
}

#[test]
fn a_deadline_that_was_moved_and_passed_in_one_turn_of_the_loop_is_delivered() {
    let (_server, mut c) = watching(&[]);
    c.ok("SET k:moved v EX 1000");
    c.ok("SET k:read v EX 1000");
    at_once(&mut c, &["PEXPIRE k:moved 5", "PEXPIRE k:read 5", "DEBUG SLEEP 0.03", "GET k:read"]);
    let mut keys: Vec<String> = delivered(&mut c, "w", "k:", 40).into_iter().map(|entry| entry.key).collect();
    keys.sort();
    assert_eq!(keys, ["k:moved", "k:read"]);
}

/// What the event of a change shows of a deadline is not the last word: the key may change once more before it is judged, even without an event
/// that tells of its deadline (SET).
#[test]
fn of_several_deadlines_in_one_turn_of_the_loop_the_last_one_counts() {
    let (_server, mut c) = watching(&[]);
    c.ok("EXPIRY.CREATE other PREFIX k: PREFIX k");
    let lines = ["SET k:later v PX 600", "SET k:sooner v EX 1000", "SET k:lost v PX 600", "SET k:kept v EX 1000"];
    let again = ["EXPIRE k:later 1000", "PEXPIRE k:sooner 600", "SET k:lost w", "PERSIST k:kept"];
    at_once(&mut c, &[lines, again].concat());
    for watcher in ["w", "other"] {
        let keys: Vec<String> = delivered(&mut c, watcher, "k:", 700).into_iter().map(|entry| entry.key).collect();
        assert_eq!(keys.iter().filter(|key| **key != "k:fence").collect::<Vec<_>>(), ["k:sooner"], "{watcher}");
        wait_until("only one is tracked", || tracked_names(&mut c, watcher) == ["k:later"]);
    }
    c.expect("EXISTS k:lost k:kept k:later", "3");
}

/// Names in Redis may be longer than ours.
#[test]
fn a_key_with_a_huge_name_does_not_spoil_the_watcher() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.expect("EXPIRY.CREATE w PREFIX k:", "OK");
    let name = format!("k:{}", "x".repeat(70_000));
    assert_eq!(crate::cmd!(c, "SET", &name, "v", "PX", 100_000), "OK");
    c.ok("SET k:1 v PX 100000");
    c.ok("DEBUG RELOAD");
    c.expect("EXISTS w", "1");
    assert!(tracked_names(&mut c, "w").contains(&"k:1".to_owned()));
}

/// The child that writes the file has seen the expiry, and the parent sees it again.
#[test]
fn an_expiry_noticed_just_before_a_rewrite_is_in_the_aof_once() {
    let (mut server, mut c) = watching(&AOF);
    c.ok("SET k:1 v PX 100");
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    at_once(&mut c, &["DEBUG SLEEP 0.15", "GET k:1", "BGREWRITEAOF"]);
    wait_until("the rewrite is over", || c.info("persistence", "aof_rewrite_in_progress") == "0");
    assert_eq!(expiries(&mut c, "w"), [0, 1, 0, 0, 0]);
    let digest = server.digest("w");
    server.restart(Stop::Kill);
    assert_eq!(expiries(&mut server.client(), "w"), [0, 1, 0, 0, 0]);
    assert_eq!(server.digest("w"), digest);
}

#[test]
fn an_expiry_noticed_just_before_a_full_sync_is_on_the_replica_once() {
    let (server, mut c) = watching(&["--repl-diskless-sync", "no"]);
    let replica = Server::start(&[]);
    c.ok("SET k:1 v PX 400");
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    // The replica asks for its copy while the loop is held, so the file is begun in the turn in which the key is found to have ended.
    let mut reader = server.client();
    c.send(&[b"DEBUG", b"SLEEP", b"0.5"]);
    replica.client().ok(&format!("REPLICAOF 127.0.0.1 {}", server.port));
    reader.send(&[b"GET", b"k:1"]);
    reader.read();
    c.read();
    same_data(&server, &replica);
    assert_eq!(expiries(&mut c, "w"), [0, 1, 0, 0, 0]);
}

/// Events of keys name no watcher while that is between two names.
#[test]
fn keys_set_in_the_transaction_that_renames_the_watcher_are_tracked() {
    let (_server, mut c) = watching(&[]);
    // The walk over what was there is over, so only events tell.
    delivered(&mut c, "w", "k:", 40);
    at_once(&mut c, &["MULTI", "RENAME w v", "SET k:1 x PX 50", "EXEC"]);
    assert_eq!(pairs(&delivered(&mut c, "v", "k:", 120)), [pair("k:1", "x")]);
}

/// Once the value of the second life was delivered for both.
#[test]
fn two_lives_that_end_in_one_turn_of_the_loop_have_each_its_own_value() {
    let (server, mut c) = watching(&[]);
    c.ok("EXPIRY.CREATE v PREFIX k:");
    let life = |value| [format!("SET k:1 {value} PX 5"), "DEBUG SLEEP 0.03".to_owned(), "GET k:1".to_owned()];
    let lines = [life("first"), life("second")].concat();
    at_once(&mut c, &lines);
    for watcher in ["w", "v"] {
        let values: Vec<_> = take(&mut c, watcher, 2).into_iter().map(|entry| entry.pair().1).collect();
        // Older servers do not show it, and there is mostly no time to copy it.
        let may_lack = !server.has_version("7.2.4");
        for (value, own) in values.iter().zip(["first", "second"]) {
            assert!(value == own || (may_lack && value == "(nil)"), "{watcher}: {values:?}");
        }
    }
}

/// The loop stands still over the deadline, as a slow command makes it.
#[test]
fn a_key_that_ended_while_the_server_was_busy_is_delivered_with_its_value() {
    let (server, mut c) = watching(&[]);
    c.ok("SET k:1 v PX 300");
    wait_for_copies(&server, 1);
    c.ok("DEBUG SLEEP 0.4");
    assert_eq!(take_one(&mut c, "w").pair(), pair("k:1", "v"));
}

#[test]
fn a_key_that_ended_during_a_pause_is_delivered_afterwards_with_its_value() {
    let (_server, mut c) = watching(&[]);
    c.ok("SET k:1 v PX 150");
    let deadline = c.ok("PEXPIRETIME k:1").int();
    c.ok("CLIENT PAUSE 300 WRITE");
    wait_until("the deadline is over", || now_ms() > deadline + 50);
    assert_eq!(expiries(&mut c, "w"), [1, 0, 0, 0, 0]);
    assert_eq!(take_one(&mut c, "w").pair(), pair("k:1", "v"));
}

/// Which is a way to delete it; Valkey calls it `expired` all the same.
#[test]
fn a_deadline_in_the_past_in_the_turn_in_which_a_key_came_is_a_deletion() {
    for deletion in ["PEXPIREAT k:1 1000", "EXPIRE k:1 -1", "GETEX k:1 PXAT 1000"] {
        let (_server, mut c) = watching(&[]);
        at_once(&mut c, &["SET k:1 v EX 1000", deletion]);
        at_once(&mut c, &["SET k:2 v EX 1000", &deletion.replace("k:1", "k:2"), "SET k:2 again PX 20"]);
        assert_eq!(pairs(&delivered(&mut c, "w", "k:", 100)), [pair("k:2", "again")], "{deletion}");
        assert_eq!(tracked(&mut c, "w"), []);
    }
}

/// The server says that such a key has expired. Redis before 7.2.4 does not show the deadline it had, so there it is an entry.
#[test]
fn a_key_that_is_set_with_a_deadline_in_the_past_is_deleted_by_that() {
    let (server, mut c) = watching(&[]);
    c.ok("EXPIRY.CREATE v PREFIX k:");
    c.ok("SET k:over v EX 1000");
    at_once(&mut c, &["SET k:new v PXAT 1000", "SET k:over v EXAT 1"]);
    at_once(&mut c, &["SET k:read v PXAT 1000", "GET k:read"]);
    at_once(&mut c, &["SET k:again v PXAT 1000", "SET k:again w PX 20"]);
    let mut expected = vec!["k:again"];
    if !server.has_version("7.2.4") {
        expected.extend(["k:again", "k:new", "k:over", "k:read"]);
    }
    for watcher in ["w", "v"] {
        let mut keys: Vec<_> = delivered(&mut c, watcher, "k:", 100).into_iter().map(|entry| entry.key).collect();
        keys.sort();
        assert_eq!(keys, expected, "{watcher}");
        assert!(tracked(&mut c, watcher).iter().all(|(key, _)| key == "k:fence"), "{watcher}");
    }
}

/// The loop could not look at it before it was gone.
#[test]
fn a_key_that_comes_and_goes_in_one_turn_of_the_loop_is_delivered() {
    let (server, mut c) = watching(&[]);
    c.ok("EXPIRY.CREATE v PREFIX k:");
    let begin = now_ms();
    at_once(&mut c, &["SET k:1 v PX 5", "DEBUG SLEEP 0.05"]);
    let value = if server.has_version("7.2.4") { "v" } else { "(nil)" };
    for watcher in ["w", "v"] {
        let entries = delivered(&mut c, watcher, "k:", 60);
        assert_eq!(pairs(&entries), [pair("k:1", value)], "{watcher}");
        let deadline = entries[0].deadline;
        assert!(deadline >= begin + 5 && deadline <= now_ms(), "{watcher}: {}", deadline - begin);
    }
}

/// Deadlines that a script sets count from when it began. The server's clock goes on meanwhile, and was past them already.
#[test]
fn what_a_script_sets_that_runs_for_long_is_delivered() {
    let (_server, mut c) = watching(&[]);
    // From then on the server answers others in between, and looks at its clock.
    c.ok("CONFIG SET busy-reply-threshold 5");
    c.ok("SET k:2 v EX 1000");
    let long = "for i = 1, 5e7 do end";
    c.ok(&format!("EVAL \"{long} redis.call('SET', 'k:1', 'v', 'PX', 50) redis.call('PEXPIRE', 'k:2', 50)\" 0"));
    let mut keys: Vec<_> = delivered(&mut c, "w", "k:", 100).into_iter().map(|entry| entry.key).collect();
    keys.sort();
    assert_eq!(keys, ["k:1", "k:2"]);
}

/// How a key of ours ended was taken for how the next one of its name did.
#[test]
fn a_watched_name_that_was_a_key_of_ours_before_is_delivered() {
    let (_server, mut c) = watching(&[]);
    c.ok("THROTTLE.TAKE k:1 1 20");
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    at_once(&mut c, &["DEBUG SLEEP 0.05", "SET k:1 v PX 5", "DEBUG SLEEP 0.05"]);
    assert_eq!(delivered(&mut c, "w", "k:", 60).len(), 1);
}

#[test]
fn emptying_another_database_in_the_same_turn_costs_nothing() {
    let (server, mut c) = watching(&[]);
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    let life = |value: &str| [format!("SET k:1 {value} PX 20"), "DEBUG SLEEP 0.05".to_owned(), "GET k:1".to_owned()];
    let flush = ["SELECT 9", "FLUSHDB", "SELECT 0"].map(str::to_owned);
    let lines = [life("first"), flush, life("second")].concat();
    at_once(&mut c, &lines);
    let values: Vec<_> = take(&mut c, "w", 2).into_iter().map(|entry| entry.pair().1).collect();
    if server.has_version("7.2.4") {
        assert_eq!(values, ["first", "second"]);
    }
}

/// Valkey says that such a key has expired.
#[test]
fn a_deadline_in_the_past_is_a_deletion_too_for_a_key_that_had_lost_its_own() {
    let (_server, mut c) = watching(&[]);
    c.ok("SET k:1 a EX 1000");
    c.ok("SET k:1 b");
    c.ok("EXPIRE k:1 -1");
    at_once(&mut c, &["SET k:2 a EX 1000", "SET k:2 b", "EXPIRE k:2 -1"]);
    assert_eq!(delivered(&mut c, "w", "k:", 60), []);
    assert_eq!(tracked(&mut c, "w"), []);
}

/// What nobody watched when it ended is not news.
#[test]
fn what_had_ended_before_the_watcher_came_is_not_delivered() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    c.ok("SET k:old v PX 5");
    let end = now_ms() + 20;
    wait_until("it has ended", || now_ms() > end);
    c.ok("EXPIRY.CREATE w PREFIX k:");
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 60)), []);
}

#[test]
fn what_ends_while_a_new_watcher_walks_over_many_keys_is_delivered_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBUG POPULATE 300000");
    c.ok("EXPIRY.CREATE w PREFIX k:");
    for n in 0..8 {
        c.ok(&format!("SET k:{n} v PX {}", 20 + n));
    }
    let mut keys: Vec<String> = delivered(&mut c, "w", "k:", 300).into_iter().map(|entry| entry.key).collect();
    keys.sort();
    assert_eq!(keys, (0..8).map(|n| format!("k:{n}")).collect::<Vec<_>>());
}

#[test]
fn a_value_that_was_overwritten_is_never_delivered_as_the_last() {
    let (_server, mut c) = watching(&[]);
    c.ok("SET k:1 old PX 400");
    c.ok("SET k:1 new PX 1200");
    c.ok("DEBUG SLEEP 1.4");
    let entries = delivered(&mut c, "w", "k:", 100);
    assert_eq!(entries.len(), 1);
    assert_ne!(entries[0].pair().1, "old");
}

#[test]
fn a_read_or_a_save_in_the_turn_in_which_a_key_came_and_went_loses_nothing() {
    for between in ["EXPIRY.TRACKED w", "SAVE"] {
        let (_server, mut c) = watching(&[]);
        at_once(&mut c, &["SET k:1 v PX 3", "DEBUG SLEEP 0.006", between]);
        let entries = delivered(&mut c, "w", "k:", 100);
        assert_eq!(entries.len(), 1, "{between}");
    }
}
