//! The application as its users run it: several processes on one key, some of which die.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

use harness::*;
use std::collections::{BTreeMap, BTreeSet};

/// One process of the application, on this server.
#[track_caller]
fn start(server: &Server, args: &str) -> App {
    let url = server.url();
    let args = ["--redis", &url].into_iter().chain(args.split(' '));
    App::start(env!("CARGO_BIN_EXE_timed_elements"), &args.collect::<Vec<_>>())
}

/// The value of `name=` in a line.
#[track_caller]
fn number(line: &str, name: &str) -> i64 {
    let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number {name}= in {line:?}"))
}

/// The element that a line of an adder or a worker is about: the word after `added`, `got` or `finished`.
#[track_caller]
fn element(line: &str) -> String {
    line.split(' ').nth(3).unwrap_or_else(|| panic!("no element in {line:?}")).trim_end_matches(':').to_owned()
}

fn elements<'a>(apps: impl IntoIterator<Item = &'a App>, word: &str) -> Vec<String> {
    apps.into_iter().flat_map(|app| app.lines_with(word)).map(|line| element(&line)).collect()
}

/// How many elements there are in any state.
fn left_over(c: &mut Client) -> i64 {
    let info = c.ok("TSGEN.INFO elements");
    ["waiting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int()).iter().sum()
}

/// The watermark at each CLAIM, by the token it gave out. From the replication stream, which is in the server's own order.
fn watermarks(commands: &[String]) -> BTreeMap<i64, i64> {
    let mut reports: BTreeMap<&str, i64> = BTreeMap::new();
    let mut at_claims = BTreeMap::new();
    for command in commands {
        match command.split(' ').collect::<Vec<_>>()[..] {
            ["TSGEN.AT", _, "TSGEN.ADVANCE", _, timestamp, "SOURCE", name] => {
                reports.insert(name, timestamp.parse().expect("a timestamp"));
            }
            ["TSGEN.AT", _, "TSGEN.CLAIM", ref words @ ..] => {
                // Behind it may stand what was acknowledged with the claim.
                let Some(at) = words.iter().position(|word| *word == "TOKEN") else { continue };
                assert_eq!(reports.len(), 2, "{command}: before all sources have reported");
                let token = words[at + 1].parse().expect("a token");
                at_claims.insert(token, *reports.values().min().expect("two reports"));
            }
            _ => {}
        }
    }
    at_claims
}

#[test]
fn every_element_is_worked_on_when_its_time_has_come_though_workers_die() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    let mut sources = [("left", 15), ("right", 25)]
        .map(|(name, every_ms)| start(&server, &format!("advance --name {name} --every-ms {every_ms}")));
    // Before there is a watermark, nothing is late.
    sources.iter().for_each(|source| drop(source.line_with(", watermark=")));
    let mut adders =
        [1, 2].map(|n| start(&server, &format!("add --name adder-{n} --count 60 --every-ms 10 --late-every 4")));
    let mut doomed = start(&server, "work --name doomed-1 --work-ms 600000 --lease-ms 600");

    let mut orphans = vec![element(&doomed.line_with("got"))];
    doomed.kill();
    let mut workers = [1, 2, 3].map(|n| start(&server, &format!("work --name worker-{n} --work-ms 10")));
    workers[2].line_with("done");
    let mut doomed = start(&server, "work --name doomed-2 --work-ms 600000 --lease-ms 600");
    orphans.push(element(&doomed.line_with("got")));
    doomed.kill();

    assert!(adders.iter_mut().all(|adder| adder.end().success()));
    wait_until("all is done", || left_over(&mut c) == 0);
    for app in workers.iter_mut().chain(&mut sources) {
        assert_eq!(app.terminate(), Some(0));
    }

    let added = elements(&adders, "added");
    assert_eq!(added.len(), 120);
    let mut done = elements(&workers, ": done");
    done.sort();
    assert_eq!(done, added.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    assert!(elements(&adders, "late, and ready at once").len() >= 30);
    let watermarks = watermarks(&feed.take(&mut c));
    for line in workers.iter().flat_map(|worker| worker.lines_with(" got ")) {
        let watermark = watermarks[&number(&line, "token")];
        assert!(number(&line, "timestamp") <= watermark, "{line}\nwas handed out at watermark {watermark}");
        let deliveries = if orphans.contains(&element(&line)) { 2 } else { 1 };
        assert_eq!(number(&line, "deliveries"), deliveries, "{line}");
    }
}

/// Its lease is over thrice while it works.
#[test]
fn a_worker_that_is_told_to_stop_finishes_what_it_has_begun() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut worker = start(&server, "work --name slow --work-ms 900 --lease-ms 300");
    let other = start(&server, "work --name other --work-ms 0");
    wait_until("both workers wait", || c.info("clients", "blocked_clients") == "2");
    c.play("> TSGEN.ADVANCE elements 5 SOURCE left\n nil\n > TSGEN.ADVANCE elements 5 SOURCE right\n 5");
    c.expect("TSGEN.MADD elements 1 one x 2 two y", "[0 0]");
    worker.line_with("got");
    assert_eq!(worker.terminate(), Some(0));
    worker.line_with(": done");
    assert_eq!((elements([&worker], "got").len(), elements([&other], "got").len()), (1, 1));
    c.expect("TSGEN.PENDING elements", "[]");
}

#[test]
fn a_worker_that_slept_through_its_lease_gives_up_its_element() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let sleeper = start(&server, "work --name sleeper --work-ms 600000 --lease-ms 300");
    wait_until("it waits", || c.info("clients", "blocked_clients") == "1");
    c.play("> TSGEN.ADVANCE elements 5 SOURCE left\n nil\n > TSGEN.ADVANCE elements 5 SOURCE right\n 5");
    c.expect("TSGEN.ADD elements 1 one x", "0");
    sleeper.line_with("got one");
    sleeper.signal("STOP");
    let other = start(&server, "work --name other --work-ms 0");
    assert_eq!(number(&other.line_with("got one"), "deliveries"), 2);
    other.line_with(": done");
    sleeper.signal("CONT");
    sleeper.line_with("gives up one");
    assert_eq!(left_over(&mut c), 0);
}

#[test]
fn all_of_it_goes_on_when_redis_comes_late_and_when_it_crashes() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    server.stop(Stop::Kill);
    let mut app = start(&server, "all");
    app.line_with("worker-3 no answer: Connection refused");
    server.start_again();
    app.line_with(": done");
    server.restart(Stop::Kill);
    let [added, done] = ["added", ": done"].map(|word| elements([&app], word).len());
    wait_until("it goes on", || {
        elements([&app], "added").len() > added + 10 && elements([&app], ": done").len() > done + 10
    });
    assert_eq!(app.terminate(), Some(0));

    // What has been added was handed out, or is still there.
    let got = elements([&app], " got ");
    let missing = elements([&app], "added").into_iter().filter(|id| !got.contains(id));
    let mut c = server.client();
    for id in missing {
        assert_ne!(c.ok(&format!("TSGEN.GET elements {id}")), Reply::Nil, "{id} is lost");
    }
}

#[test]
fn make_example_shows_it_and_ctrl_c_ends_all_of_it() {
    let mut example = Example::start("timed_elements", env!("CARGO_BIN_EXE_timed_elements"));
    for text in ["no watermark before", "late, and ready at once", "worker-1 finished", "worker-3 finished"] {
        example.app.line_with(text);
    }
    example.interrupt();
}
