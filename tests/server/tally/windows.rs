//! TALLY itself: what is summed, when a window is sealed, and what a batch looks like, told at exact times.

use crate::common::virtual_clock;

#[test]
fn increments_are_summed_until_their_window_ends_and_delivered_in_byte_order() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000
        OK
        > TSGEN.AT 5000 TALLY.INCR k b
        1
        > TSGEN.AT 5001 TALLY.INCR k b 41
        42
        > TSGEN.AT 5500 TALLY.INCR k a -7
        -7
        > TSGEN.AT 5600 TALLY.MINCR k B 1 b 0 ab 3 "" 4
        [1 42 3 4]
        > TSGEN.AT 5999 TALLY.CLAIM k w COUNT 10
        []
        # The window counts from its first increment.
        > TSGEN.AT 6000 TALLY.CLAIM k w COUNT 10
        [[6144000 1 6144000 5000 6000 ['' 4 'B' 1 'a' -7 'ab' 3 'b' 42]]]
        > TSGEN.AT 6000 TALLY.CLAIM k w COUNT 10
        []
        # The next begins when something comes, and not before.
        > TSGEN.AT 8500 TALLY.INCR k b
        1
        > TSGEN.AT 9499 TALLY.CLAIM k w COUNT 10
        []
        > TSGEN.AT 9500 TALLY.CLAIM k w COUNT 10
        [[9728000 1 9728000 8500 9500 ['b' 1]]]
        "#,
    );
}

#[test]
fn an_increment_of_an_overdue_window_seals_it_first_as_of_the_end_of_its_time() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000
        OK
        > TSGEN.AT 5000 TALLY.INCR k a 1
        1
        > TSGEN.AT 6000 TALLY.INCR k a 10
        10
        > TSGEN.AT 99000 TALLY.MINCR k a 100 b 1 a 100
        [100 1 200]
        > TSGEN.AT 99000 TALLY.INFO k
        […'fields' 2 'opened-at' 99000 'seals-at' 100000 'collecting' 1 'ready' 2 …]
        > TSGEN.AT 100000 TALLY.CLAIM k w COUNT 10
        [[102400000 1 6144000 5000 6000 ['a' 1]] [102400001 1 101376000 6000 7000 ['a' 10]] [102400002 1 102400000 99000 100000 ['a' 200 'b' 1]]]
        "#,
    );
}

#[test]
fn a_window_is_sealed_at_once_with_its_last_field() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000 MAXFIELDS 3
        OK
        > TSGEN.AT 5000 TALLY.MINCR k b 1 a 1
        [1 1]
        > TSGEN.AT 5100 TALLY.INCR k a 1
        2
        > TSGEN.AT 5200 TALLY.INCR k c 5
        5
        > TSGEN.AT 5200 TALLY.CLAIM k w
        [[5324800 1 5324800 5000 5200 ['a' 2 'b' 1 'c' 5]]]
        # One MINCR may seal more than one; each sum is that of its own window.
        > TSGEN.AT 5300 TALLY.MINCR k a 1 b 2 a 10 c 3 a 100 a 1 d 4 e 5 f 6
        [1 2 11 3 100 101 4 5 6]
        > TSGEN.AT 5300 TALLY.CLAIM k w COUNT 9
        [[<_1> 1 5427200 5300 5300 ['a' 11 'b' 2 'c' 3]] [<_2> 1 5427201 5300 5300 ['a' 101 'd' 4 'e' 5]]]
        > TSGEN.AT 5300 TALLY.GET k f
        6
        > TSGEN.AT 6300 TALLY.CLAIM k w
        [[<_3> 1 6451200 5300 6300 ['f' 6]]]
        > TALLY.CREATE one MAXFIELDS 1
        OK
        > TSGEN.AT 5000 TALLY.MINCR one a 1 a 1
        [1 1]
        > TSGEN.AT 5000 TALLY.CLAIM one w COUNT 3
        [[5120000 1 5120000 5000 5000 ['a' 1]] [5120001 1 5120001 5000 5000 ['a' 1]]]
        "#,
    );
}

#[test]
fn seal_ends_a_window_before_its_time() {
    virtual_clock().client().play(
        r#"
        > TALLY.SEAL none
        0
        > EXISTS none
        0
        > TALLY.CREATE k EVERY 1000
        OK
        > TSGEN.AT 5000 TALLY.SEAL k
        0
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 2
        [1 2]
        > TSGEN.AT 5300 TALLY.SEAL k
        2
        > TSGEN.AT 5300 TALLY.SEAL k
        0
        > TSGEN.AT 5300 TALLY.INCR k a
        1
        > TSGEN.AT 5300 TALLY.CLAIM k w COUNT 2
        [[<t> 1 5427200 5000 5300 ['a' 1 'b' 2]]]
        # Too late: its time is over, whoever has noticed.
        > TSGEN.AT 6300 TALLY.SEAL k
        0
        > TSGEN.AT 6300 TALLY.CLAIM k w
        [[<u> 1 6451200 5300 6300 ['a' 1]]]
        "#,
    );
}

#[test]
fn get_tells_what_is_not_acknowledged_wherever_it_is() {
    virtual_clock().client().play(
        r#"
        > TALLY.GET none f
        0
        > TALLY.CREATE k EVERY 1000 MAXDELIVERIES 1
        OK
        > TSGEN.AT 5000 TALLY.MINCR k f 1 g 500
        [1 500]
        > TALLY.GET k f
        1
        > TSGEN.AT 6000 TALLY.MINCR k f 10 g 500
        [10 500]
        > TSGEN.AT 7000 TALLY.INCR k f 100
        100
        > TSGEN.AT 8000 TALLY.INCR k f 1000
        1000
        > TSGEN.AT 9000 TALLY.INCR k f 10000
        10000
        > TALLY.GET k f
        11111
        > TALLY.GET k h
        0
        # Leased, delayed and dead ones are not acknowledged.
        > TSGEN.AT 9500 TALLY.CLAIM k w COUNT 3 LEASE 5000
        [[<a> …] [<b> …] [<c> …]]
        > TSGEN.AT 9500 TALLY.NACK k <b> DEAD
        1
        > TALLY.GET k f
        11111
        > TALLY.ACK k <a>
        1
        > TALLY.GET k f
        11110
        > TALLY.DISCARD k <b>
        1
        > TALLY.GET k f
        11100
        > TALLY.GET k g
        0
        "#,
    );
}

#[test]
fn uuids_are_taken_in_either_case_and_stored_in_lower_case() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k FIELD UUID
        OK
        > TSGEN.AT 5000 TALLY.INCR k 67E55044-10B1-426F-9247-BB680E5FE0C8
        1
        > TSGEN.AT 5000 TALLY.MINCR k 67e55044-10b1-426F-9247-bb680e5fe0c8 2 00000000-0000-0000-0000-000000000000 1
        [3 1]
        > TSGEN.AT 5000 TALLY.GET k 67E55044-10b1-426F-9247-bb680e5fe0c8
        3
        > TSGEN.AT 5000 TALLY.SEAL k
        2
        > TSGEN.AT 5000 TALLY.CLAIM k w
        [[<t> 1 <_> 5000 5000 ['00000000-0000-0000-0000-000000000000' 1 '67e55044-10b1-426f-9247-bb680e5fe0c8' 3]]]
        > TALLY.CREATE any FIELD ANY
        OK
        > TSGEN.AT 5000 TALLY.MINCR any 67E55044 1 67e55044 1
        [1 1]
        "#,
    );
}

#[test]
fn alter_counts_from_the_next_window_on() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000
        OK
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 1
        [1 1]
        > TSGEN.AT 5100 TALLY.ALTER k EVERY 300
        OK
        > TSGEN.AT 5500 TALLY.CLAIM k w
        []
        > TSGEN.AT 6000 TALLY.INCR k a 1
        1
        > TSGEN.AT 6000 TALLY.CLAIM k w
        [[<t> 1 <n> 5000 6000 ['a' 1 'b' 1]]]
        > TSGEN.AT 6299 TALLY.CLAIM k w
        []
        > TSGEN.AT 6300 TALLY.CLAIM k w
        [[<u> 1 <m> 6000 6300 ['a' 1]]]
        # Fewer fields than the window has: it goes on with these, and a new one seals it.
        > TSGEN.AT 7000 TALLY.MINCR k a 1 b 1 c 1
        [1 1 1]
        > TSGEN.AT 7000 TALLY.ALTER k MAXFIELDS 2
        OK
        > TSGEN.AT 7000 TALLY.INCR k b 1
        2
        > TSGEN.AT 7000 TALLY.CLAIM k w
        []
        > TSGEN.AT 7000 TALLY.INCR k d 1
        1
        > TSGEN.AT 7000 TALLY.CLAIM k w
        [[<v> 1 <o> 7000 7000 ['a' 1 'b' 2 'c' 1 'd' 1]]]
        "#,
    );
}
