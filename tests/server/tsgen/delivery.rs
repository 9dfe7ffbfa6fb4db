//! Replies of the delivery half, at times the test chooses: claims and tokens, leases, retries, dead entries. Listings: `listings`.

use crate::common::*;
use crate::harness::*;

#[test]
fn claim_hands_out_by_timestamp_then_insertion_with_rising_tokens() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.MADD k 2 b 2 2 c 3 1 a 1 3 d 4
        [1 1 1 1]
        > TSGEN.AT 1000 TSGEN.ADVANCE k 3
        3
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[1024000 1 'a' 1 '1']]
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 2
        [[1024001 1 'b' 2 '2'] [1024002 1 'c' 2 '3']]
        > TSGEN.AT 1001 TSGEN.CLAIM k w COUNT 10000
        [[1025024 1 'd' 3 '4']]
        > TSGEN.AT 1001 TSGEN.CLAIM k w
        []
        "#,
    );
}

#[test]
fn tokens_rise_even_if_the_clock_steps_back() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.MADD k 1 a "" 2 b ""
        [1 1]
        > TSGEN.AT 5000 TSGEN.ADVANCE k 2
        2
        > TSGEN.AT 5000 TSGEN.CLAIM k w
        [[5120000 1 'a' 1 '']]
        > TSGEN.AT 4000 TSGEN.CLAIM k w
        [[5120001 1 'b' 2 '']]
        "#,
    );
}

#[test]
fn claiming_from_a_missing_key_replies_empty_and_creates_nothing() {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.CLAIM k w\n []\n > TSGEN.CLAIM k w COUNT 5 LEASE 10 BLOCK 1\n []\n > EXISTS k\n 0");
}

#[test]
fn a_lease_ends_exactly_at_its_deadline_and_the_entry_keeps_its_place() {
    let server = ready("", &["a", "b"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w1 LEASE 100
        [[<t> 1 'a' 1 '']]
        > TSGEN.AT 1099 TSGEN.PENDING k
        [[<t> 'w1' 1100 1 'a']]
        > TSGEN.AT 1099 TSGEN.GET k a
        ['leased' 1 '']
        > TSGEN.AT 1100 TSGEN.GET k a
        ['ready' 1 '']
        > TSGEN.AT 1100 TSGEN.PENDING k
        []
        > TSGEN.AT 1100 TSGEN.CLAIM k w2 COUNT 2
        [[<u> 2 'a' 1 ''] [<v> 1 'b' 2 '']]
        > TSGEN.ACK k <t>
        0
        > TSGEN.ACK k <u> <v>
        2
        "#,
    );
}

#[test]
fn ack_counts_current_tokens_and_takes_ranges() {
    let server = ready("", &["a", "b", "c", "d"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 4
        [[1024000 …] [1024001 …] [1024002 …] [1024003 …]]
        > TSGEN.ACK k 5 1024000 1024000
        1
        > TSGEN.ACK k 1024000-1024002 1024001
        2
        > TSGEN.ACK k 1-4611686018427387904
        1
        > TSGEN.ACK k 1024003
        0
        > TSGEN.ACK none 1
        0
        "#,
    );
    assert_eq!(counts(&mut server.client(), "k"), [0, 0, 0, 0, 0]);
}

#[test]
fn an_ack_after_the_lease_ended_counts_until_the_entry_is_delivered_again() {
    let server = ready("", &["a"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 10
        [[<t> 1 'a' 1 '']]
        > TSGEN.AT 5000 TSGEN.GET k a
        ['ready' 1 '']
        > TSGEN.AT 5000 TSGEN.ACK k <t>
        1
        > TSGEN.AT 5000 TSGEN.CLAIM k w
        []
        "#,
    );
}

#[test]
fn nack_delays_by_the_backoff_of_the_key_doubled_and_capped() {
    let server = ready("BACKOFF 100 MAXBACKOFF 250", &["a"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<t1> 1 'a' 1 '']]
        > TSGEN.AT 1000 TSGEN.NACK k <t1>
        1
        > TSGEN.AT 1099 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1099 TSGEN.GET k a
        ['delayed' 1 '']
        > TSGEN.AT 1100 TSGEN.CLAIM k w
        [[<t2> 2 'a' 1 '']]
        > TSGEN.AT 1100 TSGEN.NACK k <t2>
        1
        > TSGEN.AT 1299 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1300 TSGEN.CLAIM k w
        [[<t3> 3 'a' 1 '']]
        > TSGEN.AT 1300 TSGEN.NACK k <t3>
        1
        > TSGEN.AT 1549 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1550 TSGEN.CLAIM k w
        [[<t4> 4 'a' 1 '']]
        "#,
    );
}

#[test]
fn the_end_of_a_lease_delays_by_the_backoff_too() {
    let server = ready("BACKOFF 100 LEASE 50", &["a"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<t1> 1 'a' 1 '']]
        > TSGEN.AT 1149 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1150 TSGEN.CLAIM k w
        [[<t2> 2 'a' 1 '']]
        "#,
    );
}

#[test]
fn nack_takes_its_own_delay_or_none_at_all() {
    let server = ready("BACKOFF 1000", &["a", "b"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 2
        [[<a> 1 'a' 1 ''] [<b> 1 'b' 2 '']]
        > TSGEN.AT 1000 TSGEN.NACK k <a> DELAY 0
        1
        > TSGEN.AT 1000 TSGEN.NACK k <b> DELAY 20 REASON "not now"
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 2
        [[<c> 2 'a' 1 '']]
        > TSGEN.AT 1020 TSGEN.CLAIM k w COUNT 2
        [[<d> 2 'b' 2 '']]
        > TSGEN.AT 1020 TSGEN.NACK k <a> <b> 7
        0
        "#,
    );
}

#[test]
fn an_entry_dies_at_maxdeliveries_and_can_be_requeued_or_discarded() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k MAXDELIVERIES 2 LEASE 100
        OK
        > TSGEN.MADD k 1 a pay 2 b "" 3 c ""
        [1 1 1]
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<t1> 1 'a' 1 'pay']]
        > TSGEN.AT 1100 TSGEN.CLAIM k w
        [[<t2> 2 'a' 1 'pay']]
        > TSGEN.AT 1199 TSGEN.GET k a
        ['leased' 1 'pay']
        > TSGEN.AT 1200 TSGEN.GET k a
        ['dead' 1 'pay']
        > TSGEN.AT 1200 TSGEN.CLAIM k w
        []
        > TSGEN.DEAD k
        [[<t2> 2 'a' 1200 …]]
        > TSGEN.AT 1300 TSGEN.REQUEUE k <t2>
        1
        > TSGEN.DEAD k
        []
        > TSGEN.AT 1300 TSGEN.CLAIM k w
        [[<t3> 1 'a' 1 'pay']]
        > TSGEN.AT 1300 TSGEN.NACK k <t3> DEAD REASON "bad \x00 luck"
        1
        > TSGEN.DEAD k
        [[<t3> 1 'a' 1300 'bad \x00 luck']]
        > TSGEN.AT 1400 TSGEN.REQUEUE k ALL
        1
        > TSGEN.ADVANCE k 3
        3
        > TSGEN.AT 1400 TSGEN.CLAIM k w COUNT 3
        [[<a> 1 'a' 1 'pay'] [<b> 1 'b' 2 ''] [<c> 1 'c' 3 '']]
        > TSGEN.AT 1400 TSGEN.NACK k <a>-<c> DEAD
        3
        > TSGEN.DEAD k COUNT 1
        [[<a> 1 'a' 1400 …]]
        > TSGEN.DEAD k AFTER <a> COUNT 1
        [[<b> 1 'b' 1400 …]]
        > TSGEN.DEAD k AFTER <c>
        []
        > TSGEN.DISCARD k <b> 5
        1
        > TSGEN.DISCARD k ALL COUNT 1
        1
        > TSGEN.DISCARD k ALL
        1
        > TSGEN.DISCARD k ALL
        0
        "#,
    );
    assert_eq!(counts(&mut c, "k"), [0; 5]);
}

#[test]
fn an_ack_after_death_by_lease_end_still_settles() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.CREATE k MAXDELIVERIES 1 LEASE 100
        OK
        > TSGEN.MADD k 1 a "" 1 b ""
        [1 1]
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 2
        [[<a> …] [<b> …]]
        > TSGEN.AT 1100 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1100 TSGEN.EXTEND k 100 <a>
        0
        > TSGEN.AT 1100 TSGEN.ACK k <a>
        1
        > TSGEN.AT 1100 TSGEN.DEAD k
        [[<b> 1 'b' 1100 …]]
        "#,
    );
}

#[test]
fn extend_moves_the_end_and_leases_again_what_had_come_back() {
    let server = ready("", &["a"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 100
        [[<t> 1 'a' 1 '']]
        > TSGEN.AT 1050 TSGEN.EXTEND k 100 <t>
        1
        > TSGEN.AT 1149 TSGEN.PENDING k
        [[<t> 'w' 1150 1 'a']]
        > TSGEN.AT 1200 TSGEN.GET k a
        ['ready' 1 '']
        > TSGEN.AT 1200 TSGEN.EXTEND k 100 <t> 99
        1
        > TSGEN.AT 1299 TSGEN.PENDING k
        [[<t> 'w' 1300 1 'a']]
        > TSGEN.AT 1299 TSGEN.CLAIM k w2
        []
        > TSGEN.AT 1300 TSGEN.CLAIM k w2
        [[<u> 2 'a' 1 '']]
        > TSGEN.AT 1300 TSGEN.EXTEND k 100 <t>
        0
        > TSGEN.EXTEND none 100 1
        0
        "#,
    );
}

#[test]
fn release_hands_back_all_leases_of_a_consumer_uncounted() {
    let server = ready("BACKOFF 100000 MAXDELIVERIES 1", &["a", "b", "c"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w1 COUNT 2
        [[<a> 1 'a' 1 ''] [<b> 1 'b' 2 '']]
        > TSGEN.AT 1000 TSGEN.CLAIM k w2
        [[<c> 1 'c' 3 '']]
        > TSGEN.AT 1000 TSGEN.RELEASE k w1
        2
        > TSGEN.AT 1000 TSGEN.RELEASE k w1
        0
        > TSGEN.AT 1000 TSGEN.CLAIM k w3 COUNT 5
        [[<d> 1 'a' 1 ''] [<e> 1 'b' 2 '']]
        > TSGEN.RELEASE none w1
        0
        "#,
    );
}

#[test]
fn requeue_all_works_on_a_thousand_at_a_time() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let elements = (0..1200).map(|i| ["TSGEN.ADD", "k", "1", &format!("id{i}")].map(|word| word.as_bytes().to_vec()));
    c.pipeline(elements.collect::<Vec<_>>());
    c.ok("TSGEN.ADVANCE k 1");
    c.ok("TSGEN.CLAIM k w COUNT 10000");
    c.expect("TSGEN.NACK k 1-4611686018427387904 DEAD", "1200");
    c.expect("TSGEN.REQUEUE k ALL", "1000");
    c.expect("TSGEN.REQUEUE k ALL", "200");
}
