//! What survives: RDB, AOF in both forms, rewrites under load, kill -9, and every command that carries a key elsewhere.

use super::common::*;
use crate::harness::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// All counts and listings of the filled keys, to compare what commands see besides the digest.
#[track_caller]
fn view(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    for key in FILLED {
        for command in ["RANGE # - +", "PENDING #", "DEAD #", "SOURCES #", "WATERMARK #"] {
            // A clock's watermark moves by itself.
            if !(key == "clock" && command == "WATERMARK #") {
                lines.push(client.ok(&format!("TSGEN.{}", command.replace('#', key))).to_string());
            }
        }
        lines.push(format!("{:?}", counts(client, key)));
        for name in [
            "delivered",
            "redelivered",
            "acked",
            "died",
            "late-arrivals",
            "lease",
            "maxdeliveries",
            "backoff",
            "maxbackoff",
            "maxlen",
            "sinkmaxlen",
        ] {
            lines.push(format!("{key} {name} {}", stat(client, key, name)));
        }
        lines.push(client.ok(&format!("TSGEN.INFO {key}")).field("sink").to_string());
    }
    lines
}

/// Fills a server, restarts it in this way, and compares everything.
#[track_caller]
fn survives(args: &[&str], prepare: &str, stop: Stop) {
    let mut server = Server::start(args);
    let mut c = server.client();
    fill(&mut c);
    if !prepare.is_empty() {
        c.ok(prepare);
        wait_until("no rewrite runs", || {
            c.info("persistence", "aof_rewrite_in_progress") == "0"
                && c.info("persistence", "aof_rewrite_scheduled") == "0"
        });
        c.ok("TSGEN.ADD external 200 after-the-rewrite");
    }
    let (digest, seen) = (server.digest_all(), view(&mut c));
    server.restart(stop);
    let mut c = server.client();
    assert_eq!(view(&mut c), seen);
    assert_eq!(server.digest_all(), digest);
}

const AOF: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

#[test]
fn an_rdb_file_keeps_everything() {
    survives(&[], "", Stop::Save);
}

#[test]
fn an_aof_keeps_everything_through_kill_9() {
    survives(&AOF, "", Stop::Kill);
    survives(&AOF, "", Stop::NoSave);
}

#[test]
fn a_rewritten_aof_keeps_everything_with_a_preamble() {
    survives(&AOF, "BGREWRITEAOF", Stop::Kill);
}

#[test]
fn a_rewritten_aof_keeps_everything_without_a_preamble() {
    survives(
        &["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"],
        "BGREWRITEAOF",
        Stop::Kill,
    );
}

#[test]
fn debug_reload_keeps_everything() {
    let server = Server::start(&AOF);
    let mut c = server.client();
    fill(&mut c);
    let (digest, seen) = (server.digest_all(), view(&mut c));
    c.ok("DEBUG RELOAD");
    assert_eq!((server.digest_all(), view(&mut c)), (digest.clone(), seen.clone()));
    c.ok("DEBUG LOADAOF");
    assert_eq!((server.digest_all(), view(&mut c)), (digest, seen));
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
fn a_delay_queue_goes_on_after_a_restart() {
    let mut server = Server::start(&AOF);
    server.client().play("> TSGEN.CREATE k CLOCK SINK stream\n OK\n > TSGEN.ADD k +500 a x\n 1");
    server.restart(Stop::Kill);
    let mut c = server.client();
    wait_until("the sink has it", || c.run("XLEN stream") == 1);
    wait_until("and the key has not", || counts(&mut c, "k") == [0; 5]);
}

#[test]
fn a_rewrite_under_load_loses_nothing_through_kill_9() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
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
            wait_until("the rewrite is done", || {
                c.info("persistence", "aof_rewrite_in_progress") == "0"
                    && c.info("persistence", "aof_rewrite_scheduled") == "0"
            });
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
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(&mut c);
    for key in ["external", "sources", "clock", "empty"] {
        c.expect(&format!("COPY {key} copy"), "1");
        assert_eq!(server.digest(key), server.digest("copy"), "{key}");
        c.ok("DEL copy");
    }
    c.play("> COPY piped copy\n 1\n > COPY piped copy DB 3 REPLACE\n 1\n > TSGEN.ADVANCE copy 10\n 10");
    assert_eq!(c.ok("TSGEN.INFO copy").field("sink").to_string(), "''");
    assert_eq!(c.ok("TSGEN.CLAIM copy w").items().len(), 1);
    assert_eq!(counts(&mut c, "piped"), [1, 0, 0, 0, 0]);
}

#[test]
fn dump_and_restore_carry_the_whole_value() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(&mut c);
    let seen = view(&mut c);
    let digest = server.digest_all();
    for key in FILLED {
        let dump = c.ok(&format!("DUMP {key}"));
        c.ok(&format!("DEL {key}"));
        assert_eq!(crate::cmd!(c, "RESTORE", key, 0, dump.bytes()), "OK");
        assert_eq!(c.ok(&format!("DUMP {key}")), dump, "the encoding is canonical");
    }
    assert_eq!(view(&mut c), seen);
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn restore_under_another_name_carries_no_sink() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(&mut c);
    let dump = c.ok("DUMP piped");
    assert_eq!(crate::cmd!(c, "RESTORE", "other", 0, dump.bytes()), "OK");
    assert_eq!(c.ok("TSGEN.INFO other").field("sink").to_string(), "''");
    assert_eq!(counts(&mut c, "other"), [1, 0, 0, 0, 0]);
}

#[test]
fn rename_move_and_swapdb_keep_the_value() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(&mut c);
    for key in ["external", "sources", "clock"] {
        let digest = server.digest(key);
        c.expect(&format!("RENAME {key} renamed"), "OK");
        assert_eq!(server.digest("renamed"), digest);
        c.play("> MOVE renamed 4\n 1\n > SWAPDB 0 4\n OK");
        assert_eq!(server.digest("renamed"), digest);
        c.play(&format!("> SWAPDB 0 4\n OK\n > SELECT 4\n OK\n > MOVE renamed 0\n 1\n > SELECT 0\n OK\n > RENAME renamed {key}\n OK"));
        assert_eq!(server.digest(key), digest);
    }
}

#[test]
fn migrate_carries_keys_to_another_server() {
    let here = Server::start(&[]);
    let there = Server::start(&[]);
    let mut c = here.client();
    fill(&mut c);
    let seen = view(&mut c);
    let digests: Vec<String> = FILLED.iter().map(|key| here.digest(key)).collect();
    c.expect(&format!("MIGRATE 127.0.0.1 {} \"\" 0 5000 KEYS {}", there.port, FILLED.join(" ")), "OK");
    c.expect("DBSIZE", "0");
    let mut c = there.client();
    assert_eq!(view(&mut c), seen);
    assert_eq!(FILLED.iter().map(|key| there.digest(key)).collect::<Vec<_>>(), digests);
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
