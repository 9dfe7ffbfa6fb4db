//! `ls`, `info`, `peek`, `create`, `alter`, `pause`, `resume`, `promote`.

use crate::harness::*;
use crate::run::{json, start, tsgen};
use serde_json::{json as value, Value};

fn server() -> Server {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        "> TSGEN.CREATE mails MAXDELIVERIES 1\n OK\n > TSGEN.ADVANCE mails 10\n 10
         > TSGEN.MADD mails 1 mail-1 a 2 mail-2 b 3 mail-3 c 20 mail-4 d\n [0 0 0 1]
         > DEBOUNCE.CREATE scans IDLE 1h\n OK\n > DEBOUNCE.PUSH scans seller-1 a b\n 2
         > TALLY.CREATE likes\n OK\n > TALLY.INCR likes video-1 5\n 5
         > EXPIRY.CREATE checkouts PREFIX order:\n OK
         > SET ordinary x\n OK
         > SELECT 3\n OK\n > TSGEN.CREATE mails CLOCK PAUSED yes\n OK",
    );
    server
}

/// A row without its ages.
fn rows(list: &Value) -> Vec<String> {
    let row = |row: &Value| {
        let counts = ["waiting", "ready", "leased", "delayed", "dead"].map(|state| row[state].to_string()).join(" ");
        format!("{} {} {} {counts} {}", row["db"], row["key"], row["family"], row["paused"])
    };
    list.as_array().expect("a list").iter().map(row).collect()
}

#[test]
fn all_keys_of_all_families_and_databases_are_listed() {
    let server = server();
    let all = json(&server, &["ls"]);
    let expected = [
        r#"0 "checkouts" "EXPIRY" 0 0 0 0 0 false"#,
        r#"0 "likes" "TALLY" 1 0 0 0 0 false"#,
        r#"0 "mails" "TSGEN" 1 3 0 0 0 false"#,
        r#"0 "scans" "DEBOUNCE" 1 0 0 0 0 false"#,
        r#"3 "mails" "TSGEN" 0 0 0 0 0 true"#,
    ];
    assert_eq!(rows(&all), expected);
    // The names of the fields are an interface: scripts read them.
    let names: Vec<&String> = all[2].as_object().expect("a row").keys().collect();
    assert_eq!(
        names,
        [
            "acked",
            "db",
            "dead",
            "delayed",
            "delivered",
            "died",
            "family",
            "key",
            "leased",
            "oldest_ready_age_ms",
            "paused",
            "ready",
            "redelivered",
            "waiting"
        ]
    );
    let text = tsgen(&server, &["ls"]).done();
    assert_eq!(
        text.lines().next().expect("titles").split_whitespace().collect::<Vec<_>>().join(" "),
        "DB KEY FAMILY WAITING READY LEASED DELAYED DEAD OLDEST"
    );
    assert_eq!(text.lines().count(), 6, "{text}");
}

#[test]
fn a_listing_is_filtered_and_sorted() {
    let server = server();
    let names = |args: &[&str]| -> Vec<String> {
        let list = json(&server, &[&["ls"], args].concat());
        list.as_array()
            .expect("a list")
            .iter()
            .map(|row| format!("{}:{}", row["db"], row["key"].as_str().expect("a name")))
            .collect()
    };
    assert_eq!(names(&["*s"]), ["0:checkouts", "0:likes", "0:mails", "0:scans", "3:mails"]);
    assert_eq!(names(&["s?ans"]), ["0:scans"]);
    assert_eq!(names(&["--family", "tsgen"]), ["0:mails", "3:mails"]);
    assert_eq!(names(&["--db", "3"]), ["3:mails"]);
    assert_eq!(names(&["--paused"]), ["3:mails"]);
    assert_eq!(names(&["--dead"]), Vec::<String>::new());
    assert_eq!(names(&["--late", "0s"]), ["0:mails"]);
    assert_eq!(names(&["--late", "1h"]), Vec::<String>::new());
    assert_eq!(names(&["--sort", "ready"])[0], "0:mails");
}

#[test]
fn a_listing_that_is_watched_tells_rates() {
    let server = server();
    let watched = start(&server, &["ls", "mails", "--watch", "100ms", "--json", "--db", "0"]);
    let row = |line: &str| serde_json::from_str::<Value>(line).expect("a list a line")[0].clone();
    assert_eq!(row(&watched.line_with("mails"))["acked_per_second"], Value::Null);
    server.client().play("> TSGEN.CLAIM mails w\n [[<t> …]]\n > TSGEN.ACK mails <t>\n 1");
    let rate = |line: &String| row(line)["acked_per_second"].as_f64().is_some_and(|rate| rate > 0.0);
    wait_until("a rate is told", || watched.lines().iter().any(rate));
}

#[test]
fn a_key_is_shown_with_all_that_the_server_tells() {
    let server = server();
    let told = json(&server, &["info", "mails"]);
    assert_eq!((&told["family"], &told["key"]), (&value!("TSGEN"), &value!("mails")));
    let info = &told["info"];
    assert_eq!(
        (&info["gate"], &info["watermark"], &info["ready"], &info["oldest-lease-age"]),
        (&value!("external"), &value!(10), &value!(3), &Value::Null)
    );
    assert_eq!(json(&server, &["info", "checkouts"])["info"]["prefixes"], value!(["order:"]));
    let text = tsgen(&server, &["info", "scans"]).done();
    assert!(text.contains("collecting") && text.contains("DEBOUNCE"), "{text}");
    assert!(tsgen(&server, &["info", "nothing"]).failed(1).contains("there is no key nothing"));
    assert!(tsgen(&server, &["info", "ordinary"]).failed(1).contains("ordinary is a string, and no key of the module"));
}

#[test]
fn entries_are_shown_with_their_content() {
    let server = server();
    let mut c = server.client();
    c.ok(r#"TSGEN.ADD mails 4 "\x1b[2J\xff" "{\"to\":\"ada\"}""#);
    let ready = json(&server, &["peek", "mails", "-n", "100"]);
    assert_eq!(ready.as_array().expect("a list").len(), 4);
    assert_eq!(ready[0]["content"]["payload"], "a");
    assert_eq!(ready[3]["id"], value!({ "base64": "G1sySv8=" }));
    // Nothing that a terminal would obey.
    let text = tsgen(&server, &["peek", "mails"]).done();
    assert!(text.contains("\\x1b[2J\\xff") && !text.contains('\x1b') && text.contains("{\"to\":\"ada\"}"), "{text}");
    assert_eq!(json(&server, &["peek", "mails", "--id", "mail-?"]).as_array().expect("a list").len(), 3);
    assert_eq!(json(&server, &["peek", "mails", "-n", "2"]).as_array().expect("a list").len(), 2);

    c.play("> TSGEN.CLAIM mails ada LEASE 1h\n [[<t> …]]");
    let leased = json(&server, &["peek", "mails", "leased"]);
    assert_eq!(
        (&leased[0]["consumer"], &leased[0]["id"], &leased[0]["deliveries"]),
        (&value!("ada"), &value!("mail-1"), &value!(1))
    );
    let leased = tsgen(&server, &["peek", "mails", "leased"]).done();
    assert!(leased.contains("HELD BY") && leased.contains("ada, for 59m"), "{leased}");
    assert!(tsgen(&server, &["peek", "mails", "gone"])
        .failed(2)
        .contains("possible values: waiting, ready, delayed, leased, dead"));
    c.play("> TSGEN.ADD mails 4102444800000 later x\n 1");
    assert_eq!(json(&server, &["peek", "mails", "waiting", "--id", "later"])[0]["timestamp"], 4_102_444_800_000_i64);
    let waiting = tsgen(&server, &["peek", "mails", "waiting"]).done();
    assert!(waiting.contains("TIMESTAMP") && waiting.contains("4102444800000"), "{waiting}");
    // What waits in another family is no entry yet.
    tsgen(&server, &["peek", "scans", "waiting"]).failed(1);

    // Every family has content of its own.
    c.play("> DEBOUNCE.FLUSH scans seller-1\n 1\n > TALLY.SEAL likes\n 1");
    assert_eq!(json(&server, &["peek", "scans"])[0]["content"]["items"][1]["item"], "b");
    assert_eq!(json(&server, &["peek", "likes"])[0]["content"]["sums"], value!([{ "field": "video-1", "sum": 5 }]));
    c.ok("SET order:1 books PX 1");
    wait_until("it has expired", || c.ok("EXPIRY.INFO checkouts").field("ready").int() == 1);
    assert_eq!(json(&server, &["peek", "checkouts"])[0]["content"]["value"], "books");
}

#[test]
fn a_content_that_is_too_large_is_left_out() {
    let server = server();
    server.client().ok(&format!("TSGEN.ADD mails 5 large {}", "x".repeat(5 << 20)));
    let ready = json(&server, &["peek", "mails", "--id", "large"]);
    assert_eq!((&ready[0]["content"], &ready[0]["bytes"]), (&Value::Null, &value!(5 << 20)));
    assert!(tsgen(&server, &["peek", "mails", "--id", "large"]).done().contains("(5242880 bytes)"));
}

#[test]
fn keys_are_made_changed_and_paused() {
    let server = server();
    tsgen(&server, &["create", "tsgen", "jobs", "--clock", "--lease", "10s", "--maxdeliveries=3"]).done();
    let info = |name: &str| json(&server, &["info", "jobs"])["info"][name].clone();
    assert_eq!((info("gate"), info("lease"), info("maxdeliveries")), (value!("clock"), value!(10_000), value!(3)));
    tsgen(&server, &["alter", "jobs", "--lease", "20s", "--maxlen", "7"]).done();
    assert_eq!((info("lease"), info("maxlen")), (value!(20_000), value!(7)));
    tsgen(&server, &["pause", "jobs"]).done();
    assert_eq!(info("paused"), "yes");
    tsgen(&server, &["resume", "jobs"]).done();
    assert_eq!(info("paused"), "no");

    // What is wrong the server says, and nothing has changed.
    assert!(tsgen(&server, &["create", "tsgen", "jobs"]).failed(1).contains("BUSYKEY"));
    // What cannot be taken back is asked for, wherever the answer stands.
    assert!(tsgen(&server, &["alter", "jobs", "--sink", "stream"])
        .failed(1)
        .contains("Change SINK stream of jobs? It may not be taken back."));
    for args in [
        ["alter", "-y", "jobs", "--sink", "stream"],
        ["alter", "jobs", "--sink", "stream", "--yes"],
        ["alter", "jobs", "--yes", "--sink", "stream"],
    ] {
        tsgen(&server, &args).done();
        assert_eq!(json(&server, &["info", "jobs"])["info"]["sink"], "stream", "{args:?}");
        tsgen(&server, &["alter", "jobs", "--sink", "", "-y"]).done();
    }
    assert_eq!(tsgen(&server, &["alter", "jobs", "--lease", "20s", "--json"]).done(), "{\n  \"done\": true\n}\n");
    assert!(tsgen(&server, &["alter", "jobs", "--lease", "0"]).failed(1).contains("LEASE must be"));
    assert!(tsgen(&server, &["alter", "jobs", "lease", "5s"]).failed(1).contains("options of the key begin with --"));
    assert!(tsgen(&server, &["alter", "nothing", "--lease", "5s"]).failed(1).contains("there is no key"));
    assert!(tsgen(&server, &["create", "sets", "jobs"]).failed(2).contains("possible values"));
    assert_eq!(info("lease"), 20_000);
}

#[test]
fn delays_end_when_somebody_says_so() {
    let server = server();
    let mut c = server.client();
    c.play(
        "> TSGEN.ALTER mails MAXDELIVERIES 9\n OK\n > TSGEN.CLAIM mails w COUNT 3\n [[<one> …] [<two> …] [<three> …]]",
    );
    c.play("> TSGEN.NACK mails <one> <two> <three> DELAY 1h\n 3");
    let delayed = json(&server, &["peek", "mails", "delayed"]);
    let token = delayed[0]["token"].to_string();
    assert_eq!(tsgen(&server, &["promote", "mails", &token]).done(), "promoted 1\n");
    assert_eq!(json(&server, &["promote", "mails"]), value!({ "promoted": 2 }));
    assert_eq!(c.ok("TSGEN.INFO mails").field("ready").int(), 3);
}

#[test]
fn ten_thousand_keys_are_listed() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"for i = 1, 10000 do redis.call('TSGEN.CREATE', 'k:' .. i) end\" 0");
    assert_eq!(json(&server, &["ls"]).as_array().expect("a list").len(), 10_000);
    // Of a long list only the beginning may be wanted.
    let mut shell = mortal("sh");
    let run = format!("'{}' ls --json | head -n 1", env!("CARGO_BIN_EXE_tsgen"));
    let output = shell.args(["-c", &run]).env("REDIS_URL", crate::run::url(&server)).output().expect("run it");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"[\n"[..], &b""[..]));
}
