//! The server at its limits: out of memory, paused, failing over, shutting down, with timers pending and workers blocked.

use super::common::*;
use crate::harness::*;

#[test]
fn at_maxmemory_what_adds_is_refused_and_what_drains_works() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.MADD k 1 a "" 2 b "" 3 c "" 4 d "" 5 e "" 9 w ""
        [1 1 1 1 1 1]
        > TSGEN.CREATE s SOURCES 1 a
        OK
        > CONFIG SET maxmemory 1
        OK
        > TSGEN.ADD k 1 f
        -OOM …
        > TSGEN.ADD k XX 1 a
        -OOM …
        > TSGEN.MADD k 1 f x
        -OOM …
        > TSGEN.CREATE new
        -OOM …
        > TSGEN.ADVANCE k 5
        5
        > TSGEN.ADVANCE s 5 SOURCE a
        5
        > TSGEN.CLAIM k w COUNT 4
        [[<a> …] [<b> …] [<c> …] [<d> …]]
        > TSGEN.ACK k <a>
        1
        > TSGEN.NACK k <b> DELAY 1
        1
        > TSGEN.NACK k <c> DEAD
        1
        > TSGEN.EXTEND k 100000 <d>
        1
        > TSGEN.RELEASE k w
        1
        > TSGEN.REQUEUE k <c>
        1
        > TSGEN.REM k w
        1
        > TSGEN.ALTER k LEASE 5000
        OK
        > TSGEN.DISCARD k ALL
        0
        > TSGEN.RANGE k - + COUNT 1
        …
        > CONFIG SET maxmemory 0
        OK
        > TSGEN.ADD k 1 f
        0
        "#,
    );
}

#[test]
fn a_blocked_worker_is_served_at_maxmemory() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADD k 1 a");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.ok("CONFIG SET maxmemory 1");
    c.ok("TSGEN.ADVANCE k 1");
    assert!(worker.reply().to_string().contains("'a'"));
}

/// Everything the timer does by itself becomes due while writes are paused. Redis aborts if anything is replicated then.
#[test]
fn a_write_pause_with_everything_pending_is_survived() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE clock CLOCK
        OK
        > TSGEN.CREATE piped CLOCK SINK stream
        OK
        > TSGEN.MADD leased 1 a "" 1 b ""
        [1 1]
        > TSGEN.ADVANCE leased 1
        1
        "#,
    );
    let mut by_clock = Blocked::new(&server, "TSGEN.CLAIM clock w BLOCK 0");
    c.play("> TSGEN.CLAIM leased w1 COUNT 2 LEASE 100\n [[<a> …] [<b> …]]");
    let mut by_lease = Blocked::new(&server, "TSGEN.CLAIM leased w2 BLOCK 0");
    c.ok("TSGEN.ADD clock +50 due-while-paused");
    c.ok("TSGEN.ADD piped +50 due-while-paused");
    c.ok("CLIENT PAUSE 60000 WRITE");
    let started = now_ms();
    wait_until("both have been due for a while", || now_ms() > started + 400);
    // Reads go on; they show what is due, and nothing has moved.
    assert_eq!(counts(&mut c, "clock"), [0, 1, 0, 0, 0]);
    c.expect("XLEN stream", "0");
    assert!(by_clock.is_blocked(&mut c) && by_lease.is_blocked(&mut c));
    c.ok("CLIENT UNPAUSE");
    assert!(by_clock.reply().to_string().contains("'due-while-paused'"));
    assert!(by_lease.reply().to_string().contains(" 2 'a' 1 "));
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    same_data(&server, &replica);
    server.assert_alive();
}

#[test]
fn a_pause_that_runs_out_by_itself_serves_everyone_too() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.ok("TSGEN.ADD k +50 a");
    c.ok("CLIENT PAUSE 300 WRITE");
    assert!(worker.reply().to_string().contains("'a'"));
}

#[test]
fn a_worker_that_blocks_during_a_pause_is_served_after_it() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADD k 1 a");
    c.ok("TSGEN.ADVANCE k 1");
    c.ok("CLIENT PAUSE 300 WRITE");
    c.expect("TSGEN.CLAIM k w BLOCK 0", "[[<t> 1 'a' 1 '']]");
}

#[test]
fn a_pause_of_all_commands_is_survived() {
    let mut server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k CLOCK SINK stream\n OK\n > TSGEN.ADD k +20 a\n 1\n > CLIENT PAUSE 200 ALL\n OK");
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    server.assert_alive();
}

#[test]
fn a_failover_with_timers_pending_hands_everything_over() {
    let (mut master, mut replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> TSGEN.CREATE clock CLOCK\n OK\n > TSGEN.CREATE piped CLOCK SINK stream\n OK\n > TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w1 LEASE 50\n [[<t> …]]");
    let mut worker = Blocked::new(&master, "TSGEN.CLAIM clock w BLOCK 0");
    for i in 0..40 {
        c.ok(&format!("TSGEN.ADD piped +{} id{i}", i * 10));
    }
    c.ok("TSGEN.ADD clock +500 later");
    c.ok(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 10000", replica.port));
    wait_until("the roles are swapped", || {
        replica.client().info("replication", "role") == "master"
            && master.client().info("replication", "role") == "slave"
    });
    // The blocked worker was told; it would reconnect to the new master.
    let told = worker.reply();
    assert!(told.is_error() || told.to_string().contains("'later'"), "{told}");
    let mut c = replica.client();
    c.expect("TSGEN.CLAIM k heir BLOCK 20000", "[[<u> 2 'a' 1 '']]");
    wait_until("the new master feeds the sink", || c.run("XLEN stream") == 40);
    master.assert_alive();
    replica.assert_alive();
    same_data(&replica, &master);
}

/// A graceful shutdown waits for replicas that lag; the timer must not write in that time.
#[test]
fn a_shutdown_that_waits_for_a_replica_is_clean() {
    let mut master = Server::start(&["--shutdown-timeout", "2", "--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> TSGEN.CREATE piped CLOCK SINK stream\n OK\n > TSGEN.CREATE clock CLOCK\n OK");
    let _worker = Blocked::new(&master, "TSGEN.CLAIM clock w BLOCK 0");
    replica.signal("STOP");
    for i in 0..50 {
        c.ok(&format!("TSGEN.ADD piped +{} id{i}", i * 40));
        c.ok(&format!("TSGEN.ADD clock +{} id{i}", i * 40));
    }
    master.signal("TERM");
    let status = master.child_end();
    replica.signal("CONT");
    assert!(status.success(), "{status}\n{}", master.log());
}

#[test]
fn min_replicas_to_write_is_obeyed_and_survived_by_the_timer() {
    let mut server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE piped CLOCK SINK stream\n OK\n > TSGEN.ADD piped +50 a\n 1\n > CONFIG SET min-replicas-to-write 1\n OK");
    c.expect("TSGEN.ADD piped +1 b", "-NOREPLICAS …");
    c.expect("TSGEN.CLAIM other w", "-NOREPLICAS …");
    wait_until("it is due", || counts(&mut c, "piped")[1] == 1);
    c.ok("CONFIG SET min-replicas-to-write 0");
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    server.assert_alive();
}

#[test]
fn a_busy_script_delays_timers_and_hurts_nothing() {
    let mut server = Server::start(&["--busy-reply-threshold", "50"]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.ok("TSGEN.ADD k +50 a");
    c.send(&[b"EVAL", b"while true do end", b"0"]);
    let mut other = server.client();
    wait_until("the script is busy", || other.run("PING").to_string().starts_with("-BUSY"));
    other.ok("SCRIPT KILL");
    assert!(worker.reply().to_string().contains("'a'"));
    server.assert_alive();
}

#[test]
fn an_evicting_server_may_evict_a_key_and_lives_on() {
    let mut server = Server::start(&["--maxmemory-policy", "allkeys-random"]);
    let mut c = server.client();
    for i in 0..50 {
        c.ok(&format!("TSGEN.ADD k{i} 1 a"));
    }
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM none w BLOCK 0");
    c.ok("CONFIG SET maxmemory 1");
    wait_until("all are evicted", || c.run("DBSIZE") == 0);
    c.ok("CONFIG SET maxmemory 0");
    c.play("> TSGEN.ADVANCE none 1\n 1\n > TSGEN.ADD none 1 a\n 0");
    assert!(worker.reply().to_string().contains("'a'"));
    server.assert_alive();
}
