//! CLAIM with BLOCK: who is served first, and what leaves a worker waiting, as with BLPOP. What wakes it: `waking`.

use crate::common::*;
use crate::harness::*;

#[test]
fn block_runs_out_with_an_empty_array() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let before = now_ms();
    c.expect("TSGEN.CLAIM k w BLOCK 60", "[]");
    let waited = now_ms() - before;
    assert!((60..2_000).contains(&waited), "replied after {waited} ms");
    c.expect("TSGEN.ADD k 5 a", "1");
    c.expect("TSGEN.CLAIM k w BLOCK 10", "[]");
    c.expect("EXISTS k", "1");
    assert_eq!(c.info("tsgen", "tsgen_blocked-clients").as_str(), "0");
}

#[test]
fn first_blocked_is_first_served() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 9");
    let mut workers: Vec<Blocked> =
        (0..4).map(|i| Blocked::new(&server, &format!("TSGEN.CLAIM k w{i} BLOCK 0 COUNT 2"))).collect();
    c.expect("TSGEN.MADD k 1 a \"\" 2 b \"\" 3 c \"\"", "[0 0 0]");
    let served: Vec<bool> = workers.iter().map(|worker| !worker.is_blocked(&mut c)).collect();
    assert_eq!(served, [true, true, false, false]);
    c.expect("TSGEN.ADD k 4 d", "0");
    assert!(matches("[[<a> 1 'a' 1 ''] [<b> 1 'b' 2 '']]", &workers[0].reply().to_string(), &mut c.bindings));
    assert!(matches("[[<c> 1 'c' 3 '']]", &workers[1].reply().to_string(), &mut c.bindings));
    assert!(matches("[[<d> 1 'd' 4 '']]", &workers[2].reply().to_string(), &mut c.bindings));
    assert!(workers[3].is_blocked(&mut c));
}

#[test]
fn many_workers_share_what_one_advance_releases() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for i in 0..50 {
        c.ok(&format!("TSGEN.ADD k {i} id{i:02}"));
    }
    let mut workers: Vec<Blocked> =
        (0..50).map(|i| Blocked::new(&server, &format!("TSGEN.CLAIM k w{i} BLOCK 0"))).collect();
    c.ok("TSGEN.ADVANCE k 49");
    for (i, worker) in workers.iter_mut().enumerate() {
        let reply = worker.reply();
        assert_eq!(reply.items().len(), 1);
        assert_eq!(reply.items()[0].items()[2].text(), format!("id{i:02}"), "in the order of blocking");
    }
    assert_eq!(counts(&mut c, "k"), [0, 0, 50, 0, 0]);
}

#[test]
fn deleting_the_key_leaves_workers_blocked() {
    for command in ["DEL k", "UNLINK k", "FLUSHALL", "FLUSHDB ASYNC", "RENAME k elsewhere", "MOVE k 5", "PEXPIRE k -1"]
    {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok("TSGEN.ADD k 5 a");
        let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
        c.ok(command);
        assert!(worker.is_blocked(&mut c), "{command}");
        c.play("> TSGEN.ADD k 5 b\n 1\n > TSGEN.ADVANCE k 5\n 5");
        assert!(worker.reply().to_string().contains("'b'"), "{command}");
    }
}

#[test]
fn a_restored_key_with_ready_entries_wakes() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD other 1 a x\n 1\n > TSGEN.ADVANCE other 1\n 1");
    let dump = c.ok("DUMP other");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    assert_eq!(crate::cmd!(c, "RESTORE", "k", 0, dump.bytes()), "OK");
    assert!(worker.reply().to_string().contains("'a'"));
}

/// Nothing is ready yet when the key arrives under its new name, so only the timer can know.
#[test]
fn a_key_that_arrives_with_a_running_lease_wakes_at_its_end() {
    for command in ["RENAME other k", "COPY other k", "SWAPDB 0 1", "MOVE k 0", "RENAME k2 k"] {
        let server = Server::start(&[]);
        let mut c = server.client();
        let name = match command {
            "SWAPDB 0 1" | "MOVE k 0" => "k",
            "RENAME k2 k" => "k2",
            _ => "other",
        };
        if name == "k" {
            c.ok("SELECT 1");
        }
        c.play(&format!("> TSGEN.ADD {name} 1 a x\n 1\n > TSGEN.ADVANCE {name} 1\n 1\n > TSGEN.CLAIM {name} w LEASE 400\n [[<t> …]]"));
        let mut worker = Blocked::new(&server, "TSGEN.CLAIM k heir BLOCK 0");
        c.ok(command);
        assert!(worker.reply().to_string().contains(" 2 'a' 1 "), "{command}");
    }
}

#[test]
fn a_key_of_another_type_leaves_the_worker_blocked() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.play("> LPUSH k x\n 1\n > SET k x\n OK");
    assert!(worker.is_blocked(&mut c));
    c.play("> DEL k\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.ADD k 1 a\n 0");
    assert!(worker.reply().to_string().contains("'a'"));
}

#[test]
fn in_multi_and_in_scripts_it_does_not_block() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > MULTI
        OK
        > TSGEN.CLAIM k w BLOCK 0
        QUEUED
        > EXEC
        [[]]
        > EVAL "return redis.call('TSGEN.CLAIM', 'k', 'w', 'BLOCK', '0')" 1 k
        []
        "#,
    );
}

#[test]
fn client_unblock_replies_as_asked() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (how, reply) in [("", "[]"), ("TIMEOUT", "[]"), ("ERROR", "-UNBLOCKED …")] {
        let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
        c.expect(&format!("CLIENT UNBLOCK {} {how}", worker.id), "1");
        let got = worker.reply().to_string();
        assert!(matches(reply, &got, &mut c.bindings), "{how}: {got}");
        assert_eq!(worker.client.run("PING"), "PONG");
    }
}

#[test]
fn a_killed_worker_takes_nothing_with_it() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut killed = Blocked::new(&server, "TSGEN.CLAIM k killed BLOCK 0");
    let gone = Blocked::new(&server, "TSGEN.CLAIM k gone BLOCK 0");
    let mut alive = Blocked::new(&server, "TSGEN.CLAIM k alive BLOCK 0");
    assert_eq!(c.info("tsgen", "tsgen_blocked-clients").as_str(), "3");
    c.expect(&format!("CLIENT KILL ID {}", killed.id), "1");
    assert!(killed.client.try_read().is_err());
    drop(gone);
    wait_until("both are gone", || c.info("tsgen", "tsgen_blocked-clients") == "1");
    c.expect("TSGEN.ADD k 5 a", "0");
    assert!(alive.reply().to_string().contains("'a'"));
}

#[test]
fn a_worker_blocks_with_its_own_lease_and_count_and_in_resp3() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut worker = Blocked::on(&server, server.client().resp3(), "TSGEN.CLAIM k w COUNT 2 LEASE 1000 BLOCK 0");
    let before = now_ms();
    c.expect("TSGEN.MADD k 1 a \"\" 2 b \"\" 3 c \"\"", "[0 0 0]");
    assert_eq!(worker.reply().items().len(), 2);
    let ends_at = c.ok("TSGEN.PENDING k").items()[0].items()[2].int();
    assert!((before + 1000..=now_ms() + 1000).contains(&ends_at));
}

#[test]
fn a_worker_blocks_in_its_own_database() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut other = server.client();
    other.ok("SELECT 3");
    let mut worker = Blocked::on(&server, other, "TSGEN.CLAIM k w BLOCK 0");
    c.ok("TSGEN.ADD k 1 in-db-0");
    assert!(worker.is_blocked(&mut c));
    c.play("> SELECT 3\n OK\n > TSGEN.ADVANCE k 5\n 5\n > TSGEN.ADD k 1 in-db-3\n 0");
    assert!(worker.reply().to_string().contains("'in-db-3'"));
}

#[test]
fn the_timer_serves_every_database() {
    let server = Server::start(&[]);
    let mut workers = Vec::new();
    for db in [0, 3, 9] {
        let mut c = server.client();
        c.ok(&format!("SELECT {db}"));
        c.ok("TSGEN.CREATE k CLOCK");
        c.ok(&format!("TSGEN.ADD k +200 in-db-{db}"));
        workers.push((db, Blocked::on(&server, c, "TSGEN.CLAIM k w BLOCK 0")));
    }
    for (db, mut worker) in workers {
        assert!(worker.reply().to_string().contains(&format!("'in-db-{db}'")));
    }
}

#[test]
fn a_worker_that_is_blocked_sees_the_sink_that_was_set_meanwhile() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADD k 5 a");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.play("> TSGEN.ALTER k SINK stream\n OK\n > TSGEN.ADVANCE k 5\n 5");
    wait_until("the sink has it", || c.run("XLEN stream") == 1);
    // It may be told at once or wait on; it must not be handed anything.
    c.ok(&format!("CLIENT UNBLOCK {}", worker.id));
    let reply = worker.reply().to_string();
    assert!(reply == "[]" || reply.starts_with("-ERR the key has a SINK"), "{reply}");
}

#[test]
fn a_due_lease_that_nobody_waits_for_does_not_keep_the_timer_busy() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w LEASE 1\n [[<t> …]]");
    c.expect("TSGEN.CLAIM other w BLOCK 50", "[]");
    let before = ticks(&mut c);
    c.expect("TSGEN.CLAIM other w BLOCK 300", "[]");
    let spent = ticks(&mut c) - before;
    assert!(spent < 30, "{spent} ticks in 300 ms");
}
