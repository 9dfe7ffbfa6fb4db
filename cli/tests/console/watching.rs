//! What looks for longer than once: servers that go and come back, keys that come and go, budgets.

use crate::browse::Web;
use crate::harness::*;
use crate::run::{start, tsgen_at};
use crate::way::{self, Fate};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
    let app = start(&server, &["ls", "--watch", "100ms", "--json"]);
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
    let app = start(&server, &["ls", "--watch", "100ms", "--json"]);
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
    let app = start(&server, &["ls", "--watch", "100ms", "--json"]);
    wait_until("a row", || names(&app) == ["k"]);
    signal(server.pid(), "STOP");
    app.line_with("no answer within 2 s");
    assert_eq!(names(&app), ["k"]);
    signal(server.pid(), "CONT");
    server.client().ok("TSGEN.ADD k 6 b x");
    wait_until("what is new", || rows(&app)[0]["waiting"] == 2);
}

/// `ls --watch` of what is at this URL.
fn watched(url: String) -> App {
    let args = ["ls", "--watch", "100ms", "--json"];
    App::start_with(env!("CARGO_BIN_EXE_tsgen"), &args, &[("REDIS_URL", url.into())])
}

#[test]
fn a_cluster_is_followed_when_a_slot_moves_and_when_a_master_goes() {
    let mut cluster = Cluster::form();
    let key = format!("{{{}}}k", tags(0, 1).next().expect("a tag"));
    cluster.router().ok(&format!("TSGEN.ADD {key} 5 a x"));
    let address = |cluster: &Cluster, node: usize| format!("127.0.0.1:{}", cluster.nodes[node].port);
    // Its URL names one node, and that one will be gone.
    let app = watched(format!("cluster://{}", address(&cluster, 0)));
    let is_at = |address: &str| rows(&app).iter().any(|row| row["key"] == key.as_str() && row["node"] == address);
    let first = address(&cluster, 0);
    wait_until("it is where it was", || is_at(&first));
    let slot = slot_of(&key);
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&key], 0, 1);
    cluster.end_move(slot, 0, 1);
    let second = address(&cluster, 1);
    wait_until("it has moved", || is_at(&second) && rows(&app).len() == 1);

    let other = format!("{{{}}}other", tags(0, 2).nth(1).expect("a tag"));
    cluster.router().ok(&format!("TSGEN.ADD {other} 5 a x"));
    wait_until("a second key", || names(&app).len() == 2);
    wait_until("its replica has it", || cluster.run(3, "DBSIZE") == 1);
    cluster.be_alert();
    cluster.nodes[0].stop(Stop::Kill);
    let successor = address(&cluster, 3);
    wait_long("its replica is looked at", || {
        rows(&app).iter().any(|row| row["key"] == other.as_str() && row["node"] == successor.as_str())
    });
    assert!(is_at(&second));
}

#[test]
fn a_failover_of_sentinels_is_followed() {
    let mut master = Server::start(&[]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    replica.wait_in_sync(&master);
    let sentinels = Sentinels::watch(&master, 1);
    master.client().play("> TSGEN.ADD k 5 a x\n 1\n > WAIT 1 10000\n 1");
    let hosts: Vec<String> = sentinels.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let app = watched(format!("sentinel://{}/{}", hosts.join(","), Sentinels::NAME));
    wait_until("the key", || names(&app) == ["k"]);
    master.stop(Stop::Kill);
    wait_long("the replica is master", || {
        Client::try_connect(&replica.socket())
            .ok()
            .and_then(|mut client| client.try_info("replication", "role"))
            .as_deref()
            == Some("master")
    });
    replica.client().ok("TSGEN.ADD k 6 b x");
    wait_long("the new master is looked at", || rows(&app).first().is_some_and(|row| row["waiting"] == 2));
}

/// How often a server was sent each of these commands so far.
fn calls<const N: usize>(c: &mut Client, commands: [&str; N]) -> [u64; N] {
    let text = c.ok("INFO commandstats").text().to_lowercase();
    commands.map(|command| {
        let stat = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        stat.and_then(|stat| stat.split(',').next()).map_or(0, |calls| calls.parse().expect("a number"))
    })
}

#[test]
fn a_few_keys_among_very_many_others_are_found_and_then_nobody_searches() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut c = server.client();
    // So many that the first look does not come to their end.
    c.ok("DEBUG POPULATE 600000");
    c.play("> TSGEN.CREATE a\n OK\n > TSGEN.CREATE b\n OK\n > TSGEN.CREATE c\n OK");
    let before = calls(&mut c, ["info", "scan"]);
    let mut listed = start(&server, &["ls"]);
    assert!(listed.end().success());
    let found = listed.last_lines();
    assert!(["a ", "b ", "c "].iter().all(|name| found.iter().any(|line| line.contains(name))), "{found:?}");
    let after = calls(&mut c, ["info", "scan"]);
    let (info, scan) = (after[0] - before[0], after[1] - before[1]);
    // A thousand keys a step, twenty steps a look; some more, for a server that has other things to do grows its table.
    assert!(info <= 60 && scan <= 1300, "{info} INFO, {scan} SCAN");
}

#[test]
fn ten_thousand_keys_with_a_million_entries_are_asked_in_turn() {
    let server = Server::start(&[]);
    server.client().ok(
        "EVAL \"for i = 1, 10000 do local a = {} for j = 1, 100 do a[#a + 1] = j a[#a + 1] = 'id-' .. j a[#a + 1] = 'x' end \
         redis.call('TSGEN.MADD', 'k:' .. i, unpack(a)) end\" 0",
    );
    let app = start(&server, &["metrics", "--listen", "127.0.0.1:0"]);
    let began = Instant::now();
    let text = crate::metrics::scrape(&app);
    // Allowed is 1 s, with a program that is optimized, on a machine that has nothing else to do.
    assert!(began.elapsed().as_secs() < 10, "the first picture took {:?}", began.elapsed());
    assert!(text.contains("tsgen_entries{"), "{text}");
    wait_long("each key was looked at", || crate::metrics::scrape(&app).contains("\ntsgen_keys_unseen 0\n"));
    // From the look on that has told so, looks are as far apart as always.
    let mut c = server.client();
    let (before, began) = (calls(&mut c, SAMPLED), Instant::now());
    std::thread::sleep(Duration::from_secs(10));
    let (after, seconds) = (calls(&mut c, SAMPLED), began.elapsed().as_secs() + 1);
    let [info, of_keys, scan] = std::array::from_fn(|nth| after[nth] - before[nth]);
    // A look every two seconds, and 250 keys a second; at the edges one look more, and what this test has asked itself.
    assert!(info <= seconds / 2 + 2 && of_keys <= 250 * seconds + 500, "{info} INFO, {of_keys} of keys in {seconds} s");
    assert!(info >= 2 && of_keys >= 500, "{info} INFO, {of_keys} of keys in {seconds} s");
    assert_eq!(scan, 0, "all are known");
}

/// What looks send most of.
const SAMPLED: [&str; 3] = ["info", "tsgen.info", "scan"];

/// Visitors who look at one key after the other, none of which was looked at lately.
#[test]
fn many_visitors_who_look_at_different_keys_cost_little_more() {
    const VISITORS: usize = 8;
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"for i = 1, 5000 do redis.call('TSGEN.CREATE', 'k:' .. i .. '.') end\" 0");
    let web = Web::start(&server, &[]);
    wait_long("each key was looked at", || web.get("/").body.contains("5000 of 5000 keys."));
    let (before, began) = (calls(&mut c, SAMPLED), Instant::now());
    let visits = AtomicUsize::new(0);
    scope(|scope| {
        for _ in 0..VISITORS {
            let (web, visits) = (&web, &visits);
            scope.spawn(move || {
                while began.elapsed() < Duration::from_secs(10) {
                    let nth = visits.fetch_add(1, Ordering::Relaxed);
                    let key = 1 + nth * 37 % 5000;
                    web.get(&format!("/?name=k:{key}.")).is(200).has(&format!(">k:{key}.<"));
                }
            });
        }
    });
    let (after, seconds) = (calls(&mut c, SAMPLED), began.elapsed().as_secs() + 1);
    let [info, of_keys, _] = std::array::from_fn(|nth| after[nth] - before[nth]);
    let visits = visits.into_inner();
    // Each is a visit of its own that finds what is old, or the test says nothing.
    assert!(visits as u64 > 3 * seconds, "{visits} visits in {seconds} s");
    // A look every two seconds, and for pages one a second.
    assert!(info <= seconds / 2 + seconds + 4, "{info} INFO in {seconds} s, for {visits} visits");
    // Those in view once every two seconds. Others: 250 a second, or 50 a look.
    let most = visits as u64 * (seconds / 2 + 1) + (250 * seconds + 500) + 50 * info;
    assert!(of_keys <= most && of_keys >= 1000, "{of_keys} of keys in {seconds} s, {most} allowed");
}

/// A module that does not say how many keys there are, with databases that have none: a search has an end all the same.
#[test]
fn where_nobody_tells_how_many_keys_there_are_an_empty_server_is_searched() {
    let server = Server::start(&[]);
    let url = way::through(&server, |_| Fate::Passes, |answer| way::replace(answer, "keys", "k?ys"));
    let untold = tsgen_at(&url, &["metrics"], "").done();
    assert!(!untold.contains("tsgen_keys{"), "{untold}");
    assert_eq!(tsgen_at(&url, &["ls", "--json"], "").done(), "[]\n");
    let web = Web::start_at(&url, &[]);
    wait_until("a picture", || web.get("/").body.contains("There are no keys of the module."));
    // Nothing is looked for in a hurry any more.
    let mut c = server.client();
    let before = calls(&mut c, ["info"]);
    std::thread::sleep(Duration::from_secs(5));
    let looks = calls(&mut c, ["info"])[0] - before[0];
    assert!(looks <= 5, "{looks} looks in 5 s");
    c.ok("TSGEN.CREATE k");
    wait_until("what is new is found", || web.get("/").body.contains("1 of 1 keys."));
}

/// JSON that a terminal shows look by look is text, too.
#[test]
fn json_of_each_look_has_no_character_that_a_terminal_obeys() {
    let server = Server::start(&[]);
    server.client().ok("TSGEN.CREATE \"\\xc2\\x9b2Ja\\xe2\\x80\\xaeb\"");
    let app = start(&server, &["ls", "--watch", "100ms", "--json"]);
    wait_until("the key", || !rows(&app).is_empty());
    let line = app.lines_with("TSGEN").remove(0);
    assert!(line.contains("\\u009b2Ja\\u202eb") && !line.contains(['\u{9b}', '\u{202e}']), "{line}");
    assert_eq!(names(&app), ["\u{9b}2Ja\u{202e}b"]);
}
