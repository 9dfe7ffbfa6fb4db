//! `tsgen.max-name-size` and `tsgen.max-payload-size`, lowered: what was stored before stays within reach.

use crate::harness::*;

/// Each line looks up what was stored under the old limits. Refused names would be out of reach until somebody raises the limit.
#[test]
fn names_that_were_stored_before_the_limit_was_lowered_still_look_up() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 1 source-number-one
        OK
        > TSGEN.ADVANCE k 5 SOURCE source-number-one
        5
        > TSGEN.MADD k 1 element-number-1 payload-number-1 2 element-number-2 x 3 element-number-3 x
        [0 0 0]
        > TSGEN.CLAIM k worker-number-one COUNT 3
        [[<a> …] [<b> …] [<c> …]]
        > DEBOUNCE.PUSH d group-number-1 item-number-1
        1
        > DEBOUNCE.PUSH d group-number-2 item-number-2
        1
        > DEBOUNCE.PUSH d group-number-3 item-number-3
        1
        > TALLY.CREATE t
        OK
        > TALLY.INCR t field-number-1 7
        7
        > EXPIRY.CREATE w PREFIX order-number-
        OK
        > SET order-number-1 v EX 600
        OK
        > SET order-number-2 v EX 700
        OK
        > CONFIG SET tsgen.max-name-size 10
        OK
        > CONFIG SET tsgen.max-payload-size 3
        OK
        > TSGEN.PENDING k CONSUMER worker-number-one COUNT 1
        [[<a> 'worker-number-one' …]]
        > TSGEN.ACK k <a>
        1
        > TSGEN.NACK k <b> DEAD
        1
        > TSGEN.REQUEUE k ALL
        1
        > TSGEN.RELEASE k worker-number-one
        1
        > TSGEN.GET k element-number-3
        ['ready' 3 'x']
        > TSGEN.REM k element-number-2
        1
        > TSGEN.ADVANCE k 9 SOURCE source-number-one
        9
        > DEBOUNCE.GROUPS d AFTER group-number-1 COUNT 1
        [['group-number-2' 1 …]]
        > DEBOUNCE.GET d group-number-3
        [… ['item-number-3' …]]
        > DEBOUNCE.CANCEL d group-number-3
        1
        > DEBOUNCE.FLUSH d group-number-2
        1
        > TALLY.GET t field-number-1
        7
        > EXPIRY.TRACKED w AFTER order-number-1
        [['order-number-2' …]]
        > COPY k k2
        1
        > DEBUG RELOAD
        OK
        > TSGEN.GET k2 element-number-3
        ['ready' 3 'x']
        > DEBOUNCE.CLAIM d w
        [[<d> 1 'group-number-2' 'flush' ['item-number-2' …]]]
        "#,
    );
    let digest = server.digest_all();
    c.play(
        r#"
        > TSGEN.CLAIM k worker-number-two
        -ERR consumer must be at most 10 bytes
        > TSGEN.ADD k 9 element-number-4
        -ERR id must be at most 10 bytes
        > TSGEN.ADD k 9 e long
        -ERR payload must be at most 3 bytes
        > DEBOUNCE.PUSH d group-number-9 x
        -ERR group must be at most 10 bytes
        > TALLY.INCR t field-number-9
        -ERR field must be at most 10 bytes
        "#,
    );
    let too_long = "x".repeat(65_537);
    for (reply, what) in [
        (crate::cmd!(c, "TSGEN.RELEASE", "k", &too_long), "consumer"),
        (crate::cmd!(c, "TSGEN.PENDING", "k", "CONSUMER", &too_long), "CONSUMER"),
        (crate::cmd!(c, "DEBOUNCE.GROUPS", "d", "AFTER", &too_long), "AFTER"),
        (crate::cmd!(c, "TALLY.GET", "t", &too_long), "field"),
    ] {
        assert_eq!(reply, format!("-ERR {what} must be at most 65536 bytes").as_str());
    }
    assert_eq!(server.digest_all(), digest);
}

/// A replica takes what its master has taken, also from the AOF, whatever its own limits.
#[test]
fn a_replica_with_smaller_limits_takes_what_its_master_took() {
    let master = Server::start(&[]);
    let small = [
        "--tsgen.max-name-size",
        "5",
        "--tsgen.max-payload-size",
        "5",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ];
    let mut replica = Server::start(&small);
    replica.replica_of(&master);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 1 source-number-one
        OK
        > TSGEN.ADVANCE k 5 SOURCE source-number-one
        5
        > TSGEN.MADD k 1 element-number-1 payload-number-1 2 element-number-2 x
        [0 0]
        > TSGEN.CLAIM k worker-number-one COUNT 2
        [[<a> …] [<b> …]]
        > TSGEN.NACK k <a> DEAD REASON a-long-story
        1
        > TSGEN.REQUEUE k <a>
        1
        > TSGEN.RELEASE k worker-number-one
        1
        > DEBOUNCE.PUSH d group-number-1 item-number-1
        1
        > TALLY.CREATE t
        OK
        > TALLY.MINCR t field-number-1 7 field-number-2 8
        [7 8]
        > EXPIRY.CREATE w PREFIX order-number-
        OK
        > SET order-number-1 a-long-value PX 10
        OK
        > EXPIRY.CLAIM w worker-number-one BLOCK 0
        [[… 'order-number-1' 'string' 'a-long-value' …]]
        "#,
    );
    same_data(&master, &replica);
    let digest = replica.digest_all();
    // What came with the synchronisation is written by a process of its own.
    let mut r = replica.client();
    wait_until("the AOF is whole", || {
        ["aof_rewrite_in_progress", "aof_rewrite_scheduled"].iter().all(|name| r.info("persistence", name) == "0")
    });
    replica.restart(Stop::Kill);
    assert_eq!(replica.digest_all(), digest, "after loading the AOF");
}
