//! `web`: the pages of a key: that what is done is what was asked about, and that nothing they show is without bounds.

use crate::browse::{Browser, Seen, Web};
use crate::harness::*;

/// The fields of the form that asks whether it is meant, as a browser sends them.
fn fields(page: &Seen) -> String {
    let form = page.body.split_once("name=\"confirmed\"").expect("a question").0;
    let form = form.rsplit_once("<form").expect("a form").1;
    let value = |input: &str| {
        let of = |name| Some(input.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_owned());
        Some(format!("{}={}&", of("name")?, of("value")?))
    };
    form.split("<input").filter_map(value).collect::<String>() + "confirmed=yes"
}

/// Two entries in hand: their tokens, that of the first claim first.
fn claimed(c: &mut Client) -> [String; 2] {
    ["a", "b"].map(|id| {
        c.ok(&format!("TSGEN.ADD mails 1 {id} x"));
        c.ok("TSGEN.CLAIM mails w LEASE 1h").items()[0].items()[0].int().to_string()
    })
}

fn field(server: &Server, name: &str) -> i64 {
    server.client().ok("TSGEN.INFO mails").field(name).int()
}

/// A server with a key, and somebody at its pages.
fn site(args: &[&str]) -> (Server, Web, Browser) {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.CREATE mails\n OK\n > TSGEN.ADVANCE mails 10\n 10");
    let web = Web::start(&server, args);
    let browser = web.browser();
    (server, web, browser)
}

#[test]
fn letters_that_die_after_the_question_stay() {
    let (server, _web, mut browser) = site(&[]);
    let mut c = server.client();
    let [first, second] = claimed(&mut c);
    c.ok(&format!("TSGEN.NACK mails {second} DEAD REASON full"));
    let question = browser.act("/key/0/mails/dead", "/key/0/mails/discard", "all=yes&reason=full").is(200);
    let meant = fields(&question.has("Discard 1 dead letters?"));
    // It was claimed first, so it stands before the one that was asked about.
    std::thread::sleep(std::time::Duration::from_millis(5));
    c.ok(&format!("TSGEN.NACK mails {first} DEAD REASON full"));
    browser.post("/key/0/mails/discard", &meant).is(303);
    browser.get("/key/0/mails/dead").is(200).has("1 discarded.").has(&format!("value=\"{first}\""));
    assert_eq!(field(&server, "dead"), 1);
}

#[test]
fn as_many_delays_end_as_were_asked_about() {
    let (server, _web, mut browser) = site(&[]);
    let mut c = server.client();
    let [first, second] = claimed(&mut c);
    c.ok(&format!("TSGEN.NACK mails {first} DELAY 1h"));
    let question = browser.act("/key/0/mails/delayed", "/key/0/mails/promote", "").is(200);
    let meant = fields(&question.has("1 entries are delayed"));
    c.ok(&format!("TSGEN.NACK mails {second} DELAY 2h"));
    browser.post("/key/0/mails/promote", &meant).is(303);
    browser.get("/key/0/mails").is(200).has("1 promoted.");
    assert_eq!((field(&server, "ready"), field(&server, "delayed")), (1, 1));
}

#[test]
fn what_has_begun_is_done_and_told_of_also_if_the_browser_goes() {
    let (server, web, mut browser) = site(&[]);
    let token = browser.get("/key/0/mails").is(200).token();
    server.client().ok("CLIENT PAUSE 1000 ALL");
    let stream = browser.open("POST", "/key/0/mails/pause", Some(&format!("csrf={token}")));
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(stream);
    let line = web.app.line_with("action=pause");
    assert!(line.contains("key=\"mails\" result=done"), "{line}");
    assert_eq!(server.client().ok("TSGEN.INFO mails").field("paused").text(), "yes");
}

#[test]
fn a_key_of_any_name_has_a_page_of_what_goes_on() {
    let (server, web, mut browser) = site(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE \"q\\\\\\\" \\xff\"\n OK\n > TSGEN.ADVANCE \"q\\\\\\\" \\xff\" 10\n 10\n > TSGEN.ADD \"q\\\\\\\" \\xff\" 1 a x\n 0");
    let token = c.call(&[b"TSGEN.CLAIM", b"q\\\" \xff", b"w"]).items()[0].items()[0].int().to_string();
    c.call(&[b"TSGEN.NACK", b"q\\\" \xff", token.as_bytes(), b"DEAD"]);
    let key = "/key/0/q%5C%22%20%FF";
    let question = browser.act(&format!("{key}/dead"), &format!("{key}/requeue"), "all=yes").is(200);
    browser.post(&format!("{key}/requeue"), &fields(&question)).is(303);
    browser.get(&format!("{key}/work/1")).is(200).has("1 requeued.");
    browser.act(key, &format!("{key}/work/1"), "").is(303);
    browser.get(&format!("{key}/work/2")).is(404);
    // Nothing in the name ends the quote that it stands in.
    let line = web.app.line_with("action=stop");
    assert!(line.contains(r#"key="q\\\" \xff" result=done"#), "{line}");
}

#[test]
fn patterns_and_reasons_are_bounded() {
    let (server, _web, mut browser) = site(&[]);
    let mut c = server.client();
    let tokens = claimed(&mut c);
    let reason = format!("{}<b>", "full ".repeat(12_000));
    c.call(&[
        b"TSGEN.NACK",
        b"mails",
        tokens[0].as_bytes(),
        tokens[1].as_bytes(),
        b"DEAD",
        b"REASON",
        reason.as_bytes(),
    ]);
    let page = browser.get("/key/0/mails/dead").is(200);
    assert!(page.body.len() < 20_000, "{}", page.body.len());
    let link = page.body.split("href=\"/key/0/mails/dead?reason=").nth(1).expect("a link").split('"').next();
    browser.get(&format!("/key/0/mails/dead?reason={}", link.expect("its end"))).is(200).has("All 2 that match");
    let long = format!("*{}", "a".repeat(1000));
    for page in ["dead?reason=", "dead?id=", "ready?id=", "find?id="] {
        browser.get(&format!("/key/0/mails/{page}{long}")).is(400).has("at most 1000 bytes");
    }
    browser.act("/key/0/mails", "/key/0/mails/discard", &format!("all=yes&reason={long}")).is(400);
}

#[test]
fn a_question_is_not_turned_round_by_what_it_is_about() {
    let (server, _web, mut browser) = site(&[]);
    let [token, _] = claimed(&mut server.client());
    server.client().ok(&format!("TSGEN.NACK mails {token} DEAD REASON \"a\u{202e}b\""));
    let question = browser.act("/key/0/mails/dead", "/key/0/mails/discard", "all=yes&reason=a%E2%80%AEb").is(200);
    question.has("matches a\\xe2\\x80\\xaeb. ");
}

#[test]
fn large_elements_behind_small_ones_do_not_come_at_once() {
    let (server, _web, mut browser) = site(&[]);
    server.client().ok(
        "EVAL \"for i = 1, 90 do redis.call('TSGEN.ADD', KEYS[1], 100 + i, 'e' .. i, string.rep('x', i < 10 and 10 or 1048576)) end\" 1 mails",
    );
    let page = browser.get("/key/0/mails/waiting").is(200).has("so a page has few of them").has(">e9<").lacks(">e20<");
    let next = page.body.split("rel=\"next\" href=\"").nth(1).expect("a link").split('"').next().expect("its end");
    browser.get(next).is(200).has("so a page has few of them").lacks(">e9<");
}

/// However many wait for the same time, the next page goes on behind the last one, and tells groups.
#[test]
fn elements_of_one_time_are_shown_page_by_page() {
    let (server, _web, mut browser) = site(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE many FAIR yes");
    c.ok("EVAL \"for i = 1, 120 do redis.call('TSGEN.ADD', KEYS[1], 'GROUP', 'of-' .. i % 2, 5, 'e' .. i .. '.') end\" 1 many");
    let (mut address, mut seen) = ("/key/0/many/waiting".to_owned(), String::new());
    for _ in 0..3 {
        let page = browser.get(&address).is(200).has(">of-1<");
        seen += &page.body;
        if let Some(next) = page.body.split("rel=\"next\" href=\"").nth(1) {
            next.split('"').next().expect("its end").replace("&amp;", "&").clone_into(&mut address);
        }
    }
    for nth in 1..=120 {
        assert_eq!(seen.matches(&format!(">e{nth}.<")).count(), 1, "e{nth}");
    }
}

#[test]
fn of_keys_that_are_not_watched_nothing_is_told() {
    let (server, _web, mut browser) = site(&[]);
    server.client().play(
        "> EXPIRY.CREATE checkouts PREFIX order:\n OK\n > SET order:1 x EX 1000\n OK\n > SET session:1 x EX 1000\n OK",
    );
    browser.get("/key/0/checkouts/find?id=order:1").is(200).has("Its time to live runs out");
    browser
        .get("/key/0/checkouts/find?id=session:1")
        .is(200)
        .lacks("Its time to live runs out")
        .has("Nothing of that name");
}
