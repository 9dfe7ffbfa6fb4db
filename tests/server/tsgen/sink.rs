//! SINK: what becomes ready is appended to a native stream by the server, and leaves the key in the same step.

use crate::common::*;
use crate::harness::*;

#[test]
fn entries_arrive_in_the_stream_as_fields_in_order() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k SINK stream\n OK\n > TSGEN.MADD k 2 b \"\" 1 a \"x\\x00y\" 9 later z\n [1 1 1]\n > TSGEN.ADVANCE k 2\n 2");
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    c.expect(
        "XRANGE stream - +",
        "[['…' ['id' 'a' 'timestamp' '1' 'payload' 'x\\x00y']] ['…' ['id' 'b' 'timestamp' '2' 'payload' '']]]",
    );
    assert_eq!(counts(&mut c, "k"), [1, 0, 0, 0, 0]);
    c.expect("TSGEN.ADD k 1 late", "0");
    wait_until("the late one too", || c.run("XLEN stream") == 3);
}

#[test]
fn sinkmaxlen_trims_about_there() {
    let server = Server::start(&["--stream-node-max-entries", "10"]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k SINK stream SINKMAXLEN 20");
    for i in 0..500 {
        c.ok(&format!("TSGEN.ADD k {i} id{i}"));
    }
    c.ok("TSGEN.ADVANCE k 500");
    wait_until("the key is empty", || counts(&mut c, "k") == [0; 5]);
    let length = c.run("XLEN stream").int();
    assert!((20..=40).contains(&length), "{length}");
}

#[test]
fn many_entries_go_through_in_bounded_ticks_while_clients_are_served() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k SINK stream");
    let add = |i: usize| ["TSGEN.ADD", "k", "1", &format!("id{i}"), "payload"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..20_000).map(add));
    c.ok("TSGEN.ADVANCE k 1");
    wait_until("all are in the stream", || c.run("XLEN stream") == 20_000);
    assert_eq!(counts(&mut c, "k"), [0; 5]);
}

#[test]
fn alter_sets_moves_and_removes_the_sink() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        "> TSGEN.MADD k 1 a \"\" 2 b \"\" 3 c \"\"\n [1 1 1]\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w\n [[<t> …]]",
    );
    c.play("> TSGEN.ALTER k SINK one\n -ERR …\n > TSGEN.ACK k <t>\n 1\n > TSGEN.ALTER k SINK one\n OK\n > TSGEN.ADVANCE k 2\n 2");
    wait_until("b is in one", || c.run("XLEN one") == 1);
    c.play("> TSGEN.ALTER k SINK two SINKMAXLEN 7\n OK\n > TSGEN.ADVANCE k 3\n 3");
    wait_until("c is in two", || c.run("XLEN two") == 1);
    assert_eq!(stat(&mut c, "k", "sinkmaxlen"), 7);
    c.play("> TSGEN.ALTER k SINK \"\"\n OK\n > TSGEN.ADD k 1 d\n 0\n > TSGEN.CLAIM k w\n [[<u> 1 'd' 1 '']]\n > XLEN two\n 1");
}

#[test]
fn a_sink_set_on_ready_entries_takes_them() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.MADD k 1 a \"\" 2 b \"\"\n [1 1]\n > TSGEN.ADVANCE k 2\n 2\n > TSGEN.ALTER k SINK stream\n OK");
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
}

#[test]
fn what_the_last_append_failed_with_is_told_and_logged_once_a_minute() {
    let server = Server::start(&[]);
    let mut c = server.client();
    assert_eq!(c.info("tsgen", "tsgen_sink-last-error"), "");
    c.play(
        "> TSGEN.CREATE k SINK stream\n OK\n > SET stream text\n OK\n > TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1",
    );
    wait_until("it was tried twice", || c.info("tsgen", "tsgen_sink-errors").as_str() >= "2");
    let error = c.info("tsgen", "tsgen_sink-last-error");
    assert!(error.starts_with("WRONGTYPE"), "{error}");
    let log = server.log();
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("an append to the stream of a SINK failed, key 'k'")).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("WRONGTYPE"), "{}", lines[0]);
    c.ok("DEL stream");
    wait_until("it is in the stream", || c.run("XLEN stream") == 1);
}

#[test]
fn what_has_ended_before_a_step_is_told_to_replicas_before_the_appends() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play("> TSGEN.MADD k 1 a \"\" 2 b \"\"\n [1 1]\n > TSGEN.ADVANCE k 2\n 2\n > TSGEN.CLAIM k w COUNT 2\n [[<a> …] [<b> …]]");
    c.play("> TSGEN.NACK k <a> <b> DELAY 40\n 2");
    let mut feed = Feed::open(&server);
    c.ok("TSGEN.ALTER k SINK stream");
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    let commands = feed.take(&mut c);
    let position = |what: &str| {
        commands.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} in {commands:#?}"))
    };
    assert!(position("TSGEN.SWEEP k 32") < position("XADD stream"), "{commands:#?}");
    assert!(position("XADD stream") < position("TSGEN.DROPREADY k"), "{commands:#?}");
}

#[test]
fn append_and_removal_are_one_transaction_for_replicas_and_the_aof() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k SINK stream SINKMAXLEN 50\n OK\n > TSGEN.MADD k 1 a x 2 b y\n [1 1]");
    let mut feed = Feed::open(&server);
    c.ok("TSGEN.ADVANCE k 2");
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    let commands = feed.take(&mut c);
    assert!(commands[0].ends_with("TSGEN.ADVANCE k 2"), "{commands:#?}");
    let rest: Vec<&str> = commands[1..]
        .iter()
        .map(|line| {
            line.split(' ').find(|word| !matches!(*word, "TSGEN.AT") && word.parse::<i64>().is_err()).unwrap_or("")
        })
        .collect();
    // One step appends both, unless its time is over behind the first one.
    let whole = ["MULTI", "XADD", "XADD", "TSGEN.DROPREADY", "EXEC"];
    let one = ["MULTI", "XADD", "TSGEN.DROPREADY", "EXEC"];
    assert!(rest == whole || rest == [one, one].concat(), "{commands:#?}");
    assert!(!commands[2].contains(" * "), "the stream's ids are concrete: {commands:#?}");
}

/// Another module hears of the append of `a`, and then removes `b`, adds one in front of all, and replaces `c`, of which the XADD is made already.
#[test]
fn what_another_module_changes_during_a_step_is_neither_lost_nor_taken_for_what_was_appended() {
    let meddler = build_shim("meddler");
    let args = ["--appendonly", "yes", "--appendfsync", "always", "--loadmodule", meddler.to_str().expect("a path")];
    let mut master = Server::start(&args);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    c.play(
        "> TSGEN.CREATE k SINK stream\n OK\n > TSGEN.MADD k 1 a x 2 b x 3 c old\n [1 1 1]\n > TSGEN.ADVANCE k 3\n 3",
    );
    wait_until("the key is empty", || counts(&mut c, "k") == [0; 5]);
    let appended = |c: &mut Client| -> Vec<String> {
        let entries = c.ok("XRANGE stream - +");
        let shown = |entry: &Reply| {
            format!("{} {}", entry.items()[1].field("id").text(), entry.items()[1].field("payload").text())
        };
        entries.items().iter().map(shown).collect()
    };
    let mut got = appended(&mut c);
    // A step that is out of time ends early, and these two are gone before the next.
    got.retain(|entry| entry != "b x" && entry != "c old");
    assert_eq!(got, ["a x", "front x", "c new"], "{:?}", appended(&mut c));
    same_data(&master, &replica);
    assert_eq!(appended(&mut replica.client()), appended(&mut c));
    let digest = master.digest_all();
    // Without the other module, which would hear of the XADDs in the AOF.
    master.set_args(&args[..4]);
    master.restart(Stop::Kill);
    assert_eq!(master.digest_all(), digest);
}

#[test]
fn a_crash_at_any_time_neither_loses_nor_doubles() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK SINK stream");
    for i in 0..2000 {
        c.ok(&format!("TSGEN.ADD k +{} id{i}", i / 10));
    }
    for _ in 0..3 {
        server.restart(Stop::Kill);
    }
    let mut c = server.client();
    wait_until("the key is empty", || counts(&mut c, "k") == [0; 5]);
    let entries = c.ok("XRANGE stream - +");
    let mut ids: Vec<String> = entries.items().iter().map(|entry| entry.items()[1].field("id").text()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((entries.items().len(), ids.len()), (2000, 2000));
}
