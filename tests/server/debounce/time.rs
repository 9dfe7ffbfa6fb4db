//! The timer and real time: workers blocked in CLAIM are woken when a group fires, never early, however the key came about.

use super::*;
use crate::common::{server_ms, ticks};
use crate::harness::*;

/// The entries of a served worker: name, reason, and the last time of a push.
#[track_caller]
fn fired(reply: &Reply) -> Vec<(String, String, i64)> {
    let entry = |entry: &Reply| {
        let last = entry.items()[4].items().last().expect("an item").int();
        (entry.items()[2].text(), entry.items()[3].text(), last)
    };
    reply.items().iter().map(entry).collect()
}

#[test]
fn a_blocked_worker_is_woken_when_the_group_was_quiet_never_early() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 120");
    for round in 0..5 {
        let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
        c.ok(&format!("DEBOUNCE.PUSH k g{round} a"));
        c.ok(&format!("DEBOUNCE.PUSH k g{round} b"));
        let reply = worker.reply();
        let served_at = server_ms(&mut worker.client);
        let (_, reason, last) = fired(&reply).remove(0);
        assert_eq!(reason, "idle");
        assert!((last + 120..last + 2_000).contains(&served_at), "pushed at {last}, served at {served_at}");
        // A minute is the default lease: it was claimed when it fired, not before.
        let lease_ends_at = c.ok("DEBOUNCE.PENDING k").items()[round].items()[2].int();
        assert!(lease_ends_at - 30_000 >= last + 120, "claimed at {}, pushed at {last}", lease_ends_at - 30_000);
    }
}

#[test]
fn each_push_puts_the_firing_off() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 250");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    let started = now_ms();
    let mut pushes = 0;
    // About 800 ms: three times as long as the timeout.
    while now_ms() < started + 800 {
        c.ok(&format!("DEBOUNCE.PUSH k g item{pushes}"));
        pushes += 1;
        let quiet_until = now_ms() + 20;
        wait_until("a moment has passed", || now_ms() >= quiet_until);
    }
    let reply = worker.reply();
    let items = reply.items()[0].items()[4].items();
    let times: Vec<i64> = items.iter().skip(1).step_by(2).map(Reply::int).collect();
    // On a machine that stalls, a gap may have been long enough. Then that, and only that, is where it fired.
    let gap = times.windows(2).position(|pair| pair[1] - pair[0] >= 250);
    assert_eq!(gap, None, "it did not fire in a gap of 250 ms: {times:?}");
    if times.len() < pushes {
        let next = c.ok("DEBOUNCE.CLAIM k w BLOCK 20000");
        let next_at = next.items()[0].items()[4].items()[1].int();
        assert!(next_at - times[times.len() - 1] >= 250, "it fired too early: {times:?}, next {next_at}");
    }
}

#[test]
fn max_wait_fires_a_group_that_is_never_quiet() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 10000 MAXWAIT 300 UNIQUE no");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    let mut pusher = server.client();
    wait_until("it fires while it is pushed", || {
        pusher.ok("DEBOUNCE.PUSH k g x");
        !worker.is_blocked(&mut c)
    });
    let served_at = server_ms(&mut c);
    let reply = worker.reply();
    let first = reply.items()[0].items()[4].items()[1].int();
    let (_, reason, last) = fired(&reply).remove(0);
    assert_eq!(reason, "maxwait");
    assert!(last < first + 300 && served_at >= first + 300 && served_at < first + 2_300, "{first} {last} {served_at}");
}

#[test]
fn a_full_group_and_a_flushed_one_wake_in_the_same_turn() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k MAXITEMS 2");
    c.ok("DEBOUNCE.PUSH k flushed x");
    let commands =
        ["DEBOUNCE.PUSH k full a b", "DEBOUNCE.FLUSH k flushed", "DEBOUNCE.PUSH k all x", "DEBOUNCE.FLUSHALL k"];
    for (command, name) in commands.into_iter().zip(["full", "flushed", "", "all"]) {
        if name.is_empty() {
            c.ok(command);
            continue;
        }
        let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
        c.ok(command);
        assert!(!worker.is_blocked(&mut c), "{command} did not wake the worker");
        assert_eq!(fired(&worker.reply())[0].0, name);
    }
}

#[test]
fn several_workers_share_groups_in_the_order_in_which_they_fire() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 200");
    let mut workers: Vec<Blocked> =
        (0..8).map(|i| Blocked::new(&server, &format!("DEBOUNCE.CLAIM k w{i} BLOCK 0 COUNT 2"))).collect();
    for i in 0..8 {
        c.ok(&format!("DEBOUNCE.PUSH k g{i} a"));
    }
    // Pushed again in another millisecond, so it goes to the end.
    let last = server_ms(&mut c);
    wait_until("the clock has moved on", || server_ms(&mut c) > last);
    c.ok("DEBOUNCE.PUSH k g0 b");
    wait_until("all are out", || groups(&mut c, "k") == [0, 0, 8, 0, 0]);
    let mut names = Vec::new();
    for worker in &mut workers {
        if !worker.is_blocked(&mut c) {
            names.extend(fired(&worker.reply()).into_iter().map(|(name, _, _)| name));
        }
    }
    assert_eq!(names, ["g1", "g2", "g3", "g4", "g5", "g6", "g7", "g0"]);
}

#[test]
fn a_push_during_and_after_firing_belongs_to_the_next_collection() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 20 UNIQUE no");
    let total = 400;
    let mut pusher = server.client();
    let pushing = std::thread::spawn(move || {
        for i in 0..total {
            pusher.ok(&format!("DEBOUNCE.PUSH k g {i}"));
            // Now and then about as long as the timeout: pushes meet the firing from both sides.
            let pause = [0, 5, 18, 19, 20, 21][i % 6];
            std::thread::sleep(std::time::Duration::from_millis(if i % 20 == 19 { pause } else { 0 }));
        }
    });
    let mut seen = Vec::new();
    while seen.len() < total {
        let reply = c.ok("DEBOUNCE.CLAIM k w BLOCK 20000");
        assert!(!reply.items().is_empty(), "{} of {total} items came", seen.len());
        let items = reply.items()[0].items()[4].items();
        seen.extend(items.iter().step_by(2).map(|item| item.text().parse::<usize>().expect("a number")));
    }
    pushing.join().expect("the pusher");
    assert_eq!(seen, (0..total).collect::<Vec<_>>(), "each item once, in order");
}

/// The timer is armed for the first of all deadlines, whenever that comes to be known.
#[test]
fn a_deadline_before_all_others_brings_the_timer_forward() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 3600000\n OK\n > DEBOUNCE.PUSH k old x\n 1");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.play("> DEBOUNCE.ALTER k IDLE 100\n OK\n > DEBOUNCE.PUSH k new x\n 1");
    assert_eq!(fired(&worker.reply())[0].0, "new");
    // And for a group that collects already.
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.ok("DEBOUNCE.PUSH k old x");
    assert_eq!(fired(&worker.reply())[0].0, "old");
}

#[test]
fn a_worker_that_blocks_before_the_key_exists_is_woken_too() {
    let server = Server::start(&["--tsgen.debounce-idle", "100"]);
    let mut c = server.client();
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.ok("DEBOUNCE.PUSH k g x");
    assert!(worker.is_blocked(&mut c));
    assert_eq!(fired(&worker.reply())[0].0, "g");
    // And BLOCK that ends before the group fires replies empty.
    c.play("> DEBOUNCE.CREATE slow IDLE 3600000\n OK\n > DEBOUNCE.PUSH slow g x\n 1\n > DEBOUNCE.CLAIM slow w BLOCK 30\n []");
}

/// The key gets to the worker's name by this command while its group collects; nothing else happens to it.
#[track_caller]
fn arrives_by(command: &str, name: &str, db: i32) {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok(&format!("SELECT {db}"));
    c.play(&format!("> DEBOUNCE.CREATE {name} IDLE 200\n OK\n > DEBOUNCE.PUSH {name} g x\n 1"));
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.ok(command);
    let reply = worker.reply();
    let served_at = server_ms(&mut c);
    let (_, _, pushed_at) = fired(&reply).remove(0);
    assert!(served_at >= pushed_at + 200 && served_at < pushed_at + 2_200, "{command}: {pushed_at} {served_at}");
}

#[test]
fn a_collecting_group_fires_under_the_name_it_was_brought_to() {
    arrives_by("RENAME other k", "other", 0);
    arrives_by("RENAMENX other k", "other", 0);
    arrives_by("COPY other k", "other", 0);
    arrives_by("COPY k k DB 0", "k", 7);
    arrives_by("MOVE k 0", "k", 7);
    arrives_by("SWAPDB 7 0", "k", 7);
}

#[test]
fn a_restored_key_fires_on_time_and_one_past_its_deadline_at_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE other IDLE 300\n OK\n > DEBOUNCE.PUSH other g x\n 1");
    let dump = c.ok("DUMP other");
    c.ok("DEL other");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    assert_eq!(crate::cmd!(c, "RESTORE", "k", 0, dump.bytes()), "OK");
    assert!(worker.is_blocked(&mut c), "it has not fired yet");
    let (_, _, pushed_at) = fired(&worker.reply()).remove(0);
    assert!(server_ms(&mut c) >= pushed_at + 300);
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM late w BLOCK 0");
    assert_eq!(crate::cmd!(c, "RESTORE", "late", 0, dump.bytes()), "OK");
    assert!(!worker.is_blocked(&mut c), "it was over when it came");
    assert_eq!(fired(&worker.reply())[0].2, pushed_at);
}

#[test]
fn a_copy_fires_beside_its_original() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 200\n OK\n > DEBOUNCE.PUSH k g x\n 1\n > COPY k copy\n 1");
    let mut workers = ["k", "copy"].map(|key| Blocked::new(&server, &format!("DEBOUNCE.CLAIM {key} w BLOCK 0")));
    for worker in &mut workers {
        assert_eq!(fired(&worker.reply())[0].0, "g");
    }
}

#[test]
fn a_key_that_is_gone_fires_nothing_and_its_successor_starts_anew() {
    for command in ["DEL k", "UNLINK k", "FLUSHDB", "FLUSHALL ASYNC", "SET k x", "PEXPIRE k -1", "RENAME k away"] {
        let mut clock = Clock::new();
        let server = Server::start_under(&clock, &[]);
        let mut c = server.client();
        c.play("> DEBOUNCE.CREATE k IDLE 50000\n OK\n > DEBOUNCE.PUSH k g old\n 1");
        let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
        c.ok(command);
        if command.starts_with("SET") {
            c.ok("DEL k");
        }
        c.play("> DEBOUNCE.CREATE k IDLE 200000\n OK\n > DEBOUNCE.PUSH k g new\n 1");
        clock.pass(100_000);
        let before = ticks(&mut c);
        wait_until("the timer has looked", || ticks(&mut c) >= before + 2);
        assert!(worker.is_blocked(&mut c), "{command}: by the old key's deadline");
        clock.pass(100_000);
        let reply = worker.reply();
        assert!(reply.to_string().contains("['new' "), "{command}: {reply}");
        let (_, _, pushed_at) = fired(&reply).remove(0);
        assert!(server_ms(&mut c) >= pushed_at + 200_000, "{command}: early");
    }
}

#[test]
fn keys_of_both_families_in_all_databases_share_the_timer() {
    let server = Server::start(&[]);
    let mut workers = Vec::new();
    for db in [0, 3, 9] {
        let mut c = server.client();
        c.ok(&format!("SELECT {db}"));
        c.play("> DEBOUNCE.CREATE quiet IDLE 250\n OK\n > TSGEN.CREATE later CLOCK\n OK");
        c.play(&format!("> DEBOUNCE.PUSH quiet g in-db-{db}\n 1\n > TSGEN.ADD later +200 in-db-{db}\n 1"));
        workers.push((db, Blocked::on(&server, c, "DEBOUNCE.CLAIM quiet w BLOCK 0")));
        let mut c = server.client();
        c.ok(&format!("SELECT {db}"));
        workers.push((db, Blocked::on(&server, c, "TSGEN.CLAIM later w BLOCK 0")));
    }
    for (db, mut worker) in workers {
        assert!(worker.reply().to_string().contains(&format!("'in-db-{db}'")));
    }
}

/// Deadlines in the far future, and pushes that only put them off, are no work for the timer.
#[test]
fn groups_that_collect_do_not_keep_the_timer_busy() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 60000");
    let before = ticks(&mut c);
    let push = |i: usize| ["DEBOUNCE.PUSH", "k", &format!("g{}", i % 1_000), "x"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..20_000).map(push));
    // Nobody waits for these, and they have fired.
    c.play("> DEBOUNCE.CREATE over IDLE 1\n OK\n > DEBOUNCE.PUSH over g x\n 1");
    let started = now_ms();
    c.expect("DEBOUNCE.CLAIM other w BLOCK 300", "[]");
    let (spent, ms) = (ticks(&mut c) - before, now_ms() - started);
    assert!(spent < 20 + ms / 100, "{spent} ticks");
}
