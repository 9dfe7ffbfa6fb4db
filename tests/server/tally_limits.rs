//! The server at its limits with a window open: paused, out of memory, failing over, shutting down.

use super::tally::*;
use crate::harness::*;

#[test]
fn the_timer_is_silent_while_writes_are_paused_and_then_goes_on() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 60\n OK\n > TALLY.CREATE piped EVERY 60 SINK stream\n OK\n > TALLY.CREATE large EVERY 60 MAXFIELDS 100000\n OK");
    let mut workers = ["k", "large"].map(|key| Blocked::new(&server, &format!("TALLY.CLAIM {key} w BLOCK 0")));
    // A large one is sealed by the timer itself.
    let mut command = vec![b"TALLY.MINCR".to_vec(), b"large".to_vec()];
    command.extend((0..12_000).flat_map(|i| [format!("f{i}").into_bytes(), b"1".to_vec()]));
    c.play("> MULTI\n OK\n > TALLY.INCR k f\n QUEUED\n > TALLY.INCR piped f\n QUEUED");
    c.pipeline([command]);
    c.play("> CLIENT PAUSE 60000 WRITE\n QUEUED\n > EXEC\n …");
    let started = now_ms();
    wait_until("all have been due for a while", || now_ms() > started + 300);
    // Reads go on; they show what is due, and nothing has moved.
    assert_eq!(batches(&mut c, "k"), [0, 1, 0, 0, 0]);
    c.expect("EXISTS stream", "0");
    assert!(workers.iter().all(|worker| worker.is_blocked(&mut c)));
    c.ok("CLIENT UNPAUSE");
    let served = workers.each_mut().map(|worker| Batch::of(&worker.reply().items()[0]).sums.len());
    assert_eq!(served, [1, 12_000]);
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    same_data(&server, &replica);
    server.assert_alive();
}

#[test]
fn at_maxmemory_increments_and_create_are_refused_and_what_drains_works() {
    Server::start(&[]).client().play(
        r#"
        > TALLY.CREATE k
        OK
        > TALLY.INCR k a
        1
        > CONFIG SET maxmemory 1
        OK
        > TALLY.INCR k a
        -OOM …
        > TALLY.MINCR k a 1
        -OOM …
        > TALLY.CREATE new
        -OOM …
        > TALLY.GET k a
        1
        > TALLY.SEAL k
        1
        > TALLY.CLAIM k w
        [[<a> …]]
        > TALLY.EXTEND k 99999 <a>
        1
        > TALLY.NACK k <a> DEAD
        1
        > TALLY.REQUEUE k ALL
        1
        > TALLY.CLAIM k w
        [[<b> …]]
        > TALLY.RELEASE k w
        1
        > TALLY.ALTER k EVERY 5
        OK
        > TALLY.INFO k
        […]
        > TALLY.CLAIM k w
        [[<d> …]]
        > TALLY.ACK k <d>
        1
        > CONFIG SET maxmemory 0
        OK
        > TALLY.INCR k a
        1
        "#,
    );
}

#[test]
fn a_window_that_ends_at_maxmemory_is_handed_to_a_blocked_worker() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 80\n OK\n > TALLY.INCR k f\n 1");
    let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0");
    c.ok("CONFIG SET maxmemory 1");
    assert_eq!(Batch::of(&worker.reply().items()[0]).sums, [(b"f".to_vec(), 1)]);
}

#[test]
fn a_failover_hands_open_windows_over() {
    let (mut master, mut replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> TALLY.CREATE k EVERY 700\n OK\n > TALLY.CREATE piped EVERY 20 SINK stream\n OK\n > TALLY.INCR k f 2\n 2");
    let mut worker = Blocked::new(&master, "TALLY.CLAIM other w BLOCK 0");
    for _ in 0..100 {
        c.ok("TALLY.INCR piped f");
        c.ok("TALLY.INCR k f");
    }
    c.ok(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 10000", replica.port));
    wait_until("the roles are swapped", || {
        replica.client().info("replication", "role") == "master"
            && master.client().info("replication", "role") == "slave"
    });
    assert!(worker.reply().is_error());
    let mut c = replica.client();
    let mut sum = 0;
    while sum < 102 {
        sum += claim(&mut c, "k", 1)[0].sums[0].1;
    }
    assert_eq!(sum, 102);
    wait_until("all is in the sink", || batches(&mut c, "piped") == [0; 5]);
    let entries = c.ok("XRANGE stream - +");
    let sums = entries.items().iter().map(|entry| entry.items()[1].field("f").text().parse::<i64>().expect("a number"));
    assert_eq!(sums.sum::<i64>(), 100);
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
    c.play("> TALLY.CREATE piped EVERY 50 SINK stream\n OK\n > TALLY.CREATE k EVERY 50\n OK");
    let _worker = Blocked::new(&master, "TALLY.CLAIM k w BLOCK 0 LEASE 1");
    replica.signal("STOP");
    for i in 0..50 {
        c.ok(&format!("TALLY.INCR piped f{i}"));
        c.ok(&format!("TALLY.INCR k f{i}"));
    }
    master.signal("TERM");
    let status = master.child_end();
    replica.signal("CONT");
    assert!(status.success(), "{status}\n{}", master.log());
}

#[test]
fn an_open_window_does_not_keep_the_timer_busy() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 3600000\n OK\n > TALLY.INCR k f\n 1\n > TALLY.CREATE over EVERY 1\n OK\n > TALLY.INCR over f\n 1");
    wait_until("it is over", || batches(&mut c, "over")[1] == 1);
    c.expect("TALLY.CLAIM other w BLOCK 50", "[]");
    let ticks = |c: &mut Client| c.info("tsgen", "tsgen_timer-ticks").parse::<i64>().expect("a number");
    let before = ticks(&mut c);
    for _ in 0..1_000 {
        c.ok("TALLY.INCR k f");
    }
    c.expect("TALLY.CLAIM other w BLOCK 300", "[]");
    let spent = ticks(&mut c) - before;
    assert!(spent < 30, "{spent} ticks");
}
