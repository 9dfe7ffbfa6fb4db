//! THROTTLE keys through RDB, AOF in both forms, kill -9, every command that carries a key elsewhere, and payloads from anybody.

use crate::common::{rewritten, virtual_clock, AOF};
use crate::harness::*;

/// 5 of 7 in a thousand seconds are taken of each: odd fractions, and nothing comes back during a test.
const KEYS: [&str; 3] = ["k1", "k2", "\"bin\\x00ary\""];

#[track_caller]
fn fill(c: &mut Client) {
    for key in KEYS {
        for _ in 0..5 {
            c.expect(&format!("THROTTLE.TAKE {key} 7 1000000"), "[1 7 …]");
        }
    }
    // As RESTORE without a time makes them.
    c.play("> THROTTLE.TAKE endless 1 1000000\n [1 1 0 …]\n > PERSIST endless\n 1");
}

/// What is under the keys, and until when.
#[track_caller]
fn view(server: &Server) -> Vec<String> {
    let mut c = server.client();
    let mut lines = vec![server.digest_all()];
    for key in KEYS.into_iter().chain(["endless"]) {
        lines.push(format!("{key} {} {}", server.digest(key), c.ok(&format!("PEXPIRETIME {key}"))));
    }
    lines
}

#[track_caller]
fn survives(args: &[&str], rewrites: bool, stop: Stop) {
    let mut server = Server::start(args);
    let mut c = server.client();
    fill(&mut c);
    if rewrites {
        c.ok("BGREWRITEAOF");
        rewritten(&mut c);
        c.expect("THROTTLE.TAKE k2 7 1000000", "[1 7 1 …]");
    }
    let seen = view(&server);
    server.restart(stop);
    assert_eq!(view(&server), seen);
    // It goes on where it was: two are left, of k2 perhaps one.
    let mut c = server.client();
    c.play("> THROTTLE.TAKE k1 7 1000000 COST 2\n [1 7 0 …]\n > THROTTLE.TAKE k1 7 1000000\n [0 7 0 …]\n > THROTTLE.TAKE endless 1 1000000\n [0 1 0 …]");
}

#[test]
fn an_rdb_file_keeps_everything() {
    survives(&[], false, Stop::Save);
}

#[test]
fn an_aof_keeps_everything_through_kill_9() {
    survives(&AOF, false, Stop::Kill);
}

#[test]
fn a_rewritten_aof_keeps_everything_with_and_without_a_preamble() {
    survives(&AOF, true, Stop::Kill);
    survives(&[&AOF[..], &["--aof-use-rdb-preamble", "no"]].concat(), true, Stop::Kill);
}

#[test]
fn debug_reload_keeps_everything() {
    let server = Server::start(&AOF);
    let mut c = server.client();
    fill(&mut c);
    let seen = view(&server);
    for reload in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
        c.ok(reload);
        assert_eq!(view(&server), seen, "{reload}");
    }
}

/// The time of its end is in the AOF as a time of day: what was full again while the server was down is gone.
#[test]
fn a_key_that_was_full_while_the_server_was_down_is_full() {
    for args in [&AOF[..], &[]] {
        let mut clock = Clock::at_noon();
        let mut server = Server::start_under(&clock, args);
        let mut c = server.client();
        c.play("> THROTTLE.TAKE short 2 10000 COST 2\n [1 2 0 -1 10000]\n > THROTTLE.TAKE long 2 100000 COST 2\n [1 2 0 -1 100000]");
        server.stop(if args.is_empty() { Stop::Save } else { Stop::Kill });
        clock.pass(60_000);
        server.start_again();
        let mut c = server.client();
        c.play("> EXISTS short\n 0\n > THROTTLE.TAKE short 2 10000\n [1 2 1 -1 5000]\n > THROTTLE.TAKE long 2 100000\n [1 2 0 -1 <_>]\n > THROTTLE.TAKE long 2 100000\n [0 …]");
    }
}

#[test]
fn every_command_that_carries_a_key_carries_what_was_taken() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(&mut c);
    let (digest, until) = (server.digest("k1"), c.ok("PEXPIRETIME k1").int());
    let dump = c.ok("DUMP k1").bytes().to_vec();
    c.play("> COPY k1 copied\n 1\n > RENAME k1 renamed\n OK\n > COPY renamed moved\n 1\n > MOVE moved 1\n 1\n > SELECT 1\n OK\n > SWAPDB 0 1\n OK");
    assert_eq!(crate::cmd!(c, "RESTORE", "restored", until, &dump, "ABSTTL"), "OK");
    // In database 0 now is what was moved; in 1 all the others.
    for (db, key) in [(1, "copied"), (1, "renamed"), (1, "restored"), (0, "moved")] {
        c.ok(&format!("SELECT {db}"));
        assert_eq!(c.ok(&format!("DEBUG DIGEST-VALUE {key}")).items()[0].text(), digest, "{key}");
        assert_eq!(c.ok(&format!("PEXPIRETIME {key}")).int(), until, "{key}");
    }
    // A copy is a key of its own.
    c.play("> SELECT 1\n OK\n > THROTTLE.TAKE copied 7 1000000 COST 2\n [1 7 0 …]\n > THROTTLE.TAKE renamed 7 1000000 COST 2\n [1 7 0 …]");
    // Restored without a time it stays, and the next take gives it one.
    assert_eq!(crate::cmd!(c, "RESTORE", "again", 0, &dump), "OK");
    c.play("> PTTL again\n -1\n > THROTTLE.TAKE again 7 1000000\n [1 7 1 …]\n > PERSIST again\n 1\n > UNLINK again copied\n 2");
}

/// Restores a damaged value; if it is taken, every command must cope with what came out.
fn restore_and_use(c: &mut Client, damaged: &[u8], version: [u8; 2]) -> bool {
    let taken = !crate::cmd!(c, "RESTORE", "k", 0, &reseal(damaged, version)).is_error();
    if taken {
        for command in [
            "THROTTLE.TAKE k 5 1000 COST 0",
            "THROTTLE.TAKE k 1000000000 315360000000",
            "THROTTLE.TAKE k 7 1000",
            "TSGEN.AT 0 THROTTLE.TAKE k 3 1",
            "TSGEN.AT 8796093022207 THROTTLE.TAKE k 3 1",
            "TSGEN.INFO k",
            "DEBUG DIGEST-VALUE k",
            "COPY k copy",
            "DUMP k",
            "MEMORY USAGE k",
            "UNLINK k copy",
        ] {
            c.run(command);
        }
    }
    taken
}

#[test]
fn a_damaged_payload_is_refused_or_taken_but_never_hurts() {
    let mut server = virtual_clock();
    let mut c = server.client();
    fill(&mut c);
    let (value, version) = unseal(c.ok("DUMP k1").bytes());
    c.ok("FLUSHALL");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    assert!(restore_and_use(&mut c, &value, version));
    for index in 0..value.len() {
        let taken = restore_and_use(&mut c, &value[..index], version);
        // In place of what is missing Redis reads the footer: two bytes of version and eight of a checksum, which may happen to fit.
        assert!(!taken || index + 10 >= value.len(), "the first {index} of {} bytes", value.len());
        // What is no value of a module any more is Redis's to check.
        for change in (1..=0xff).filter(|_| index != 0) {
            let mut damaged = value.clone();
            damaged[index] ^= change;
            restore_and_use(&mut c, &damaged, version);
        }
    }
    for _ in 0..3_000 {
        let mut damaged = value.clone();
        for _ in 0..random.between(1, 4) {
            let index = random.below(damaged.len() as u64) as usize;
            match random.below(3) {
                0 => damaged.insert(index, random.next() as u8),
                1 => drop(damaged.remove(index)),
                _ => damaged[index..].iter_mut().take(3).for_each(|byte| *byte = random.next() as u8),
            }
        }
        if damaged.first() == value.first() {
            restore_and_use(&mut c, &damaged, version);
        }
    }
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.assert_alive();
}

/// What cannot have been written: denominators of nothing, fractions above one, formats to come.
#[test]
fn impossible_values_are_refused() {
    let server = virtual_clock();
    let mut c = server.client();
    // Behaviour (behind the mark of a format, from the second on), milliseconds (zigzag), part, of: one byte each, as small as these are.
    for (bytes, taken) in [
        (&b"\x01\x00\x00\x01"[..], true),
        (b"\x01\x00\x06\x07", true),
        (b"\x81\x01\x00\x06\x07", true),
        (b"\x81\x02\x00\x06\x07", true),
        (b"\x81\x00\x00\x06\x07", false),
        (b"\x82\x01\x00\x06\x07", false),
        (b"\x01\x00\x00\x00", false),
        (b"\x01\x00\x01\x01", false),
        (b"\x01\x00\x08\x07", false),
        (b"\x01\x00\x00\xfc\x01\xca\x9a\x3b", true),
        (b"\x01\x00\x00\xfd\x00\x10\xa5\xd4\xe8\x00\x00\x00", true),
        (b"\x01\x00\x00\xfd\x01\x10\xa5\xd4\xe8\x00\x00\x00", false),
        (b"\x00\x00\x00\x01", false),
        (b"\x02\x00\x00\x01", false),
        (b"\x01\x00\x00\x01\x00", false),
        (b"\x01\x00\x00", false),
        (b"", false),
    ] {
        let reply = crate::cmd!(c, "THROTTLE.LOAD", "k", "LAST", bytes);
        assert_eq!(!reply.is_error(), taken, "{bytes:?}: {reply}");
        assert_eq!(c.ok("DEL k").int(), i64::from(taken), "{bytes:?}");
    }
    c.play("> SET k 1\n OK\n > THROTTLE.LOAD k LAST \"\\x01\\x00\\x00\\x01\"\n -BUSYKEY …\n > THROTTLE.LOAD n MORE \"\\x01\\x00\\x00\\x01\"\n -ERR unknown option 'MORE'");
}
