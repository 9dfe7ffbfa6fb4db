//! The server at its limits, out of memory, paused, busy, with timers pending and workers blocked: what is TSGEN's own.

use crate::common::*;
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
        > TSGEN.ADVANCE k 5
        5
        > TSGEN.ADVANCE s 5 SOURCE a
        5
        > TSGEN.CLAIM k w COUNT 4
        [[<a> …] [<b> …] [<c> …] [<d> …]]
        > TSGEN.REM k w
        1
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
