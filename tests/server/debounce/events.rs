//! Keyspace events of DEBOUNCE: one per command that changed something, and `debounce.ready` once for a group that fires.

use super::groups;
use crate::common::{server_ms, settled, Told};
use crate::harness::*;

#[test]
fn each_command_that_changes_something_tells_so() {
    let server = Server::start(&[]);
    let mut k = Told::of(&server, "debounce");
    k.play("> DEBOUNCE.CREATE k MAXITEMS 3\n OK", &["create"]);
    k.play("> DEBOUNCE.PUSH k a x\n 1\n > DEBOUNCE.PUSH k a x\n 1", &["push", "push"]);
    k.play("> DEBOUNCE.PUSH k b 1 2 3 4 5 6 7\n 1", &["push", "ready"]);
    k.play("> DEBOUNCE.FLUSH k a b\n 2", &["flush", "ready"]);
    k.play("> DEBOUNCE.PUSH k c 1\n 1\n > DEBOUNCE.CANCEL k c\n 1", &["push", "cancel"]);
    k.play("> DEBOUNCE.PUSH k c 1\n 1\n > DEBOUNCE.FLUSHALL k\n 1", &["push", "flush", "ready"]);
    k.play("> DEBOUNCE.ALTER k IDLE 5\n OK\n > DEBOUNCE.ALTER k IDLE 5\n OK", &["alter"]);
    let nothing = "> DEBOUNCE.FLUSH k x\n 0\n > DEBOUNCE.CANCEL k x\n 0\n > DEBOUNCE.FLUSHALL k\n 0";
    k.play(nothing, &[]);
    k.play("> DEL k\n 1\n > DEBOUNCE.PUSH k a x\n 1", &["create", "push"]);
}

/// The second group is pushed to again, so the timer comes at a deadline that it has no more, and finds only what it has told.
#[test]
fn a_tick_that_finds_nothing_new_announces_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 120");
    let mut events = Events::subscribe(&server);
    c.ok("DEBOUNCE.PUSH k told a");
    assert_eq!(settled(&server, &mut events, 2), ["k debounce.push", "k debounce.ready"]);
    c.ok("DEBOUNCE.PUSH k again a");
    let pushed_at = server_ms(&mut c);
    wait_until("half of the time is over", || server_ms(&mut c) >= pushed_at + 60);
    c.ok("DEBOUNCE.PUSH k again b");
    assert_eq!(settled(&server, &mut events, 3), ["k debounce.push", "k debounce.push", "k debounce.ready"]);
}

#[test]
fn a_flush_is_not_announced_again_by_the_timer() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 80 MAXITEMS 2");
    let mut events = Events::subscribe(&server);
    c.play("> DEBOUNCE.PUSH k g a\n 1\n > DEBOUNCE.FLUSH k g\n 1\n > DEBOUNCE.PUSH k h a b\n 0\n > DEBOUNCE.PUSH k i a\n 1\n > DEBOUNCE.CANCEL k i\n 1");
    let told = ["push", "flush", "ready", "push", "ready", "push", "cancel"].map(|event| format!("k debounce.{event}"));
    assert_eq!(settled(&server, &mut events, told.len()), told);
}

#[test]
fn groups_that_fire_in_one_tick_are_announced_together() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 150");
    let mut events = Events::subscribe(&server);
    // A transaction, so that all have one deadline, give or take a millisecond.
    c.ok("MULTI");
    for i in 0..200 {
        c.ok(&format!("DEBOUNCE.PUSH k g{i} a"));
    }
    c.ok("EXEC");
    let told = settled(&server, &mut events, 201);
    let ready = told.iter().filter(|event| *event == "k debounce.ready").count();
    // One for each tick that found something; 200 commands take a few milliseconds.
    assert!((1..=20).contains(&ready), "{ready} announcements for 200 groups that fired together");
    assert_eq!(told.len() - ready, 200);
}

#[test]
fn a_group_that_collected_over_a_restart_is_announced() {
    let mut server =
        Server::start(&["--appendonly", "yes", "--appendfsync", "always", "--notify-keyspace-events", "KEd"]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 1500\n OK\n > DEBOUNCE.PUSH k g a\n 1");
    server.restart(Stop::Kill);
    let mut events = Events::subscribe(&server);
    assert_eq!(settled(&server, &mut events, 1), ["k debounce.ready"]);
}

/// A reload stands for a restart here, because nobody can subscribe to what a server says while it starts.
#[test]
fn a_group_that_fell_due_before_the_data_were_loaded_is_announced_afterwards() {
    for how in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
        let server = Server::start(&["--appendonly", "yes"]);
        let mut c = server.client();
        c.ok("DEBOUNCE.CREATE k IDLE 100");
        let mut events = Events::subscribe(&server);
        c.play("> DEBOUNCE.PUSH k g a\n 1\n > CLIENT PAUSE 60000 WRITE\n OK");
        wait_until("it is due", || groups(&mut c, "k") == [0, 1, 0, 0, 0]);
        c.ok(how);
        c.ok("CLIENT UNPAUSE");
        let told = settled(&server, &mut events, 1);
        assert_eq!(told.iter().filter(|event| *event == "k debounce.ready").count(), 1, "{how}: {told:?}");
    }
}
