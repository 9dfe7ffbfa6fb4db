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
        c.expect("EXISTS k k:import", "1");
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
    c.expect("EXISTS k:import", "0");
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
    let left = "nothing is in k, but what was imported by then may be left under k:import: the next import of k asks whether to remove it";
    assert!(said.contains(left), "{said}");
    let mut c = there.client();
    c.expect("EXISTS k", "0");
    c.expect("EXISTS k:import", "1");
    let again = |args: &[&str]| tsgen_at(&url(&there), &[&["import", "k", file], args].concat(), "");
    assert!(again(&[]).failed(1).contains("k:import is what an import of k has left, or is at. Remove it?"));
    assert!(again(&["-y"]).done().starts_with("imported 10\n"));
    c.expect("EXISTS k k:import", "1");
    // Something else of that name is left alone.
    c.play("> DEL k\n 1\n > SET k:import x\n OK");
    assert!(again(&["-y"]).failed(1).contains("k:import, where the entries are to come together, is a string"));
    c.play("> GET k:import\n 'x'\n > EXISTS k\n 0");
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
        let mut app = start_at(&url, &["import", "k", file, "-y", "--skip", &skip]);
        halt.reached();
        app.signal("INT");
        halt.pass();
        assert_eq!(app.end().code(), Some(1));
        let said = app.last_lines().concat();
        assert!(said.contains("the rest: `tsgen import k FILE --skip "), "{said}");
        let told = said.split_once("--skip ").expect("a number").1;
        told.split_once('`').expect("its end").0.clone_into(&mut skip);
    }
    tsgen(&server, &["import", "k", file, "-y", "--skip", &skip]).done();
    assert_eq!(c.ok("DEBOUNCE.INFO k").field("ready").int(), 4);
    let groups = c.ok("DEBOUNCE.GROUPS k");
    let mut names: Vec<String> = groups.items().iter().map(|group| group.items()[0].text()).collect();
    names.sort();
    assert_eq!(names, ["g1", "g3", "g5", "g7", "own"], "{groups}");
    let said = tsgen(&server, &["import", "none", file, "--skip", "3"]).failed(1);
    assert!(said.contains("--skip goes on with an import into a key that is there, and none is not"), "{said}");
}
