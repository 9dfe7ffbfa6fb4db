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
    c.play("> TSGEN.REM k a\n 1\n > TSGEN.ALTER k LATE REJECT\n OK");
    assert_eq!(events.take(&mut c), ["k tsgen.rem", "k tsgen.alter"]);
}

#[test]
fn a_claim_or_an_advance_that_changes_nothing_tells_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 5 a\n 1\n > TSGEN.ADVANCE k 3\n 3");
    let mut events = Events::subscribe(&server);
    c.play("> TSGEN.ADVANCE k 3\n 3\n > TSGEN.CLAIM k w\n []\n > TSGEN.GET k a\n …");
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
