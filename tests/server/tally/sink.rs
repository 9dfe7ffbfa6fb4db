//! SINK of TALLY keys: batches are appended to a native stream as their windows end, and leave the key in the same step.

use super::*;
use crate::common::AOF;
use crate::harness::*;
use std::collections::BTreeSet;

#[test]
fn a_batch_arrives_as_its_number_its_times_and_its_sums() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > TALLY.CREATE k EVERY 120 MAXFIELDS 3 SINK stream
        OK
        > TALLY.MINCR k b -1 "" 2 "%n\x00" 9223372036854775807
        [-1 2 9223372036854775807]
        > TALLY.INCR k x 5
        5
        > TALLY.INCR k x 6
        11
        "#,
    );
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    c.expect(
        "XRANGE stream - +",
        "[['…' ['batch' '<one>' 'opened' '<at>' 'sealed' '<at>' '' '2' '%n\\x00' '9223372036854775807' 'b' '-1']] \
         ['…' ['batch' '<two>' 'opened' '<from>' 'sealed' '<to>' 'x' '11']]]",
    );
    assert!(c.bound("one") < c.bound("two"));
    assert_eq!(c.bound("to") - c.bound("from"), 120);
    assert_eq!(batches(&mut c, "k"), [0; 5]);
    // The stream's ids are times: the entry was not there before its window was over.
    let id = c.ok("XREVRANGE stream + - COUNT 1").items()[0].items()[0].text();
    let appended_at: i64 = id.split('-').next().and_then(|ms| ms.parse().ok()).expect("a stream id");
    assert!((c.bound("to")..c.bound("to") + 2_000).contains(&appended_at), "{id}");
    c.play("> TALLY.CLAIM k w\n -ERR the key has a SINK…\n > TALLY.GET k x\n 0");
}

#[test]
fn append_and_removal_are_one_transaction_for_replicas_and_the_aof() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 1 SINK stream SINKMAXLEN 50");
    let mut feed = Feed::open(&server);
    c.play("> TALLY.INCR k g -6\n -6");
    wait_until("it is in the stream", || c.run("XLEN stream") == 1);
    c.expect("XRANGE stream - +", "[['<one>' …]]");
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <at> TALLY.INCR k g -6",
            "MULTI",
            "XADD stream MAXLEN = 1 <one> batch <_1> opened <at> sealed <at> g -6",
            "TSGEN.AT <_2> TALLY.DROPREADY k 1",
            "EXEC",
        ],
    );
}

#[test]
fn a_crash_at_any_time_neither_loses_nor_doubles() {
    let mut server = Server::start(&AOF);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 150 MAXFIELDS 2 SINK stream");
    for round in 0..3 {
        let mut c = server.client();
        let incr =
            |i: usize| ["TALLY.INCR", "k", &format!("f{round}-{i}"), &i.to_string()].map(|w| w.as_bytes().to_vec());
        c.pipeline((0..501).map(incr));
        server.restart(Stop::Kill);
    }
    let mut c = server.client();
    wait_until("the key is empty", || batches(&mut c, "k") == [0; 5]);
    let entries = c.ok("XRANGE stream - +");
    let (mut numbers, mut fields, mut sum) = (BTreeSet::new(), BTreeSet::new(), 0);
    for entry in entries.items() {
        let entry = entry.items()[1].items();
        assert!(numbers.insert(entry[1].text()), "twice: {}", entry[1]);
        for pair in entry[6..].chunks(2) {
            fields.insert(pair[0].text());
            sum += pair[1].text().parse::<i64>().expect("a number");
        }
    }
    assert_eq!((fields.len(), sum), (3 * 501, 3 * 500 * 501 / 2));
    same_data(&server, &replica);
}
