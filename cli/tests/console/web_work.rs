//! What takes `tsgen web` many commands.

use crate::browse::Web;
use crate::harness::*;

/// 3000 dead letters.
fn server() -> Server {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k");
    c.ok(
        "EVAL \"for i = 1, 3000 do redis.call('TALLY.INCR', KEYS[1], 'f') redis.call('TALLY.SEAL', KEYS[1]) end\" 1 k",
    );
    c.ok("EVAL \"for _, e in ipairs(redis.call('TALLY.CLAIM', KEYS[1], 'w', 'COUNT', 10000)) do redis.call('TALLY.NACK', KEYS[1], e[1], 'DEAD') end\" 1 k");
    server
}

#[test]
fn what_takes_long_is_told_and_stopped() {
    let server = server();
    let web = Web::start(&server, &[]);
    let (mut browser, mut c) = (web.browser(), server.client());
    let asked = browser.act("/key/0/k/dead", "/key/0/k/requeue", "all=yes").is(200).has("Requeue 3000 dead letters?");
    let until = asked.body.split_once("name=\"until\" value=\"").expect("a bound").1;
    let until = until.split_once('"').expect("its end").0.to_owned();
    let fields = format!("csrf={}&all=yes&until={until}&count=3000&confirmed=yes", asked.token());
    // Nothing is written until it is let go on.
    c.ok("CLIENT PAUSE 60000 WRITE");
    let led = browser.post("/key/0/k/requeue", &fields).is(303);
    assert_eq!(led.header("location"), "/key/0/k/work/1?refresh=2");
    let told = browser.get("/key/0/k/work/1").is(200).has("0 of 3000 requeued").has("It goes on");
    browser.post("/key/0/k/work/1", &format!("csrf={}", told.token())).is(303);
    c.ok("CLIENT UNPAUSE");
    wait_until("it has stopped", || browser.get("/key/0/k/work/1").is(200).body.contains("Stopped: 1000 requeued."));
    assert_eq!(c.ok("TALLY.INFO k").field("dead").int(), 2000);
    web.app.line_with("action=requeue db=0 key=\"k\" result=done said=\"Stopped: 1000 requeued.\"");
    // It is of this key, and there is but one.
    browser.get("/key/0/k/work/2").is(404);
    c.ok("TALLY.CREATE other");
    browser.get("/key/0/other/work/1").is(404);
}
