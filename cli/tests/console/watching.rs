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

/// CPU time of a server so far, in seconds.
fn used(server: &Server) -> f64 {
    let of = |name| server.client().info("cpu", name).parse::<f64>().expect("seconds");
    of("used_cpu_user") + of("used_cpu_sys")
}

#[test]
fn ten_thousand_keys_with_a_million_entries_cost_little() {
    let server = Server::start(&[]);
    server.client().ok(
        "EVAL \"for i = 1, 10000 do local a = {} for j = 1, 100 do a[#a + 1] = j a[#a + 1] = 'id-' .. j a[#a + 1] = 'x' end \
         redis.call('TSGEN.MADD', 'k:' .. i, unpack(a)) end\" 0",
    );
    let measure = |seconds: u64| {
        let (before, began) = (used(&server), std::time::Instant::now());
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        (used(&server) - before) / began.elapsed().as_secs_f64()
    };
    let alone = measure(3);
    let app = start(&server, &["metrics", "--listen", "127.0.0.1:0"]);
    let began = std::time::Instant::now();
    let text = crate::metrics::scrape(&app);
    // Allowed is 1 s, with a program that is optimized, on a machine that has nothing else to do.
    assert!(began.elapsed().as_secs() < 10, "the first picture took {:?}", began.elapsed());
    assert!(text.contains("tsgen_entries{"), "{text}");
    wait_until("each key was looked at", || crate::metrics::scrape(&app).contains("\ntsgen_keys_unseen 0\n"));
    let watched = measure(10);
    // Allowed is a hundredth of a core. The rest is for what measuring adds, and for slow machines.
    assert!(watched - alone < 0.03, "{watched} of a core, and {alone} without");
}
