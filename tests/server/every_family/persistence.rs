//! What survives, in all families alike: RDB, AOF in both forms, kill -9, and every command that carries a key elsewhere. And restarts while
//! something waits for its time: nobody has to ask first.

use super::{timed, FAMILIES};
use crate::common::{rewritten, server_ms, AOF};
use crate::harness::*;

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
        // (Valkey 8.1 leaves a client in the other database, see docs/servers.md.)
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
fn what_fell_due_while_the_server_was_down_is_delivered_at_once() {
    for family in timed() {
        let mut server = Server::start(&AOF);
        let mut c = server.client();
        c.ok(&family.by_time("k", 300));
        c.ok(&(family.by_time("piped", 300) + " SINK stream"));
        c.ok(&family.add("k", "a", 300));
        c.ok(&family.add("piped", "a", 300));
        let added_at = server_ms(&mut c);
        server.stop(Stop::Kill);
        wait_until("both are due", || now_ms() > added_at + 400);
        server.start_again();
        let mut c = server.client();
        c.expect(&family.on("CLAIM # w BLOCK 20000", "k"), "[[<t> 1 …'a' …]]");
        wait_until("the sink has it", || c.run("XLEN stream") == 1);
        assert_eq!(family.counts(&mut c, "piped"), [0; 5], "{}", family.name);
    }
}

/// Nobody touches the key after the restart: only loading it can have told the timer.
#[test]
fn the_timer_knows_a_loaded_key_without_being_asked() {
    for family in timed() {
        for args in [&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"][..], &AOF, &[]] {
            let mut server = Server::start(args);
            let mut c = server.client();
            c.ok("SELECT 5");
            c.ok(&(family.by_time("piped", 400) + " SINK stream"));
            c.ok(&family.add("piped", "a", 400));
            if !args.is_empty() {
                c.ok("BGREWRITEAOF");
                rewritten(&mut c);
            }
            server.restart(if args.is_empty() { Stop::Save } else { Stop::Kill });
            let mut c = server.client();
            c.ok("SELECT 5");
            wait_until("the sink has it", || c.run("XLEN stream") == 1);
        }
    }
}
