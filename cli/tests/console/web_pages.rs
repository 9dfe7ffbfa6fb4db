//! `web`: whole pages, compared with those in `pages/`. What differs from run to run is a word in braces there: times, codes, ports, graphs.

use crate::browse::{Seen, Web};
use crate::harness::*;
use std::path::Path;

/// Keys of all families, with entries in all states; nothing of it changes by itself within an hour.
fn fill(c: &mut Client) {
    c.play(
        "> TSGEN.CREATE mails MAXDELIVERIES 3 BACKOFF 1m LEASE 1h\n OK\n > TSGEN.ADVANCE mails 10\n 10
         > TSGEN.MADD mails 1 mail-1 \"{\\\"to\\\": \\\"ada@shop.example\\\", \\\"n\\\": [1, 2]}\" 2 mail-2 \"two <b>books</b>\" 3 mail-3 \"\\x00\\xff\" 4 mail-4 later 5 mail-5 next 20 mail-6 waits\n [0 0 0 0 0 1]
         > TSGEN.CLAIM mails ada COUNT 3\n [[<a> …] [<b> …] [<c> …]]
         > TSGEN.NACK mails <a> <b> DEAD REASON \"550 mailbox full\"\n 2
         > TSGEN.CREATE orders SOURCES 2 berlin oslo\n OK\n > TSGEN.ADVANCE orders 7 SOURCE oslo\n nil
         > DEBOUNCE.CREATE scans IDLE 1d PAUSED yes\n OK\n > DEBOUNCE.PUSH scans seller-1 a b\n 2
         > EXPIRY.CREATE carts PREFIX cart:\n OK
         > TALLY.CREATE views EVERY 1d\n OK\n > TALLY.INCR views video-7 5\n 5\n > TALLY.SEAL views\n 1",
    );
}

/// What stands between two texts, wherever that is, is replaced by a word.
fn scrub(text: &str, before: &str, after: &str, word: &str) -> String {
    let mut parts = text.split(before);
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(after).unwrap_or(0);
        scrubbed += &format!("{before}{word}{}", &part[end..]);
    }
    scrubbed
}

/// A page as it is compared: each element that holds others begins a line.
fn plain(page: &Seen, server: &Server, web: &Web) -> String {
    let mut text = page.body.clone();
    for (before, after, word) in [
        ("name=\"csrf\" value=\"", "\"", "{code}"),
        ("<time ", "</time>", "{time}"),
        // How many points it has depends on how long the program has been running.
        ("<svg class=\"graph", "</svg>", "\">{graph}"),
        ("<figcaption>", "</figcaption>", "{figures}"),
        ("data-label=\"Oldest ready\">", "<", "{length}"),
        ("data-label=\"Delivered/s\">", "<", "{rate}"),
        ("data-label=\"Acked/s\">", "<", "{rate}"),
        ("data-label=\"Died/s\">", "<", "{rate}"),
        ("data-label=\"For at least\">", "<", "{length}"),
        ("data-label=\"Server\">", "<", "{server}"),
        ("data-label=\"Up for\">", "<", "{length}"),
        ("data-label=\"Memory\">", "<", "{memory}"),
        ("data-label=\"Timer late (p50)\">", "<", "{length}"),
        ("data-label=\"p99\">", "<", "{length}"),
        ("data-label=\"most\">", "<", "{length}"),
        ("Late by <b>", "</b>", "{length}"),
        ("data-label=\"Token\">", "<", "{token}"),
        ("name=\"token\" value=\"", "\"", "{token}"),
        ("Tick delivery ", "\"", "{token}"),
        // What is told there is up to the module.
        ("<summary>All that INFO tells</summary>", "</details>", "{figures}"),
        ("; the oldest for ", "<", "{length}"),
        ("-age</dt><dd>", "</dd>", "{length}"),
        ("entry=", "\"", "{entry}"),
    ] {
        text = scrub(&text, before, after, word);
    }
    text =
        text.replace(&format!("127.0.0.1:{}", server.port), "{server}").replace(&format!(":{}", web.port), ":{port}");
    for element in [
        "<head",
        "<link",
        "<script",
        "<body",
        "<header",
        "<nav",
        "<main",
        "<h1",
        "<h2",
        "<p",
        "<div",
        "<form",
        "<label",
        "<button",
        "<table",
        "<thead",
        "<tbody",
        "<tr",
        "<th ",
        "<th>",
        "<td",
        "<dl",
        "<dt",
        "<figure",
        "<svg",
        "<details",
        "<noscript",
        "<ol",
        "<li",
    ] {
        text = text.replace(element, &format!("\n{element}"));
    }
    text.lines().map(|line| line.trim_end().to_owned() + "\n").filter(|line| line != "\n").collect()
}

#[test]
fn pages_are_as_they_were() {
    let server = Server::start(&[]);
    fill(&mut server.client());
    let web = Web::start(&server, &[]);
    wait_until("all keys are known", || web.get("/").body.contains("5 of 5 keys."));
    let folder = workspace().join("cli/tests/console/pages");
    let mut differing = Vec::new();
    for (path, name) in [
        ("/?sort=key", "overview"),
        ("/workers", "workers"),
        ("/workers?entry=mail-3", "holder"),
        ("/nodes", "nodes"),
        ("/key/0/mails", "key"),
        ("/key/0/mails/dead", "dead"),
        ("/key/0/mails/leased", "leased"),
        ("/key/0/mails/options", "options"),
        ("/key/0/orders", "sources"),
        ("/key/0/scans/waiting", "groups"),
        ("/key/0/views/ready", "batch"),
    ] {
        let mut difference = None;
        // A page may say for a moment that a figure is old or that there is no answer, where a machine is slow.
        comes_to_hold(&format!("{path} is as it was"), || {
            difference = differs(&folder, name, &plain(&web.get(path).is(200), &server, &web));
            difference.is_none()
        });
        differing.extend(difference);
    }
    assert!(differing.is_empty(), "{}\nIf they are meant to: PAGES=write", differing.join("\n"));
}

/// Where a page differs first from the one that is kept. With `PAGES=write` it is the one to be kept from now on.
fn differs(folder: &Path, name: &str, found: &str) -> Option<String> {
    let path = folder.join(format!("{name}.html"));
    if std::env::var("PAGES").is_ok_and(|what| what == "write") {
        std::fs::write(&path, found).expect("write the page");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = kept.lines().zip(found.lines()).enumerate();
    let first = lines.find(|(_, (kept, found))| kept != found);
    let lengths = (kept.lines().count() != found.lines().count()).then_some("one of them is longer".to_owned());
    first
        .map(|(nth, (kept, found))| format!("{name}.html:{}\n- {kept}\n+ {found}", nth + 1))
        .or(lengths.map(|text| format!("{name}.html: {text}")))
}
