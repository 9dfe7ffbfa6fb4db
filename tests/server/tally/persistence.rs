//! TALLY keys through crashes: sums are exactly what was answered, and windows that were open go on.

use super::*;
use crate::common::{rewritten, server_ms, AOF};
use crate::harness::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a database does: a batch's number is unique, and goes in with its sums.
#[derive(Default)]
struct Database {
    batches: BTreeMap<i64, Vec<(Vec<u8>, i64)>>,
}

impl Database {
    /// Takes a batch once. That of a number it has must be the same.
    #[track_caller]
    fn insert(&mut self, batch: Batch) {
        let sums = self.batches.entry(batch.number).or_insert_with(|| batch.sums.clone());
        assert_eq!(*sums, batch.sums, "batch {} is another one now", batch.number);
    }

    fn totals(&self) -> BTreeMap<String, i64> {
        let mut totals = BTreeMap::new();
        for (field, sum) in self.batches.values().flatten() {
            *totals.entry(String::from_utf8_lossy(field).into_owned()).or_insert(0) += sum;
        }
        totals
    }

    /// Takes all there is, the open window too.
    #[track_caller]
    fn drain(&mut self, c: &mut Client) {
        c.ok("TALLY.SEAL k");
        c.ok("TALLY.RELEASE k w");
        wait_until("all is taken", || {
            for batch in c.ok("TALLY.CLAIM k w COUNT 100").items().iter().map(Batch::of) {
                let token = batch.token;
                self.insert(batch);
                c.expect(&format!("TALLY.ACK k {token}"), "1");
            }
            batches(c, "k") == [0; 5]
        });
    }
}

/// Increments a field of its own until the server is gone. How often that was answered; one more may have been done.
fn increment(server: &Server, number: usize) -> i64 {
    let mut c = server.client();
    let (field, mut answered) = (format!("f{number}"), 0);
    loop {
        let command: &[&[u8]] = match answered % 7 {
            0 => &[b"TALLY.MINCR", b"k", b"all", b"1", field.as_bytes(), b"1"],
            _ => &[b"TALLY.INCR", b"k", field.as_bytes()],
        };
        if c.try_send(command).is_err() {
            return answered;
        }
        match c.try_read() {
            Ok(reply) => assert!(!reply.is_error(), "{reply}"),
            Err(_) => return answered,
        }
        answered += 1;
    }
}

/// Takes batches until the server is gone; sometimes it dies between its transaction and the ACK.
fn take(server: &Server, database: &mut Database, random: &mut Random) {
    let mut c = server.client();
    loop {
        let command: [&[u8]; 7] = [b"TALLY.CLAIM", b"k", b"w", b"LEASE", b"20", b"BLOCK", b"100"];
        if c.try_send(&command).is_err() {
            return;
        }
        let Ok(reply) = c.try_read() else { return };
        for batch in reply.items().iter().map(Batch::of) {
            let token = batch.token.to_string();
            database.insert(batch);
            let is_told = !random.one_in(3) && c.try_send(&[b"TALLY.ACK", b"k", token.as_bytes()]).is_ok();
            if is_told && c.try_read().is_err() {
                return;
            }
        }
    }
}

/// Redis to database exactly once, through kill -9 under load and workers that forget to acknowledge, with a rewrite now and
/// then.
#[test]
fn every_answered_increment_is_in_the_database_exactly_once_through_kill_9() {
    const WRITERS: usize = 3;
    let mut server = Server::start(&[&AOF[..], &["--aof-use-rdb-preamble", "no"]].concat());
    server.client().ok("TALLY.CREATE k EVERY 25 MAXFIELDS 3");
    let (mut database, mut random, mut answered) = (Database::default(), Random::new(now_ms() as u64), [0; WRITERS]);
    let rounds = 4;
    for round in 0..rounds {
        scope(|scope| {
            let server = &server;
            let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || increment(server, number))).collect();
            let worker = scope.spawn(|| take(server, &mut database, &mut random));
            let mut c = server.client();
            let done = |c: &mut Client| c.ok("TALLY.INFO k").field("acked").int();
            let before = done(&mut c);
            wait_until("some batches are done", || {
                if round % 2 == 0 && c.info("persistence", "aof_rewrite_in_progress") == "0" {
                    c.run("BGREWRITEAOF");
                }
                done(&mut c) >= before + 8
            });
            server.signal("KILL");
            for (number, writer) in writers.into_iter().enumerate() {
                answered[number] += writer.join().expect("a writer");
            }
            worker.join().expect("the worker");
        });
        server.stop(Stop::Kill);
        server.start_again();
    }
    database.drain(&mut server.client());
    let totals = database.totals();
    for (number, answered) in answered.into_iter().enumerate() {
        let total = totals[&format!("f{number}")];
        println!("f{number}: {answered} answered, {total} arrived");
        // The one on its way when the server died may have been done or not.
        assert!((answered..=answered + rounds).contains(&total), "f{number}: {answered} answered, {total} arrived");
    }
    assert!(totals["all"] > 0);
}

#[test]
fn a_rewrite_under_traffic_keeps_sums_exactly() {
    for preamble in ["yes", "no"] {
        let mut server = Server::start(&[&AOF[..], &["--aof-use-rdb-preamble", preamble]].concat());
        server.client().ok("TALLY.CREATE k EVERY 20 MAXFIELDS 40");
        let is_over = AtomicBool::new(false);
        let (made, mut database) = scope(|scope| {
            let writer = scope.spawn(|| {
                let (mut c, mut random, mut made) = (server.client(), Random::new(7), BTreeMap::new());
                while !is_over.load(Ordering::Relaxed) {
                    let (field, delta) = (format!("f{}", random.below(50)), random.between(-99, 99));
                    c.ok(&format!("TALLY.INCR k {field} {delta}"));
                    *made.entry(field).or_insert(0) += delta;
                }
                made
            });
            let worker = scope.spawn(|| {
                let (mut c, mut database) = (server.client(), Database::default());
                while !is_over.load(Ordering::Relaxed) {
                    for batch in c.ok("TALLY.CLAIM k w COUNT 2 BLOCK 10").items().iter().map(Batch::of) {
                        c.ok(&format!("TALLY.ACK k {}", batch.token));
                        database.insert(batch);
                    }
                }
                database
            });
            let mut c = server.client();
            for _ in 0..3 {
                c.ok("BGREWRITEAOF");
                rewritten(&mut c);
            }
            is_over.store(true, Ordering::Relaxed);
            (writer.join().expect("the writer"), worker.join().expect("the worker"))
        });
        let digest = server.digest_all();
        server.restart(Stop::Kill);
        assert_eq!(server.digest_all(), digest);
        database.drain(&mut server.client());
        assert_eq!(database.totals(), made, "preamble {preamble}");
    }
}

/// Hundreds of batches and a window of thousands of fields, some of them long: many chunks of a snapshot.
#[test]
fn a_key_of_many_chunks_survives_a_rewrite_without_preamble_and_an_rdb() {
    let mut server = Server::start(&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 50");
    let incr =
        |i: usize| ["TALLY.INCR", "k", &format!("{:0100}", i % 15_001), &i.to_string()].map(|w| w.as_bytes().to_vec());
    c.pipeline((0..15_000).map(incr));
    c.ok("TALLY.ALTER k MAXFIELDS 100000");
    c.pipeline((0..8_000).map(incr));
    assert_eq!(crate::cmd!(c, "TALLY.INCR", "k", &vec![0xff; 65_536], -5), -5);
    c.ok("TALLY.CLAIM k w COUNT 60 LEASE 3600000");
    let (digest, sum) = (server.digest("k"), c.ok(&format!("TALLY.GET k {:0100}", 77)));
    assert_eq!((batches(&mut c, "k"), &sum), ([1, 240, 60, 0, 0], &Reply::Int(154)));
    c.ok("BGREWRITEAOF");
    rewritten(&mut c);
    server.restart(Stop::NoSave);
    assert_eq!(server.digest("k"), digest);
    let mut c = server.client();
    c.ok("DEBUG RELOAD");
    assert_eq!(server.digest("k"), digest);
    assert_eq!(c.ok(&format!("TALLY.GET k {:0100}", 77)), sum);
    assert_eq!(batches(&mut c, "k"), [1, 240, 60, 0, 0]);
}

/// By its end of before, not by a time that starts anew, and nobody has to ask first. So does one that is over by then.
#[test]
fn a_window_goes_on_over_a_restart_and_ends_at_its_time() {
    for args in [&AOF[..], &[]] {
        let mut server = Server::start(args);
        let mut c = server.client();
        c.play("> TALLY.CREATE k EVERY 900\n OK\n > TALLY.INCR k f\n 1\n > TALLY.INCR k f\n 2");
        c.play("> TALLY.CREATE short EVERY 1\n OK\n > TALLY.INCR short f\n 1");
        server.restart(if args.is_empty() { Stop::Save } else { Stop::Kill });
        let mut c = server.client();
        c.expect("TALLY.INCR k f", "3");
        let batch = claim(&mut c, "k", 1).remove(0);
        assert_eq!((batch.sealed_at - batch.opened_at, batch.sums), (900, vec![(b"f".to_vec(), 3)]));
        assert!(server_ms(&mut c) >= batch.sealed_at);
        let batch = claim(&mut c, "short", 1).remove(0);
        assert_eq!(batch.sealed_at - batch.opened_at, 1);
    }
}

/// How a key comes to another name or database with its window open; what is `k` in database 0 then.
#[test]
fn an_open_window_goes_with_its_key_and_ends_there_at_its_time() {
    for (command, db) in
        [("RENAME other k", 0), ("COPY other k", 0), ("RENAMENX other k", 0), ("MOVE k 0", 1), ("SWAPDB 0 1", 1)]
    {
        let server = Server::start(&[]);
        let mut c = server.client();
        let name = if db == 1 { "k" } else { "other" };
        c.ok(&format!("SELECT {db}"));
        c.play(&format!("> TALLY.CREATE {name} EVERY 400\n OK\n > TALLY.INCR {name} f\n 1"));
        let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0");
        c.ok(command);
        let batch = Batch::of(&worker.reply().items()[0]);
        assert_eq!((batch.sealed_at - batch.opened_at, batch.sums), (400, vec![(b"f".to_vec(), 1)]), "{command}");
    }
}

#[test]
fn a_restored_window_ends_on_time_and_one_past_its_end_at_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 300\n OK\n > TALLY.INCR k f\n 1");
    let dump = c.ok("DUMP k");
    c.ok("DEL k");
    for _ in 0..2 {
        let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0");
        assert_eq!(crate::cmd!(c, "RESTORE", "k", 0, dump.bytes(), "REPLACE"), "OK");
        let batch = Batch::of(&worker.reply().items()[0]);
        assert_eq!(batch.sealed_at - batch.opened_at, 300);
        c.ok("DEL k");
    }
}
