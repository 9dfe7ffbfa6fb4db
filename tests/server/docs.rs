//! What the server tells about our commands: COMMAND INFO, DOCS and GETKEYS, all derived from one table.

use crate::harness::*;

const COMMANDS: [&str; 21] = [
    "create",
    "alter",
    "add",
    "madd",
    "advance",
    "watermark",
    "get",
    "rem",
    "range",
    "sources",
    "claim",
    "ack",
    "nack",
    "extend",
    "release",
    "pending",
    "dead",
    "requeue",
    "discard",
    "info",
    "at",
];

#[test]
fn every_command_is_listed_and_documented() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let listed: Vec<String> = c.ok("COMMAND LIST FILTERBY MODULE tsgen").items().iter().map(Reply::text).collect();
    for name in COMMANDS {
        assert!(listed.contains(&format!("tsgen.{name}").to_uppercase()), "{name} is not in {listed:?}");
    }
    for name in &listed {
        let docs = c.ok(&format!("COMMAND DOCS {name}"));
        let docs = docs.field(name);
        for field in ["summary", "since", "complexity"] {
            assert!(!docs.field(field).text().is_empty(), "{name} has no {field}");
        }
        assert_eq!(docs.field("since").text(), "0.1.0");
        assert!(!docs.field("arguments").items().is_empty(), "{name} documents no arguments");
    }
}

#[test]
fn arity_flags_and_keys_are_what_the_syntax_says() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (name, arity, flags) in [
        ("create", -2, "write denyoom"),
        ("alter", -2, "write"),
        ("add", -4, "write denyoom"),
        ("madd", -5, "write denyoom"),
        ("advance", -3, "write"),
        ("watermark", 2, "readonly"),
        ("get", 3, "readonly"),
        ("rem", -3, "write"),
        ("range", -4, "readonly"),
        ("sources", 2, "readonly"),
        ("claim", -3, "write"),
        ("ack", -3, "write"),
        ("nack", -3, "write"),
        ("extend", -4, "write"),
        ("release", 3, "write"),
        ("pending", -2, "readonly"),
        ("dead", -2, "readonly"),
        ("requeue", -3, "write"),
        ("discard", -3, "write"),
        ("info", 2, "readonly"),
    ] {
        let info = c.ok(&format!("COMMAND INFO tsgen.{name}"));
        let info = info.items()[0].items();
        assert_eq!(info[1].int(), arity, "arity of {name}");
        let has: Vec<String> = info[2].items().iter().map(Reply::text).collect();
        for flag in flags.split(' ') {
            assert!(has.iter().any(|f| f == flag), "{name} lacks {flag}: {has:?}");
        }
        assert_eq!(has.iter().any(|f| f == "denyoom"), flags.contains("denyoom"), "{name}: {has:?}");
        assert_eq!((info[3].int(), info[4].int(), info[5].int()), (1, 1, 1), "keys of {name}");
    }
}

#[test]
fn the_argument_tree_has_the_keywords_of_the_contract() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (name, keywords) in [
        ("create", "CLOCK SOURCES LATE READY REJECT LEASE MAXDELIVERIES BACKOFF MAXBACKOFF MAXLEN SINK SINKMAXLEN"),
        ("alter", "WATERMARK LATE READY REJECT LEASE MAXDELIVERIES BACKOFF MAXBACKOFF MAXLEN SINK SINKMAXLEN"),
        ("add", "NX XX"),
        ("advance", "SOURCE"),
        ("range", "COUNT"),
        ("claim", "COUNT LEASE BLOCK"),
        ("nack", "DELAY DEAD REASON"),
        ("pending", "CONSUMER COUNT AFTER"),
        ("dead", "COUNT AFTER"),
        ("requeue", "ALL COUNT"),
        ("discard", "ALL COUNT"),
    ] {
        let docs = c.ok(&format!("COMMAND DOCS tsgen.{name}")).to_string();
        for keyword in keywords.split(' ') {
            assert!(docs.contains(&format!("'token' '{keyword}'")), "{name} does not document {keyword}: {docs}");
        }
    }
}

#[test]
fn the_module_lists_itself_and_its_info_section() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let modules = c.ok("MODULE LIST").to_string();
    assert!(modules.contains("'tsgen'"), "{modules}");
    c.ok("TSGEN.CREATE k CLOCK");
    let info = c.ok("INFO tsgen").text();
    for name in [
        "blocked-clients",
        "adopted-tokens",
        "caught-panics",
        "sink-errors",
        "timer-ticks",
        "timer-next-deadline",
        "scheduled-keys",
        "version",
    ] {
        assert!(info.contains(&format!("tsgen_{name}:")), "no {name} in\n{info}");
    }
}

#[test]
fn the_module_takes_no_arguments_and_is_not_unloaded_while_in_use() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k");
    assert!(c.run("MODULE UNLOAD tsgen").is_error());
    c.expect("TSGEN.CLAIM k w", "[]");
}
