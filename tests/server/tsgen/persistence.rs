//! TSGEN keys through restarts, rewrites under load, slow loading and kill -9; and large ones through whatever frees or measures them.

use crate::common::{counts, rewritten, AOF};
use crate::harness::*;
use std::sync::atomic::{AtomicBool, Ordering};

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
