//! `doctor`.

use crate::harness::*;
use crate::run::{json, start_at, tsgen, tsgen_at, url};
use crate::way::halting;
use serde_json::Value;

fn found(server: &Server) -> Vec<String> {
    let ran = tsgen(server, &["doctor", "--json"]);
    let list: Value = serde_json::from_str(&ran.out).expect("JSON");
    let of = |finding: &Value| {
        format!("{}: {}", finding["grade"].as_str().expect("a grade"), finding["what"].as_str().expect("what"))
    };
    let list: Vec<String> = list.as_array().expect("a list").iter().map(of).collect();
    assert_eq!(ran.code, i32::from(!list.is_empty()));
    list
}

#[track_caller]
fn finds(server: &Server, what: &str) {
    let found = found(server);
    assert!(found.iter().any(|finding| finding.contains(what)), "{what}: {found:?}");
}

#[test]
fn a_server_that_is_well_is_said_to_be() {
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    replica.wait_in_sync(&server);
    server.client().ok("TSGEN.CREATE k CLOCK");
    assert_eq!(found(&server), Vec::<String>::new());
    assert_eq!(tsgen(&server, &["doctor"]).done(), "nothing found\n");
    finds(&replica, "it is a replica");
}

#[test]
fn what_endangers_delivery_is_found() {
    let server = Server::start(&["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"]);
    let mut c = server.client();
    finds(&server, "error: maxmemory-policy is allkeys-lru");
    finds(&server, "warning: there is no AOF");
    finds(&server, "warning: it has no replica");
    c.play("> TSGEN.CREATE k MAXLEN 10\n OK\n > TSGEN.MADD k 1 a x 2 b x 3 c x 4 d x 5 e x 6 f x 7 g x 8 h x 9 i x\n [1 1 1 1 1 1 1 1 1]");
    finds(&server, "it holds 9 entries of at most 10");
    finds(&server, "elements wait, and no watermark was ever reported");
    c.play("> TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w\n [[<t> …]]\n > TSGEN.NACK k <t> DEAD REASON x\n 1\n > TSGEN.ALTER k PAUSED yes\n OK");
    finds(&server, "1 dead letters");
    finds(&server, "it hands out nothing");
    // Errors come first, and each has a remedy.
    let text = tsgen(&server, &["doctor"]).out;
    assert!(text.starts_with("error: ") && text.contains("CONFIG SET maxmemory-policy noeviction"), "{text}");
}

#[test]
fn a_timer_that_came_late_is_found() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 2s");
    let is_found = |found: &[String]| found.iter().any(|one| one.contains("in one of a hundred cases the timer came "));
    let mut told = Vec::new();
    // On a slow machine it may come before the server sleeps: then on time, and once more.
    for _ in 0..5 {
        // Due while the server does nothing else, and not looked at for another reason.
        c.ok("DEBOUNCE.PUSH k g x");
        wait_until("only its deadline is left", || {
            c.info("tsgen", "tsgen_timer_ticks") != "0" && c.info("tsgen", "tsgen_timer_next_deadline").len() == 13
        });
        c.ok("DEBUG SLEEP 4");
        wait_until("it came", || c.info("tsgen", "tsgen_timer_lateness_us_looks") != "0");
        told = found(&server);
        if is_found(&told) {
            return;
        }
    }
    panic!("{told:?}");
}

#[test]
fn a_replica_that_could_not_take_over_is_found() {
    let server = Server::start(&[]);
    let replica = Server::plain(&[]);
    replica.replica_of(&server);
    replica.wait_in_sync(&server);
    finds(&server, "error: the module is not loaded there: it cannot take its master's place");
    let mut clock = Clock::new();
    let ahead = Server::start_under(&clock, &[]);
    clock.pass(3_600_000);
    ahead.replica_of(&server);
    ahead.wait_in_sync(&server);
    finds(&server, "its clock is 1h ahead of the one here");
    let text = tsgen(&server, &["doctor"]).out;
    assert!(
        text.contains(&format!("127.0.0.1:{} (replica of 127.0.0.1:{}): its clock is 1h", ahead.port, server.port)),
        "{text}"
    );
}

#[test]
fn a_clock_that_differs_is_found() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    clock.pass(3_600_000);
    finds(&server, "its clock is 1h ahead of the one here");
}

#[test]
fn a_server_without_the_module_or_none_at_all() {
    let plain = Server::plain(&[]);
    finds(&plain, "error: the module is not loaded");
    assert!(tsgen(&plain, &["ls"]).failed(1).contains("does not have the module tsgen: MODULE LOAD"));
    // A port that nobody listens on.
    let gone = { url(&Server::plain(&[])) };
    assert!(tsgen_at(&gone, &["ls"], "").failed(3).contains("no answer"));
    assert!(tsgen_at("redis://[", &["ls"], "").failed(1).contains("--url"));
}

#[test]
fn a_user_who_may_not_look_at_everything_gets_the_rest() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        "> TSGEN.CREATE mine\n OK\n > TSGEN.CREATE yours\n OK\n > ACL SETUSER ada on >secret ~mine +@all -config\n OK",
    );
    let file = server.folder().join("password");
    std::fs::write(&file, "secret\n").expect("a file");
    let file = file.display().to_string();
    let as_ada = |args: &[&str]| tsgen(&server, &[args, &["--user", "ada", "--password-file", &file]].concat());
    let listed = as_ada(&["ls", "--json"]);
    assert_eq!(
        (listed.code, serde_json::from_str::<Value>(&listed.out).expect("JSON").as_array().expect("a list").len()),
        (0, 1)
    );
    assert!(listed.err.contains("1 keys cannot be read: yours: NOPERM"), "{}", listed.err);
    let told = as_ada(&["doctor"]);
    assert!(
        told.code == 1 && told.out.contains("unknown: ") && told.out.contains("CONFIG GET appendonly"),
        "{}",
        told.out
    );
    c.ok("ACL SETUSER ada -info -scan");
    let told = as_ada(&["doctor"]);
    for what in ["INFO tsgen: NOPERM", "INFO replication: NOPERM", "SCAN: NOPERM", "give this user +info"] {
        assert!(told.code == 1 && told.out.contains(what), "{what}: {}{}", told.out, told.err);
    }
    let listed = as_ada(&["ls", "--json"]);
    assert!(listed.code == 0 && listed.err.contains("give this user +scan"), "{}", listed.err);
    c.ok("ACL SETUSER ada +info +scan");
    assert!(as_ada(&["info", "yours"]).failed(1).contains("NOPERM"));
    std::fs::write(server.folder().join("wrong"), "wrong").expect("a file");
    let wrong = server.folder().join("wrong").display().to_string();
    let refused = tsgen(&server, &["ls", "--user", "ada", "--password-file", &wrong]).failed(1);
    assert!(refused.contains("WRONGPASS") && !refused.contains("wrong\n"), "{refused}");
    assert_eq!(json(&server, &["ls"]).as_array().expect("a list").len(), 2);
}

/// Where it was cut off there is a time to live; once all is there, only the name is missing.
#[test]
fn what_imports_have_left_is_found_with_what_to_do_about_it() {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.ADVANCE k 9\n 9\n > TSGEN.MADD k 1 a x 2 b x\n [0 0]\n > TSGEN.CLAIM k w\n [[<t> …]]\n > TSGEN.NACK k <t> DEAD\n 1");
    let export = tsgen(&server, &["export", "k"]).done();
    let file = server.folder().join("lines");
    std::fs::write(&file, export).expect("a file");
    let file = file.to_str().expect("a path");
    // Before it can go by itself; before the last entry; and once all are there, in the last step.
    for (word, nth, what, remedy) in [
        ("EXPIRE", 1, "an import into copy or {copy} was cut off before its first entry", "UNLINK"),
        ("TSGEN.ADD", 2, "an import into copy or {copy} was cut off, or is still running: it has 1 entries, and goes by itself in 6days", "UNLINK"),
        ("RENAMENX", 2, "all of an import is in it, 2 entries, but it never got its name, copy or {copy}", "RENAMENX"),
    ] {
        let there = Server::start(&[]);
        let (way, halt) = halting(&there, word, nth);
        let mut app = start_at(&way, &["import", "copy", file]);
        halt.reached();
        halt.cut();
        assert_eq!(app.end().code(), Some(3));
        let names = there.client().ok("KEYS *");
        let name = names.items()[0].text();
        let said = tsgen(&there, &["doctor"]).out;
        assert!(said.contains(&format!("warning: TSGEN {name} (db 0): {what}")), "{said}");
        assert!(said.contains(&format!("{remedy} '{name}'")) && !said.contains("dead letters"), "{said}");
        assert_eq!(said.contains("RENAMENX"), remedy == "RENAMENX", "{said}");
        there.client().ok("ACL SETUSER ada on >secret ~* +@all -pttl");
        let password = there.folder().join("password");
        std::fs::write(&password, "secret\n").expect("a file");
        let password = password.to_str().expect("a path");
        let said = tsgen(&there, &["doctor", "--user", "ada", "--password-file", password]).out;
        assert!(said.contains("+pttl") && !said.contains("UNLINK") && !said.contains("RENAMENX"), "{said}");
        if remedy == "RENAMENX" {
            there.client().play(&format!("> RENAMENX {name} copy\n 1\n > TSGEN.GET copy b\n ['ready' 2 'x']"));
        }
    }
}

/// A pipe gives its password once.
#[test]
fn a_password_may_come_from_a_pipe() {
    let server = Server::start(&[]);
    server.client().play("> ACL SETUSER ada on >secret ~* +@all\n OK\n > TSGEN.CREATE k CLOCK\n OK");
    let pipe = server.folder().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let path = pipe.to_str().expect("a path").to_owned();
    let writer = std::thread::spawn(move || std::fs::write(pipe, "secret\n"));
    let said = tsgen(&server, &["doctor", "--user", "ada", "--password-file", &path]).out;
    writer.join().expect("no panic").expect("it was read");
    assert!(said.contains("no AOF") || said.contains("appendonly"), "{said}");
}
