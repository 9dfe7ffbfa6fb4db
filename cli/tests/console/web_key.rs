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
