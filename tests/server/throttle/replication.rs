//! Replicas of THROTTLE keys: what they are told, literally, and that they hold the same, for as long.

use crate::common::AOF;
use crate::harness::*;

#[test]
fn what_was_taken_carries_its_time_and_what_was_not_is_not_told() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > throttle.take k 2 1000000
        [1 2 1 …]
        > THROTTLE.TAKE k 2 1000000 COST 0
        [1 2 1 …]
        > THROTTLE.TAKE k 2 1000000 COST 2
        [0 2 1 …]
        > THROTTLE.TAKE k 2 1000000 BURST 2 cost 1
        [1 2 0 …]
        > THROTTLE.TAKE k 2 1000000
        [0 2 0 …]
        > THROTTLE.TAKE k 2 1000000 COST 3
        -ERR …
        > THROTTLE.TAKE none 2 1000000 COST 0
        [1 2 2 …]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE v 5 1000
        [1 5 4 -1 200]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE v 5 1000 COST 5
        [0 5 4 200 200]
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_1> THROTTLE.TAKE k 2 1000000 MICROS <_u1>",
            "TSGEN.AT <_2> THROTTLE.TAKE k 2 1000000 BURST 2 cost 1 MICROS <_u2>",
            "TSGEN.AT 4000000000000 THROTTLE.TAKE v 5 1000",
        ],
    );
    c.play(
        r#"
        > MULTI
        OK
        > THROTTLE.TAKE m 1 1000000
        QUEUED
        > THROTTLE.TAKE m 1 1000000
        QUEUED
        > SET x 1
        QUEUED
        > EXEC
        [[1 …] [0 …] OK]
        > EVAL "return redis.call('THROTTLE.TAKE', KEYS[1], 1, 1000000)" 1 s
        [1 …]
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "MULTI",
            "TSGEN.AT <_3> THROTTLE.TAKE m 1 1000000 MICROS <_u3>",
            "SET x 1",
            "EXEC",
            "TSGEN.AT <_4> THROTTLE.TAKE s 1 1000000 MICROS <_u4>",
        ],
    );
}

/// Gone where it expired first, and told so; then a new one.
#[test]
fn a_key_that_is_full_again_is_deleted_before_it_is_taken_from_anew() {
    let clock = &mut Clock::at_noon();
    // Otherwise it is told as UNLINK; Valkey's default.
    let server = Server::start_under(clock, &["--lazyfree-lazy-expire", "no"]);
    let mut c = server.client();
    // Only touching it deletes it.
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    let mut feed = Feed::open(&server);
    c.expect("THROTTLE.TAKE k 2 1000", "[1 2 1 -1 500]");
    clock.pass(10_000);
    c.expect("THROTTLE.TAKE k 2 1000", "[1 2 1 -1 500]");
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_1> THROTTLE.TAKE k 2 1000 MICROS <_u5>",
            "MULTI",
            "DEL k",
            "TSGEN.AT <_2> THROTTLE.TAKE k 2 1000 MICROS <_u6>",
            "EXEC",
        ],
    );
}

#[test]
fn master_replica_and_reloaded_aof_hold_the_same_for_as_long() {
    let master = Server::start(&AOF);
    let mut c = master.client();
    c.ok("THROTTLE.TAKE before 7 1000000 COST 3");
    let (replica, diskless) = (Server::start(&[]), Server::start(&["--repl-diskless-load", "swapdb"]));
    for server in [&replica, &diskless] {
        server.replica_of(&master);
    }
    for (key, limit) in [("before", 7), ("a", 3), ("b", 60), ("c", 99)] {
        for _ in 0..3 {
            c.ok(&format!("THROTTLE.TAKE {key} {limit} 9999999"));
        }
    }
    let view = |server: &Server| {
        let mut c = server.client();
        ["before", "a", "b", "c"].map(|key| (server.digest(key), c.ok(&format!("PEXPIRETIME {key}")).int()))
    };
    let seen = view(&master);
    assert!(seen.iter().all(|(_, until)| *until > now_ms()), "{seen:?}");
    for server in [&replica, &diskless] {
        same_data(&master, server);
        assert_eq!(view(server), seen);
    }
    c.ok("DEBUG LOADAOF");
    assert_eq!(view(&master), seen);
}

/// Its own clock is far ahead of the master's; yet it is the master that says what was taken and when a key is gone.
#[test]
fn a_replica_goes_by_the_clock_of_its_master() {
    let mut clock = Clock::new();
    clock.step(3_600_000);
    let (master, replica) = (Server::start(&[]), Server::start_under(&clock, &[]));
    replica.replica_of(&master);
    let mut c = master.client();
    for _ in 0..3 {
        c.ok("THROTTLE.TAKE k 5 1000000");
    }
    c.expect("THROTTLE.TAKE k 5 1000000 COST 5", "[0 5 2 …]");
    replica.wait_in_sync(&master);
    let until = c.ok("PEXPIRETIME k").int();
    assert_eq!(master.digest("k"), replica.digest("k"));
    // To who asks it the key's time is over. It is still there, and what the master has.
    assert_eq!(replica.client().ok("DBSIZE"), 1);
    replica.client().ok("REPLICAOF NO ONE");
    clock.step(-3_600_000);
    let mut r = replica.client();
    wait_until("the clock is right again", || r.run("PEXPIRETIME k") == until);
    r.expect("THROTTLE.TAKE k 5 1000000 COST 2", "[1 5 0 …]");
    r.expect("THROTTLE.TAKE k 5 1000000", "[0 5 0 …]");
}

#[test]
fn a_read_only_replica_refuses_even_a_look() {
    let (master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    master.client().ok("THROTTLE.TAKE k 5 1000000");
    for command in ["THROTTLE.TAKE k 5 1000000", "THROTTLE.TAKE k 5 1000000 COST 0"] {
        replica.client().expect(command, "-READONLY …");
    }
}

#[test]
fn replicas_publish_the_events_of_what_they_repeat() {
    let (master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut events = Events::subscribe(&replica);
    let mut c = master.client();
    c.play("> THROTTLE.TAKE k 1 1000000\n [1 …]\n > THROTTLE.TAKE k 1 1000000\n [0 …]");
    assert_eq!(events.take(&mut c), ["k throttle.take"]);
}
