//! `export` and `import`.

use crate::harness::*;
use crate::run::{tsgen, tsgen_at, url};
use serde_json::{Map, Value};

/// The lines of an export without what is said not to come back: tokens, who had what, numbers, times of pushes and deaths. What was in hand is
/// ready, and times of delays are told apart.
fn kept(export: &str) -> (Value, Vec<String>, Vec<i64>) {
    let mut lines = export.lines().map(|line| serde_json::from_str::<Map<String, Value>>(line).expect("JSON"));
    let mut head = Value::Object(lines.next().expect("a head"));
    head["key"] = Value::Null;
    let mut delays = Vec::new();
    let mut entries: Vec<String> = lines
        .filter(|line| line.get("is_replaced").is_none() && line.get("end").is_none())
        .map(|mut line| {
            delays.extend(line.get("until_ms").filter(|_| line["state"] == "delayed").and_then(Value::as_i64));
            for name in ["token", "consumer", "until_ms", "fires_at_ms", "held"] {
                line.remove(name);
            }
            if line["state"] == "leased" {
                line.insert("state".to_owned(), "ready".into());
            }
            let content = line["content"].as_object_mut().expect("content");
            // Of a batch the id is its number.
            if content.contains_key("sums") {
                line.remove("id");
            }
            let content = line["content"].as_object_mut().expect("content");
            content.retain(|name, _| ["payload", "items", "sums"].contains(&name.as_str()));
            for item in content.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                item["pushed_at_ms"] = Value::Null;
            }
            if let Some(death) = line.get_mut("death") {
                death["at_ms"] = Value::Null;
            }
            Value::Object(line).to_string()
        })
        .collect();
    entries.sort();
    delays.sort_unstable();
    (head, entries, delays)
}

/// Exports `k`, imports it into an empty server, and exports it from there: all is as it was. How many entries there are, and the server.
#[track_caller]
fn comes_back(server: &Server) -> (usize, Server) {
    let there = Server::start(&[]);
    let before = tsgen(server, &["export", "k"]).done();
    let told = tsgen_at(&url(&there), &["import", "k"], &before).done();
    let after = tsgen(&there, &["export", "k"]).done();
    let ((head, entries, delays), (own_head, own_entries, own_delays)) = (kept(&before), kept(&after));
    assert_eq!(head, own_head);
    assert_eq!(entries, own_entries, "{told}");
    assert_eq!(delays.len(), own_delays.len());
    assert!(
        delays.iter().zip(&own_delays).all(|(one, other)| (one - other).abs() < 30_000),
        "{delays:?} {own_delays:?}"
    );
    assert!(told.starts_with(&format!("imported {}\n", entries.len())), "{told}");
    (entries.len(), there)
}

/// Brings three ready entries of `k`, and others of these names, to all states: delivered twice and ready, delayed, dead, in hand.
fn deliver(c: &mut Client, family: &str) {
    c.play(&format!(
        "> {family}.CLAIM k w COUNT 4\n [[<a> …] [<b> …] [<c> …] [<d> …]]
         > {family}.NACK k <a> DELAY 0\n 1
         > {family}.CLAIM k w\n [[<a2> 2 …]]
         > {family}.NACK k <a2> DELAY 0\n 1
         > {family}.NACK k <b> DELAY 1h\n 1
         > {family}.NACK k <c> DEAD REASON \"no \\xff\\x00 such\\nhost\"\n 1"
    ));
}

#[test]
fn all_of_a_key_of_elements_comes_back() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k LEASE 1h MAXDELIVERIES 3 BACKOFF 5 MAXBACKOFF 7 LATE ready MAXLEN 12 MAXJUMP 50 REMEMBER 1h REMEMBERMAX 9\n OK");
    c.play("> TSGEN.ADVANCE k 10 FORCE\n 10\n > TSGEN.MADD k 1 a x 2 b y 3 c z 4 d w 5 fresh \"\" 20 e v 20 f \"\\xff\\x00\" 30 \"g\\xff\" \"\"\n [0 0 0 0 0 1 1 1]");
    deliver(&mut c, "TSGEN");
    // In hand while its id waits anew: only the newer one is an entry.
    c.play("> TSGEN.ADD k 6 again old\n 0\n > TSGEN.CLAIM k w COUNT 9\n [… [<e> 1 'again' …]]\n > TSGEN.ALTER k REMEMBER 0\n OK\n > TSGEN.ADD k 40 again new\n 1");
    c.play("> TSGEN.ALTER k LATE REJECT MAXLEN 9 PAUSED yes REMEMBER 1h\n OK");
    let (count, there) = comes_back(&server);
    assert_eq!(count, 9);
    let mut c = there.client();
    c.expect("TSGEN.ADD k 1 late x", "-LATE …");
    c.expect("TSGEN.DEAD k", "[[<t> 1 'c' <at> 'no \\xff\\x00 such\\x0ahost']]");
    // In their order, with the deliveries that they have had.
    c.play("> TSGEN.ALTER k PAUSED no\n OK\n > TSGEN.CLAIM k w COUNT 9\n [[<a> 4 'a' 1 'x'] [<d> 2 'd' 4 'w'] [<f> 2 'fresh' 5 '']]");
}

#[test]
fn elements_that_come_again_and_sources_come_back() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        "> TSGEN.CREATE k CLOCK LATE REJECT\n OK
         > TSGEN.ALTER k LATE READY\n OK
         > TSGEN.ADD k EVERY 1h +0 hourly \"a report\"\n 0
         > TSGEN.CLAIM k w\n [[<h> …]]
         > TSGEN.NACK k <h> DEAD REASON \"no disk\"\n 1
         > TSGEN.ADD k EVERY 2h +0 delayed x\n 0
         > TSGEN.CLAIM k w\n [[<d> …]]
         > TSGEN.NACK k <d> DELAY 1h\n 1
         > TSGEN.ADD k EVERY 3h +1h waits x\n 1
         > TSGEN.ADD k +1h once x\n 1
         > TSGEN.ADD k +0 died x\n 0
         > TSGEN.CLAIM k w\n [[<x> …]]
         > TSGEN.NACK k <x> DEAD REASON \"no host\"\n 1
         > TSGEN.ADD k 1700000000ms far x\n 0
         > TSGEN.ALTER k LATE REJECT\n OK",
    );
    let (count, there) = comes_back(&server);
    assert_eq!(count, 7);
    there.client().play("> TSGEN.GET k hourly\n ['waiting' <at> 'a report' 3600000]\n > TSGEN.GET k delayed\n ['delayed' <then> 'x' 7200000]\n > TSGEN.GET k once\n ['waiting' <once> 'x']");

    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k SOURCES 3 north south \"\\xff\" SOURCEIDLE 1h\n OK\n > TSGEN.ADVANCE k 10 SOURCE north\n nil\n > TSGEN.ADVANCE k 20 SOURCE south\n nil\n > TSGEN.ADD k 5 a x\n 1");
    assert_eq!(comes_back(&server).0, 1);
    c.play("> TSGEN.ADVANCE k 30 SOURCE \"\\xff\"\n 10\n > TSGEN.MADD k 1 b x 6 c x 8 d x\n [0 0 0]");
    deliver(&mut c, "TSGEN");
    // Set back, so that what was delivered is above the watermark; one is before it, one behind it, and one has said nothing yet.
    c.play("> TSGEN.ACK k <d>\n 1\n > TSGEN.ALTER k WATERMARK 5\n OK\n > TSGEN.ADVANCE k 9 SOURCE north\n 5\n > TSGEN.ALTER k SOURCE south 3 ADDSOURCE new\n OK");
    let there = comes_back(&server).1;
    there.client().play(
        "> TSGEN.SOURCES k\n [['north' 9 …] ['south' 3 …] ['\\xff' 5 …] ['new' nil …]]\n > TSGEN.WATERMARK k\n 5",
    );
}

#[test]
fn groups_of_elements_come_back() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k FAIR yes GROUPLIMIT 5 LEASE 1h\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k GROUP \"g\\xff\" 1 a x 2 b y 3 c z 4 d w 20 e v\n [0 0 0 0 1]");
    deliver(&mut c, "TSGEN");
    c.play("> TSGEN.ADD k GROUP h 5 f x\n 0\n > TSGEN.ADD k 6 own x\n 0\n > TSGEN.ADD k GROUP \"\" 30 far x\n 1");
    let (count, there) = comes_back(&server);
    assert_eq!(count, 8);
    there
        .client()
        .expect("TSGEN.PEEK k WAITING", "['0' [[… 'group' 'g\\xff' … ['e' 20 'v']] [… 'group' '' … ['far' 30 'x']]]]");
    let lines = tsgen(&server, &["peek", "k"]).done();
    assert!(lines.lines().next().is_some_and(|titles| titles.contains("GROUP")) && lines.contains("  h  "), "{lines}");
    // Into a key without groups they come without them.
    let export = tsgen(&server, &["export", "k"]).done();
    c.ok("TSGEN.CREATE plain");
    assert!(tsgen_at(&url(&server), &["import", "plain", "-y"], &export).done().starts_with("imported 7\n"));
}

/// A key that is there goes by its own rules, whatever those of the export were.
#[test]
fn what_is_added_goes_by_the_rules_of_the_key_that_is_there() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD plain 1700000000000 a x\n 1\n > TSGEN.CREATE clock CLOCK\n OK\n > TALLY.CREATE wide\n OK\n > TALLY.INCR wide f 5\n 5\n > TALLY.SEAL wide\n 1\n > TALLY.CREATE narrow MAX 2\n OK");
    for (from, to) in [("plain", "clock"), ("clock", "plain"), ("wide", "narrow")] {
        let export = tsgen(&server, &["export", from]).done();
        assert!(tsgen_at(&url(&server), &["import", to, "-y"], &export).done().starts_with("imported 1\n"), "{from}");
    }
    c.expect("TSGEN.PEEK clock READY", "['0' [[… ['a' 1700000000000 'x']]]]");
    c.expect("TALLY.PEEK narrow READY", "['0' [[… ['f' 5]]]]]");
}

#[test]
fn all_of_a_key_of_groups_comes_back() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 1h MAXWAIT 2h MAXITEMS 4 UNIQUE no LEASE 1h GROUPLIMIT 2 MAXDELIVERIES 5\n OK");
    for group in ["a", "b", "c", "d", "b", "fresh"] {
        c.play(&format!("> DEBOUNCE.PUSH k {group} x x \"\\xff\"\n 3\n > DEBOUNCE.FLUSH k {group}\n 1"));
    }
    deliver(&mut c, "DEBOUNCE");
    // It has fired, is delayed, and collects again.
    c.play("> DEBOUNCE.PUSH k b y z\n 2\n > DEBOUNCE.PUSH k full 1 2 3 4\n 0\n > DEBOUNCE.ALTER k MAXITEMS 3\n OK");
    let (count, there) = comes_back(&server);
    assert_eq!(count, 8);
    there.client().expect("DEBOUNCE.GROUPS k", "[['b' 2 <at>]]");
}

#[test]
fn all_of_a_key_of_sums_comes_back() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 1h MIN -1 MAX 2 MAXFIELDS 7 LEASE 1h MAXDELIVERIES 5\n OK");
    for field in ["a", "b", "c", "d", "fresh"] {
        c.play(&format!(
            "> TALLY.MINCR k {field} 2 {field} 2 {field} 1 zero 0 \"\\xff\" -1\n [2 4 5 0 -1]\n > TALLY.SEAL k\n 3"
        ));
    }
    deliver(&mut c, "TALLY");
    assert_eq!(comes_back(&server).0, 5);
    c.ok("TALLY.INCR k open 2");
    let said = tsgen(&server, &["export", "k"]).err;
    assert!(said.contains("1 fields are in the open window, which no command lists: `tsgen export --seal`"), "{said}");
    let sealed = tsgen(&server, &["export", "k", "--seal"]);
    assert_eq!((sealed.err.as_str(), sealed.out.contains(r#""field":"open""#)), ("", true));
    assert_eq!(comes_back(&server).0, 6);
    c.ok("TSGEN.CREATE t");
    assert!(tsgen(&server, &["export", "t", "--seal"]).failed(1).contains("--seal is for keys of TALLY"));
}

#[test]
fn a_key_that_is_there_is_added_to_if_that_is_meant() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADVANCE from 10\n 10\n > TSGEN.MADD from 1 a x 2 b y 20 c z\n [0 0 1]\n > TSGEN.CLAIM from w\n [[<t> …]]\n > TSGEN.NACK from <t> DEAD\n 1\n > TSGEN.ADD to 30 own x\n 1");
    let lines = tsgen(&server, &["export", "from"]).done();
    let import = |args: &[&str]| tsgen_at(&url(&server), &[&["import", "to"], args].concat(), &lines);
    assert!(import(&[]).failed(1).contains("to exists. Add to it?"));
    assert_eq!(c.ok("TSGEN.RANGE to - +").items().len(), 1);
    let told = import(&["-y"]).done();
    assert!(told.starts_with("imported 2\nleft out 1 dead letters, for the key was there"), "{told}");
    assert!(import(&["--with-dead", "-y"]).done().starts_with("imported 3\n"));
    c.expect("TSGEN.RANGE to - +", "[['a' 1 'x'] ['b' 2 'y'] ['c' 20 'z'] ['own' 30 'x']]");
    let told: Value = serde_json::from_str(&import(&["-y", "--json"]).done()).expect("JSON");
    assert_eq!(
        told,
        serde_json::json!({ "imported": 2, "dead_left_out": 1, "too_large_left_out": 0, "replaced_left_out": 0, "as_new": 0 })
    );
}

/// Runs it where it may have so many MiB of memory.
#[track_caller]
fn bounded(server: &Server, mib: u64, command: &str) {
    let script = format!("ulimit -v {} && exec \"$TSGEN\" {command}", mib << 10);
    let mut run = mortal("sh");
    run.args(["-c", &script]).env("TSGEN", env!("CARGO_BIN_EXE_tsgen")).env("REDIS_URL", url(server));
    let output = run.current_dir(server.folder()).output().expect("a shell");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn payloads_of_64_mib_take_no_more_memory_than_two_of_them() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"redis.call('TSGEN.ADVANCE', KEYS[1], 10) for i = 1, 30 do redis.call('TSGEN.ADD', KEYS[1], 10 + i, 's' .. i, 'x') end\" 1 k");
    for (id, timestamp) in [("e1", 101), ("e2", 102), ("e3", 103), ("e4", 104), ("e5", 1)] {
        c.ok(&format!("EVAL \"return redis.call('TSGEN.ADD', KEYS[1], {timestamp}, '{id}', string.rep(string.rep('x', 65536), 1024))\" 1 k"));
    }
    bounded(&server, 400, "export k > lines");
    let export = std::fs::read_to_string(server.folder().join("lines")).expect("lines");
    // That which is ready is too large for PEEK, too.
    let large = export.lines().filter(|line| line.len() > 64 << 20).count();
    assert_eq!((export.lines().count(), large), (37, 5));
    drop(export);
    c.ok("DEL k");
    bounded(&server, 700, "import k lines");
    c.expect("EVAL \"return #redis.call('TSGEN.GET', KEYS[1], 'e5')[3]\" 1 k", "67108864");
    for command in ["peek k", "peek k --json", "info k", "dead k", "ls"] {
        bounded(&server, 300, &format!("{command} > /dev/null"));
    }
}

#[test]
fn however_many_are_shown_a_few_are_in_memory() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 10");
    for id in 0..6 {
        c.ok(&format!("EVAL \"for i = 1, 40 do redis.call('TSGEN.ADD', KEYS[1], 1, i .. '-{id}', string.rep(string.rep('x', 1024), 1024)) end\" 1 k"));
    }
    for command in ["peek k -n 1000", "peek k -n 1000 --json"] {
        bounded(&server, 250, &format!("{command} > shown"));
        let shown = std::fs::read_to_string(server.folder().join("shown")).expect("what was shown");
        assert_eq!(shown.matches("40-5").count(), 1, "{command}");
    }
}

#[test]
fn many_elements_of_one_time_are_exported_once_each() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"for i = 1, 12600 do redis.call('TSGEN.ADD', KEYS[1], math.floor(i / 12000), 'e' .. i, i) end\" 1 k");
    let lines = tsgen(&server, &["export", "k"]).done();
    let ids: std::collections::BTreeSet<String> = lines
        .lines()
        .filter_map(|line| Some(serde_json::from_str::<Value>(line).expect("JSON").get("id")?.to_string()))
        .collect();
    assert_eq!((ids.len(), lines.lines().count()), (12_600, 12_602));
    assert!(lines.ends_with("\n{\"end\":12600}\n"));
}

/// JSON that a terminal shows is text, too.
#[test]
fn json_has_no_character_that_a_terminal_obeys() {
    let server = Server::start(&[]);
    server.client().ok("TSGEN.ADD k 1 \"\\xc2\\x9b2J\" \"a\\xe2\\x80\\xaeb \\xc3\\xbc\"");
    server.client().ok("TSGEN.ADVANCE k 1");
    for args in [&["export", "k"][..], &["peek", "k", "--json"]] {
        let said = tsgen(&server, args).done();
        assert!(said.contains("\\u009b2J") && said.contains("a\\u202eb \u{fc}"), "{said}");
        assert!(!said.contains(['\u{9b}', '\u{202e}']), "{said}");
    }
}

/// Who waits for entries of a key gets none while they are imported, if the exported key was paused.
#[test]
fn an_import_of_a_paused_key_hands_out_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k BACKOFF 1\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k 1 a x 2 b x 3 c x\n [0 0 0]\n > TSGEN.CLAIM k w COUNT 2\n [[<a> …] [<b> …]]\n > TSGEN.NACK k <a> DELAY 0\n 1\n > TSGEN.ALTER k PAUSED yes\n OK");
    let export = tsgen(&server, &["export", "k"]).done();
    let there = Server::start(&[]);
    let worker = Blocked::new(&there, "TSGEN.CLAIM k w BLOCK 0");
    tsgen_at(&url(&there), &["import", "k"], &export).done();
    let mut c = there.client();
    assert!(worker.is_blocked(&mut c));
    assert_eq!(c.ok("TSGEN.INFO k").field("leased").int(), 0);
    assert_eq!(c.ok("TSGEN.INFO k").field("ready").int(), 3);
}

/// However many entries are ready beside one that is brought back, it is found, and they count as never delivered.
#[test]
fn an_entry_is_brought_back_beside_many_that_are_ready() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"redis.call('TSGEN.ADVANCE', KEYS[1], 10) for i = 1, 1500 do redis.call('TSGEN.ADD', KEYS[1], 1, 'r' .. i, 'x') end\" 1 k");
    let script = include_str!("../../src/transfer/restore.lua");
    let words = [
        "EVAL",
        script,
        "1",
        "k",
        "TSGEN",
        "last",
        "2",
        "DELAY",
        "3600000",
        "0",
        "0",
        "4",
        "TSGEN.ADD",
        "5",
        "last",
        "x",
    ];
    c.call(&words.map(str::as_bytes));
    let delayed = c.ok("TSGEN.PENDING k DELAYED").to_string();
    assert!(delayed.contains("'last'"), "{delayed}");
    c.ok("TSGEN.RELEASE k \"tsgen import\"");
    c.expect("TSGEN.CLAIM k w", "[[<t2> 1 'r1' …]]");
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
    let options =
        serde_json::from_str::<Value>(lines.lines().next().expect("a head")).expect("JSON")["options"].to_string();
    assert!(options.starts_with(r#"["PREFIX","order:","#), "{options}");
    let import = |key: &str, lines: &str| tsgen_at(&url(&server), &["import", key], lines).failed(1);
    assert!(import("w2", &lines).contains("a key of EXPIRY cannot be imported"));
    assert!(import("w2", "").contains("is empty"));
    assert!(import("w2", "{}\n").contains("line 1 is not that of an export"));
    let whole = tsgen(&server, &["export", "t"]).done();
    assert_eq!(whole.lines().last(), Some("{\"end\":0}"));
    let promising = format!("{}\n", whole.lines().next().expect("a head"));
    assert!(import("n", &promising)
        .contains("is cut off: its last line, which tells how many entries there are, is missing"));
    let entry = "{\"state\":\"ready\",\"id\":\"a\",\"content\":{}}\n";
    assert!(import("n", &format!("{promising}{entry}")).contains("is cut off"));
    assert!(import("n", &format!("{promising}{entry}{{\"end\":2}}\n"))
        .contains("by its last line it has 2 entries, and there are 1"));
    assert!(import("n", &format!("{whole}{entry}")).contains("there is more behind the line of its end"));
    c.expect("EXISTS n", "0");
    // One of before there was such a line.
    let head = promising.replace(",\"has_end\":true", "");
    let older = tsgen_at(&url(&server), &["import", "older"], &format!("{head}{entry}"));
    assert!(
        older.err.contains("by an older tsgen, whose exports do not tell their end: it may be cut off"),
        "{}",
        older.err
    );
    assert_eq!(older.done(), "imported 1\n");
    assert!(import("k", &head).contains("k is a string"));
    assert!(
        import("n", &head.replace("\"tsgen_export\":1", "\"tsgen_export\":2")).contains("format 2 is not known here")
    );
    // Nothing is done before all of it is understood.
    assert!(import("n", &format!("{head}{{\"state\":\"ready\",\"id\":\"a\",\"content\":{{}}}}\nnonsense\n"))
        .contains("line 3"));
    assert!(import("n", &format!("{head}{{\"state\":\"nowhere\",\"id\":\"a\"}}\n")).contains("line 2"));
    c.expect("EXISTS n n2 w2", "0");
}
