//! SINK of DEBOUNCE keys: groups that fire are appended to a native stream, and leave the key in the same step.

use super::debounce::*;
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
fn consumer_groups_read_it_as_any_stream() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 80 SINK stream\n OK\n > XGROUP CREATE stream workers $ MKSTREAM\n OK\n > DEBOUNCE.PUSH k g a b\n 2");
    c.expect(
        "XREADGROUP GROUP workers w BLOCK 20000 STREAMS stream >",
        "[['stream' [['…' ['group' 'g' 'reason' 'idle' 'item' 'a' 'at' '<t>' 'item' 'b' 'at' '<t>']]]]]",
    );
    let id = c.ok("XPENDING stream workers - + 10").items()[0].items()[0].text();
    c.expect(&format!("XACK stream workers {id}"), "1");
    c.play("> DEBOUNCE.CLAIM k w\n -ERR the key has a SINK…\n > DEBOUNCE.CLAIM k w BLOCK 0\n -ERR the key has a SINK…");
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
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
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
fn a_stream_of_the_wrong_type_keeps_the_group_ready_and_is_retried() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> SET stream wrong-type\n OK\n > DEBOUNCE.CREATE k IDLE 50 SINK stream\n OK\n > DEBOUNCE.PUSH k g a\n 1");
    let errors = |c: &mut Client| c.ok("DEBOUNCE.INFO k").field("sink-errors").int();
    wait_until("the failure is counted", || errors(&mut c) > 0);
    assert_eq!(groups(&mut c, "k"), [0, 1, 0, 0, 0]);
    // What is pushed meanwhile is not held up, and not appended either.
    c.expect("DEBOUNCE.PUSH k g b", "1");
    c.ok("DEL stream");
    wait_until("both are appended", || c.run("XLEN stream") == 2);
    c.expect("XRANGE stream - +", "[[… 'item' 'a' …] [… 'item' 'b' …]]");
    assert_eq!(groups(&mut c, "k"), [0; 5]);
}

#[test]
fn at_maxmemory_the_group_stays_and_goes_when_there_is_room() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 50 SINK stream\n OK\n > DEBOUNCE.PUSH k g a\n 1\n > CONFIG SET maxmemory 1\n OK");
    wait_until("the failure is counted", || c.ok("DEBOUNCE.INFO k").field("sink-errors").int() > 0);
    c.play("> XLEN stream\n 0\n > CONFIG SET maxmemory 0\n OK");
    wait_until("it is retried", || c.run("XLEN stream") == 1);
}

#[test]
fn a_crash_at_any_time_neither_loses_nor_doubles() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
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

#[test]
fn alter_sets_and_removes_the_sink_of_groups_that_collect_and_that_have_fired() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 200\n OK\n > DEBOUNCE.PUSH k fired a\n 1\n > DEBOUNCE.FLUSH k fired\n 1\n > DEBOUNCE.PUSH k collects a\n 1");
    c.play("> DEBOUNCE.CLAIM k w\n [[<t> …]]\n > DEBOUNCE.ALTER k SINK stream\n -ERR …\n > DEBOUNCE.RELEASE k w\n 1\n > DEBOUNCE.ALTER k SINK stream\n OK");
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    c.play("> DEBOUNCE.ALTER k SINK \"\"\n OK\n > DEBOUNCE.PUSH k g a\n 1\n > DEBOUNCE.CLAIM k w BLOCK 20000\n [[<u> 1 'g' 'idle' …]]\n > XLEN stream\n 2");
}

#[test]
fn a_key_that_moves_takes_its_running_sink_along() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 120 SINK stream\n OK\n > DEBOUNCE.PUSH k g a\n 1\n > RENAME k renamed\n OK");
    wait_until("it is in the stream", || c.run("XLEN stream") == 1);
    c.play("> DEBOUNCE.PUSH renamed g b\n 1\n > MOVE renamed 3\n 1\n > SELECT 3\n OK");
    wait_until("it is in the stream of its database", || c.run("XLEN stream") == 1);
    c.play("> DEBOUNCE.PUSH renamed g c\n 1\n > SWAPDB 3 0\n OK\n > SELECT 0\n OK");
    wait_until("and after SWAPDB", || c.run("XLEN stream") == 2);
}
