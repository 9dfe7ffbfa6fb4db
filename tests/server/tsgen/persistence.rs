//! What survives: RDB, AOF in both forms, rewrites under load, kill -9, and every command that carries a key elsewhere.

use crate::common::{counts, rewritten, AOF};
use crate::every_family::FAMILIES;
use crate::harness::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fills a server with one family after the other, restarts it in this way, and compares everything.
#[track_caller]
fn survives(args: &[&str], rewrite: bool, stop: Stop) {
    for family in &FAMILIES {
        let mut server = Server::start(args);
        let mut c = server.client();
        family.fill(&mut c);
        if rewrite {
            c.ok("BGREWRITEAOF");
            rewritten(&mut c);
            let digest = server.digest_all();
            c.ok(&family.on(family.writes[0], family.keys[0]));
            assert_ne!(server.digest_all(), digest, "{} has written after the rewrite", family.name);
        }
        let (digest, seen) = (server.digest_all(), family.view(&mut c));
        server.restart(stop);
        assert_eq!(family.view(&mut server.client()), seen);
        assert_eq!(server.digest_all(), digest, "{}", family.name);
    }
}

#[test]
fn an_rdb_file_keeps_everything() {
    survives(&[], false, Stop::Save);
}

#[test]
fn an_aof_keeps_everything_through_kill_9() {
    survives(&AOF, false, Stop::Kill);
    survives(&AOF, false, Stop::NoSave);
}

#[test]
fn a_rewritten_aof_keeps_everything_with_a_preamble() {
    survives(&AOF, true, Stop::Kill);
}

#[test]
fn a_rewritten_aof_keeps_everything_without_a_preamble() {
    survives(&[&AOF[..], &["--aof-use-rdb-preamble", "no"]].concat(), true, Stop::Kill);
}

#[test]
fn debug_reload_keeps_everything() {
    for family in &FAMILIES {
        let server = Server::start(&AOF);
        let mut c = server.client();
        family.fill(&mut c);
        let before = (server.digest_all(), family.view(&mut c));
        for command in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
            c.ok(command);
            assert_eq!((server.digest_all(), family.view(&mut c)), before, "{} {command}", family.name);
        }
    }
}

#[test]
fn a_key_of_many_chunks_survives_a_rewrite_without_preamble_and_an_rdb() {
    let mut server = Server::start(&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]);
    let mut c = server.client();
    let payload = "p".repeat(200);
    let add = |i: usize| {
        ["TSGEN.ADD", "k", &format!("{}", i * 7919 % 20_000), &format!("id{i}"), &payload]
            .map(|word| word.as_bytes().to_vec())
    };
    c.pipeline((0..20_000).map(add));
    c.ok("TSGEN.ADVANCE k 9000");
    c.ok("TSGEN.CLAIM k w COUNT 3000 LEASE 3600000");
    let digest = server.digest("k");
    c.ok("BGREWRITEAOF");
    wait_until("the rewrite is done", || c.info("persistence", "aof_rewrite_in_progress") == "0");
    server.restart(Stop::NoSave);
    assert_eq!(server.digest("k"), digest);
    server.client().ok("DEBUG RELOAD");
    assert_eq!(server.digest("k"), digest);
}

#[test]
fn leases_and_tokens_survive_a_restart() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.play("> TSGEN.MADD k 1 a \"\" 2 b \"\" 3 c \"\"\n [1 1 1]\n > TSGEN.ADVANCE k 3\n 3\n > TSGEN.CLAIM k w COUNT 2 LEASE 3600000\n [[<a> …] [<b> …]]");
    server.restart(Stop::Kill);
    let bindings = c.bindings.clone();
    let mut c = server.client();
    c.bindings = bindings;
    c.play("> TSGEN.ACK k <a>\n 1\n > TSGEN.EXTEND k 100 <b>\n 1\n > TSGEN.CLAIM k w2\n [[<c> 1 'c' 3 '']]");
    assert!(c.bound("c") > c.bound("b"));
    c.expect("TSGEN.CLAIM k w3 BLOCK 20000", "[[<d> 2 'b' 2 '']]");
}

/// A lease that ends while the server is down is over when it comes back; nobody has to ask first.
#[test]
fn a_lease_that_ended_during_the_restart_wakes_a_worker_that_blocks_afterwards() {
    let mut server = Server::start(&AOF);
    server.client().play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w LEASE 600\n [[<t> …]]");
    server.restart(Stop::Kill);
    server.client().expect("TSGEN.CLAIM k heir BLOCK 20000", "[[<u> 2 'a' 1 '']]");
}

#[test]
fn a_rewrite_under_load_loses_nothing_through_kill_9() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"]);
    let is_over = AtomicBool::new(false);
    scope(|scope| {
        for writer in 0..2 {
            let (server, is_over) = (&server, &is_over);
            scope.spawn(move || {
                let mut c = server.client();
                let mut random = Random::new(writer);
                let mut i = 0;
                while !is_over.load(Ordering::Relaxed) {
                    i += 1;
                    write_something(&mut c, &mut random, i);
                }
            });
        }
        let mut c = server.client();
        for _ in 0..3 {
            c.ok("BGREWRITEAOF");
            rewritten(&mut c);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let digest = server.digest_all();
    server.restart(Stop::Kill);
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn an_accepted_write_is_delivered_after_kill_9() {
    let mut server = Server::start(&AOF);
    for round in 0..5 {
        let mut c = server.client();
        c.ok(&format!("TSGEN.ADD k 1 id{round}"));
        server.restart(Stop::Kill);
    }
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 1");
    assert_eq!(c.ok("TSGEN.CLAIM k w COUNT 10").items().len(), 5);
}

#[test]
fn copy_makes_an_independent_key_without_a_sink() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.fill(&mut c);
        for key in family.keys.iter().filter(|key| **key != "piped") {
            c.expect(&format!("COPY {key} copy REPLACE"), "1");
            assert_eq!(server.digest(key), server.digest("copy"), "{} {key}", family.name);
        }
        let digest = server.digest(family.keys[0]);
        c.ok(&format!("COPY {} copy REPLACE", family.keys[0]));
        c.ok(&family.on(family.writes[0], "copy"));
        c.ok(&family.on("NACK # 1-4611686018427387904 DEAD", "copy"));
        assert_ne!(server.digest("copy"), digest, "{}", family.name);
        assert_eq!(server.digest(family.keys[0]), digest, "{}", family.name);
        // (Valkey 8.1 leaves a client in the other database, see README.)
        c.play("> COPY piped copy REPLACE\n 1\n > COPY piped copy DB 3\n 1\n > SELECT 0\n OK");
        assert_eq!(c.ok(&family.on("INFO #", "copy")).field("sink").to_string(), "''", "{}", family.name);
        assert_eq!(c.ok(&family.on("INFO #", "piped")).field("sink").to_string(), "'stream'", "{}", family.name);
        assert_eq!(family.counts(&mut c, "copy"), family.counts(&mut c, "piped"), "{}", family.name);
        c.expect(&family.on("CLAIM # w", "copy"), "[]");
    }
}

#[test]
fn dump_and_restore_carry_the_whole_value() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.fill(&mut c);
        let before = (server.digest_all(), family.view(&mut c));
        let dumps = family.dumps(&mut c);
        family.restore(&mut c, &dumps);
        assert_eq!((server.digest_all(), family.view(&mut c)), before, "{}", family.name);
        assert_eq!(family.dumps(&mut c), dumps, "the encoding is canonical");
        // Under another name it has everything but the sink.
        let piped = &dumps[family.keys.len() - 1];
        assert_eq!(crate::cmd!(c, "RESTORE", "other", 0, piped), "OK");
        assert_eq!(c.ok(&family.on("INFO #", "other")).field("sink").to_string(), "''", "{}", family.name);
        assert_eq!(family.counts(&mut c, "other"), family.counts(&mut c, "piped"), "{}", family.name);
    }
}

#[test]
fn rename_move_and_swapdb_keep_the_value() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.fill(&mut c);
        let seen = family.view(&mut c);
        for key in family.keys {
            let digest = server.digest(key);
            c.expect(&format!("RENAME {key} renamed"), "OK");
            assert_eq!(server.digest("renamed"), digest, "{} {key}", family.name);
            c.play("> MOVE renamed 4\n 1\n > EXISTS renamed\n 0\n > SWAPDB 0 4\n OK");
            assert_eq!(server.digest("renamed"), digest, "{} {key}", family.name);
            c.play("> SWAPDB 0 4\n OK\n > SELECT 4\n OK\n > MOVE renamed 0\n 1\n > SELECT 0\n OK");
            c.play(&format!("> RENAME renamed {key}\n OK"));
            assert_eq!(server.digest(key), digest, "{} {key}", family.name);
        }
        assert_eq!(family.view(&mut c), seen, "{}", family.name);
    }
}

#[test]
fn migrate_carries_keys_to_another_server() {
    for family in &FAMILIES {
        let (here, there) = (Server::start(&[]), Server::start(&[]));
        let mut c = here.client();
        family.fill(&mut c);
        let seen = family.view(&mut c);
        let digests: Vec<String> = family.keys.iter().map(|key| here.digest(key)).collect();
        c.expect(&format!("MIGRATE 127.0.0.1 {} \"\" 0 5000 KEYS {}", there.port, family.keys.join(" ")), "OK");
        c.expect("DBSIZE", "0");
        assert_eq!(family.view(&mut there.client()), seen);
        assert_eq!(family.keys.iter().map(|key| there.digest(key)).collect::<Vec<_>>(), digests);
    }
}

#[test]
fn a_deleted_or_flushed_key_is_gone_and_one_made_anew_is_empty() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.fill(&mut c);
        let (key, dumps) = (family.keys[0], family.dumps(&mut c));
        for command in ["DEL #", "UNLINK #", "FLUSHALL", "FLUSHDB ASYNC", "SET # x", "PEXPIRE # -1"] {
            family.restore(&mut c, &dumps);
            c.ok(&command.replace('#', key));
            c.ok(&format!("DEL {key}"));
            c.ok(&format!("{}{}", family.on("CREATE #", key), family.create));
            assert_eq!(family.counts(&mut c, key), [0; 5], "{} {command}", family.name);
        }
    }
}

#[test]
fn expire_works_on_our_keys() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a\n 1\n > PEXPIRE k 50\n 1\n > TSGEN.ADD stays 1 a\n 1\n > EXPIRE stays 1000\n 1");
    wait_until("it is gone", || c.run("EXISTS k") == 0);
    c.expect("TSGEN.CLAIM k w", "[]");
    server.restart(Stop::Kill);
    let mut c = server.client();
    assert!(c.ok("TTL stays").int() > 900);
}

#[test]
fn a_big_key_is_freed_without_stopping_the_server() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let add = |i: usize| {
        ["TSGEN.ADD", "k", &i.to_string(), &format!("id{i}"), "payload"].map(|word| word.as_bytes().to_vec())
    };
    for command in ["DEL k", "UNLINK k", "FLUSHALL", "FLUSHALL ASYNC", "SET k x"] {
        c.pipeline((0..20_000).map(add));
        c.ok(command);
        c.ok("FLUSHALL");
    }
    c.expect("DBSIZE", "0");
}

#[test]
fn memory_usage_grows_with_the_key_and_object_commands_work() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k");
    let empty = c.ok("MEMORY USAGE k").int();
    let add = |i: usize| {
        ["TSGEN.ADD", "k", &i.to_string(), &format!("id{i:014}"), &"x".repeat(64)].map(|word| word.as_bytes().to_vec())
    };
    c.pipeline((0..10_000).map(add));
    let full = c.ok("MEMORY USAGE k").int();
    assert!(full - empty > 800_000 && full - empty < 2_000_000, "{empty} -> {full}");
    c.ok("OBJECT ENCODING k");
    c.ok("OBJECT IDLETIME k");
    c.ok("DEBUG OBJECT k");
}

/// One random write of the family, by a client that knows nothing of the key's state.
fn write_something(c: &mut Client, random: &mut Random, i: usize) {
    let key = format!("k{}", random.below(3));
    let command = match random.below(8) {
        0..=2 => format!("TSGEN.ADD {key} {} id{} payload{i}", random.below(1000), random.below(500)),
        3 => format!("TSGEN.ADVANCE {key} {}", random.below(1000)),
        4 => format!("TSGEN.CLAIM {key} w{} COUNT 5 LEASE {}", random.below(3), random.between(1, 50)),
        5 => format!("TSGEN.ACK {key} 1-{}", (now_ms() - random.between(0, 50)) * 1024),
        6 => format!("TSGEN.RELEASE {key} w{}", random.below(3)),
        _ => format!("TSGEN.REM {key} id{}", random.below(500)),
    };
    c.ok(&command);
}

/// Among what is loaded so far may be what was acknowledged later.
#[test]
fn a_blocked_worker_gets_nothing_while_an_aof_is_loaded_and_what_is_left_afterwards() {
    let server = Server::start(&["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"]);
    let mut c = server.client();
    let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let adds = |id: &str, times: usize| vec![words(&format!("TSGEN.ADD k 1 {id}")); times];
    c.ok("TSGEN.ADD k 1 done");
    c.ok("TSGEN.ADVANCE k 1");
    // The file is so long, and loaded so slowly, that other clients are heard in between.
    c.pipeline(adds("done", 10_000));
    c.ok("CONFIG SET key-load-delay 50");
    let token = c.ok("TSGEN.CLAIM k w").items()[0].items()[0].int();
    assert_eq!(c.ok(&format!("TSGEN.ACK k {token}")), 1);
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k me BLOCK 0");
    let mut loader = server.client();
    loader.send(&[b"DEBUG", b"LOADAOF"]);
    let loaded = AtomicBool::new(false);
    let mut heard = 0;
    scope(|scope| {
        scope.spawn(|| {
            assert_eq!(loader.read(), "OK");
            loaded.store(true, Ordering::SeqCst);
        });
        while !loaded.load(Ordering::SeqCst) {
            // A command that is run meanwhile has the server look after blocked clients.
            heard += usize::from(c.info("persistence", "loading") == "1");
        }
    });
    assert!(heard > 0, "nobody was heard while the file was loaded");
    assert!(worker.is_blocked(&mut c), "served from half of the data");
    assert_eq!(counts(&mut c, "k"), [0, 0, 0, 0, 0]);
    c.ok("TSGEN.ADD k 1 next");
    assert_eq!(worker.reply().items()[0].items()[2].text(), "next");
}
