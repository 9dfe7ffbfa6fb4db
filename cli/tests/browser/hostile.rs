//! Names and contents of somebody who means no good, and such as are only large.

use crate::barriers;
use crate::harness::*;
use crate::site::Site;
use crate::tab::Tab;

const SCRIPT: &str = "<script>window.taken = 1</script><img src=x onerror=\"window.taken = 1\">";

/// A page is as it should be: nobody's script has run, and there are no elements of anybody else.
#[track_caller]
fn is_unharmed(tab: &Tab) {
    assert_eq!(tab.eval("window.taken ?? 0"), 0, "{}", tab.address());
    assert_eq!(tab.count("main script, main img, main iframe"), 0, "{}", tab.address());
}

/// A key of any name, with something in each state and a source, consumer and reason of the same kind.
fn key_of(server: &Server, name: &[u8], content: &[u8]) {
    let mut c = server.client();
    let mut ok = |words: &[&[u8]]| match c.call(words) {
        Reply::Error(text) => panic!("{text}"),
        reply => reply,
    };
    ok(&[b"TSGEN.CREATE", name, b"SOURCES", b"1", name, b"LEASE", b"1h"]);
    ok(&[b"TSGEN.ADVANCE", name, b"10", b"SOURCE", name]);
    for (nth, then) in ["dead", "delayed", "leased", "ready"].iter().enumerate() {
        let id = [name, then.as_bytes()].concat();
        ok(&[b"TSGEN.ADD", name, &[b'1' + u8::try_from(nth).expect("a digit")], &id, content]);
        if *then == "ready" {
            break;
        }
        let claimed = ok(&[b"TSGEN.CLAIM", name, name]);
        let token = claimed.items()[0].items()[0].int().to_string();
        let reason = &name[..name.len().min(1024)];
        match *then {
            "dead" => ok(&[b"TSGEN.NACK", name, token.as_bytes(), b"DEAD", b"REASON", reason]),
            "delayed" => ok(&[b"TSGEN.NACK", name, token.as_bytes(), b"DELAY", b"1h"]),
            _ => continue,
        };
    }
}

/// Walks through all that can be clicked on from the overview for a key.
#[track_caller]
fn walk(tab: &Tab, key: &str) {
    tab.go("/");
    tab.becomes(&format!("!!document.querySelector({})", serde_json::json!(key)));
    is_unharmed(tab);
    tab.follow(key);
    is_unharmed(tab);
    let address = tab.address();
    for page in ["/ready", "/leased", "/delayed", "/dead", "/waiting", "/options"] {
        tab.go(&format!("{address}{page}"));
        is_unharmed(tab);
        if !matches!(page, "/waiting" | "/options") {
            tab.follow("table.entries tbody th a");
            is_unharmed(tab);
        }
    }
}

#[test]
fn no_script_of_anybody_runs() {
    let site = Site::start();
    key_of(&site.server, SCRIPT.as_bytes(), SCRIPT.as_bytes());
    key_of(
        &site.server,
        b"json",
        format!(r#"{{"{}": ["</details>", "<script>"]}}"#, SCRIPT.replace('"', "\\\"")).as_bytes(),
    );
    for tab in [site.tab(), site.tab().without_script()] {
        walk(&tab, "a[href*='%3Cscript']");
        walk(&tab, "a[href$='/key/0/json']");
    }
    // Nor from what stands in an address, or what a form brings back.
    let tab = site.tab();
    for address in ["/key/0/json/dead?reason=", "/key/0/json/find?id=", "/key/0/json/ready?id="] {
        let encoded: String = SCRIPT.bytes().map(|byte| format!("%{byte:02X}")).collect();
        tab.go(&format!("{address}{encoded}"));
        is_unharmed(&tab);
    }
}

#[test]
fn names_may_be_any_bytes() {
    let site = Site::start();
    let names: [&[u8]; 5] =
        [b"\0\x01\xff\xfe", "\u{202e}gnirts \u{2066}x".as_bytes(), b"..", b"a/b?c#d%2f&e=\"'", b" "];
    for name in names {
        key_of(&site.server, name, b"\0\xff\x1b[2J");
    }
    let tab = site.tab();
    for key in
        ["a[href*='/key/0/%00']", "a[href*='/key/0/%E2%80%AE']", "a[href*='/key/0/~..']", "a[href*='/key/0/a%2Fb']"]
    {
        walk(&tab, key);
        // What turns the direction of writing is shown as bytes.
        assert!(!tab.text().contains(['\u{202e}', '\u{2066}', '\0']), "{}", tab.text());
        tab.go(&tab.address());
        barriers::none(&tab);
    }
}

#[test]
fn a_name_of_64_kib_has_its_pages() {
    let site = Site::start();
    key_of(&site.server, &vec![b'x'; 65_000], &vec![b'y'; 65_536]);
    let tab = site.tab();
    walk(&tab, "td.key a, tbody a");
    assert!(tab.text().len() < 20_000, "{}", tab.text().len());
}

#[test]
fn a_content_of_64_mib_does_no_harm() {
    let site = Site::start();
    let mut c = site.server.client();
    c.ok("TSGEN.CREATE large CLOCK");
    let content = vec![b'z'; 64 << 20];
    for id in ["one", "two", "three"] {
        assert_eq!(cmd!(c, "TSGEN.ADD", "large", "+0", id, &content[..]), Reply::Int(0));
    }
    cmd!(c, "TSGEN.ADD", "large", "+1h", "later", &content[..]);
    let tab = site.at("/key/0/large/ready");
    tab.shows("67108864 bytes: too large to be shown");
    let before = memory(&site);
    // It is there as it is, for whoever asks.
    let read = "fetch(document.querySelector('a.keep').href).then(async reply => {
        let all = 0; for await (const part of reply.body) all += part.length;
        return [reply.headers.get('content-disposition'), reply.headers.get('content-type'), all]; })";
    for _ in 0..3 {
        let read = tab.eval(read);
        assert_eq!(read.to_string(), r#"["attachment; filename=\"one.txt\"","application/octet-stream",67108864]"#);
    }
    for page in ["/key/0/large/waiting", "/key/0/large/find?id=later", "/key/0/large/find?id=one"] {
        tab.go(page);
        assert!(tab.text().len() < 100_000, "{page}");
    }
    // What was held has been given back, save for what the allocator keeps of one or two.
    assert!(memory(&site) < before + (256 << 20), "{} {}", before, memory(&site));
}

/// What the program has of the machine's memory, in bytes.
fn memory(site: &Site) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.app.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}
