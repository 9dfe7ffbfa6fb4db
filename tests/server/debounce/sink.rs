//! SINK of DEBOUNCE keys: groups that fire are appended to a native stream, and leave the key in the same step.

use super::*;
use crate::common::AOF;
use crate::harness::*;

#[test]
fn a_group_arrives_as_group_reason_and_its_items() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > DEBOUNCE.CREATE k IDLE 100 MAXITEMS 3 SINK stream
        OK
        > DEBOUNCE.PUSH k "full\x00" a "" "%n\x00"
        0
        > DEBOUNCE.PUSH k g x
        1
        > DEBOUNCE.PUSH k flushed y
        1
        > DEBOUNCE.FLUSH k flushed
        1
        > DEBOUNCE.PUSH k g z
        2
        "#,
    );
    wait_until("all are in the stream", || c.run("XLEN stream") == 3);
    c.expect(
        "XRANGE stream - +",
        "[['…' ['group' 'full\\x00' 'reason' 'full' 'item' 'a' 'at' '<at>' 'item' '' 'at' '<at>' 'item' '%n\\x00' 'at' '<at>']] \
         ['…' ['group' 'flushed' 'reason' 'flush' 'item' 'y' 'at' '<_1>']] \
         ['…' ['group' 'g' 'reason' 'idle' 'item' 'x' 'at' '<first>' 'item' 'z' 'at' '<last>']]]",
    );
    assert_eq!(groups(&mut c, "k"), [0; 5]);
    // The stream's ids are times: the entry was not there before its group was quiet.
    let id = c.ok("XREVRANGE stream + - COUNT 1").items()[0].items()[0].text();
    let appended_at: i64 = id.split('-').next().and_then(|ms| ms.parse().ok()).expect("a stream id");
    assert!((c.bound("last") + 100..c.bound("last") + 2_100).contains(&appended_at), "{id}");
}

#[test]
fn append_and_removal_are_one_transaction_for_replicas_and_the_aof() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 100 SINK stream SINKMAXLEN 50");
    let mut feed = Feed::open(&server);
    c.play("> MULTI\n OK\n > DEBOUNCE.PUSH k g a\n QUEUED\n > DEBOUNCE.PUSH k h b\n QUEUED\n > DEBOUNCE.FLUSHALL k\n QUEUED\n > EXEC\n [1 1 2]");
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    c.expect("XRANGE stream - +", "[['<one>' …] ['<two>' …]]");
    feed.expect(
        &mut c,
        &[
            "MULTI",
            "TSGEN.AT <_1> DEBOUNCE.PUSH k g a",
            "TSGEN.AT <_2> DEBOUNCE.PUSH k h b",
            "TSGEN.AT <_3> DEBOUNCE.FLUSHALL k",
            "EXEC",
            "MULTI",
            "XADD stream MAXLEN = 1 <one> group g reason flush item a at <_4>",
            "XADD stream MAXLEN = 2 <two> group h reason flush item b at <_5>",
            "TSGEN.AT <_6> DEBOUNCE.DROPREADY k 2",
            "EXEC",
        ],
    );
}

#[test]
fn replica_and_aof_hold_the_same_stream_ids() {
    let mut server = Server::start(&AOF);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 30 SINK stream");
    for i in 0..200 {
        c.ok(&format!("DEBOUNCE.PUSH k g{} {i}", i % 40));
    }
    wait_until("the key is empty", || groups(&mut c, "k") == [0; 5]);
    same_data(&server, &replica);
    let entries = c.ok("XRANGE stream - +");
    assert_eq!(replica.client().ok("XRANGE stream - +"), entries);
    server.restart(Stop::Kill);
    assert_eq!(server.client().ok("XRANGE stream - +"), entries);
}

#[test]
fn five_thousand_groups_go_through_each_exactly_once() {
    let server = Server::start(&[]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 300 SINK stream");
    let push = |i: usize| ["DEBOUNCE.PUSH", "k", &format!("g{i}"), "one", "two"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..5_000).map(push));
    wait_until("all are in the stream", || c.run("XLEN stream") == 5_000);
    assert_eq!(groups(&mut c, "k"), [0; 5]);
    let entries = c.ok("XRANGE stream - +");
    let names: Vec<String> = entries.items().iter().map(|entry| entry.items()[1].items()[1].text()).collect();
    assert_eq!(names, (0..5_000).map(|i| format!("g{i}")).collect::<Vec<_>>(), "in the order in which they fired");
    assert!(entries.items().iter().all(|entry| entry.items()[1].items().len() == 4 + 2 * 4));
    same_data(&server, &replica);
}

#[test]
fn a_crash_at_any_time_neither_loses_nor_doubles() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 150 SINK stream");
    let push = |i: usize| ["DEBOUNCE.PUSH", "k", &format!("g{i}"), &format!("item{i}")].map(|w| w.as_bytes().to_vec());
    c.pipeline((0..1_500).map(push));
    for _ in 0..3 {
        server.restart(Stop::Kill);
    }
    let mut c = server.client();
    wait_until("the key is empty", || groups(&mut c, "k") == [0; 5]);
    let entries = c.ok("XRANGE stream - +");
    let mut items: Vec<String> = entries.items().iter().map(|entry| entry.items()[1].field("item").text()).collect();
    items.sort();
    items.dedup();
    assert_eq!((entries.items().len(), items.len()), (1_500, 1_500));
}
