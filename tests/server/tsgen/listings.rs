//! Replies of PENDING, DEAD and PEEK WAITING: their order, filters and pages, at times the test chooses.

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

/// What the gate does not let through is listed in the order in which it will: also what comes back above a watermark that was set back, and a
/// next run that nothing has made yet.
#[test]
fn what_waits_is_shown_as_if_all_that_has_ended_were_back() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.PEEK none WAITING
        ['0' []]
        > TSGEN.MADD k 5 a x 5 b y 7 c z 1 d w
        [1 1 1 1]
        > TSGEN.PEEK k WAITING COUNT 3
        ['0:5:1' [[… ['d' 1 'w']] [… ['a' 5 'x']] ['token' nil 'deliveries' 0 'bytes' 1 'entry' ['b' 5 'y']]]]
        > TSGEN.PEEK k WAITING COUNT 3 AFTER 0:5:1
        ['0' [[… ['c' 7 'z']]]]
        > TSGEN.AT 1000 TSGEN.ADVANCE k 5
        5
        > TSGEN.PEEK k WAITING
        ['0' [[… ['c' 7 'z']]]]
        > TSGEN.PEEK k WAITING AFTER 0:5:1
        ['0' [[… ['c' 7 'z']]]]
        > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 100 COUNT 3
        [[<d> …] [<a> …] [<b> …]]
        > TSGEN.AT 1000 TSGEN.ALTER k WATERMARK 4
        OK
        > TSGEN.AT 1099 TSGEN.PEEK k WAITING
        ['0' [[… ['c' 7 'z']]]]
        > TSGEN.AT 1100 TSGEN.PEEK k WAITING
        ['0' [[… 'deliveries' 1 … ['a' 5 'x']] [… 'deliveries' 1 … ['b' 5 'y']] [… ['c' 7 'z']]]]
        > TSGEN.AT 1100 TSGEN.PEEK k READY
        ['0' [[… 'deliveries' 1 … ['d' 1 'w']]]]
        > TSGEN.AT 1000 TSGEN.CREATE c CLOCK MAXDELIVERIES 1
        OK
        > TSGEN.AT 1000 TSGEN.ADD c EVERY 100 +50 r x
        1
        > TSGEN.AT 1049 TSGEN.PEEK c WAITING
        ['0' [['token' nil 'deliveries' 0 'bytes' 1 'entry' ['r' 1050 'x']]]]
        > TSGEN.AT 1050 TSGEN.PEEK c WAITING
        ['0' []]
        > TSGEN.AT 1050 TSGEN.CLAIM c w LEASE 10
        [[… 'r' 1050 'x']]
        > TSGEN.AT 1060 TSGEN.PEEK c WAITING
        ['0' [['token' nil 'deliveries' 0 'bytes' 1 'entry' ['r' 1150 'x']]]]
        "#,
    );
}

/// RANGE has no cursor among elements of one timestamp, and no bound on what they hold.
#[test]
fn what_waits_at_one_time_is_shown_page_by_page() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok(
        "EVAL \"for i = 1, 10 do redis.call('TSGEN.ADD', KEYS[1], 5, 'e' .. i, string.rep('x', 1048000)) end\" 1 large",
    );
    c.ok("EVAL \"for i = 1, 12000 do redis.call('TSGEN.ADD', KEYS[1], 5, 'e' .. i) end\" 1 many");
    for (key, expected) in [("large", vec![4, 4, 2]), ("many", vec![5000, 5000, 2000])] {
        let (mut cursor, mut pages, mut ids) = ("0".to_owned(), Vec::new(), Vec::new());
        loop {
            let page = c.ok(&format!("TSGEN.PEEK {key} WAITING COUNT 5000 AFTER {cursor}"));
            let entries = page.items()[1].items();
            pages.push(entries.len());
            ids.extend(entries.iter().map(|entry| entry.field("entry").items()[0].text()));
            cursor = page.items()[0].text();
            if cursor == "0" {
                break;
            }
        }
        let expected_ids: Vec<String> = (1..=ids.len()).map(|nth| format!("e{nth}")).collect();
        assert_eq!((pages, ids), (expected, expected_ids), "{key}");
    }
}
