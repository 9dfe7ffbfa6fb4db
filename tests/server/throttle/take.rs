//! THROTTLE.TAKE itself: its replies at any time, and its time to live.
//!
//! Time is virtual and in the future, for a key whose time to live is over is gone.

use crate::common::{pair, virtual_clock};
use crate::harness::*;

#[test]
fn a_reply_is_allowed_limit_remaining_retry_after_and_reset_after() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 3 3000
        [1 3 2 -1 1000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 3 3000 COST 2
        [1 3 0 -1 3000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 3 3000
        [0 3 0 1000 3000]
        > TSGEN.AT 4000000000999 throttle.take k 3 3000
        [0 3 0 1 2001]
        > TSGEN.AT 4000000001000 THROTTLE.TAKE k 3 3000
        [1 3 0 -1 3000]
        > TSGEN.AT 4000000002500 THROTTLE.TAKE k 3 3000 cost 2
        [0 3 1 500 1500]
        > TSGEN.AT 4000000003000 THROTTLE.TAKE k 3 3000 COST 2
        [1 3 0 -1 3000]
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 3 3000
        [1 3 2 -1 1000]
        "#,
    );
}

#[test]
fn burst_is_how_much_there_may_be_at_once() {
    virtual_clock().client().play(
        r#"
        # One in ten seconds, five at once.
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 1 10000 BURST 5 COST 5
        [1 1 0 -1 50000]
        > TSGEN.AT 4000000009999 THROTTLE.TAKE k 1 10000 BURST 5
        [0 1 0 1 40001]
        > TSGEN.AT 4000000010000 THROTTLE.TAKE k 1 10000 BURST 5
        [1 1 0 -1 50000]
        # A hundred in a second, but evenly.
        > TSGEN.AT 4000000000000 THROTTLE.TAKE even 100 1000 COST 1 BURST 1
        [1 100 0 -1 10]
        > TSGEN.AT 4000000000009 THROTTLE.TAKE even 100 1000 BURST 1
        [0 100 0 1 1]
        > TSGEN.AT 4000000000010 THROTTLE.TAKE even 100 1000 BURST 1
        [1 100 0 -1 10]
        "#,
    );
}

/// The clock is told to the microsecond. By milliseconds, one each at most would come back.
#[test]
fn more_than_one_each_millisecond_come_back_one_by_one() {
    let (master, replica) = pair(&["--tsgen.virtual-clock", "yes"]);
    let mut c = master.client();
    let take = "TSGEN.AT 4000000000000 THROTTLE.TAKE k 2000 1000 BURST 1";
    for (us, reply) in [
        (100, "[1 2000 0 -1 1]"),
        (100, "[0 2000 0 1 1]"),
        (599, "[0 2000 0 1 1]"),
        (600, "[1 2000 0 -1 1]"),
        (999, "[0 2000 0 1 1]"),
    ] {
        c.expect(&format!("{take} MICROS {us}"), reply);
    }
    c.play(
        r#"
        > TSGEN.AT 4000000000001 THROTTLE.TAKE k 2000 1000 BURST 1 MICROS 99
        [0 …]
        > TSGEN.AT 4000000000001 THROTTLE.TAKE k 2000 1000 BURST 1 MICROS 100
        [1 …]
        > TSGEN.AT 4000000000001 THROTTLE.TAKE k 2000 1000 MICROS 1000
        -ERR MICROS must be an integer between 0 and 999
        > THROTTLE.TAKE k 2000 1000 MICROS 5
        -ERR unknown option 'MICROS'
        "#,
    );
    same_data(&master, &replica);
}

/// Redis would remove the key at once, for it lives by the real clock: the limit would be full again at each take.
#[test]
fn a_take_at_a_time_that_is_over_limits_as_any() {
    let (master, replica) = pair(&["--tsgen.virtual-clock", "yes", "--appendonly", "yes"]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.AT 1000 THROTTLE.TAKE k 2 1000
        [1 2 1 -1 500]
        > TSGEN.AT 1000 THROTTLE.TAKE k 2 1000
        [1 2 0 -1 1000]
        > TSGEN.AT 1499 THROTTLE.TAKE k 2 1000
        [0 2 0 1 501]
        > TSGEN.AT 1500 THROTTLE.TAKE k 2 1000
        [1 2 0 -1 1000]
        > TTL k
        -1
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 2 1000
        [1 2 1 -1 500]
        > PEXPIRETIME k
        4000000000500
        > TSGEN.AT 1000 THROTTLE.TAKE other 2 1000
        [1 2 1 -1 500]
        "#,
    );
    let view = |server: &Server| ["k", "other"].map(|key| server.client().ok(&format!("PEXPIRETIME {key}")).int());
    assert_eq!(view(&master), [4_000_000_000_500, -1]);
    same_data(&master, &replica);
    assert_eq!(view(&replica), view(&master));
    let (digest, seen) = (master.digest_all(), view(&master));
    c.ok("DEBUG LOADAOF");
    assert_eq!((master.digest_all(), view(&master)), (digest, seen));
}

/// 142.857… ms each: at which millisecond the n-th is back is the ceiling of n times that, with no drift.
#[test]
fn a_period_that_the_limit_does_not_divide_is_exact() {
    let server = virtual_clock();
    let mut c = server.client();
    for (limit, period) in [(7, 1_000), (60, 60_000), (3, 1_000)] {
        let start = 4_000_000_000_000_i64;
        let key = format!("k{limit}");
        let mut take = |at: i64| c.ok(&format!("TSGEN.AT {at} THROTTLE.TAKE {key} {limit} {period}")).items()[0].int();
        (0..limit).for_each(|_| assert_eq!(take(start), 1));
        for nth in 1..=500 {
            let back = start + (nth * period + limit - 1) / limit;
            assert_eq!([take(back - 1), take(back), take(back)], [0, 1, 0], "number {nth} of {limit} per {period}");
        }
    }
}

#[test]
fn a_cost_of_nothing_looks_and_neither_makes_nor_changes_a_key() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 2 1000 COST 0
        [1 2 2 -1 0]
        > EXISTS k
        0
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 2 1000 COST 2
        [1 2 0 -1 1000]
        "#,
    );
    let digest = server.digest("k");
    c.play("> TSGEN.AT 4000000000500 THROTTLE.TAKE k 2 1000 COST 0\n [1 2 1 -1 500]\n > PEXPIRETIME k\n 4000000001000");
    assert_eq!(server.digest("k"), digest);
}

#[test]
fn what_was_taken_at_another_rate_stays_taken_until_its_time() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 10 10000 COST 10
        [1 10 0 -1 10000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 1 1000 BURST 2
        [0 1 0 9000 10000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 1 1000 BURST 2 COST 0
        [0 1 0 8000 10000]
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 1 1000 BURST 2
        [1 1 0 -1 2000]
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 1 1000 BURST 5
        [1 1 2 -1 3000]
        > DEL k
        1
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 1 1000 BURST 2
        [1 1 1 -1 1000]
        "#,
    );
}

#[test]
fn a_clock_that_steps_back_delays_and_forgives_nothing() {
    let mut clock = Clock::at_noon();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.expect("THROTTLE.TAKE k 2 10000 COST 2", "[1 2 0 -1 10000]");
    clock.step(-60_000);
    c.expect("THROTTLE.TAKE k 2 10000", "[0 2 0 <a> <b>]");
    assert!(c.bound("a") > 60_000);
    clock.step(60_000);
    clock.pass(5_000);
    c.expect("THROTTLE.TAKE k 2 10000", "[1 2 0 -1 <_>]");
}

#[test]
fn the_key_lives_until_it_is_full_again_and_removes_itself() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 7 1000
        [1 7 6 -1 143]
        > PEXPIRETIME k
        4000000000143
        > TSGEN.AT 4000000000100 THROTTLE.TAKE k 7 1000 COST 5
        [1 7 1 -1 758]
        > PEXPIRETIME k
        4000000000858
        > PERSIST k
        1
        > TSGEN.AT 4000000000100 THROTTLE.TAKE k 7 1000 COST 2
        [0 7 1 43 758]
        > PTTL k
        -1
        > TSGEN.AT 4000000000144 THROTTLE.TAKE k 7 1000
        [1 7 1 -1 856]
        > PEXPIRETIME k
        4000000001000
        > THROTTLE.TAKE real 1 50
        [1 1 0 -1 50]
        "#,
    );
    // Nobody touches it: DBSIZE counts what is there.
    wait_until("it is gone", || c.run("DBSIZE") == 1);
    c.play("> EXISTS real\n 0\n > THROTTLE.TAKE real 1 100000\n [1 1 0 -1 100000]");
}
