//! The application as its users run it: over HTTP, with several workers, some of which die.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

use harness::*;

#[track_caller]
fn start(server: &Server, args: &str) -> App {
    let url = server.url();
    let args = ["--redis", &url].into_iter().chain(args.split(' '));
    App::start(env!("CARGO_BIN_EXE_checkout"), &args.collect::<Vec<_>>())
}

/// A worker that waits for orders.
#[track_caller]
fn worker(server: &Server, name: &str, args: &str) -> App {
    let app = start(server, format!("work --name {name} {args}").trim_end());
    app.line_with("waiting");
    wait_until("the orders are watched", || server.client().ok("EXISTS abandoned") == 1);
    app
}

/// The HTTP side, and a client of it.
struct Shop {
    app: App,
    address: String,
    agent: ureq::Agent,
}

impl Shop {
    #[track_caller]
    fn open(server: &Server) -> Self {
        let app = start(server, "serve --listen 127.0.0.1:0");
        let address = app.line_with("listening on ").split(' ').nth(2).expect("an address").to_owned();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { app, address, agent }
    }

    /// Status and body.
    #[track_caller]
    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        let request = request.body(body.to_owned()).expect("a request");
        let mut response = self.agent.run(request).expect("a response");
        let text = response.body_mut().read_to_string().expect("a body");
        if !text.is_empty() {
            assert_eq!(response.headers()["content-type"], "application/json", "{method} {path} {body}");
        }
        (response.status().as_u16(), text.trim_end().to_owned())
    }

    /// Fails unless the reply has this status, and a body that contains `text`.
    #[track_caller]
    fn expect(&self, method: &str, path: &str, body: &str, status: u16, text: &str) {
        let (actual, reply) = self.request(method, path, body);
        assert!(actual == status && reply.contains(text), "{method} {path} {body}: {actual} {reply}");
    }

    #[track_caller]
    fn place(&self, id: &str, expire: u64) {
        let body = format!(r#"{{"id":"{id}","expire":{expire}}}"#);
        assert_eq!(self.request("POST", "/checkout", &body), (201, format!(r#"{{"expire":{expire},"id":"{id}"}}"#)));
    }
}

/// The ids of the orders that were written off, in order.
#[track_caller]
fn written_off(c: &mut Client) -> Vec<String> {
    c.ok("XRANGE abandoned:log - +").items().iter().map(|entry| entry.items()[1].field("id").text()).collect()
}

/// Exact counts of the watcher: waiting, ready, leased.
#[track_caller]
fn counts(c: &mut Client) -> [i64; 3] {
    let info = c.ok("EXPIRY.INFO abandoned");
    ["waiting", "ready", "leased"].map(|state| info.field(state).int())
}

#[test]
fn every_request_gets_its_status_and_errors_name_the_field() {
    let server = Server::start(&[]);
    let shop = Shop::open(&server);
    shop.expect("POST", "/checkout", r#"{"id":"7"}"#, 201, r#"{"expire":20,"id":"7"}"#);
    shop.expect("POST", "/checkout", r#"{"id":"7","expire":5}"#, 409, r#""field":"id""#);
    for (body, text) in [
        ("", "JSON object"),
        ("{", "JSON object"),
        (r#"["7"]"#, "JSON object"),
        ("{}", r#"{"error":"id is missing","field":"id"}"#),
        (r#"{"expire":5}"#, r#""field":"id""#),
        (r#"{"id":7}"#, r#""field":"id""#),
        (r#"{"id":""}"#, r#""field":"id""#),
        (r#"{"id":null}"#, r#""field":"id""#),
        (r#"{"id":"8","expire":0}"#, "expire must be an integer from 1 to 86400, in seconds"),
        (r#"{"id":"8","expire":86401}"#, r#""field":"expire""#),
        (r#"{"id":"8","expire":-1}"#, r#""field":"expire""#),
        (r#"{"id":"8","expire":1.5}"#, r#""field":"expire""#),
        (r#"{"id":"8","expire":"5"}"#, r#""field":"expire""#),
        (r#"{"id":"8","expires":5}"#, r#""field":"expires""#),
    ] {
        shop.expect("POST", "/checkout", body, 400, text);
    }
    let long = "x".repeat(201);
    shop.expect("POST", "/checkout", &format!(r#"{{"id":"{long}"}}"#), 400, r#""field":"id""#);
    shop.expect("POST", "/checkout", &"x".repeat(4097), 413, r#""error""#);
    shop.expect("GET", "/checkout/8", "", 404, r#""field":"id""#);
    shop.expect("DELETE", "/checkout/8", "", 404, r#""field":"id""#);
    shop.expect("GET", "/checkout/%FF", "", 400, r#""field":"id""#);
    shop.expect("GET", "/", "", 404, "no such page");
    shop.expect("GET", "/checkout", "", 405, "method");
    shop.expect("DELETE", "/checkout/7", "", 204, "");
    shop.expect("GET", "/checkout/7", "", 404, r#""field":"id""#);
    // Names are taken as they are.
    shop.place("a/b ü", 10);
    shop.expect("GET", "/checkout/a%2Fb%20%C3%BC", "", 200, r#""id":"a/b ü""#);
    assert_eq!(server.client().ok("DBSIZE"), 1);
}

#[test]
fn an_order_shows_its_value_and_the_time_it_has_left() {
    let server = Server::start(&[]);
    let shop = Shop::open(&server);
    let before = now_ms();
    shop.place("7", 20);
    let show = || {
        let (status, body) = shop.request("GET", "/checkout/7", "");
        assert_eq!(status, 200);
        let mut fields = Bindings::new();
        let pattern = r#"{"id":"7","ttl_ms":<ttl>,"value":{"expire":20,"placed_at":<at>}}"#;
        assert!(matches(pattern, &body, &mut fields), "{body}");
        ["ttl", "at"].map(|name| fields[name].parse::<i64>().expect("a number"))
    };
    let [first, placed_at] = show();
    assert!((before..=now_ms()).contains(&placed_at));
    assert!((19_000..=20_000).contains(&first), "{first} ms");
    wait_until("it counts down", || show()[0] < first);
}

#[test]
fn an_order_that_nobody_pays_is_written_off_once_and_may_be_placed_again() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let shop = Shop::open(&server);
    let mut doomed = worker(&server, "doomed", "--work-ms 600000 --lease-ms 400");
    shop.place("7", 2);
    shop.place("paid", 2);
    shop.expect("DELETE", "/checkout/paid", "", 204, "");
    doomed.line_with("order 7 has expired");
    let _others = [worker(&server, "one", ""), worker(&server, "two", "")];
    assert_eq!(written_off(&mut c), [""; 0]);
    doomed.kill();
    wait_until("another worker has written it off", || written_off(&mut c) == ["7"]);
    shop.expect("GET", "/checkout/7", "", 404, "");

    shop.place("7", 2);
    shop.expect("POST", "/checkout", r#"{"id":"7"}"#, 409, "");
    wait_until("it is written off again", || written_off(&mut c) == ["7", "7"]);
    // Orders are delivered in the order of their deadlines: nothing is left of those before this one.
    shop.place("last", 2);
    wait_until("the last one is written off", || written_off(&mut c) == ["7", "7", "last"]);
    assert_eq!(counts(&mut c), [0, 0, 0]);
    c.expect(
        "XRANGE abandoned:log - + COUNT 1",
        r#"[['…' ['id' '7' 'deadline' '<_>' 'value' '{"expire":2,"placed_at":<_2>}']]]"#,
    );
}

#[test]
fn a_worker_that_slept_through_its_lease_writes_nothing_off() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let shop = Shop::open(&server);
    let sleeper = worker(&server, "sleeper", "--work-ms 100 --lease-ms 300");
    wait_until("it waits", || c.info("clients", "blocked_clients") == "1");
    shop.place("7", 1);
    sleeper.line_with("order 7 has expired");
    sleeper.signal("STOP");
    let _other = worker(&server, "other", "");
    wait_until("the other one has written it off", || written_off(&mut c) == ["7"]);
    sleeper.signal("CONT");
    sleeper.line_with("order 7 is left to the worker that has it by now");
    assert_eq!(written_off(&mut c), ["7"]);
}

#[test]
fn a_write_off_that_fails_is_made_up_for() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("SET abandoned:log occupied");
    let shop = Shop::open(&server);
    let clerk = worker(&server, "clerk", "--lease-ms 300");
    shop.place("7", 1);
    clerk.line_with("WRONGTYPE");
    c.ok("DEL abandoned:log");
    wait_until("it is written off", || written_off(&mut c) == ["7"]);
}

#[test]
fn processes_that_are_told_to_stop_finish_and_leave_the_rest_to_others() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut shop = Shop::open(&server);
    let mut slow = worker(&server, "slow", "--work-ms 300 --lease-ms 600000");
    // Nothing is handed out before all of them have expired.
    slow.signal("STOP");
    c.ok("CLIENT KILL TYPE normal SKIPME yes");
    let mut c = server.client();
    for id in 1..=5 {
        shop.place(&id.to_string(), 1);
    }
    wait_until("all have expired", || counts(&mut c)[1] == 5);
    slow.signal("CONT");
    slow.line_with("has expired");
    assert_eq!(slow.terminate(), Some(0));
    slow.line_with("stopped");
    assert_eq!((written_off(&mut c).len(), counts(&mut c)), (1, [0, 4, 0]));

    let mut other = worker(&server, "other", "");
    wait_until("the other one has written off the rest", || written_off(&mut c).len() == 5);
    let mut ids = written_off(&mut c);
    ids.sort();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    assert_eq!(other.terminate(), Some(0));
    assert_eq!(shop.app.terminate(), Some(0));
    shop.app.line_with("stopped");
}

#[test]
fn shop_and_workers_go_on_when_redis_crashes() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let shop = Shop::open(&server);
    let clerk = worker(&server, "clerk", "");
    shop.place("held", 1);
    server.stop(Stop::Kill);
    shop.expect("POST", "/checkout", r#"{"id":"7"}"#, 503, "error");
    clerk.line_with("trying again");
    server.start_again();
    let mut c = server.client();
    wait_until("the order of before the crash is written off", || written_off(&mut c) == ["held"]);
    wait_until("orders are taken again", || shop.request("POST", "/checkout", r#"{"id":"7","expire":1}"#).0 == 201);
    wait_until("they are written off", || written_off(&mut c) == ["held", "7"]);
}

#[test]
fn make_example_shows_it_and_ctrl_c_ends_all_of_it() {
    let mut example = Example::start("checkout", env!("CARGO_BIN_EXE_checkout"));
    let shop = example.app.line_with("listening on ").split(' ').next_back().expect("an address").to_owned();
    example.app.line_with("worker-2: waiting");
    let created = ureq::post(format!("{shop}/checkout")).send(r#"{"id":"7","expire":1}"#).expect("a response");
    assert_eq!(created.status(), 201);
    example.app.line_with("order 7 is written off");
    example.interrupt();
    example.app.line_with("shop      | stopped");
}
