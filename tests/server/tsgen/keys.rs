//! The key as a whole: CREATE, ALTER, INFO, and how its commands behave in RESP3 and under WATCH.

use crate::common::*;
use crate::harness::*;

#[test]
fn create_says_busykey_if_the_key_exists() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k
        OK
        > TSGEN.CREATE k
        -BUSYKEY …
        > SET s 1
        OK
        > TSGEN.CREATE s
        -BUSYKEY …
        > TSGEN.CREATE all SOURCES 2 a b LATE REJECT LEASE 1 MAXDELIVERIES 0 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0 SINK stream SINKMAXLEN 0
        OK
        > TSGEN.CREATE lower clock late ready lease 5
        OK
        "#,
    );
}

#[test]
fn alter_changes_options_and_the_watermark_may_be_set_back() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.MADD k 1 a "" 5 b "" 9 c ""
        [1 1 1]
        > TSGEN.AT 1000 TSGEN.ADVANCE k 9000
        9000
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<t> 1 'a' 1 '']]
        > TSGEN.AT 1000 TSGEN.ALTER k WATERMARK 5
        OK
        > TSGEN.WATERMARK k
        5
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 5
        [[<u> 1 'b' 5 '']]
        > TSGEN.GET k c
        ['waiting' 9 '']
        > TSGEN.ALTER k LEASE 77 MAXDELIVERIES 5 BACKOFF 3 MAXBACKOFF 9 MAXLEN 50
        OK
        > TSGEN.ALTER none LEASE 5
        -ERR no such key
        "#,
    );
    let info = c.ok("TSGEN.INFO k");
    let options = ["lease", "maxdeliveries", "backoff", "maxbackoff", "maxlen"].map(|name| info.field(name).int());
    assert_eq!(options, [77, 5, 3, 9, 50]);
}

#[test]
fn info_counts_every_state_and_shows_every_option() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k LEASE 1000 MAXDELIVERIES 2 BACKOFF 10 MAXBACKOFF 20 MAXLEN 30
        OK
        > TSGEN.MADD k 1 leased "" 2 delayed "" 3 dead "" 4 ready "" 4 acked "" 9 waiting ""
        [1 1 1 1 1 1]
        > TSGEN.AT 1000 TSGEN.ADVANCE k 4
        4
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 3
        [[<a> …] [<b> …] [<c> …]]
        > TSGEN.AT 1000 TSGEN.NACK k <b> DELAY 500
        1
        > TSGEN.AT 1000 TSGEN.NACK k <c> DEAD
        1
        > TSGEN.REM k acked
        1
        > TSGEN.ADD k 4 late
        0
        > TSGEN.AT 1100 TSGEN.CLAIM k w COUNT 2
        [[<d> 1 'ready' 4 ''] [<e> 1 'late' 4 '']]
        > TSGEN.ACK k <d>
        1
        > TSGEN.AT 1100 TSGEN.RELEASE k nobody
        0
        "#,
    );
    let info = c.ok("TSGEN.AT 1200 TSGEN.INFO k");
    shows(
        &info,
        "gate 'external' watermark 4 late 'ready' waiting 1 ready 0 leased 2 delayed 1 dead 1 oldest-ready-age nil \
         oldest-lease-age 200 next-deadline 1500 delivered 5 redelivered 0 acked 1 died 1 late-arrivals 1 \
         sink-errors 0 lease 1000 maxdeliveries 2 backoff 10 maxbackoff 20 maxlen 30",
    );
    // At 1500 the delayed one has come back; the sweep is shown, not stored.
    let info = c.ok("TSGEN.AT 1500 TSGEN.INFO k");
    assert_eq!(["ready", "delayed"].map(|name| info.field(name).int()), [1, 0]);
    let info = c.ok("TSGEN.AT 1200 TSGEN.INFO k");
    assert_eq!(["ready", "delayed"].map(|name| info.field(name).int()), [0, 1]);
    c.play("> TSGEN.CREATE s SOURCES 1 a SINK stream\n OK\n > TSGEN.INFO s\n […'gate' 'sources' 'watermark' nil …'sink' 'stream' …]");
}

#[test]
fn replies_are_the_same_in_resp3_but_for_the_map() {
    let server = virtual_clock();
    server.client().resp3().play(
        r#"
        > TSGEN.ADD k 1 a x
        1
        > TSGEN.ADD k NX 1 a x
        nil
        > TSGEN.WATERMARK k
        nil
        > TSGEN.MADD k 2 b "" 3 c ""
        [1 1]
        > TSGEN.ADVANCE k 2
        2
        > TSGEN.GET k a
        ['ready' 1 'x']
        > TSGEN.GET k none
        nil
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 2
        [[<a> 1 'a' 1 'x'] [<b> 1 'b' 2 '']]
        > TSGEN.AT 1000 TSGEN.PENDING k COUNT 1
        [[<a> 'w' 31000 1 'a']]
        > TSGEN.AT 1000 TSGEN.NACK k <a> DEAD REASON r
        1
        > TSGEN.DEAD k
        [[<a> 1 'a' 1000 'r']]
        > TSGEN.AT 1000 TSGEN.RANGE k - +
        [['c' 3 '']]
        > TSGEN.CLAIM none w BLOCK 1
        []
        > TSGEN.CREATE s SOURCES 1 a
        OK
        > TSGEN.SOURCES s
        [['a' nil …]]
        "#,
    );
}

#[test]
fn names_and_payloads_are_binary_safe() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.ADD "k\x00\xff" 1 "" ""
        1
        > TSGEN.ADD "k\x00\xff" 1 "\x00id\x0d\x0a" "\x00\xff%n%s"
        1
        > TSGEN.ADVANCE "k\x00\xff" 1
        1
        > TSGEN.CLAIM "k\x00\xff" "\x00w" COUNT 2
        [[<a> 1 '' 1 ''] [<b> 1 '\x00id\x0d\x0a' 1 '\x00\xff%n%s']]
        > TSGEN.PENDING "k\x00\xff" CONSUMER "\x00w" COUNT 1 AFTER <a>
        [[<b> '\x00w' <_> 1 '\x00id\x0d\x0a']]
        > TSGEN.RELEASE "k\x00\xff" "\x00w"
        2
        "#,
    );
}

#[test]
fn commands_and_keywords_are_case_insensitive() {
    let server = Server::start(&[]);
    server
        .client()
        .play("> tsgen.add k nX 1 a\n 1\n > Tsgen.Advance k 1\n 1\n > tsgen.claim k w count 5 LeAsE 100\n [[<t> …]]");
}

#[test]
fn watch_notices_an_advance_that_opens_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 5 a\n 1\n > WATCH k\n OK\n > MULTI\n OK\n > PING\n QUEUED");
    server.client().expect("TSGEN.ADVANCE k 1", "1");
    c.expect("EXEC", "nil");
}
