//! Keyspace events of class `d`: one per command that changed something, and `tsgen.ready` when a gate opened.

use crate::harness::*;

#[test]
fn each_command_that_changes_something_tells_so() {
    let server = Server::start(&[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k");
    assert_eq!(events.take(&mut c), ["k tsgen.create"]);
    c.ok("TSGEN.ADD k 5 a");
    c.ok("TSGEN.MADD k 5 b x 6 c y 7 d z");
    assert_eq!(events.take(&mut c), ["k tsgen.add", "k tsgen.add"]);
    c.ok("TSGEN.ADVANCE k 4");
    assert_eq!(events.take(&mut c), ["k tsgen.advance"]);
    c.ok("TSGEN.ADVANCE k 7");
    assert_eq!(events.take(&mut c), ["k tsgen.advance", "k tsgen.ready"]);
    c.ok("TSGEN.ADD k 1 late");
    assert_eq!(events.take(&mut c), ["k tsgen.add", "k tsgen.ready"]);
    c.expect("TSGEN.CLAIM k w COUNT 4", "[[<l> …] [<a> …] [<b> …] [<c> …]]");
    assert_eq!(events.take(&mut c), ["k tsgen.claim"]);
    c.play("> TSGEN.ACK k <l>\n 1\n > TSGEN.EXTEND k 100000 <a>\n 1\n > TSGEN.NACK k <a> DELAY 100000\n 1\n > TSGEN.NACK k <b> DEAD\n 1\n > TSGEN.NACK k <c> DEAD\n 1");
    assert_eq!(events.take(&mut c), ["k tsgen.ack", "k tsgen.extend", "k tsgen.nack", "k tsgen.nack", "k tsgen.nack"]);
    c.play("> TSGEN.REQUEUE k <b>\n 1\n > TSGEN.DISCARD k ALL\n 1\n > TSGEN.CLAIM k w\n [[<d> …]]\n > TSGEN.RELEASE k w\n 1\n > TSGEN.REM k a\n 1\n > TSGEN.ALTER k LEASE 5\n OK");
    let got = events.take(&mut c);
    let got: Vec<&str> = got.iter().map(String::as_str).filter(|event| *event != "k tsgen.ready").collect();
    assert_eq!(
        got,
        ["k tsgen.requeue", "k tsgen.discard", "k tsgen.claim", "k tsgen.release", "k tsgen.rem", "k tsgen.alter"]
    );
}

#[test]
fn what_changes_nothing_tells_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 5 a\n 1\n > TSGEN.ADVANCE k 3\n 3");
    let mut events = Events::subscribe(&server);
    for command in [
        "TSGEN.ADVANCE k 3",
        "TSGEN.CLAIM k w",
        "TSGEN.ACK k 1",
        "TSGEN.REM k x",
        "TSGEN.ADD k NX 1 a",
        "TSGEN.GET k a",
        "TSGEN.RELEASE k w",
        "TSGEN.INFO k",
    ] {
        c.ok(command);
    }
    assert_eq!(events.take(&mut c), [""; 0]);
}

#[test]
fn a_first_write_tells_of_the_creation_too() {
    let server = Server::start(&[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    c.ok("TSGEN.ADD k 5 a");
    let got = events.take(&mut c);
    assert_eq!(got.last().map(String::as_str), Some("k tsgen.add"), "{got:?}");
}

#[test]
fn the_clock_announces_what_it_opened_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    let mut events = Events::subscribe(&server);
    c.ok("TSGEN.ADD k +100 a");
    let mut all = Vec::new();
    wait_until("it is announced", || {
        all.extend(events.take(&mut c));
        all.iter().any(|event| event == "k tsgen.ready")
    });
    c.expect("TSGEN.CLAIM none w BLOCK 200", "[]");
    all.extend(events.take(&mut c));
    assert_eq!(all, ["k tsgen.add", "k tsgen.ready"]);
}

#[test]
fn a_blocked_claim_tells_when_it_is_served() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    let mut events = Events::subscribe(&server);
    c.ok("TSGEN.ADD k 5 a");
    worker.reply();
    assert_eq!(events.take(&mut c), ["k tsgen.add", "k tsgen.ready", "k tsgen.claim"]);
}

#[test]
fn replicas_publish_the_events_of_what_they_repeat() {
    let (master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    replica.client().ok("CONFIG SET notify-keyspace-events KEd$");
    let mut events = Events::subscribe(&replica);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k\n OK\n > TSGEN.ADD k 5 a\n 1\n > TSGEN.ADVANCE k 5\n 5\n > TSGEN.CLAIM k w\n [[<t> …]]\n > TSGEN.ACK k <t>\n 1");
    let got = events.take(&mut c);
    assert_eq!(
        got,
        ["k tsgen.create", "k tsgen.add", "k tsgen.advance", "k tsgen.ready", "k tsgen.claim", "k tsgen.ack"]
    );
}
