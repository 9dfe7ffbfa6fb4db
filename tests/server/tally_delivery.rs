//! The delivery commands on batches, and what INFO tells.

use super::common::virtual_clock;
use super::tally::*;
use crate::harness::*;

#[test]
fn a_batch_keeps_its_number_when_it_is_delivered_again() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000 LEASE 500
        OK
        > TSGEN.AT 5000 TALLY.INCR k a
        1
        > TSGEN.AT 6100 TALLY.CLAIM k w
        [[6246400 1 <n> 5000 6000 ['a' 1]]]
        > TSGEN.AT 6600 TALLY.CLAIM k w
        [[6758400 2 <n> 5000 6000 ['a' 1]]]
        > TSGEN.AT 6600 TALLY.RELEASE k w
        1
        > TSGEN.AT 6700 TALLY.CLAIM k w
        [[6860800 2 <n> 5000 6000 ['a' 1]]]
        > TSGEN.AT 6700 TALLY.NACK k 6860800 DEAD REASON "no such row"
        1
        > TSGEN.AT 6700 TALLY.REQUEUE k ALL
        1
        > TSGEN.AT 6700 TALLY.CLAIM k w
        [[6860801 1 <n> 5000 6000 ['a' 1]]]
        "#,
    );
}

/// A batch that is dead is a sum that the database never gets.
#[test]
fn a_batch_never_dies_unless_create_says_so() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes", "--tsgen.max-deliveries", "2"]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k LEASE 10\n OK\n > TALLY.CREATE twice LEASE 10 MAXDELIVERIES 2\n OK");
    for key in ["k", "twice"] {
        c.ok(&format!("TSGEN.AT 5000 TALLY.INCR {key} a"));
        c.ok(&format!("TSGEN.AT 5000 TALLY.SEAL {key}"));
    }
    for delivery in 1..=30 {
        let at = 6_000 + delivery * 100;
        c.expect(&format!("TSGEN.AT {at} TALLY.CLAIM k w"), &format!("[[<t{delivery}> {delivery} …]]"));
        let twice = if delivery <= 2 { "[[…]]" } else { "[]" };
        c.expect(&format!("TSGEN.AT {at} TALLY.CLAIM twice w"), twice);
    }
    assert_eq!([batches(&mut c, "k")[4], batches(&mut c, "twice")[4]], [0, 1]);
}

#[test]
fn every_delivery_command_works_on_batches() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000 MAXFIELDS 1 LEASE 500 MAXDELIVERIES 2 BACKOFF 100
        OK
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 2 c 3
        [1 2 3]
        > TSGEN.AT 7000 TALLY.CLAIM k w1 COUNT 2
        [[7168000 1 5120000 5000 5000 ['a' 1]] [7168001 1 5120001 5000 5000 ['b' 2]]]
        > TSGEN.AT 7000 TALLY.CLAIM k w2 LEASE 5000
        [[7168002 1 5120002 5000 5000 ['c' 3]]]
        > TSGEN.AT 7100 TALLY.PENDING k
        [[7168000 'w1' 7500 1 '5120000'] [7168001 'w1' 7500 1 '5120001'] [7168002 'w2' 12000 1 '5120002']]
        > TSGEN.AT 7100 TALLY.PENDING k CONSUMER w1 COUNT 1 AFTER 7168000
        [[7168001 'w1' 7500 1 '5120001']]
        > TSGEN.AT 7100 TALLY.EXTEND k 1000 7168000
        1
        > TSGEN.AT 7100 TALLY.NACK k 7168001
        1
        > TSGEN.AT 7199 TALLY.CLAIM k w1
        []
        > TSGEN.AT 7200 TALLY.CLAIM k w1
        [[7372800 2 5120001 5000 5000 ['b' 2]]]
        > TSGEN.AT 7300 TALLY.NACK k 7372800 REASON broken
        1
        > TSGEN.AT 7300 TALLY.DEAD k
        [[7372800 2 '5120001' 7300 'broken']]
        > TSGEN.AT 7400 TALLY.RELEASE k w2
        1
        > TSGEN.AT 7400 TALLY.CLAIM k w3
        [[7577600 1 5120002 5000 5000 ['c' 3]]]
        > TALLY.ACK k 7577600 7577600
        1
        > TSGEN.AT 7400 TALLY.REQUEUE k ALL
        1
        > TSGEN.AT 7400 TALLY.CLAIM k w3
        [[7577601 1 5120001 5000 5000 ['b' 2]]]
        > TSGEN.AT 7400 TALLY.NACK k 7577601 DEAD
        1
        > TSGEN.AT 7400 TALLY.DISCARD k 7577601
        1
        # The lease of the first has ended at 8100; it keeps its place before what was sealed later.
        > TSGEN.AT 7500 TALLY.INCR k d
        1
        > TSGEN.AT 8600 TALLY.CLAIM k w4 COUNT 9
        [[8806400 2 5120000 5000 5000 ['a' 1]] [8806401 1 7680000 7500 7500 ['d' 1]]]
        > TALLY.ACK k 8806400-8806401
        2
        "#,
    );
}

#[test]
fn info_counts_every_state_and_shows_every_option() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TALLY.CREATE k EVERY 1000 FIELD UUID MIN -3 MAX 5 MAXFIELDS 2 LEASE 900 BACKOFF 10 MAXBACKOFF 20 MAXLEN 30
        OK
        > TALLY.INFO k
        ['gate' 'window' 'field' 'uuid' 'every' 1000 'min' -3 'max' 5 'maxfields' 2 'fields' 0 'opened-at' nil 'seals-at' nil 'collecting' 0 'ready' 0 …]
        > TALLY.CREATE plain
        OK
        > TALLY.INFO plain
        ['gate' 'window' 'field' 'any' 'every' 9000 'min' nil 'max' nil 'maxfields' 10000 …'lease' 30000 'maxdeliveries' 0 'backoff' 0 'maxbackoff' 0 'maxlen' 0 'sink' '' 'sinkmaxlen' 0]
        "#,
    );
    for _ in 0..3 {
        c.ok(
            "TSGEN.AT 5000 TALLY.MINCR k 00000000-0000-0000-0000-000000000000 1 00000000-0000-0000-0000-000000000001 1",
        );
    }
    c.play(
        r#"
        > TSGEN.AT 5900 TALLY.INCR k 00000000-0000-0000-0000-000000000000 5
        5
        > TSGEN.AT 6000 TALLY.INFO k
        […'fields' 1 'opened-at' 5900 'seals-at' 6900 'collecting' 1 'ready' 3 …'oldest-ready-age' 1000 'oldest-lease-age' nil 'next-deadline' 6900 …]
        > TSGEN.AT 6100 TALLY.CLAIM k w COUNT 2
        [[<a> …] [<b> …]]
        > TSGEN.AT 6100 TALLY.NACK k <b> DELAY 600
        1
        > TSGEN.AT 6100 TALLY.CLAIM k w
        [[<c> …]]
        > TSGEN.AT 6100 TALLY.NACK k <c> DEAD
        1
        "#,
    );
    let info = c.ok("TSGEN.AT 6203 TALLY.INFO k");
    let expected = [
        ("collecting", "1"),
        ("ready", "0"),
        ("leased", "1"),
        ("delayed", "1"),
        ("dead", "1"),
        ("oldest-ready-age", "nil"),
        ("oldest-lease-age", "103"),
        ("next-deadline", "6700"),
        ("delivered", "3"),
        ("redelivered", "0"),
        ("acked", "0"),
        ("died", "1"),
        ("sink-errors", "0"),
        ("lease", "900"),
        ("maxdeliveries", "0"),
        ("backoff", "10"),
        ("maxbackoff", "20"),
        ("maxlen", "30"),
    ];
    for (name, value) in expected {
        assert_eq!(info.field(name).to_string(), value, "{name} in {info}");
    }
    // At 6900 the window has ended and the delayed one is back; this is shown, not stored.
    let states = |info: Reply| ["collecting", "fields", "ready", "delayed"].map(|name| info.field(name).int());
    assert_eq!(states(c.ok("TSGEN.AT 6900 TALLY.INFO k")), [0, 0, 2, 0]);
    assert_eq!(states(c.ok("TSGEN.AT 6203 TALLY.INFO k")), [1, 1, 0, 1]);
}
