//! Replies of the event-time half: ADD, MADD, ADVANCE, sources, the clock, GET, RANGE, REM, late elements, MAXLEN.

use crate::common::*;
use crate::harness::*;

#[test]
fn add_replies_1_if_it_waits_0_if_ready_and_nil_if_forbidden() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.ADD k 5 a x
        1
        > TSGEN.ADD k NX 5 a y
        nil
        > TSGEN.ADD k XX 5 b
        nil
        > TSGEN.ADD k NX 7 c
        1
        > TSGEN.ADD k XX 6 a z
        1
        > TSGEN.GET k a
        ['waiting' 6 'z']
        > TSGEN.ADVANCE k 6
        6
        > TSGEN.ADD k 6 late
        0
        > TSGEN.ADD k nx 7 late
        nil
        > TSGEN.GET k late
        ['ready' 6 '']
        > TYPE k
        tsgen-tsg
        "#,
    );
}

#[test]
fn add_xx_creates_no_key() {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.ADD k XX 1 a\n nil\n > EXISTS k\n 0");
}

#[test]
fn madd_replies_for_each_element_and_does_all_or_nothing() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.MADD k 1 a x 9 b y
        [1 1]
        > TSGEN.ADVANCE k 5
        5
        > TSGEN.MADD k 5 c "" 6 d ""
        [0 1]
        > TSGEN.MADD k 8 e first 7 e second
        [1 1]
        > TSGEN.GET k e
        ['waiting' 7 'second']
        > TSGEN.CREATE strict LATE REJECT MAXLEN 3
        OK
        > TSGEN.ADVANCE strict 5
        5
        > TSGEN.MADD strict 6 a "" 5 b ""
        -LATE …
        > TSGEN.MADD strict 6 a "" 7 b "" 8 c "" 9 d ""
        -FULL …
        > TSGEN.RANGE strict - +
        []
        > TSGEN.MADD strict 6 a "" 7 b "" 8 c "" 9 c ""
        [1 1 1 1]
        "#,
    );
}

#[test]
fn advance_replies_with_the_watermark_whether_or_not_it_rose() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.WATERMARK k
        nil
        > TSGEN.ADD k 1 a
        1
        > TSGEN.WATERMARK k
        nil
        > TSGEN.ADVANCE k -10
        -10
        > TSGEN.ADVANCE k 7
        7
        > TSGEN.ADVANCE k 3
        7
        > TSGEN.WATERMARK k
        7
        > TSGEN.ADVANCE new 4
        4
        > EXISTS new
        1
        > TSGEN.ADVANCE k 9223372036854775807
        9223372036854775807
        > TSGEN.ADD low -9223372036854775808 a
        1
        > TSGEN.ADVANCE low -9223372036854775808
        -9223372036854775808
        > TSGEN.CLAIM low w
        [[<t> 1 'a' -9223372036854775808 '']]
        "#,
    );
}

#[test]
fn the_watermark_over_sources_is_their_minimum_once_all_have_reported() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.CREATE k SOURCES 3 a b c
        OK
        > TSGEN.MADD k 1 one "" 5 five "" 9 nine ""
        [1 1 1]
        > TSGEN.AT 1000 TSGEN.ADVANCE k 9 SOURCE a
        nil
        > TSGEN.AT 1001 TSGEN.ADVANCE k 5 SOURCE b
        nil
        > TSGEN.AT 1001 TSGEN.CLAIM k w COUNT 10
        []
        > TSGEN.SOURCES k
        [['a' 9 1000 0] ['b' 5 1001 0] ['c' nil …]]
        > TSGEN.AT 1002 TSGEN.ADVANCE k 1 SOURCE c
        1
        > TSGEN.AT 1003 TSGEN.ADVANCE k 7 SOURCE c
        5
        > TSGEN.AT 1004 TSGEN.ADVANCE k 3 SOURCE c
        5
        > TSGEN.SOURCES k
        [['a' 9 1000 0] ['b' 5 1001 0] ['c' 7 …]]
        > TSGEN.AT 1005 TSGEN.CLAIM k w COUNT 10
        [[<t> 1 'one' 1 ''] [<u> 1 'five' 5 '']]
        > TSGEN.WATERMARK k
        5
        > TSGEN.SOURCES none
        []
        "#,
    );
}

#[test]
fn get_range_and_rem_see_waiting_and_ready_elements() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.MADD k 1 a x 2 b "" 3 c "" 4 d "" 5 e ""
        [1 1 1 1 1]
        > TSGEN.ADVANCE k 2
        2
        > TSGEN.RANGE k - +
        [['a' 1 'x'] ['b' 2 ''] ['c' 3 ''] ['d' 4 ''] ['e' 5 '']]
        > TSGEN.RANGE k 2 4
        [['b' 2 ''] ['c' 3 ''] ['d' 4 '']]
        > TSGEN.RANGE k (2 (4
        [['c' 3 '']]
        > TSGEN.RANGE k - 3 COUNT 2
        [['a' 1 'x'] ['b' 2 '']]
        > TSGEN.RANGE k 4 2
        []
        > TSGEN.RANGE none - +
        []
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<t> 1 'a' 1 'x']]
        > TSGEN.AT 1000 TSGEN.RANGE k - 2
        [['b' 2 '']]
        > TSGEN.AT 1000 TSGEN.GET k a
        ['leased' 1 'x']
        > TSGEN.GET k none
        nil
        > TSGEN.GET none a
        nil
        > TSGEN.REM k a b c none c
        3
        > TSGEN.ACK k <t>
        0
        > TSGEN.GET k a
        nil
        > TSGEN.RANGE k - +
        [['d' 4 ''] ['e' 5 '']]
        > TSGEN.REM none a
        0
        > TSGEN.REM k d e
        2
        > EXISTS k
        1
        "#,
    );
}

#[test]
fn a_source_that_has_reported_too_much_is_set_back_on_replicas_and_in_the_aof_too() {
    let (mut master, replica) = pair(&AOF);
    let mut c = master.client();
    let mut feed = Feed::open(&master);
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 2 east west
        OK
        > TSGEN.MADD k 10 a "" 20 b ""
        [1 1]
        > TSGEN.ADVANCE k 1700000000000 SOURCE east
        nil
        "#,
    );
    feed.take(&mut c);
    let mut events = Events::subscribe(&master);
    c.play(
        r#"
        > TSGEN.ALTER k SOURCE west 5
        -ERR SOURCE must not be above …
        > TSGEN.ALTER k SOURCE north 5
        -ERR SOURCE must be one of …
        > TSGEN.ALTER k SOURCE east 5 SOURCE east 5
        -ERR SOURCE given twice
        > TSGEN.ALTER k SOURCE east x
        -ERR SOURCE must be followed …
        > TSGEN.ALTER k SOURCE east 12 MAXLEN x
        -ERR MAXLEN …
        > TSGEN.ALTER k SOURCE east 1700000000000
        OK
        > TSGEN.ALTER k SOURCE east 12 LEASE 500
        OK
        > TSGEN.ADVANCE k 15 SOURCE west
        12
        # Together with the watermark: no further than to either.
        > TSGEN.ALTER k WATERMARK 11 SOURCE west 14
        OK
        > TSGEN.SOURCES k
        [['east' 11 <_> 0] ['west' 11 <_w> 0]]
        > COMMAND GETKEYS TSGEN.ALTER k SOURCE sink 5 SINK stream
        ['k' 'stream']
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_1> TSGEN.ALTER k SOURCE east 12 LEASE 500",
            "TSGEN.AT <_2> TSGEN.ADVANCE k 15 SOURCE west",
            "TSGEN.AT <_3> TSGEN.ALTER k WATERMARK 11 SOURCE west 14",
        ],
    );
    let heard: Vec<_> = events.take(&mut c).into_iter().filter(|event| event.starts_with("k ")).collect();
    assert_eq!(heard, ["k tsgen.alter", "k tsgen.advance", "k tsgen.ready", "k tsgen.alter"]);
    same_data(&master, &replica);
    let digest = master.digest_all();
    master.restart(Stop::Kill);
    assert_eq!(master.digest_all(), digest);
}

/// What is put off keeps its payload, whatever its state, and so it does on replicas and in the AOF.
#[test]
fn xx_without_a_payload_keeps_the_payload_that_is_there() {
    let args = [&AOF[..], &["--tsgen.virtual-clock", "yes"]].concat();
    let (mut master, replica) = pair(&args);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k CLOCK MAXDELIVERIES 1
        OK
        > TSGEN.AT 1000 TSGEN.MADD k 2000 waits one 500 ready two 500 leased three 500 dead four
        [1 0 0 0]
        > TSGEN.AT 1000 TSGEN.ADD k XX +120000 ready
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 9
        [[<l> 1 'leased' 500 'three'] [<d> 1 'dead' 500 'four']]
        > TSGEN.AT 1000 TSGEN.NACK k <d>
        1
        > TSGEN.AT 1000 TSGEN.ADD k XX +120000 waits
        1
        > TSGEN.AT 1000 TSGEN.ADD k xx 900 leased
        0
        > TSGEN.AT 1000 TSGEN.ADD k XX +1 dead
        1
        > TSGEN.AT 1000 TSGEN.ADD k XX 1 none
        nil
        > TSGEN.AT 121000 TSGEN.RANGE k 0 1000000
        [['leased' 900 'three'] ['dead' 1001 'four'] ['ready' 121000 'two'] ['waits' 121000 'one']]
        # NX has none to keep.
        > TSGEN.AT 1000 TSGEN.ADD k NX 900 new
        0
        > TSGEN.AT 1000 TSGEN.GET k new
        ['ready' 900 '']
        "#,
    );
    same_data(&master, &replica);
    let digest = master.digest_all();
    master.restart(Stop::Kill);
    assert_eq!(master.digest_all(), digest);
}

#[test]
fn with_clock_the_watermark_is_the_servers_clock_as_it_is_now() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.CREATE k CLOCK
        OK
        > TSGEN.AT 1000 TSGEN.ADD k +500 rel r
        1
        > TSGEN.AT 1000 TSGEN.ADD k 1200 abs a
        1
        > TSGEN.AT 1000 TSGEN.ADD k 1000 now n
        0
        > TSGEN.AT 1000 TSGEN.GET k rel
        ['waiting' 1500 'r']
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 5
        [[<a> 1 'now' 1000 'n']]
        > TSGEN.AT 1199 TSGEN.CLAIM k w COUNT 5
        []
        > TSGEN.AT 1200 TSGEN.CLAIM k w COUNT 5
        [[<b> 1 'abs' 1200 'a']]
        > TSGEN.AT 1499 TSGEN.GET k rel
        ['waiting' 1500 'r']
        > TSGEN.AT 1500 TSGEN.GET k rel
        ['ready' 1500 'r']
        > TSGEN.AT 1500 TSGEN.WATERMARK k
        1500
        > TSGEN.AT 1500 TSGEN.MADD k +0 x "" +1 y ""
        [0 1]
        > TSGEN.AT 1500 TSGEN.CLAIM k w COUNT 5
        [[<c> 1 'rel' 1500 'r'] [<d> 1 'x' 1500 '']]
        > TSGEN.AT 900 TSGEN.WATERMARK k
        900
        > TSGEN.ADVANCE k 9000
        -ERR …
        "#,
    );
}

#[test]
fn late_elements_are_ready_or_rejected_as_the_key_says() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k LATE REJECT
        OK
        > TSGEN.ADD k 5 a
        1
        > TSGEN.ADVANCE k 5
        5
        > TSGEN.ADD k 5 late
        -LATE …
        > TSGEN.GET k late
        nil
        > TSGEN.ADD k 6 b
        1
        > TSGEN.ALTER k LATE READY
        OK
        > TSGEN.ADD k 5 late
        0
        "#,
    );
    assert_eq!(stat(&mut server.client(), "k", "late-arrivals"), 1);
}

#[test]
fn maxlen_refuses_one_more_but_never_a_replacement() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k MAXLEN 2
        OK
        > TSGEN.ADD k 1 a
        1
        > TSGEN.ADD k 2 b
        1
        > TSGEN.ADD k 3 c
        -FULL …
        > TSGEN.ADD k 3 b new
        1
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.CLAIM k w
        [[<t> …]]
        > TSGEN.ADD k 3 c
        -FULL …
        > TSGEN.ACK k <t>
        1
        > TSGEN.ADD k 3 c
        1
        > TSGEN.ALTER k MAXLEN 0
        OK
        > TSGEN.ADD k 3 d
        1
        "#,
    );
}
