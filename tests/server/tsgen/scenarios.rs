//! The scenarios that must simply work: those of the system this family replaces, and workers and adders that die.

use crate::common::*;
use crate::harness::*;

#[test]
fn elements_are_handed_out_as_the_watermark_reaches_them() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.ADD k 1 one
        1
        > TSGEN.ADD k 2 two
        1
        > TSGEN.ADD k 3 three
        1
        > TSGEN.ADVANCE k 2
        2
        > TSGEN.CLAIM k w COUNT 10
        [[<a> 1 'one' 1 ''] [<b> 1 'two' 2 '']]
        > TSGEN.ADD k 2 new-at-2
        0
        > TSGEN.ADD k 3 new-at-3
        1
        > TSGEN.CLAIM k w COUNT 10
        [[<c> 1 'new-at-2' 2 '']]
        > TSGEN.ADVANCE k 3
        3
        > TSGEN.CLAIM k w COUNT 10
        [[<d> 1 'three' 3 ''] [<e> 1 'new-at-3' 3 '']]
        > TSGEN.ACK k <a> <b> <c> <d> <e>
        5
        "#,
    );
}

#[test]
fn advancing_to_a_lower_timestamp_changes_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 9 a\n 1\n > TSGEN.ADVANCE k 5\n 5");
    let digest = server.digest("k");
    c.expect("TSGEN.ADVANCE k 4", "5");
    c.expect("TSGEN.ADVANCE k 5", "5");
    assert_eq!(server.digest("k"), digest);
}

#[test]
fn race_one_update_then_add_lower_then_process() {
    let server = Server::start(&[]);
    server
        .client()
        .play("> TSGEN.ADVANCE k 5\n 5\n > TSGEN.ADD k 3 low\n 0\n > TSGEN.CLAIM k w\n [[<t> 1 'low' 3 '']]");
}

#[test]
fn race_two_update_add_higher_process_hands_out_nothing_and_loses_nothing() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.ADVANCE k 5
        5
        > TSGEN.ADD k 6 high
        1
        > TSGEN.CLAIM k w
        []
        > TSGEN.ADVANCE k 6
        6
        > TSGEN.CLAIM k w
        [[<t> 1 'high' 6 '']]
        "#,
    );
}

/// The adder decides that its element is in time, an update overtakes it, the add lands. Both orders, with a worker that claims in
/// between at random: never lost, never early.
#[test]
fn race_three_an_update_that_overtakes_an_add_never_loses_it() {
    let server = Server::start(&[]);
    let rounds = 300;
    scope(|scope| {
        scope.spawn(|| {
            let mut adder = server.client();
            for i in 1..=rounds {
                adder.ok(&format!("TSGEN.ADD k {i} id{i}"));
            }
        });
        scope.spawn(|| {
            let mut updater = server.client();
            for i in 1..=rounds {
                updater.ok(&format!("TSGEN.ADVANCE k {i}"));
            }
        });
        let mut worker = server.client();
        let mut seen = Vec::new();
        while seen.len() < rounds {
            let entries = worker.ok("TSGEN.CLAIM k w COUNT 7 BLOCK 20000");
            let watermark = worker.ok("TSGEN.WATERMARK k").int();
            assert!(!entries.items().is_empty(), "an element was lost: {} of {rounds} came", seen.len());
            for entry in entries.items() {
                let entry = entry.items();
                assert!(entry[3].int() <= watermark, "handed out before its time: {entry:?} at {watermark}");
                seen.push(entry[2].text());
                worker.expect(&format!("TSGEN.ACK k {}", entry[0]), "1");
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), rounds, "handed out twice");
    });
    assert_eq!(counts(&mut server.client(), "k"), [0; 5]);
}

#[test]
fn a_worker_killed_between_claim_and_ack_loses_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.MADD k 1 a x 2 b y\n [1 1]\n > TSGEN.ADVANCE k 2\n 2");
    let mut dying = server.client();
    dying.expect("TSGEN.CLAIM k dying COUNT 2 LEASE 100", "[[<a> 1 'a' 1 'x'] [<b> 1 'b' 2 'y']]");
    drop(dying);
    c.expect("TSGEN.CLAIM k heir BLOCK 20000", "[[<c> 2 'a' 1 'x']]");
    c.expect("TSGEN.CLAIM k heir BLOCK 20000", "[[<d> 2 'b' 2 'y']]");
    c.expect("TSGEN.ACK k <c> <d>", "2");
}

/// The reply to the ADD is never read: what counts is that the server has taken it.
#[test]
fn the_adder_of_a_late_element_killed_right_after_add_loses_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut adder = server.client();
    adder.send(&[b"TSGEN.ADD", b"k", b"3", b"late", b"x"]);
    drop(adder);
    c.expect("TSGEN.CLAIM k w BLOCK 20000", "[[<t> 1 'late' 3 'x']]");
}

#[test]
fn tokens_still_rise_after_the_key_was_deleted() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut last = 0;
    for _ in 0..5 {
        c.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1");
        let token = c.ok("TSGEN.CLAIM k w").items()[0].items()[0].int();
        assert!(token > last, "{token} after {last}");
        last = token;
        c.ok("DEL k");
        // The next token's millisecond must be a later one for tokens of a new key to rise.
        let now = now_ms();
        wait_until("the clock has moved", || now_ms() > now);
    }
}

#[test]
fn a_batch_is_settled_with_one_argument() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for i in 0..1000 {
        c.ok(&format!("TSGEN.ADD k {i} id{i}"));
    }
    c.ok("TSGEN.ADVANCE k 1000");
    let batch = c.ok("TSGEN.CLAIM k w COUNT 1000");
    let token = |index: usize| batch.items()[index].items()[0].int();
    assert_eq!(batch.items().len(), 1000);
    assert_eq!(token(999), token(0) + 999);
    c.expect(&format!("TSGEN.ACK k {}-{}", token(0), token(999)), "1000");
}
