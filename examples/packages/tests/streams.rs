//! The two ways to streams: scans that come from one, and notifications that go to one.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

mod mailer;

use harness::*;
use mailer::{Mailer, Sent};
use std::collections::BTreeSet;

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// One process of the application, on this server.
#[track_caller]
fn start(server: &Server, args: &str) -> App {
    let url = server.url();
    let args: Vec<&str> = ["--redis", &url].into_iter().chain(args.split(' ')).collect();
    App::start(env!("CARGO_BIN_EXE_packages"), &args)
}

/// Entries of `stream` that `group` has been given and has not acknowledged.
#[track_caller]
fn pending(c: &mut Client, stream: &str, group: &str) -> i64 {
    c.ok(&format!("XPENDING {stream} {group}")).items()[0].int()
}

/// How many consumers the group knows.
#[track_caller]
fn consumers(c: &mut Client, stream: &str, group: &str) -> usize {
    c.ok(&format!("XINFO CONSUMERS {stream} {group}")).items().len()
}

/// Items that are collecting, of all sellers.
#[track_caller]
fn items(c: &mut Client) -> i64 {
    c.run("DEBOUNCE.GROUPS packages").items().iter().map(|group| group.items()[1].int()).sum()
}

/// How many XCLAIMs there have been.
#[track_caller]
fn touches(c: &mut Client) -> u64 {
    let stats = c.ok("INFO commandstats").text();
    let calls = stats.split("cmdstat_xclaim:calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}

/// It is killed between PUSH and XACK: here it is a server that refuses XACK.
#[test]
fn what_a_bridge_pushed_but_did_not_acknowledge_is_pushed_again_and_is_there_once() {
    let (server, mailer) = (Server::start(&DURABLE), Mailer::new());
    let mut c = server.client();
    c.ok("XADD scans 1700000000000-0 seller 10 package p1 scanned_at 1000");
    c.ok("XADD scans 1700000000001-0 seller 10 package p1 scanned_at 2000");
    c.ok("XADD scans 1700000000002-0 seller 10 package p2");
    c.ok("XADD scans 1700000000003-0 something else");
    c.ok("ACL SETUSER default -xack");
    let mut first = start(&server, "bridge");
    first.line_with("NoPerm");
    assert_eq!((pending(&mut c, "scans", "bridges"), items(&mut c)), (4, 3));
    let fires_at = c.ok("DEBOUNCE.GET packages 10").items()[0].int();
    first.kill();

    c.ok("ACL SETUSER default +xack");
    let mut second = start(&server, "bridge scans --takeover 100ms");
    second.line_with("carried 4 entries of 1 sellers, 4 acknowledged");
    assert_eq!((pending(&mut c, "scans", "bridges"), items(&mut c)), (0, 3));
    assert!(c.ok("DEBOUNCE.GET packages 10").items()[0].int() > fires_at, "a repetition restarts the hour");
    assert_eq!(second.terminate(), Some(0));
    // The one that was killed is still known, the one that has left is not.
    assert_eq!(consumers(&mut c, "scans", "bridges"), 1);

    let _notifier = start(&server, &format!("notify --send {}", mailer.path()));
    c.expect("DEBOUNCE.FLUSH packages 10", "1");
    wait_until("it is sent", || mailer.sent().len() == 1);
    let expected = [("p1", vec![1000, 2000]), ("p2", vec![1_700_000_000_002])];
    assert_eq!(mailer.sent()[0].packages, expected.map(|(name, times)| (name.to_owned(), times)).into());
}

/// Bridges are killed at any moment, and Redis too. The hour is long, so what is collected at the end is all there was.
#[test]
fn bridges_that_are_killed_again_and_again_lose_nothing_and_double_nothing() {
    let mut server = Server::start(&DURABLE);
    let mut random = Random::new(now_ms() as u64);
    let mut publisher = start(&server, "publish --stream scans --sellers 9 --scans 500 --every 2ms");
    for round in 0..25 {
        let mut bridge = start(&server, "bridge --takeover 50ms");
        if round % 8 == 7 {
            bridge.line_with("carried");
            server.restart(Stop::Kill);
        }
        std::thread::sleep(std::time::Duration::from_millis(random.below(60)));
        bridge.kill();
    }
    assert_eq!(publisher.end().code(), Some(0));
    let mut last = start(&server, "bridge --takeover 50ms");
    let mut c = server.client();
    wait_until("all is carried", || {
        let group = c.ok("XINFO GROUPS scans").items()[0].to_string();
        group.contains("'pending' 0") && group.contains("'lag' 0")
    });
    assert_eq!(last.terminate(), Some(0));
    assert_eq!(items(&mut c), 500);
    c.expect("DEBOUNCE.FLUSHALL packages", "9");
    let notifier = start(&server, "notify");
    wait_until("all are told", || notifier.lines_with("\"packages\"").len() == 9);
    let sent: Vec<Sent> = notifier.lines_with("\"packages\"").iter().map(|line| Sent::parse(line)).collect();
    assert!(sent.iter().all(|sent| sent.reason == "flush"));
    let names: BTreeSet<&str> = sent.iter().flat_map(Sent::names).collect();
    let times: usize = sent.iter().flat_map(|sent| sent.packages.values()).map(Vec::len).sum();
    assert_eq!((names.len(), times), (500, 500));
}

#[test]
fn a_consumer_group_of_the_sink_stream_survives_its_dead_and_leaves_nothing_behind() {
    let (mut server, mailer) = (Server::start(&DURABLE), Mailer::new());
    let mut c = server.client();
    mailer.start_to("hold");
    let args = format!("notify-stream --idle 50ms --lease 500ms --send {}", mailer.path());
    let mut first = start(&server, &args);
    wait_until("the key is made", || c.run("EXISTS packages") == 1);
    c.ok("DEBOUNCE.PUSH packages 10 p1 p2");
    c.ok("DEBOUNCE.PUSH packages 20 q1");
    wait_until("it is sending", || mailer.begun() == 1);
    first.kill();
    server.restart(Stop::Kill);
    mailer.stop_to("hold");
    let mut others = [start(&server, &args), start(&server, &args)];
    wait_until("both are sent", || mailer.sent().len() == 2);
    let mut c = server.client();
    wait_until("nothing is left", || {
        c.run("XLEN packages:quiet") == 0 && pending(&mut c, "packages:quiet", "notifiers") == 0
    });
    let mut sent = mailer.sent();
    sent.sort_by(|a, b| a.seller.cmp(&b.seller));
    assert_eq!(sent.iter().map(Sent::names).collect::<Vec<_>>(), [vec!["p1", "p2"], vec!["q1"]]);
    assert!(sent.iter().all(|sent| sent.reason == "idle"));
    assert_eq!(others.each_mut().map(App::terminate), [Some(0), Some(0)]);
    assert_eq!(consumers(&mut c, "packages:quiet", "notifiers"), 1, "only the one that was killed");
}

#[test]
fn an_entry_of_the_sink_stream_stays_with_whom_it_takes_long_and_comes_back_if_it_fails() {
    let (server, mailer) = (Server::start(&[]), Mailer::new());
    let mut c = server.client();
    // A key that is there already, without a sink.
    c.ok("DEBOUNCE.CREATE packages IDLE 50");
    let args = format!("notify-stream --lease 900ms --send {}", mailer.path());
    let others = [start(&server, &args), start(&server, &args)];
    mailer.start_to("fail");
    wait_until("it has one", || c.ok("DEBOUNCE.INFO packages").field("sink").text() == "packages:quiet");
    c.ok("DEBOUNCE.PUSH packages 10 p1");
    wait_until("it has failed, and is tried again", || mailer.begun() >= 2);
    mailer.start_to("hold");
    mailer.stop_to("fail");
    // Three times within a lease it is told that somebody is on it.
    let first = touches(&mut c);
    wait_until("it is held", || touches(&mut c) > first);
    let attempts = mailer.begun();
    wait_until("three leases have passed", || touches(&mut c) > first + 9);
    assert_eq!(mailer.begun(), attempts, "another one took it");
    mailer.stop_to("hold");
    wait_until("it is sent", || mailer.sent().len() == 1);
    wait_until("nothing is left", || c.run("XLEN packages:quiet") == 0);
    assert!(others.iter().all(|other| other.lines_with("broken off").is_empty()));
}
