//! `import` that ends before all is there: interrupted, or without a server.

use crate::harness::*;
use crate::run::{start_at, tsgen, tsgen_at, url};
use crate::way::halting;
use std::path::PathBuf;

/// An export of ten elements, five of which were delivered, in a file.
fn exported(server: &Server) -> (String, PathBuf) {
    let mut c = server.client();
    c.play("> TSGEN.CREATE k LEASE 7s MAXLEN 10 MAXDELIVERIES 5\n OK\n > TSGEN.ADVANCE k 100\n 100");
    for nth in 1..=10 {
        c.ok(&format!("TSGEN.ADD k {nth} e{nth} x"));
    }
    c.play("> TSGEN.CLAIM k w COUNT 5\n [[<a> …] [<b> …] [<c> …] [<d> …] [<e> …]]\n > TSGEN.NACK k <a> DEAD\n 1\n > TSGEN.NACK k <b> <c> DELAY 1h\n 2");
    let export = tsgen(server, &["export", "k"]).done();
    let file = server.folder().join("lines");
    std::fs::write(&file, &export).expect("a file");
    (export, file)
}

/// Which RENAMENX of an import is that by which the key gets its name.
const RENAMED: usize = 2;

/// The name under which an import brings together what is to be `k`, which is all that there is.
#[track_caller]
fn aside(c: &mut Client) -> String {
    let names = c.ok("KEYS *");
    let [name] = names.items() else { panic!("{names}") };
    let name = name.text();
    assert!(name.starts_with("{k}:tsgen-import:") && name.len() == 33, "{name}");
    name
}

#[test]
fn an_import_that_is_interrupted_leaves_nothing_and_can_be_repeated() {
    let server = Server::start(&[]);
    let (export, file) = exported(&server);
    let file = file.to_str().expect("a path");
    let there = Server::start(&[]);
    let mut c = there.client();
    // While what was delivered is brought back by scripts, which add as well, and while the others are added.
    for (signal, word, nth) in [("INT", "EVAL", 2), ("TERM", "EVAL", 4), ("INT", "TSGEN.ADD", 7)] {
        let (url, halt) = halting(&there, word, nth);
        let mut app = start_at(&url, &["import", "k", file]);
        halt.reached();
        aside(&mut c);
        app.signal(signal);
        halt.pass();
        assert_eq!(app.end().code(), Some(1), "{signal}, {word}");
        let said = app.last_lines().concat();
        assert!(said.contains("nothing was imported, and k can be imported again: it was interrupted"), "{said}");
        c.expect("DBSIZE", "0");
    }
    // Who waits for the key gets what is in it once all of it is.
    let mut worker = Blocked::new(&there, "TSGEN.CLAIM k w BLOCK 0");
    let told = tsgen_at(&url(&there), &["import", "k", file], "").done();
    assert!(told.starts_with("imported 10\n"), "{told}");
    assert!(worker.reply().to_string().contains("'e4'"), "the first that is ready");
    c.ok("TSGEN.RELEASE k w");
    c.expect("DBSIZE", "1");
    c.expect("TTL k", "-1");
    let after = tsgen(&there, &["export", "k"]).done();
    assert_eq!(after.lines().count(), export.lines().count());
    assert_eq!(c.ok("TSGEN.INFO k").field("maxlen").int(), 10);
}

#[test]
fn an_import_that_loses_its_server_says_what_is_left() {
    let server = Server::start(&[]);
    let (_, file) = exported(&server);
    let file = file.to_str().expect("a path");
    let there = Server::start(&[]);
    let (way, halt) = halting(&there, "EVAL", 3);
    let mut app = start_at(&way, &["import", "k", file]);
    halt.reached();
    halt.cut();
    assert_eq!(app.end().code(), Some(3));
    let said = app.last_lines().concat();
    let mut c = there.client();
    let name = aside(&mut c);
    let left = format!("nothing is in k, but what was imported by then may be left as {name}: remove it by UNLINK; after a week it goes by itself");
    assert!(said.contains(&left), "{said}");
    let week = c.ok(&format!("TTL {name}")).int();
    assert!((604_000..=604_800).contains(&week), "{week}");
    // The next one goes its own way, and leaves alone what it has not made.
    c.play("> TALLY.CREATE k:import\n OK\n > TALLY.INCR k:import f 5\n 5");
    assert!(tsgen_at(&url(&there), &["import", "k", file, "-y"], "").done().starts_with("imported 10\n"));
    c.expect(&format!("EXISTS k k:import {name}"), "3");
}

#[test]
fn a_second_signal_says_what_is_left() {
    let server = Server::start(&[]);
    let (_, file) = exported(&server);
    let there = Server::start(&[]);
    let (way, halt) = halting(&there, "TSGEN.ADD", 4);
    let mut app = start_at(&way, &["import", "k", file.to_str().expect("a path")]);
    halt.reached();
    let name = aside(&mut there.client());
    // Signals of one kind that come at once are one.
    app.signal("INT");
    app.signal("TERM");
    assert_eq!(app.end().code(), Some(130));
    let said = app.last_lines().concat();
    assert!(said.contains(&format!("what was imported by then may be left as {name}: remove it by UNLINK")), "{said}");
}

/// What is not as the import has made it does not become the key.
#[test]
fn an_import_whose_key_somebody_removes_fails() {
    let server = Server::start(&[]);
    let (_, file) = exported(&server);
    let file = file.to_str().expect("a path");
    let there = Server::start(&[]);
    let mut c = there.client();
    for (word, nth, why) in [
        ("TSGEN.ADD", 9, "of 10 entries 2 are in "),
        // Before there is an entry: what it then lacks are its options and its watermark.
        ("TSGEN.ADVANCE", 1, " is not what it was: somebody else has changed it"),
    ] {
        let (way, halt) = halting(&there, word, nth);
        let mut app = start_at(&way, &["import", "k", file]);
        halt.reached();
        let name = aside(&mut c);
        c.expect(&format!("UNLINK {name}"), "1");
        halt.pass();
        assert_eq!(app.end().code(), Some(1), "{word}");
        let said = app.last_lines().concat();
        assert!(said.contains("nothing was imported, and k can be imported again: ") && said.contains(why), "{said}");
        c.expect("DBSIZE", "0");
    }
}

/// The key has its name, and nobody has said so.
#[test]
fn an_import_whose_last_reply_is_lost_asks_again() {
    let server = Server::start(&[]);
    let (_, file) = exported(&server);
    let file = file.to_str().expect("a path");
    for (is_done, is_back) in [(true, true), (false, true), (true, false), (false, false)] {
        let there = Server::start(&[]);
        let mut c = there.client();
        let (way, halt) = halting(&there, "RENAMENX", RENAMED);
        let mut app = start_at(&way, &["import", "k", file]);
        halt.reached();
        let name = aside(&mut c);
        if is_done {
            c.expect(&format!("RENAMENX {name} k"), "1");
        }
        match is_back {
            true => halt.drop_connection(),
            false => halt.cut(),
        }
        let code = app.end().code();
        let said = app.last_lines().concat();
        if is_back {
            assert!(code == Some(0) && said.contains("imported 10"), "{is_done}: {said}");
            c.play("> EXISTS k\n 1\n > DBSIZE\n 1");
        } else {
            let left = format!("all was imported, and k may be in place; if it is not there, what was imported by then may be left as {name}");
            assert!(code == Some(3) && said.contains(&left), "{is_done}: {said}");
        }
    }
}

/// Before anything is done, and with the name that the user is to have a right to.
#[test]
fn an_import_that_may_not_end_does_not_begin() {
    let server = Server::start(&[]);
    let (_, file) = exported(&server);
    let there = Server::start(&[]);
    let mut c = there.client();
    for (rights, lacks) in [("~* -renamenx", "RENAMENX"), ("~* -persist", "PERSIST"), ("~k", "TYPE")] {
        c.ok(&format!("ACL SETUSER limited reset on >secret +@all {rights}"));
        let url = format!("redis://limited:secret@127.0.0.1:{}", there.port);
        let said = tsgen_at(&url, &["import", "k", file.to_str().expect("a path")], "").failed(1);
        assert!(said.contains("{k}:tsgen-import:") && said.contains(lacks) && said.contains("NOPERM"), "{said}");
        c.expect("DBSIZE", "0");
        assert!(!c.ok("INFO commandstats").text().to_lowercase().contains("cmdstat_tsgen.create"), "{rights}");
    }
}

#[test]
fn of_two_imports_at_once_one_is_in_place() {
    let server = Server::start(&[]);
    let (export, file) = exported(&server);
    let file = file.to_str().expect("a path");
    let there = Server::start(&[]);
    let (way, halt) = halting(&there, "TSGEN.ADD", 7);
    let mut app = start_at(&way, &["import", "k", file]);
    halt.reached();
    tsgen_at(&url(&there), &["import", "k", file], "").done();
    halt.pass();
    assert_eq!(app.end().code(), Some(1));
    let said = app.last_lines().concat();
    assert!(said.contains("k has come into being meanwhile"), "{said}");
    there.client().expect("DBSIZE", "1");
    assert_eq!(tsgen(&there, &["export", "k"]).done().lines().count(), export.lines().count());
}

/// To a key that is there each entry is added once, however often the import is interrupted.
#[test]
fn an_import_into_a_key_that_is_there_goes_on_where_it_was_interrupted() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE from IDLE 1h");
    for nth in 0..8 {
        c.play(&format!("> DEBOUNCE.PUSH from g{nth} x\n 1"));
        if nth % 2 == 0 {
            c.play(&format!("> DEBOUNCE.FLUSH from g{nth}\n 1"));
        }
    }
    let file = server.folder().join("lines");
    std::fs::write(&file, tsgen(&server, &["export", "from"]).done()).expect("a file");
    let file = file.to_str().expect("a path");
    c.play("> DEBOUNCE.CREATE k IDLE 1h\n OK\n > DEBOUNCE.PUSH k own x\n 1");
    let mut skip = "0".to_owned();
    for nth in [2, 3] {
        let (url, halt) = halting(&server, "DEBOUNCE.PUSH", nth);
        let mut app = start_at(&url, &["import", "k", file, "-y", "--with-dead", "--skip", &skip]);
        halt.reached();
        app.signal("INT");
        halt.pass();
        assert_eq!(app.end().code(), Some(1));
        let said = app.last_lines().concat();
        assert!(said.contains("the rest: `tsgen import k FILE --with-dead --skip "), "{said}");
        let told = said.split_once("--skip ").expect("a number").1;
        told.split_once('`').expect("its end").0.clone_into(&mut skip);
    }
    tsgen(&server, &["import", "k", file, "-y", "--skip", &skip]).done();
    assert_eq!(c.ok("DEBOUNCE.INFO k").field("ready").int(), 4);
    let groups = c.ok("DEBOUNCE.GROUPS k");
    let mut names: Vec<String> = groups.items().iter().map(|group| group.items()[0].text()).collect();
    names.sort();
    assert_eq!(names, ["g1", "g3", "g5", "g7", "own"], "{groups}");
    let said = tsgen(&server, &["import", "k", file, "-y", "--skip", "9"]).failed(1);
    assert!(said.contains("--skip 9: ") && said.contains("has 8 entries only"), "{said}");
    let said = tsgen(&server, &["import", "none", file, "--skip", "3"]).failed(1);
    assert!(said.contains("--skip goes on with an import into a key that is there, and none is not"), "{said}");
}
