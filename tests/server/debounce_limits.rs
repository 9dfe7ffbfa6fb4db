//! The server at its limits with groups collecting: paused, out of memory, failing over, shutting down.

use super::debounce::*;
use crate::harness::*;

/// Everything the timer does by itself becomes due while writes are paused. Redis aborts if anything is replicated then.
#[test]
fn the_timer_is_silent_while_writes_are_paused_and_then_goes_on() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 60\n OK\n > DEBOUNCE.CREATE piped IDLE 60 SINK stream\n OK\n > DEBOUNCE.CREATE leased\n OK\n > DEBOUNCE.PUSH leased g x\n 1\n > DEBOUNCE.FLUSH leased g\n 1");
    let mut by_idle = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.play("> DEBOUNCE.CLAIM leased w1 LEASE 100\n [[<t> …]]");
    let mut by_lease = Blocked::new(&server, "DEBOUNCE.CLAIM leased w2 BLOCK 0");
    c.play("> DEBOUNCE.PUSH k g x\n 1\n > DEBOUNCE.PUSH piped g x\n 1\n > CLIENT PAUSE 60000 WRITE\n OK");
    let started = now_ms();
    wait_until("all have been due for a while", || now_ms() > started + 300);
    // Reads go on; they show what is due, and nothing has moved.
    assert_eq!(groups(&mut c, "k"), [0, 1, 0, 0, 0]);
    c.expect("EXISTS stream", "0");
    assert!(by_idle.is_blocked(&mut c) && by_lease.is_blocked(&mut c));
    c.ok("CLIENT UNPAUSE");
    assert!(by_idle.reply().to_string().contains(" 1 'g' 'idle' "));
    assert!(by_lease.reply().to_string().contains(" 2 'g' 'flush' "));
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    same_data(&server, &replica);
    server.assert_alive();
}

#[test]
fn at_maxmemory_push_and_create_are_refused_and_what_drains_works() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > DEBOUNCE.PUSH k a 1
        1
        > DEBOUNCE.PUSH k b 1
        1
        > DEBOUNCE.PUSH k c 1
        1
        > CONFIG SET maxmemory 1
        OK
        > DEBOUNCE.PUSH k a 2
        -OOM …
        > DEBOUNCE.CREATE new
        -OOM …
        > DEBOUNCE.FLUSH k a
        1
        > DEBOUNCE.CANCEL k b
        1
        > DEBOUNCE.FLUSHALL k
        1
        > DEBOUNCE.CLAIM k w COUNT 2
        [[<a> 1 'a' …] [<c> …]]
        > DEBOUNCE.NACK k <a> DEAD
        1
        > DEBOUNCE.REQUEUE k ALL
        1
        > DEBOUNCE.RELEASE k w
        1
        > DEBOUNCE.ALTER k IDLE 5
        OK
        > DEBOUNCE.CLAIM k w
        [[<d> …]]
        > DEBOUNCE.ACK k <d>
        1
        > CONFIG SET maxmemory 0
        OK
        > DEBOUNCE.PUSH k a 2
        1
        "#,
    );
}

#[test]
fn a_group_that_fires_at_maxmemory_is_handed_to_a_blocked_worker() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 80\n OK\n > DEBOUNCE.PUSH k g x\n 1");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.ok("CONFIG SET maxmemory 1");
    assert!(worker.reply().to_string().contains("'g' 'idle' "));
}

#[test]
fn a_failover_hands_groups_that_collect_over() {
    let (mut master, mut replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> DEBOUNCE.CREATE k IDLE 400\n OK\n > DEBOUNCE.CREATE piped IDLE 100 SINK stream\n OK");
    let mut worker = Blocked::new(&master, "DEBOUNCE.CLAIM other w BLOCK 0");
    for i in 0..40 {
        c.ok(&format!("DEBOUNCE.PUSH piped g{i} x"));
    }
    c.ok("DEBOUNCE.PUSH k g x");
    c.ok(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 10000", replica.port));
    wait_until("the roles are swapped", || {
        replica.client().info("replication", "role") == "master"
            && master.client().info("replication", "role") == "slave"
    });
    assert!(worker.reply().is_error());
    let mut c = replica.client();
    c.expect("DEBOUNCE.CLAIM k heir BLOCK 20000", "[[<t> 1 'g' 'idle' ['x' <_>]]]");
    wait_until("the sink is fed, by whichever was the master then", || c.run("XLEN stream") == 40);
    master.assert_alive();
    replica.assert_alive();
    same_data(&replica, &master);
}

/// A graceful shutdown waits for replicas that lag; the timer must not write in that time.
#[test]
fn a_shutdown_that_waits_for_a_replica_is_clean() {
    let mut master = Server::start(&["--shutdown-timeout", "1", "--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> DEBOUNCE.CREATE piped IDLE 100 SINK stream\n OK\n > DEBOUNCE.CREATE k IDLE 100 LEASE 1\n OK");
    let _worker = Blocked::new(&master, "DEBOUNCE.CLAIM k w BLOCK 0 LEASE 1");
    replica.signal("STOP");
    for i in 0..50 {
        c.ok(&format!("DEBOUNCE.PUSH piped g{i} x"));
        c.ok(&format!("DEBOUNCE.PUSH k g{i} x"));
    }
    master.signal("TERM");
    let status = master.child_end();
    replica.signal("CONT");
    assert!(status.success(), "{status}\n{}", master.log());
}

/// Much is due at once: other clients are served between the ticks, and nothing is skipped.
#[test]
fn twenty_thousand_groups_due_at_once_are_all_announced_claimed_and_acknowledged() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 600");
    let push = |i: usize| ["DEBOUNCE.PUSH", "k", &format!("g{i}"), "x"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..20_000).map(push));
    let mut names = std::collections::BTreeSet::new();
    while names.len() < 20_000 {
        let reply = c.ok("DEBOUNCE.CLAIM k w COUNT 1000 BLOCK 20000");
        assert!(!reply.items().is_empty(), "{} of 20000 groups came", names.len());
        let tokens: Vec<i64> = reply.items().iter().map(|entry| entry.items()[0].int()).collect();
        names.extend(reply.items().iter().map(|entry| entry.items()[2].text()));
        c.expect(&format!("DEBOUNCE.ACK k {}-{}", tokens[0], tokens[tokens.len() - 1]), &tokens.len().to_string());
    }
    assert_eq!(groups(&mut c, "k"), [0; 5]);
}
