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
