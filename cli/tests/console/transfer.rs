//! `export` and `import`.

use crate::harness::*;
use crate::run::{json, tsgen, tsgen_at, url};
use serde_json::Value;

/// What is exported under a name is imported under another, on the same server.
fn copied(server: &Server, from: &str, to: &str, args: &[&str]) -> String {
    let lines = tsgen(server, &["export", from]).done();
    tsgen_at(&url(server), &[&["import", to], args].concat(), &lines).done()
}

#[test]
fn elements_come_back_with_their_timestamps_and_options() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE from LEASE 5s MAXDELIVERIES 0 LATE ready GROUPLIMIT 2\n OK");
    c.play("> TSGEN.ADVANCE from 10\n 10\n > TSGEN.MADD from 1 a x 2 b y 3 c z 4 d w 20 e v 20 f \"\\xff\\x00\" 30 g \"\"\n [0 0 0 0 1 1 1]");
    c.play("> TSGEN.CLAIM from w COUNT 3\n [[<one> …] [<two> …] [<three> …]]\n > TSGEN.NACK from <two> DELAY 1h\n 1\n > TSGEN.NACK from <three> DEAD\n 1");
    let told = copied(&server, "from", "to", &[]);
    assert_eq!(told, "imported 6\nleft out 1 dead letters: --with-dead adds them as entries that are tried again\n");
    c.expect(
        "TSGEN.RANGE to - +",
        "[['a' 1 'x'] ['b' 2 'y'] ['d' 4 'w'] ['e' 20 'v'] ['f' 20 '\\xff\\x00'] ['g' 30 '']]",
    );
    let info = json(&server, &["info", "to"])["info"].clone();
    let told = ["watermark", "waiting", "ready", "lease", "maxdeliveries", "grouplimit"].map(|name| info[name].clone());
    assert_eq!(told.map(|figure| figure.as_i64().expect("a number")), [10, 3, 3, 5000, 0, 2]);
    // To a key that is there it adds, if that is meant.
    let lines = tsgen(&server, &["export", "from"]).done();
    assert!(tsgen_at(&url(&server), &["import", "to"], &lines).failed(1).contains("to exists. Add to it?"));
    tsgen_at(&url(&server), &["import", "to", "--with-dead", "-y"], &lines).done();
    assert_eq!(c.ok("TSGEN.RANGE to - +").items().len(), 7);
}

#[test]
fn many_elements_of_one_time_are_exported_once_each() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"for i = 1, 2600 do redis.call('TSGEN.ADD', KEYS[1], math.floor(i / 1300), 'e' .. i, i) end\" 1 k");
    let lines = tsgen(&server, &["export", "k"]).done();
    let ids: std::collections::BTreeSet<String> = lines
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].to_string())
        .collect();
    assert_eq!((ids.len(), lines.lines().count()), (2600, 2601));
}

#[test]
fn groups_and_batches_come_back() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE from IDLE 1h UNIQUE yes\n OK\n > DEBOUNCE.PUSH from g1 a b\n 2\n > DEBOUNCE.PUSH from g2 c\n 1\n > DEBOUNCE.FLUSH from g2\n 1");
    assert_eq!(copied(&server, "from", "to", &[]), "imported 2\n");
    c.play("> DEBOUNCE.GROUPS to\n [['g1' 2 <at>]]\n > DEBOUNCE.CLAIM to w\n [[<t> 1 'g2' 'flush' ['c' <pushed>]]]");
    assert_eq!(json(&server, &["info", "to"])["info"]["unique"], "yes");

    c.play("> TALLY.CREATE sums\n OK\n > TALLY.MINCR sums a 5 b -2\n [5 -2]\n > TALLY.SEAL sums\n 2\n > TALLY.INCR sums c\n 1");
    let export = tsgen(&server, &["export", "sums"]);
    assert!(
        export.err.contains("1 fields are in the open window, which is not exported: TALLY.SEAL sums first"),
        "{}",
        export.err
    );
    tsgen_at(&url(&server), &["import", "others"], &export.out).done();
    c.play("> TALLY.CLAIM others w\n [[<other> 1 <batch> <opened> <sealed> ['a' 5 'b' -2]]]");
}

#[test]
fn what_cannot_be_imported_is_said_by_line() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        "> EXPIRY.CREATE w PREFIX order:\n OK\n > SET order:1 x EX 1000\n OK\n > SET k x\n OK\n > TSGEN.CREATE t\n OK",
    );
    let lines = tsgen(&server, &["export", "w"]).done();
    assert_eq!(serde_json::from_str::<Value>(lines.lines().nth(1).expect("a line")).expect("JSON")["id"], "order:1");
    let import = |key: &str, lines: &str| tsgen_at(&url(&server), &["import", key], lines).failed(1);
    assert!(import("w2", &lines).contains("a key of EXPIRY cannot be imported"));
    assert!(import("w2", "").contains("is empty"));
    assert!(import("w2", "{}\n").contains("line 1 is not that of an export"));
    let head = tsgen(&server, &["export", "t"]).done();
    assert!(import("k", &head).contains("k is a string"));
    assert!(
        import("n", &head.replace("\"tsgen_export\":1", "\"tsgen_export\":2")).contains("format 2 is not known here")
    );
    assert!(import("n", &format!("{head}nonsense\n")).contains("line 2"));
}
