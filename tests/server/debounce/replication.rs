//! Replicas of DEBOUNCE keys: what they are told, literally, that they keep still, and what they do once promoted.

use super::groups;
use crate::common::*;
use crate::harness::*;

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
        > DEBOUNCE.ALTER k IDLE 5000
        OK
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_0> DEBOUNCE.CREATE k IDLE 3600000 MAXWAIT 0 MAXITEMS 9 UNIQUE yes LEASE 30000 MAXDELIVERIES 16 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0",
            "TSGEN.AT <_1> DEBOUNCE.PUSH k a 1 '' 2",
            "TSGEN.AT <_2> DEBOUNCE.PUSH k a 2",
            "TSGEN.AT <_3> DEBOUNCE.PUSH k b 1",
            "TSGEN.AT <_4> DEBOUNCE.PUSH k c 1",
            "TSGEN.AT <_5> DEBOUNCE.PUSH k d 1",
            "TSGEN.AT <_6> DEBOUNCE.FLUSH k a nobody",
            "TSGEN.AT <_7> DEBOUNCE.CANCEL k b nobody",
            "TSGEN.AT <_8> DEBOUNCE.FLUSHALL k COUNT 1",
            "TSGEN.AT <_9> DEBOUNCE.ALTER k IDLE 5000",
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
            "TSGEN.AT <now> DEBOUNCE.CREATE k IDLE 4321 MAXWAIT 0 MAXITEMS 0 UNIQUE no LEASE 12345 MAXDELIVERIES 16 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0",
            "TSGEN.AT <now> DEBOUNCE.PUSH k g x x",
            "EXEC",
        ],
    );
    c.play("> CONFIG SET tsgen.max-len 1 tsgen.debounce-max-items 1\n OK\n > DEBOUNCE.PUSH none g x y\n -FULL …\n > EXISTS none\n 0");
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

#[test]
fn reads_on_a_replica_answer_as_if_the_group_had_fired() {
    let (master, replica) = pair(&[]);
    master.client().play("> DEBOUNCE.CREATE k IDLE 100\n OK\n > DEBOUNCE.PUSH k g a\n 1");
    replica.wait_in_sync(&master);
    let mut r = replica.client();
    wait_until("it is due on the replica", || groups(&mut r, "k") == [0, 1, 0, 0, 0]);
    r.play("> DEBOUNCE.GET k g\n nil\n > DEBOUNCE.GROUPS k\n []");
    for command in ["DEBOUNCE.PUSH k g x", "DEBOUNCE.FLUSHALL k", "DEBOUNCE.CANCEL k g"] {
        r.expect(command, "-READONLY …");
    }
}
