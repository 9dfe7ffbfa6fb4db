//! What looks for longer than once: servers that go and come back, keys that come and go, budgets.

use crate::harness::*;
use crate::run::start;
use serde_json::Value;

/// The rows of the last look.
fn rows(app: &App) -> Vec<Value> {
    let last = app.lines().into_iter().rev().find(|line| line.starts_with('['));
    last.map_or(Vec::new(), |line| serde_json::from_str(&line).expect("a list a line"))
}

fn names(app: &App) -> Vec<String> {
    rows(app).iter().map(|row| row["key"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn keys_that_come_and_go_are_followed() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE a");
    let app = start(&server, &["ls", "--watch", "50ms", "--json"]);
    wait_until("the first key", || names(&app) == ["a"]);
    c.play("> TALLY.CREATE b\n OK\n > SELECT 5\n OK\n > EXPIRY.CREATE c PREFIX x\n OK\n > SELECT 0\n OK");
    wait_until("new ones", || names(&app) == ["a", "b", "c"]);
    // One that is another now, and one of another family.
    c.play("> RENAME a d\n OK\n > DEL b\n 1\n > DEBOUNCE.CREATE b\n OK");
    wait_until("the same number, others", || names(&app) == ["b", "d", "c"] && rows(&app)[0]["family"] == "DEBOUNCE");
    c.ok("FLUSHALL");
    wait_until("none", || names(&app).is_empty());
}

#[test]
fn a_server_that_goes_away_is_told_of_and_looked_at_again_when_it_is_back() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    server.client().ok("TSGEN.ADD k 5 a x");
    let app = start(&server, &["ls", "--watch", "50ms", "--json"]);
    wait_until("a row", || names(&app) == ["k"]);
    server.stop(Stop::Kill);
    app.line_with("no answer");
    let looks = app.lines().len();
    wait_until("the last that is known goes on being told", || app.lines().len() > looks + 3);
    assert_eq!(names(&app), ["k"]);
    server.start_again();
    server.client().ok("TSGEN.ADD k 6 b x");
    wait_until("what is new", || rows(&app)[0]["waiting"] == 2);
}

#[test]
fn a_server_that_hangs_holds_nobody_up() {
    let server = Server::start(&[]);
    server.client().ok("TSGEN.ADD k 5 a x");
    let app = start(&server, &["ls", "--watch", "50ms", "--json"]);
    wait_until("a row", || names(&app) == ["k"]);
    signal(server.pid(), "STOP");
    app.line_with("no answer within 2 s");
    assert_eq!(names(&app), ["k"]);
    signal(server.pid(), "CONT");
    server.client().ok("TSGEN.ADD k 6 b x");
    wait_until("what is new", || rows(&app)[0]["waiting"] == 2);
}
