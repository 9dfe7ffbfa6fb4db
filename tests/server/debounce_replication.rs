//! Replicas of DEBOUNCE keys: what they are told, literally, that they keep still, and what they do once promoted.

use super::debounce::*;
use crate::harness::*;

/// Master and replica in sync, and the link in use: Redis sends nothing before a new replica's first word, up to a second later.
#[track_caller]
fn pair(args: &[&str]) -> (Server, Server) {
    let (master, replica) = (Server::start(args), Server::start(args));
    replica.replica_of(&master);
    master.client().play("> SET first 1\n OK\n > WAIT 1 20000\n 1");
    (master, replica)
}

#[test]
fn every_write_carries_its_time_and_every_default() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > DEBOUNCE.CREATE k IDLE 3600000 MAXITEMS 9
        OK
        > debounce.push k a 1 "" 2
        3
        > DEBOUNCE.PUSH k a 2
        3
        > DEBOUNCE.PUSH k b 1
        1
        > DEBOUNCE.PUSH k c 1
        1
        > DEBOUNCE.PUSH k d 1
        1
        > DEBOUNCE.FLUSH k a nobody
        1
        > DEBOUNCE.CANCEL k b nobody
        1
        > DEBOUNCE.FLUSHALL k COUNT 1
        1
        > DEBOUNCE.CLAIM k w COUNT 2
        [[<t> …] [<u> …]]
        > DEBOUNCE.EXTEND k 50000 <t>
        1
        > DEBOUNCE.NACK k <t> DELAY 90000
        1
        > DEBOUNCE.NACK k <u> DEAD
        1
        > DEBOUNCE.REQUEUE k ALL
        1
        > DEBOUNCE.CLAIM k w LEASE 77000
        [[<v> …]]
        > DEBOUNCE.RELEASE k w
        1
        > DEBOUNCE.CLAIM k w
        [[<x> …]]
        > DEBOUNCE.ACK k <x>
        1
        > DEBOUNCE.ALTER k IDLE 5000
        OK
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "DEBOUNCE.CREATE k IDLE 3600000 MAXWAIT 0 MAXITEMS 9 UNIQUE yes LEASE 30000 MAXDELIVERIES 16 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0",
            "TSGEN.AT <_1> DEBOUNCE.PUSH k a 1 '' 2",
            "TSGEN.AT <_2> DEBOUNCE.PUSH k a 2",
            "TSGEN.AT <_3> DEBOUNCE.PUSH k b 1",
            "TSGEN.AT <_4> DEBOUNCE.PUSH k c 1",
            "TSGEN.AT <_5> DEBOUNCE.PUSH k d 1",
            "TSGEN.AT <_6> DEBOUNCE.FLUSH k a nobody",
            "TSGEN.AT <_7> DEBOUNCE.CANCEL k b nobody",
            "TSGEN.AT <_8> DEBOUNCE.FLUSHALL k COUNT 1",
            "TSGEN.AT <_9> DEBOUNCE.CLAIM k w COUNT 2 LEASE 30000 TOKEN <t>",
            "TSGEN.AT <_10> DEBOUNCE.EXTEND k 50000 <t>",
            "TSGEN.AT <_11> DEBOUNCE.NACK k <t> DELAY 90000",
            "TSGEN.AT <_12> DEBOUNCE.NACK k <u> DEAD",
            "TSGEN.AT <_13> DEBOUNCE.REQUEUE k ALL",
            "TSGEN.AT <_14> DEBOUNCE.CLAIM k w COUNT 1 LEASE 77000 TOKEN <v>",
            "TSGEN.AT <_15> DEBOUNCE.RELEASE k w",
            "TSGEN.AT <_16> DEBOUNCE.CLAIM k w COUNT 1 LEASE 30000 TOKEN <x>",
            "DEBOUNCE.ACK k <x>",
            "TSGEN.AT <_17> DEBOUNCE.ALTER k IDLE 5000",
        ],
    );
}

#[test]
fn a_first_push_tells_the_creation_with_every_option_first() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("CONFIG SET tsgen.debounce-idle 4321 tsgen.debounce-unique no tsgen.lease 12345");
    let mut feed = Feed::open(&server);
    c.play("> DEBOUNCE.PUSH k g x x\n 2");
    feed.expect(
        &mut c,
        &[
            "MULTI",
            "DEBOUNCE.CREATE k IDLE 4321 MAXWAIT 0 MAXITEMS 0 UNIQUE no LEASE 12345 MAXDELIVERIES 16 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0",
            "TSGEN.AT <now> DEBOUNCE.PUSH k g x x",
            "EXEC",
        ],
    );
    c.play("> CONFIG SET tsgen.max-len 1 tsgen.debounce-max-items 1\n OK\n > DEBOUNCE.PUSH none g x y\n -FULL …\n > EXISTS none\n 0");
    feed.expect(&mut c, &[]);
}

#[test]
fn what_changes_nothing_and_what_only_time_does_is_not_replicated() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 50\n OK\n > DEBOUNCE.PUSH k g a\n 1");
    let mut feed = Feed::open(&server);
    // It fires, and the timer says so; but nobody has claimed it.
    wait_until("it has fired", || groups(&mut c, "k") == [0, 1, 0, 0, 0]);
    c.play(
        r#"
        > DEBOUNCE.GET k g
        nil
        > DEBOUNCE.GROUPS k
        []
        > DEBOUNCE.FLUSH k g
        0
        > DEBOUNCE.FLUSHALL k
        0
        > DEBOUNCE.CANCEL k g
        0
        > DEBOUNCE.CLAIM none w
        []
        > DEBOUNCE.FLUSH none g
        0
        > DEBOUNCE.ACK k 1
        0
        > DEBOUNCE.NACK k 1
        0
        > DEBOUNCE.RELEASE k w
        0
        > DEBOUNCE.ALTER k IDLE 50
        OK
        > DEBOUNCE.PUSH k g
        -ERR …
        > DEBOUNCE.CREATE k
        -BUSYKEY …
        "#,
    );
    feed.expect(&mut c, &[]);
}

#[test]
fn the_claim_of_a_woken_worker_follows_what_woke_it() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k MAXITEMS 2");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0 LEASE 500");
    let mut feed = Feed::open(&server);
    c.play("> MULTI\n OK\n > DEBOUNCE.PUSH k g a b\n QUEUED\n > SET x 1\n QUEUED\n > EXEC\n [0 OK]");
    let token = worker.reply().items()[0].items()[0].int();
    feed.expect(
        &mut c,
        &[
            "MULTI",
            "TSGEN.AT <_1> DEBOUNCE.PUSH k g a b",
            "SET x 1",
            "EXEC",
            &format!("TSGEN.AT <_2> DEBOUNCE.CLAIM k w COUNT 1 LEASE 500 TOKEN {token}"),
        ],
    );
    c.ok("EVAL \"redis.call('DEBOUNCE.PUSH', 'k', 'g', 'c') return redis.call('DEBOUNCE.FLUSH', 'k', 'g')\" 1 k");
    let told = ["MULTI", "TSGEN.AT <_3> DEBOUNCE.PUSH k g c", "TSGEN.AT <_4> DEBOUNCE.FLUSH k g", "EXEC"];
    feed.expect(&mut c, &told);
}

/// The replica's clock says that everything is due, and reads say so too. Yet it does nothing of its own.
#[test]
fn a_replica_is_silent_until_it_is_told() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> DEBOUNCE.CREATE k IDLE 50\n OK\n > DEBOUNCE.CREATE piped IDLE 50 SINK stream\n OK\n > DEBOUNCE.PUSH k g a\n 1");
    replica.wait_in_sync(&master);
    let mut events = Events::subscribe(&replica);
    // The master can neither feed the sink nor hand anything out; the replica could.
    c.play("> DEBOUNCE.PUSH piped g a\n 1\n > CLIENT PAUSE 60000 WRITE\n OK");
    let mut r = replica.client();
    wait_until("both are due on the replica", || {
        [groups(&mut r, "k"), groups(&mut r, "piped")] == [[0, 1, 0, 0, 0]; 2]
    });
    let started = now_ms();
    wait_until("some time has passed", || now_ms() > started + 300);
    r.play("> EXISTS stream\n 0\n > DEBOUNCE.GET k g\n nil");
    for command in ["DEBOUNCE.CLAIM k w BLOCK 0", "DEBOUNCE.PUSH k g x", "DEBOUNCE.FLUSHALL k", "DEBOUNCE.CANCEL k g"] {
        r.expect(command, "-READONLY …");
    }
    c.ok("CLIENT UNPAUSE");
    wait_until("the master feeds the sink", || c.run("XLEN stream") == 1);
    same_data(&master, &replica);
    let told = events.take(&mut c);
    assert!(!told.iter().any(|event| event.ends_with("debounce.ready")), "{told:?}");
    assert_eq!(c.ok("XRANGE stream - +"), r.ok("XRANGE stream - +"));
}

#[test]
fn a_promoted_replica_lets_its_groups_fire() {
    let (mut master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > DEBOUNCE.CREATE k IDLE 700
        OK
        > DEBOUNCE.CREATE piped IDLE 700 SINK stream
        OK
        > DEBOUNCE.CREATE leased LEASE 700
        OK
        > DEBOUNCE.PUSH leased g x
        1
        > DEBOUNCE.FLUSH leased g
        1
        > DEBOUNCE.CLAIM leased w
        [[<t> 1 'g' …]]
        > DEBOUNCE.PUSH piped g x
        1
        > DEBOUNCE.PUSH k g x
        1
        "#,
    );
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut c = replica.client();
    c.ok("REPLICAOF NO ONE");
    let reply = c.ok("DEBOUNCE.CLAIM k heir BLOCK 20000");
    let pushed_at = reply.items()[0].items()[4].items()[1].int();
    assert!(server_ms(&mut c) >= pushed_at + 700);
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    c.expect("DEBOUNCE.CLAIM leased heir BLOCK 20000", "[[<u> 2 'g' 'flush' ['x' <_>]]]");
}

/// A replica's timer looks at a key that is due once in ten seconds. Who is promoted must not wait for that.
#[test]
fn a_group_that_fell_due_on_a_replica_fires_as_soon_as_that_is_promoted() {
    let (mut master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> DEBOUNCE.CREATE piped IDLE 2500 SINK stream\n OK\n > DEBOUNCE.PUSH piped g x\n 1");
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut c = replica.client();
    let pushed_at = server_ms(&mut c);
    wait_until("the replica's timer has found it due", || server_ms(&mut c) > pushed_at + 2600);
    assert_eq!(groups(&mut c, "piped"), [0, 1, 0, 0, 0]);
    c.ok("REPLICAOF NO ONE");
    let promoted_at = server_ms(&mut c);
    wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    let waited = server_ms(&mut c) - promoted_at;
    assert!(waited < 5_000, "{waited} ms after the promotion");
}

/// Loaded by a full sync and never written to since: the promoted replica's timer must know the keys from loading alone.
#[test]
fn a_replica_promoted_right_after_a_full_sync_lets_its_groups_fire() {
    for args in [&[][..], &["--repl-diskless-load", "swapdb"]] {
        let (mut master, replica) = (Server::start(&[]), Server::start(args));
        let mut c = master.client();
        c.play("> DEBOUNCE.CREATE piped IDLE 400 SINK stream\n OK\n > DEBOUNCE.PUSH piped g x\n 1");
        replica.replica_of(&master);
        // What is due by then is the replica's to append if the master did not get to it.
        master.stop(Stop::Kill);
        let mut c = replica.client();
        c.ok("REPLICAOF NO ONE");
        wait_until("the sink is fed", || c.run("XLEN stream") == 1);
    }
}

#[test]
fn wait_counts_replicas_for_our_writes() {
    let (master, _replica) = pair(&[]);
    master.client().play("> DEBOUNCE.PUSH k g a\n 1\n > WAIT 1 20000\n 1\n > DEBOUNCE.FLUSH k g\n 1\n > WAIT 1 20000\n 1\n > DEBOUNCE.CLAIM k w\n [[<t> …]]\n > WAIT 1 20000\n 1");
}

#[test]
fn replicas_publish_the_events_of_what_they_repeat() {
    let (master, replica) = pair(&[]);
    let mut events = Events::subscribe(&replica);
    let mut c = master.client();
    c.play("> DEBOUNCE.PUSH k g a\n 1\n > DEBOUNCE.FLUSH k g\n 1\n > DEBOUNCE.PUSH k h a\n 1\n > DEBOUNCE.CANCEL k h\n 1\n > DEBOUNCE.CLAIM k w\n [[<t> …]]");
    let told = events.take(&mut c);
    let rest =
        ["create", "push", "flush", "ready", "push", "cancel", "claim"].map(|event| format!("k debounce.{event}"));
    assert_eq!(told, rest);
}
