//! A server that is killed around a deadline, and what its files say when it comes back.

use super::*;
use crate::common::AOF;
use crate::harness::*;

fn pass(ms: i64) {
    wait_until("the time has passed", || now_ms() > ms);
}

/// How the AOF is when the server dies.
#[derive(Clone, Copy, Debug)]
enum Rewritten {
    No,
    Plain,
    WithPreamble,
}

#[track_caller]
fn rewrite(c: &mut Client, how: Rewritten) {
    let preamble = match how {
        Rewritten::No => return,
        Rewritten::Plain => "no",
        Rewritten::WithPreamble => "yes",
    };
    c.ok(&format!("CONFIG SET aof-use-rdb-preamble {preamble}"));
    c.ok("BGREWRITEAOF");
    wait_until("the rewrite is over", || {
        c.info("persistence", "aof_rewrite_in_progress") == "0" && c.info("persistence", "aof_rewrite_scheduled") == "0"
    });
    assert_eq!(c.info("persistence", "aof_last_bgrewrite_status"), "ok");
}

const ALL: [Rewritten; 3] = [Rewritten::No, Rewritten::Plain, Rewritten::WithPreamble];

#[test]
fn killed_before_the_deadline_and_back_before_it_a_server_delivers_in_time() {
    for how in ALL {
        let (mut server, mut c) = watching(&AOF);
        // Time for a rewrite and a restart on a machine that stalls.
        c.ok("SET k:1 v PX 3000");
        rewrite(&mut c, how);
        c.ok("SET k:2 v PX 3000");
        c.ok("APPEND k:1 !");
        server.restart(Stop::Kill);
        let mut c = server.client();
        assert_eq!(tracked_names(&mut c, "w"), ["k:1", "k:2"], "{how:?}");
        let got = take(&mut c, "w", 2);
        assert_eq!(pairs(&got), [pair("k:1", "v!"), pair("k:2", "v")], "{how:?}");
        assert!(got.iter().all(|entry| now_ms() - entry.deadline < 2_000));
        assert_eq!(delivered(&mut c, "w", "k:", 30), [], "{how:?}");
    }
}

/// The value is the one last written, although nobody was there at the deadline.
#[test]
fn killed_before_the_deadline_and_back_after_it_a_server_delivers_the_value_last_written() {
    for how in ALL {
        let (mut server, mut c) = watching(&AOF);
        c.ok("SET k:1 v PX 2000");
        c.ok("SET k:int 41 PX 2000");
        c.ok("SET k:done v PX 2000");
        c.ok("SET k:longer v PX 2000");
        c.ok("SET k:kept v PX 2000");
        rewrite(&mut c, how);
        c.play("> APPEND k:1 !\n 2\n > INCR k:int\n 42\n > DEL k:done\n 1\n > PEXPIRE k:longer 1000000\n 1\n > PERSIST k:kept\n 1");
        let end = c.ok("PEXPIRETIME k:int").int();
        server.stop(Stop::Kill);
        pass(end + 20);
        server.start_again();
        let mut c = server.client();
        let mut got = pairs(&delivered(&mut c, "w", "k:", 60));
        got.sort();
        assert_eq!(got, [pair("k:1", "v!"), pair("k:int", "42")], "{how:?}");
        assert_eq!(tracked_names(&mut c, "w"), ["k:longer"], "{how:?}");
        let digest = server.digest("w");
        server.restart(Stop::Kill);
        assert_eq!(server.digest("w"), digest, "{how:?}");
    }
}

#[test]
fn killed_at_the_deadline_a_server_delivers_once() {
    for after in [-3, -1, 0, 1, 2, 4] {
        let (mut server, mut c) = watching(&AOF);
        c.ok("SET k:1 v PX 150");
        let end = c.ok("PEXPIRETIME k:1").int();
        while now_ms() < end + after {}
        server.restart(Stop::Kill);
        let mut c = server.client();
        assert_eq!(
            pairs(&delivered(&mut c, "w", "k:", 40)),
            [pair("k:1", "v")],
            "killed {after} ms after the deadline"
        );
    }
}

#[test]
fn killed_after_delivery_a_server_knows_what_is_leased_and_what_is_done() {
    for how in ALL {
        let (mut server, mut c) = watching(&AOF);
        for n in 1..=3 {
            c.ok(&format!("SET k:{n} v{n} PX {}", 10 * n));
        }
        let got = take(&mut c, "w", 2);
        c.ok(&format!("EXPIRY.ACK w {}", got[0].token));
        wait_until("all have expired", || expiries(&mut c, "w") == [0, 1, 1, 0, 0]);
        rewrite(&mut c, how);
        let digest = server.digest("w");
        server.restart(Stop::Kill);
        let mut c = server.client();
        assert_eq!((server.digest("w"), expiries(&mut c, "w")), (digest, [0, 1, 1, 0, 0]), "{how:?}");
        assert_eq!(pairs(&delivered(&mut c, "w", "k:", 30)), [pair("k:3", "v3")], "{how:?}");
    }
}

#[test]
fn an_order_completed_in_time_is_not_delivered_after_a_restart_long_after() {
    for how in ALL {
        let (mut server, mut c) = watching(&AOF);
        c.ok("SET k:done v PX 300");
        let end = c.ok("PEXPIRETIME k:done").int();
        c.ok("SET k:renamed v PX 300");
        c.ok("SET k:over v PX 300");
        c.ok("DEL k:done");
        c.ok("RENAME k:renamed away");
        c.ok("SET k:over v2");
        rewrite(&mut c, how);
        pass(end + 20);
        server.restart(Stop::Kill);
        let mut c = server.client();
        assert_eq!(pairs(&delivered(&mut c, "w", "k:", 40)), [], "{how:?}");
        c.expect("GET k:over", "'v2'");
    }
}

#[test]
fn with_rdb_alone_what_the_last_save_knew_is_delivered_with_its_values() {
    let (mut server, mut c) = watching(&[]);
    c.ok("SET k:1 v PX 900");
    c.ok("APPEND k:1 !");
    c.ok("SET k:done v PX 900");
    c.ok("RPUSH k:list a");
    c.ok("PEXPIRE k:list 900");
    let end = c.ok("PEXPIRETIME k:list").int();
    c.ok("DEL k:done");
    c.ok("BGSAVE");
    wait_until("it is saved", || c.info("persistence", "rdb_bgsave_in_progress") == "0");
    c.ok("APPEND k:1 lost");
    c.ok("SET k:lost v PX 900");
    server.stop(Stop::Kill);
    pass(end + 20);
    server.start_again();
    let mut c = server.client();
    // Of a list there is no value, unless it was saved within some milliseconds of its end.
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 40)), [pair("k:1", "v!"), pair("k:list", "(nil)")]);
}

#[test]
fn a_shutdown_that_saves_keeps_tracked_keys_and_values() {
    let (mut server, mut c) = watching(&[]);
    c.ok("SET k:1 v PX 700");
    c.ok("SET k:2 v EX 1000");
    let end = c.ok("PEXPIRETIME k:1").int();
    server.stop(Stop::Save);
    pass(end + 20);
    server.start_again();
    let mut c = server.client();
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 40)), [pair("k:1", "v")]);
    assert_eq!(tracked_names(&mut c, "w"), ["k:2"]);
}

#[test]
fn debug_reload_and_loadaof_change_nothing() {
    let (server, mut c) = watching(&AOF);
    c.ok("SET k:ended v PX 20");
    c.ok("SET k:1 v PX 900");
    c.ok("SET k:2 v EX 1000");
    c.ok("SET k:done v PX 900");
    c.ok("DEL k:done");
    wait_until("one has expired", || expiries(&mut c, "w")[1] == 1);
    let (digest, listed) = (server.digest("w"), tracked(&mut c, "w"));
    for how in ["DEBUG RELOAD", "DEBUG LOADAOF", "DEBUG RELOAD"] {
        c.ok(how);
        assert_eq!((server.digest("w"), tracked(&mut c, "w")), (digest.clone(), listed.clone()), "{how}");
    }
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 1_000)), [pair("k:ended", "v"), pair("k:1", "v")]);
}

#[test]
fn deadlines_that_pass_during_a_rewrite_are_delivered_once_after_a_restart() {
    let (mut server, mut c) = watching(&AOF);
    for n in 0..150 {
        c.ok(&format!("SET k:{n} v{n} PX {}", 20 + 3 * n));
    }
    for how in [Rewritten::Plain, Rewritten::WithPreamble, Rewritten::Plain, Rewritten::WithPreamble] {
        rewrite(&mut c, how);
    }
    server.restart(Stop::Kill);
    let mut c = server.client();
    let mut keys: Vec<String> = delivered(&mut c, "w", "k:", 600).into_iter().map(|entry| entry.key).collect();
    keys.sort();
    let mut expected: Vec<String> = (0..150).map(|n| format!("k:{n}")).collect();
    expected.sort();
    assert_eq!(keys, expected);
}

/// Redis drops keys that are over while it reads an RDB file, and tells nobody. Once, whatever was set under their names first thing
/// afterwards took their place before anybody was told.
#[test]
fn what_was_over_when_an_rdb_file_was_read_is_told_though_its_keys_are_set_anew_at_once() {
    for set in ["'EX', 1000", "'PXAT', '8000000000000'", ""] {
        let (mut server, mut c) = watching(&[]);
        let end = now_ms() + 1_000;
        c.ok(&format!("EVAL \"for i = 1, 2000 do redis.call('SET', 'k:' .. i, 'old', 'PXAT', {end}) end\" 0"));
        server.stop(Stop::Save);
        wait_until("all are over", || now_ms() > end + 50);
        server.start_again();
        let mut c = server.client();
        let set = if set.is_empty() { String::new() } else { format!(", {set}") };
        c.ok(&format!("EVAL \"for i = 1, 2000 do redis.call('SET', 'k:' .. i, 'new'{set}) end\" 0"));
        let entries = take(&mut c, "w", 2000);
        for entry in entries {
            assert_eq!((entry.value.as_deref(), entry.deadline), (Some(&b"old"[..]), end), "{}", entry.key);
        }
        let tracked = if set.is_empty() { 0 } else { 2000 };
        wait_until("the new ones are tracked", || expiries(&mut c, "w") == [tracked, 0, 2000, 0, 0]);
    }
}

/// A deadline before 1970 once made a file that could not be read.
#[test]
fn a_deadline_before_1970_is_saved_and_loaded() {
    let (master, mut c) = watching(&[]);
    // Valkey 8.1 crashes by such a deadline on a replica that takes writes, without any module, too (see docs/servers.md).
    let before_1970 = if master.has_valkey("8.1") && !master.has_valkey("9.0") { "5" } else { "-5" };
    let mut replica = Server::start(&["--replica-read-only", "no"]);
    replica.replica_of(&master);
    c.ok("SET k:1 v EX 1000");
    replica.wait_in_sync(&master);
    let mut there = replica.client();
    // A replica does not delete what is over.
    there.ok("SET k:n v");
    there.ok(&format!("PEXPIREAT k:n {before_1970}"));
    wait_until("both are tracked", || tracked(&mut there, "w").len() == 2);
    replica.restart(Stop::Save);
    wait_until("it is a master again, or goes on as one", || replica.client().run("EXPIRY.INFO w").items().len() > 1);
}
