//! The application as its users run it: several processes on one Redis, any of which may die.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

mod mailer;

use harness::*;
use mailer::{Mailer, Sent};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// One process of the application, on this server.
#[track_caller]
fn start(server: &Server, args: &str) -> App {
    let url = server.url();
    let args: Vec<&str> = ["--redis", &url].into_iter().chain(args.split(' ')).collect();
    App::start(env!("CARGO_BIN_EXE_packages"), &args)
}

/// A scan, to its end.
#[track_caller]
fn scan(server: &Server, args: &str) {
    let mut app = start(server, &format!("scan {args}"));
    assert_eq!(app.end().code(), Some(0), "{:?}", app.lines());
}

/// When a seller's group fires, and its items without the times of their pushes.
#[track_caller]
fn collecting(c: &mut Client, seller: &str) -> (i64, Vec<String>) {
    let reply = c.ok(&format!("DEBOUNCE.GET packages {seller}"));
    let items = reply.items()[1].items().iter().step_by(2).map(Reply::text).collect();
    (reply.items()[0].int(), items)
}

#[track_caller]
fn info(c: &mut Client, names: &[&str]) -> Vec<i64> {
    let info = c.ok("DEBOUNCE.INFO packages");
    names.iter().map(|name| info.field(name).int()).collect()
}

/// Packages of all notifications, and how often each scan of them was told.
fn told(sent: &[Sent]) -> BTreeMap<(&str, i64), usize> {
    let mut told = BTreeMap::new();
    for (package, times) in sent.iter().flat_map(|sent| &sent.packages) {
        for time in times {
            *told.entry((package.as_str(), *time)).or_default() += 1;
        }
    }
    told
}

#[test]
fn one_notification_a_seller_with_all_packages_and_each_scan_starts_the_time_anew() {
    let server = Server::start(&[]);
    let mut c = server.client();
    scan(&server, "10 p1 p2 --idle 3s");
    let first = collecting(&mut c, "10").0;
    scan(&server, "20 q1");
    scan(&server, "10 p3 p1");
    let (second, items) = collecting(&mut c, "10");
    assert!(second > first, "{second} {first}");
    assert_eq!(items.len(), 4, "{items:?}");
    c.ok("DEBOUNCE.PUSH packages 30 by-hand");
    let mut notifiers = [start(&server, "notify"), start(&server, "notify")];
    wait_until("all are told", || info(&mut c, &["acked"]) == [3]);
    let lines = |notifier: &App| notifier.lines_with("\"packages\"");
    // The last line may still be on its way.
    wait_until("all are printed", || notifiers.iter().flat_map(lines).count() == 3);
    let mut sent: Vec<Sent> = notifiers.iter().flat_map(lines).map(|line| Sent::parse(&line)).collect();
    sent.sort_by(|a, b| a.seller.cmp(&b.seller));
    assert_eq!(sent.iter().map(Sent::names).collect::<Vec<_>>(), [vec!["p1", "p2", "p3"], vec!["q1"], vec!["by-hand"]]);
    assert!(sent.iter().all(|sent| sent.reason == "idle"));
    // One package was scanned twice, the others once.
    assert_eq!(sent[0].packages.values().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
    // Waiting in the server is no failure.
    assert!(notifiers.iter().all(|notifier| notifier.lines_with("trying again").is_empty()));
    assert_eq!(notifiers.each_mut().map(App::terminate), [Some(0), Some(0)]);
}

#[test]
fn the_time_of_a_key_that_is_there_changes_when_it_is_told_and_only_then() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let minutes_left = |c: &mut Client| (collecting(c, "10").0 - now_ms() + MINUTE / 2) / MINUTE;
    scan(&server, "10 p1");
    assert_eq!(minutes_left(&mut c), 60);
    scan(&server, "10 p2 --idle 20m");
    assert_eq!(minutes_left(&mut c), 20);
    scan(&server, "10 p3");
    assert_eq!(minutes_left(&mut c), 20);
    assert_eq!(start(&server, "scan 10 p4 --idle 20").end().code(), Some(2), "no unit");
}

/// The hour itself, on a clock of the test's own, with the defaults: scans at 12:00 and 12:30 are told at 13:30 and not at 13:00.
#[test]
fn an_hour_after_the_last_scan() {
    let mut clock = Clock::at_noon();
    let noon = clock.now_ms();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    let scan = |clock: &Clock, args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        let url = server.url();
        let args = [&["--redis", &url, "scan"], &args[..]].concat();
        let mut app = App::start_with(env!("CARGO_BIN_EXE_packages"), &args, &clock.environment());
        assert_eq!(app.end().code(), Some(0), "{:?}", app.lines());
    };
    scan(&clock, "10 p1 p2");
    let mut notifier = start(&server, "notify");
    clock.pass_to(noon + 30 * MINUTE);
    scan(&clock, "10 p3");
    let fires_at = collecting(&mut c, "10").0;
    assert!((90 * MINUTE..91 * MINUTE).contains(&(fires_at - noon)), "{}", fires_at - noon);
    for at in [noon + HOUR + MINUTE, fires_at - 10_000] {
        clock.pass_to(at);
        // Whoever asks gets nothing.
        c.expect("DEBOUNCE.CLAIM packages tester", "[]");
        assert_eq!(info(&mut c, &["collecting", "delivered"]), [1, 0]);
        assert_eq!(notifier.lines_with("\"packages\""), Vec::<String>::new());
    }
    clock.pass_to(fires_at + 1);
    let sent = Sent::parse(&notifier.line_with("\"packages\""));
    let minutes: Vec<i64> = sent.packages.values().flatten().map(|at| (at - noon) / MINUTE).collect();
    assert_eq!((sent.names(), minutes), (vec!["p1", "p2", "p3"], vec![0, 0, 30]));
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    assert_eq!(notifier.terminate(), Some(0));
}

#[test]
fn a_notification_that_takes_longer_than_its_lease_is_sent_by_one_process_alone() {
    let (server, mailer) = (Server::start(&[]), Mailer::new());
    let mut c = server.client();
    mailer.start_to("hold");
    scan(&server, "10 p1 --idle 50ms");
    let args = format!("notify --lease 400ms --send {}", mailer.path());
    let _notifiers = [start(&server, &args), start(&server, &args)];
    let mut ends = Vec::new();
    wait_until("the lease was extended four times", || {
        ends.extend(c.ok("DEBOUNCE.PENDING packages").items().iter().map(|lease| lease.items()[2].int()));
        ends.dedup();
        ends.len() > 4
    });
    mailer.stop_to("hold");
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    assert_eq!((mailer.begun(), mailer.sent().len(), info(&mut c, &["delivered"])), (1, 1, vec![1]));
}

#[test]
fn what_cannot_be_sent_is_tried_again_later_and_then_left_to_the_operator() {
    let (server, mailer) = (Server::start(&[]), Mailer::new());
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE packages IDLE 50 BACKOFF 40 MAXDELIVERIES 3");
    mailer.start_to("fail");
    scan(&server, "10 p1 p2");
    let notifier = start(&server, &format!("notify --send {}", mailer.path()));
    wait_until("it is given up", || info(&mut c, &["dead"]) == [1]);
    assert_eq!((mailer.begun(), mailer.sent()), (3, vec![]));
    let dead = c.ok("DEBOUNCE.DEAD packages").items()[0].to_string();
    assert!(dead.contains("exit status: 3"), "{dead}");
    mailer.stop_to("fail");
    c.expect("DEBOUNCE.REQUEUE packages ALL", "1");
    wait_until("it is sent", || info(&mut c, &["acked"]) == [1]);
    assert_eq!(mailer.sent().iter().map(Sent::names).collect::<Vec<_>>(), [["p1", "p2"]]);
    wait_until("it says so", || notifier.lines_with("exit status: 3").len() == 3);
}

#[test]
fn a_notifier_that_is_killed_while_sending_is_replaced_when_its_lease_ends() {
    let (server, mailer) = (Server::start(&[]), Mailer::new());
    let mut c = server.client();
    mailer.start_to("hold");
    scan(&server, "10 p1 p2 p3 --idle 50ms");
    let args = format!("notify --lease 500ms --send {}", mailer.path());
    let mut first = start(&server, &args);
    wait_until("it is sending", || mailer.begun() == 1);
    first.kill();
    mailer.stop_to("hold");
    let mut second = start(&server, &args);
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    second.line_with("delivery 2");
    assert_eq!(mailer.sent().iter().map(Sent::names).collect::<Vec<_>>(), [["p1", "p2", "p3"]]);
    assert_eq!(second.terminate(), Some(0));
}

#[test]
fn sigterm_gives_back_at_once_what_does_not_end_in_time() {
    let (server, mailer) = (Server::start(&[]), Mailer::new());
    let mut c = server.client();
    mailer.start_to("hold");
    scan(&server, "10 p1 --idle 50ms");
    let args = format!("notify --lease 1h --send {}", mailer.path());
    let mut first = start(&server, &format!("{args} --grace 100ms"));
    wait_until("it is sending", || mailer.begun() == 1);
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(info(&mut c, &["ready", "leased"]), [1, 0]);
    // And what does end in time is sent.
    let mut second = start(&server, &format!("{args} --grace 20s"));
    second.line_with("delivery 1");
    wait_until("it is sending", || mailer.begun() == 2);
    second.signal("TERM");
    mailer.stop_to("hold");
    assert_eq!(second.end().code(), Some(0));
    assert_eq!((info(&mut c, &["acked", "leased"]), mailer.sent().len()), (vec![1, 0], 1));
}

#[test]
fn all_of_it_goes_on_by_itself_when_redis_is_killed_and_comes_back() {
    let (mut server, mailer) = (Server::start(&DURABLE), Mailer::new());
    let args = format!("notify --lease 3s --send {}", mailer.path());
    let mut notifiers = [start(&server, &args), start(&server, &args)];
    let mut publisher = start(&server, "publish --sellers 7 --scans 300 --every 3ms --idle 300ms");
    for scans in [50, 150, 250] {
        wait_until("it publishes", || publisher.lines_with("scanned at").len() >= scans);
        server.restart(Stop::Kill);
    }
    assert_eq!(publisher.end().code(), Some(0));
    let mut c = server.client();
    wait_until("all are told", || info(&mut c, &["collecting", "ready", "leased", "delayed"]) == [0; 4]);
    let sent = mailer.sent();
    assert_eq!(told(&sent).len(), 300);
    // Inside a notification nothing is told twice.
    assert!(sent.iter().all(|sent| told(std::slice::from_ref(sent)).values().all(|count| *count == 1)));
    assert_eq!(notifiers.each_mut().map(App::terminate), [Some(0), Some(0)]);
}
