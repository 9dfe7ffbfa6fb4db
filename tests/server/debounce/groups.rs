//! DEBOUNCE itself: what is pushed, collected, looked at, and why and when it fires, told at exact times.

use super::*;
use crate::common::virtual_clock;
use crate::harness::*;

#[test]
fn a_group_fires_once_it_was_quiet_with_all_its_items_in_order_of_arrival() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k seller:10 p3 p1
        2
        > TSGEN.AT 5000 DEBOUNCE.PUSH k seller:20 other
        1
        > TSGEN.AT 5900 DEBOUNCE.PUSH k seller:10 p2
        3
        > TSGEN.AT 5999 DEBOUNCE.CLAIM k w COUNT 10
        []
        > TSGEN.AT 6000 DEBOUNCE.CLAIM k w COUNT 10
        [[6144000 1 'seller:20' 'idle' ['other' 5000]]]
        > TSGEN.AT 6899 DEBOUNCE.CLAIM k w COUNT 10
        []
        > TSGEN.AT 6900 DEBOUNCE.CLAIM k w COUNT 10
        [[7065600 1 'seller:10' 'idle' ['p3' 5000 'p1' 5000 'p2' 5900]]]
        > TSGEN.AT 6900 DEBOUNCE.CLAIM k w COUNT 10
        []
        "#,
    );
}

#[test]
fn a_unique_item_is_kept_once_at_its_first_time_but_restarts_the_timeout() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000 UNIQUE yes
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a a b
        2
        > TSGEN.AT 5600 DEBOUNCE.PUSH k g b a
        2
        > TSGEN.AT 5600 DEBOUNCE.GET k g
        [6600 ['a' 5000 'b' 5000]]
        > TSGEN.AT 6000 DEBOUNCE.CLAIM k w
        []
        > TSGEN.AT 6600 DEBOUNCE.CLAIM k w
        [[<t> 1 'g' 'idle' ['a' 5000 'b' 5000]]]
        # The next collection knows nothing of the last.
        > TSGEN.AT 6700 DEBOUNCE.PUSH k g a
        1
        "#,
    );
}

#[test]
fn without_unique_every_item_is_kept() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000 UNIQUE no
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a a
        2
        > TSGEN.AT 5100 DEBOUNCE.PUSH k g a
        3
        > TSGEN.AT 6100 DEBOUNCE.CLAIM k w
        [[<t> 1 'g' 'idle' ['a' 5000 'a' 5000 'a' 5100]]]
        "#,
    );
}

#[test]
fn max_wait_bounds_a_group_that_is_pushed_for_ever() {
    let server = virtual_clock();
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 1000 MAXWAIT 2500");
    for at in [5000, 5900, 6800] {
        c.ok(&format!("TSGEN.AT {at} DEBOUNCE.PUSH k g item{at}"));
    }
    c.play(
        r#"
        > TSGEN.AT 7400 DEBOUNCE.PUSH k g last
        4
        > TSGEN.AT 7400 DEBOUNCE.GET k g
        [7500 ['item5000' 5000 'item5900' 5900 'item6800' 6800 'last' 7400]]
        > TSGEN.AT 7499 DEBOUNCE.CLAIM k w
        []
        > TSGEN.AT 7500 DEBOUNCE.PUSH k g next
        1
        > TSGEN.AT 7500 DEBOUNCE.CLAIM k w COUNT 9
        [[<t> 1 'g' 'maxwait' ['item5000' 5000 'item5900' 5900 'item6800' 6800 'last' 7400]]]
        > TSGEN.AT 7500 DEBOUNCE.GET k g
        [8500 ['next' 7500]]
        > TSGEN.AT 8500 DEBOUNCE.CLAIM k w
        [[<u> 1 'g' 'idle' ['next' 7500]]]
        "#,
    );
}

#[test]
fn a_full_group_fires_at_once_and_a_long_push_fires_more_than_once() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000 MAXITEMS 3
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a b
        2
        > TSGEN.AT 5100 DEBOUNCE.PUSH k g b c d e f g h
        2
        > TSGEN.AT 5100 DEBOUNCE.CLAIM k w COUNT 9
        [[<t> 1 'g' 'full' ['a' 5000 'b' 5000 'c' 5100]] [<u> 1 'g' 'full' ['d' 5100 'e' 5100 'f' 5100]]]
        > TSGEN.AT 5100 DEBOUNCE.GET k g
        [6100 ['g' 5100 'h' 5100]]
        > TSGEN.AT 5200 DEBOUNCE.PUSH k g i
        0
        > TSGEN.AT 5200 DEBOUNCE.GET k g
        nil
        > TSGEN.AT 5200 DEBOUNCE.CLAIM k w COUNT 9
        [[<v> 1 'g' 'full' ['g' 5100 'h' 5100 'i' 5200]]]
        "#,
    );
}

#[test]
fn a_push_to_an_overdue_group_fires_it_first() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g old
        1
        > TSGEN.AT 5500 DEBOUNCE.PUSH k other x
        1
        > TSGEN.AT 6000 DEBOUNCE.PUSH k g new
        1
        > TSGEN.AT 6000 DEBOUNCE.GET k g
        [7000 ['new' 6000]]
        > TSGEN.AT 9000 DEBOUNCE.PUSH k g newest
        1
        # By the time each fired, not by the time it was noticed.
        > TSGEN.AT 9000 DEBOUNCE.CLAIM k w COUNT 9
        [[<t> 1 'g' 'idle' ['old' 5000]] [<u> 1 'other' 'idle' ['x' 5500]] [<v> 1 'g' 'idle' ['new' 6000]]]
        "#,
    );
}

#[test]
fn get_and_groups_show_what_collects_next_to_fire_first() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.GET none g
        nil
        > DEBOUNCE.GROUPS none
        []
        > DEBOUNCE.CREATE k IDLE 1000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k a 1 2 3
        3
        > TSGEN.AT 5000 DEBOUNCE.PUSH k b 1
        1
        > TSGEN.AT 5001 DEBOUNCE.PUSH k c 1 2
        2
        > TSGEN.AT 5002 DEBOUNCE.PUSH k a 4
        4
        > TSGEN.AT 5002 DEBOUNCE.GROUPS k
        [['b' 1 6000] ['c' 2 6001] ['a' 4 6002]]
        > TSGEN.AT 5002 DEBOUNCE.GROUPS k COUNT 2
        [['b' 1 6000] ['c' 2 6001]]
        > TSGEN.AT 5002 DEBOUNCE.GROUPS k AFTER c
        [['a' 4 6002]]
        > TSGEN.AT 5002 DEBOUNCE.GROUPS k COUNT 1 AFTER b
        [['c' 2 6001]]
        > TSGEN.AT 5002 DEBOUNCE.GROUPS k AFTER a
        []
        # What is due collects no more; as an AFTER it starts from the first that does.
        > TSGEN.AT 6000 DEBOUNCE.GROUPS k AFTER b
        [['c' 2 6001] ['a' 4 6002]]
        > TSGEN.AT 6000 DEBOUNCE.GET k b
        nil
        > TSGEN.AT 6002 DEBOUNCE.GROUPS k
        []
        # Looking has changed nothing.
        > TSGEN.AT 5999 DEBOUNCE.GET k b
        [6000 ['1' 5000]]
        "#,
    );
}

#[test]
fn groups_of_one_deadline_are_paged_without_gap_or_repetition() {
    let server = virtual_clock();
    let mut c = server.client();
    let push =
        |i: usize| ["TSGEN.AT", "5000", "DEBOUNCE.PUSH", "k", &format!("g{i}"), "x"].map(|w| w.as_bytes().to_vec());
    c.pipeline((0..250).map(push));
    assert_eq!(c.ok("TSGEN.AT 5000 DEBOUNCE.GROUPS k").items().len(), 100, "the default COUNT");
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = c.ok(&format!("TSGEN.AT 5000 DEBOUNCE.GROUPS k COUNT 40 {after}"));
        let names: Vec<String> = page.items().iter().map(|group| group.items()[0].text()).collect();
        let Some(last) = names.last() else { break };
        after = format!("AFTER {last}");
        seen.extend(names);
    }
    assert_eq!(seen, (0..250).map(|i| format!("g{i}")).collect::<Vec<_>>());
}

#[test]
fn flush_flushall_and_cancel_end_groups_before_their_time() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.FLUSH none g
        0
        > DEBOUNCE.FLUSHALL none
        0
        > DEBOUNCE.CANCEL none g
        0
        > EXISTS none
        0
        > DEBOUNCE.CREATE k IDLE 1000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k a 1
        1
        > TSGEN.AT 5001 DEBOUNCE.PUSH k b 2
        1
        > TSGEN.AT 5002 DEBOUNCE.PUSH k c 3
        1
        > TSGEN.AT 5003 DEBOUNCE.PUSH k d 4
        1
        > TSGEN.AT 5004 DEBOUNCE.PUSH k e 5
        1
        > TSGEN.AT 5100 DEBOUNCE.CANCEL k e nobody e
        1
        > TSGEN.AT 5100 DEBOUNCE.FLUSH k d nobody d
        1
        > TSGEN.AT 5200 DEBOUNCE.FLUSHALL k COUNT 2
        2
        > TSGEN.AT 5200 DEBOUNCE.GROUPS k
        [['c' 1 6002]]
        > TSGEN.AT 5200 DEBOUNCE.CLAIM k w COUNT 9
        [[<d> 1 'd' 'flush' ['4' 5003]] [<a> 1 'a' 'flush' ['1' 5000]] [<b> 1 'b' 'flush' ['2' 5001]]]
        > TSGEN.AT 5300 DEBOUNCE.FLUSHALL k
        1
        > TSGEN.AT 5300 DEBOUNCE.FLUSHALL k
        0
        # Too late: it has fired, whoever has noticed.
        > TSGEN.AT 5400 DEBOUNCE.PUSH k late x
        1
        > TSGEN.AT 6400 DEBOUNCE.FLUSH k late
        0
        > TSGEN.AT 6400 DEBOUNCE.CANCEL k late
        0
        > TSGEN.AT 6400 DEBOUNCE.FLUSHALL k
        0
        > TSGEN.AT 6400 DEBOUNCE.CLAIM k w COUNT 9
        [[<c> 1 'c' 'flush' ['3' 5002]] [<l> 1 'late' 'idle' ['x' 5400]]]
        "#,
    );
}

#[test]
fn flushall_takes_a_thousand_unless_told_otherwise() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let push = |i: usize| ["DEBOUNCE.PUSH", "k", &format!("g{i}"), "x"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..1_500).map(push));
    c.play("> DEBOUNCE.FLUSHALL k\n 1000\n > DEBOUNCE.FLUSHALL k COUNT 10000\n 500");
    assert_eq!(groups(&mut c, "k"), [0, 1_500, 0, 0, 0]);
}

#[test]
fn alter_counts_from_the_next_push_on_and_unique_is_fixed() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k a 1
        1
        > TSGEN.AT 5000 DEBOUNCE.PUSH k b 1 2
        2
        > TSGEN.AT 5000 DEBOUNCE.ALTER k IDLE 10000
        OK
        > TSGEN.AT 5000 DEBOUNCE.GROUPS k
        [['a' 1 6000] ['b' 2 6000]]
        > TSGEN.AT 5500 DEBOUNCE.PUSH k a 2
        2
        > TSGEN.AT 5500 DEBOUNCE.GROUPS k
        [['b' 2 6000] ['a' 2 15500]]
        > TSGEN.AT 5500 DEBOUNCE.ALTER k MAXWAIT 700 MAXITEMS 3
        OK
        > TSGEN.AT 5500 DEBOUNCE.GROUPS k
        [['b' 2 6000] ['a' 2 15500]]
        > TSGEN.AT 5600 DEBOUNCE.PUSH k a 2
        2
        > TSGEN.AT 5600 DEBOUNCE.GROUPS k
        [['a' 2 5700] ['b' 2 6000]]
        > TSGEN.AT 5600 DEBOUNCE.PUSH k b 3
        0
        > TSGEN.AT 5600 DEBOUNCE.ALTER k UNIQUE no
        -ERR UNIQUE is fixed when the key is created
        > TSGEN.AT 5700 DEBOUNCE.CLAIM k w COUNT 9
        [[<b> 1 'b' 'full' …] [<a> 1 'a' 'maxwait' …]]
        "#,
    );
}

/// A max wait that is over when it is set does not send the group into the past.
#[test]
fn a_max_wait_shortened_below_the_age_of_a_group_fires_it_at_its_next_push() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 10000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a
        1
        > TSGEN.AT 8000 DEBOUNCE.ALTER k MAXWAIT 1000
        OK
        > TSGEN.AT 9000 DEBOUNCE.PUSH k g b
        2
        > TSGEN.AT 9000 DEBOUNCE.CLAIM k w
        [[<t> 1 'g' 'maxwait' ['a' 5000 'b' 9000]]]
        "#,
    );
}
