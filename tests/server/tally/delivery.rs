//! The delivery commands on batches, and what INFO tells.

use super::*;
use crate::common::{shows, virtual_clock};
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
        ['gate' 'window' 'field' 'any' 'every' 9000 'min' nil 'max' nil 'maxfields' 10000 …'lease' 30000 'maxdeliveries' 0 'backoff' 0 'maxbackoff' 0 'maxlen' 0 'sink' '' 'sinkmaxlen' 0 'grouplimit' 0 'fair' 'no' 'paused' 'no']
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
    shows(
        &info,
        "collecting 1 ready 0 leased 1 delayed 1 dead 1 oldest-ready-age nil oldest-lease-age 103 \
         next-deadline 6700 delivered 3 redelivered 0 acked 0 died 1 sink-errors 0 lease 900 maxdeliveries 0 \
         backoff 10 maxbackoff 20 maxlen 30",
    );
    // At 6900 the window has ended and the delayed one is back; this is shown, not stored.
    let states = |info: Reply| ["collecting", "fields", "ready", "delayed"].map(|name| info.field(name).int());
    assert_eq!(states(c.ok("TSGEN.AT 6900 TALLY.INFO k")), [0, 0, 2, 0]);
    assert_eq!(states(c.ok("TSGEN.AT 6203 TALLY.INFO k")), [1, 1, 0, 1]);
}
