//! Replies of PENDING and DEAD: their order, filters and pages, at times the test chooses.

use crate::common::*;
use crate::harness::*;

#[test]
fn pending_lists_by_token_filters_and_pages() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.MADD k 1 a "" 2 b "" 3 c ""
        [1 1 1]
        > TSGEN.ADVANCE k 3
        3
        > TSGEN.AT 1000 TSGEN.CLAIM k w1 LEASE 300
        [[<a> …]]
        > TSGEN.AT 1000 TSGEN.CLAIM k w2 LEASE 200
        [[<b> …]]
        > TSGEN.AT 1000 TSGEN.CLAIM k w1 LEASE 100
        [[<c> …]]
        > TSGEN.AT 1000 TSGEN.PENDING k
        [[<a> 'w1' 1300 1 'a'] [<b> 'w2' 1200 1 'b'] [<c> 'w1' 1100 1 'c']]
        > TSGEN.AT 1000 TSGEN.PENDING k CONSUMER w1
        [[<a> 'w1' 1300 1 'a'] [<c> 'w1' 1100 1 'c']]
        > TSGEN.AT 1000 TSGEN.PENDING k CONSUMER w1 COUNT 1
        [[<a> 'w1' 1300 1 'a']]
        > TSGEN.AT 1000 TSGEN.PENDING k COUNT 1 AFTER <a>
        [[<b> 'w2' 1200 1 'b']]
        > TSGEN.AT 1000 TSGEN.PENDING k CONSUMER nobody
        []
        > TSGEN.AT 1250 TSGEN.PENDING k
        [[<a> 'w1' 1300 1 'a']]
        > TSGEN.PENDING none
        []
        > TSGEN.DEAD none
        []
        > TSGEN.REQUEUE none ALL
        0
        > TSGEN.DISCARD none 1
        0
        "#,
    );
}

#[test]
fn a_listing_without_count_shows_one_hundred() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let elements = (0..150).map(|i| ["TSGEN.ADD", "k", "1", &format!("id{i:03}")].map(|word| word.as_bytes().to_vec()));
    c.pipeline(elements.collect::<Vec<_>>());
    assert_eq!(c.ok("TSGEN.RANGE k - +").items().len(), 100);
    assert_eq!(c.ok("TSGEN.RANGE k - + COUNT 120").items().len(), 120);
    c.ok("TSGEN.ADVANCE k 1");
    assert_eq!(c.ok("TSGEN.CLAIM k w COUNT 1000").items().len(), 150);
    assert_eq!(c.ok("TSGEN.PENDING k").items().len(), 100);
    c.ok("TSGEN.NACK k 1-4611686018427387904 DEAD");
    assert_eq!(c.ok("TSGEN.DEAD k").items().len(), 100);
    assert_eq!(c.run("TSGEN.REQUEUE k ALL"), 150);
}

/// Those that are delayed because their leases have ended, whether or not anything has swept them yet.
#[test]
fn what_a_backoff_delays_is_listed_and_promoted_by_its_current_token() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.CREATE k BACKOFF 1000 LEASE 100
        OK
        > TSGEN.AT 1000 TSGEN.ADVANCE k 9
        9
        > TSGEN.AT 1000 TSGEN.MADD k 1 a "" 2 b "" 3 c ""
        [0 0 0]
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 3
        [[<a> …] [<b> …] [<c> …]]
        > TSGEN.AT 1099 TSGEN.PENDING k DELAYED
        []
        > TSGEN.AT 1100 TSGEN.PENDING k DELAYED COUNT 2
        [[<a> nil 2100 1 'a'] [<b> nil 2100 1 'b']]
        > TSGEN.AT 1100 TSGEN.PROMOTE k <b>
        1
        > TSGEN.AT 1100 TSGEN.PROMOTE k ALL COUNT 1
        1
        # It is still the worker's, as long as nobody else got it.
        > TSGEN.ACK k <b>
        1
        > TSGEN.AT 1100 TSGEN.CLAIM k w COUNT 9
        [[<a2> 2 'a' 1 '']]
        > TSGEN.AT 2099 TSGEN.PENDING k DELAYED
        [[<c> nil 2100 1 'c'] [<a2> nil 3200 2 'a']]
        # Over: it is ready, and no more promoted.
        > TSGEN.AT 2100 TSGEN.PENDING k DELAYED
        [[<a2> nil 3200 2 'a']]
        > TSGEN.AT 2100 TSGEN.PROMOTE k <c>
        0
        "#,
    );
}
