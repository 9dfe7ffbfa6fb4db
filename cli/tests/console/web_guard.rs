//! `web`: who may come in, and which forms are taken.

use crate::browse::{is_guarded, Web};
use crate::harness::*;
use crate::run::{start, tsgen, tsgen_at};
use std::io::Read;
use std::path::PathBuf;

fn server() -> Server {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.CREATE mails\n OK");
    server
}

fn is_paused(server: &Server) -> bool {
    server.client().ok("TSGEN.INFO mails").field("paused").text() == "yes"
}

/// A file of users, each with the password `password of <name>`.
fn users(server: &Server, names: &[&str]) -> PathBuf {
    let line = |name: &&str| tsgen_at("", &["web-user", name], &format!("password of {name}\n")).done();
    let file = server.folder().join("users");
    std::fs::write(&file, names.iter().map(line).collect::<String>()).expect("a file");
    file
}

#[test]
fn every_reply_says_what_a_browser_may_do_with_it() {
    let server = server();
    let web = Web::start(&server, &[]);
    for (path, status) in [
        ("/", 200),
        ("/style.css", 200),
        ("/live.js", 200),
        ("/icon.svg", 200),
        ("/key/0/mails", 200),
        ("/key/0/nothing", 404),
        ("/key/x/mails", 404),
        ("/no/such/page", 404),
        ("/key/0/mails/pause", 405),
    ] {
        is_guarded(&web.get(path).is(status));
    }
    let page = web.get("/").is(200);
    assert!(
        !page.body.contains("style=") && !page.body.contains("onclick") && !page.body.contains("http"),
        "{}",
        page.body
    );
    is_guarded(&web.browser().send("DELETE", "/", None).is(405));
    is_guarded(&web.browser().post("/key/0/mails/pause", "paused=yes").is(403));
}

#[test]
fn a_form_is_taken_from_its_own_page_only() {
    let server = server();
    let web = Web::start(&server, &[]);
    let path = "/key/0/mails/pause";
    let token = web.get("/key/0/mails").is(200).token();
    let with = |name: &str, value: &str| web.browser().with(&[(name, value)]);
    let fields = format!("csrf={token}&paused=yes");
    for (fields, why) in [("paused=yes", "none"), ("csrf=&paused=yes", "empty"), ("csrf=00&paused=yes", "wrong")] {
        assert_eq!(web.browser().post(path, fields).is(403).status, 403, "{why}");
    }
    let other = Web::start(&server, &[]);
    other.browser().post(path, &fields).is(403).has("from before tsgen was started last");
    with("Sec-Fetch-Site", "cross-site").post(path, &fields).is(403).has("another site");
    with("Sec-Fetch-Site", "same-site").post(path, &fields).is(403);
    with("Origin", "https://evil.example").post(path, &fields).is(403);
    with("Content-Type", "text/plain").post(path, &fields).is(415);
    let large = format!("{fields}&x={}", "x".repeat(1 << 20));
    web.browser().post(path, &large).is(413);
    assert!(!is_paused(&server));

    let own = format!("http://127.0.0.1:{}", web.port);
    with("Origin", &own).post(path, &fields).is(303);
    assert!(is_paused(&server));
    // Under the policy of referrers that the page has, browsers send this.
    with("Origin", "null").post("/key/0/mails/resume", &fields).is(303);
    assert!(!is_paused(&server));
    let line = web.app.line_with("action=pause");
    assert!(line.contains("user=\"-\" address=127.0.0.1") && line.contains("db=0 key=\"mails\" result=done"), "{line}");
}

#[test]
fn what_was_done_is_told_once() {
    let server = server();
    let web = Web::start(&server, &["--base-path", "/queues/tsgen"]);
    let mut browser = web.browser();
    let done = browser.act("/key/0/mails", "/key/0/mails/pause", "paused=yes").is(303);
    assert_eq!(done.header("location"), "/queues/tsgen/key/0/mails");
    assert!(
        done.header("set-cookie").contains("; HttpOnly; SameSite=Strict; Path=/queues/tsgen;"),
        "{:?}",
        done.headers
    );
    browser.get("/key/0/mails").is(200).has("Paused: nothing is handed out");
    browser.get("/key/0/mails").is(200).lacks("Paused: nothing is handed out");
    // Nobody else can have it tell something.
    let name = format!("tsgen-told-{}", web.port);
    browser.cookies.insert(name, format!("{}.Lies", "0".repeat(64)));
    browser.get("/key/0/mails").is(200).lacks("Lies");
}

#[test]
fn below_a_path_all_addresses_begin_with_it() {
    let server = server();
    let web = Web::start(&server, &["--base-path", "queues"]);
    for path in ["", "/", "/key/0/mails"] {
        let page = web.get(path).is(200);
        for address in page.body.split("href=\"").skip(1).chain(page.body.split("action=\"").skip(1)) {
            assert!(address.starts_with("/queues/") || address.starts_with('#'), "{address:.60}");
        }
    }
    let mut outside = web.browser();
    outside.get("/../key/0/mails").is(404);
    assert!(start(&server, &["web", "--listen", "127.0.0.1:0", "--base-path", "/a b"]).end().code() == Some(1));
}

#[test]
fn other_names_of_this_host_are_not_answered() {
    let server = server();
    let web = Web::start(&server, &["--host", "queues.example"]);
    let at = |host: &str| web.browser().with(&[("Host", host)]);
    for host in
        ["127.0.0.1:1", "localhost", "localhost:8380", "[::1]:80", "queues.example", "Queues.Example:443", "10.0.0.1"]
    {
        at(host).get("/").is(200);
    }
    for host in ["evil.example", "evil.example:8380", "127.0.0.1.evil.example", "", "queues.example.evil.example"] {
        let page = at(host).get("/key/0/mails").is(421).has("--host").lacks("csrf");
        is_guarded(&page);
    }
}

#[test]
fn what_is_read_only_changes_nothing() {
    let server = server();
    let web = Web::start(&server, &["--read-only"]);
    web.get("/key/0/mails").is(200).has("read only").lacks("<form method=\"post\"").lacks("csrf");
    web.browser().post("/key/0/mails/pause", "paused=yes").is(403).has("--read-only");
    assert!(!is_paused(&server));
}

#[test]
fn without_a_login_only_this_machine_may_come() {
    let server = server();
    let refused = tsgen(&server, &["web", "--listen", "0.0.0.0:0"]).failed(1);
    assert!(refused.contains("--users FILE") && refused.contains("--no-login"), "{refused}");
    start(&server, &["web", "--listen", "0.0.0.0:0", "--no-login"]).line_with("tsgen: web: http://0.0.0.0:");
    let header = tsgen(&server, &["web", "--user-header", "X-Forwarded-User"]).failed(2);
    assert!(header.contains("--trust-proxy"), "{header}");
}

#[test]
fn users_log_in_and_out() {
    let server = server();
    let file = users(&server, &["ada", "eve"]);
    let web = Web::start(&server, &["--users", file.to_str().expect("a path")]);
    let mut ada = web.browser();
    let led = ada.get("/key/0/mails?a=b&c").is(303);
    assert_eq!(led.header("location"), "/login?next=%2Fkey%2F0%2Fmails%3Fa%3Db");
    ada.get("/live").is(401);
    ada.get("/style.css").is(200);
    ada.post("/key/0/mails/pause", "paused=yes").is(401);
    is_guarded(&ada.get("/login").is(200));
    ada.log_in("ada", "password of eve").is(401).has("The name or the password is wrong.");
    ada.log_in("bob", "password of bob").is(401).has("The name or the password is wrong.");
    let line = web.app.line_with("result=failed");
    assert!(line.contains("action=login") && line.contains("user=\"ada\""), "{line}");
    // A form of somebody else's page.
    let token = web.get("/login").is(200).token();
    ada.post("/login", &format!("csrf={token}&user=ada&password=password of ada")).is(403);

    let entered = ada.act("/login", "/login", "user=ada&password=password of ada&next=/key/0/mails").is(303);
    assert_eq!(entered.header("location"), "/key/0/mails");
    let cookie = entered.header("set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    ada.get("/key/0/mails").is(200).has("ada").has("Log out");
    ada.act("/key/0/mails", "/key/0/mails/pause", "paused=yes").is(303);
    web.app.line_with("user=\"ada\" address=127.0.0.1 action=pause");
    // The code of one session is none of another's.
    let token = ada.get("/key/0/mails").token();
    let mut eve = web.browser();
    eve.log_in("eve", "password of eve").is(303);
    eve.post("/key/0/mails/pause", &format!("csrf={token}&paused=no")).is(403);
    assert!(is_paused(&server));

    // What scrapes has no cookies: `printf 'ada:password of ada' | base64`.
    let scrapes = |code: &str| web.browser().with(&[("Authorization", &format!("Basic {code}"))]);
    scrapes("YWRhOnBhc3N3b3JkIG9mIGFkYQ==").get("/metrics").is(200).has("tsgen_entries");
    scrapes("YWRhOnBhc3N3b3JkIG9mIGFkYQ==").get("/").is(303);
    let refused = scrapes("YWRhOndyb25n").get("/metrics").is(401);
    assert!(refused.header("www-authenticate").starts_with("Basic "), "{:?}", refused.headers);
    wait_until("it is told", || {
        web.app
            .lines_with("action=login")
            .last()
            .is_some_and(|line| line.contains("user=\"ada\"") && line.contains("failed"))
    });

    let before = ada.cookies.clone();
    ada.act("/", "/logout", "").is(303);
    ada.get("/").is(303);
    ada.cookies = before;
    ada.get("/").is(303);
    eve.get("/").is(200);
    assert!(web.app.lines_with("password of").is_empty());
}

#[test]
fn passwords_cannot_be_tried_without_end() {
    let server = server();
    let file = users(&server, &["ada"]);
    let web = Web::start(&server, &["--users", file.to_str().expect("a path"), "--trust-proxy", "127.0.0.1"]);
    let from = |address: &str| web.browser().with(&[("X-Forwarded-For", address), ("X-Forwarded-Proto", "https")]);
    let mut eve = from("203.0.113.7, 10.0.0.1");
    for _ in 0..10 {
        eve.log_in("ada", "wrong").is(401);
    }
    let refused = eve.log_in("ada", "password of ada").is(429);
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|after| after <= 7), "{:?}", refused.headers);
    // Not the address that the browser says it has, but the one that the proxy has seen.
    from("203.0.113.8, 10.0.0.1").log_in("ada", "password of ada").is(429);
    let entered = from("203.0.113.7").log_in("ada", "password of ada").is(303);
    assert!(entered.header("set-cookie").contains("Secure"), "{:?}", entered.headers);
    // Whoever has a password of his own cannot try others without end.
    let mut last = 0;
    for _ in 0..15 {
        from("203.0.113.9").log_in("ada", "password of ada");
        last = from("203.0.113.9").log_in("ada", "wrong").status;
    }
    assert_eq!(last, 429);
}

#[test]
fn a_proxy_that_is_trusted_says_who_it_is() {
    let server = server();
    let as_ada = |web: &Web| web.browser().with(&[("X-Forwarded-User", "ada")]);
    let web = Web::start(&server, &["--user-header", "X-Forwarded-User", "--trust-proxy", "127.0.0.0/8"]);
    web.get("/").is(401).has("x-forwarded-user").lacks("csrf");
    let mut ada = as_ada(&web);
    ada.act("/key/0/mails", "/key/0/mails/pause", "paused=yes").is(303);
    web.app.line_with("user=\"ada\"");
    as_ada(&web).with(&[("X-Forwarded-User", "eve")]).get("/").is(401);
    let other = Web::start(&server, &["--user-header", "X-Forwarded-User", "--trust-proxy", "10.0.0.1"]);
    as_ada(&other).get("/").is(401);
}

#[test]
fn a_file_of_users_that_is_none_is_said() {
    let server = server();
    let file = server.folder().join("users");
    std::fs::write(&file, "ada:secret\n").expect("a file");
    let refused = tsgen(&server, &["web", "--users", file.to_str().expect("a path")]).failed(1);
    assert!(refused.contains("line 1 has no argon2 hash of ada") && !refused.contains("secret"), "{refused}");
    assert!(tsgen(&server, &["web", "--users", "/no/such/file"]).failed(1).contains("/no/such/file"));
    assert!(tsgen_at("", &["web-user", "ada"], "short\n").failed(1).contains("at least 12 characters"));
    assert!(tsgen_at("", &["web-user", "a:b"], "long enough it is\n").failed(1).contains("without colons"));
}

#[test]
fn the_password_of_the_server_is_nowhere() {
    let server = server();
    server.client().ok("CONFIG SET requirepass hunter2hunter2");
    let url = format!("redis://:hunter2hunter2@127.0.0.1:{}", server.port);
    let wrong = Web::start_at(&url.replace("hunter2hunter2", "wr0ng-secret"), &[]);
    wait_until("it is told", || wrong.get("/").body.contains("WRONGPASS"));
    let web = Web::start_at(&url, &[]);
    wait_until("there is a picture", || web.get("/").is(200).body.contains("mails"));
    for (web, secret) in [(&web, "hunter2hunter2"), (&wrong, "wr0ng-secret")] {
        for path in ["/", "/key/0/mails", "/metrics", "/nodes", "/workers", "/events"] {
            let page = web.get(path);
            assert!(!page.body.contains(secret), "{path}: {}", page.body);
        }
        assert!(web.app.lines_with(secret).is_empty());
    }
}

#[test]
fn pages_are_told_of_new_pictures() {
    let server = server();
    let web = Web::start(&server, &[]);
    let mut stream = web.browser().open("GET", "/live", None);
    let (mut text, mut part) = (String::new(), [0; 1024]);
    while text.matches("event: picture").count() < 2 {
        let count = stream.read(&mut part).expect("events");
        assert!(count > 0, "it has ended: {text}");
        text += &String::from_utf8_lossy(&part[..count]);
    }
    assert!(text.to_lowercase().contains("content-type: text/event-stream"), "{text}");
}

#[test]
fn streams_are_bounded() {
    let server = server();
    let web = Web::start(&server, &[]);
    let open = || web.browser().open("GET", "/live", None);
    let status = |stream: &mut std::net::TcpStream| {
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("a status");
        String::from_utf8_lossy(&head[9..]).into_owned()
    };
    let mut streams: Vec<_> = (0..256).map(|_| open()).collect();
    assert!(streams.iter_mut().all(|stream| status(stream) == "200"));
    assert_eq!(status(&mut open()), "503");
    web.get("/").is(200);
    streams.truncate(10);
    wait_until("there is room again", || status(&mut open()) == "200");
}
