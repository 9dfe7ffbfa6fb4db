//! What clients are answered.

use crate::harness::*;
use crate::traffic::{agent, body, post, Answer};
use crate::world::{key, start, Serve};
use std::time::Instant;

const NO_LIMIT: &str = "--limit 0";

/// A Redis of the test's own, without a database: nobody works.
fn redis() -> Server {
    Server::start(&["--appendonly", "yes"])
}

#[track_caller]
fn answer(url: &str, body: &str) -> Answer {
    post(&agent(), url, &[], body).expect("an answer")
}

#[test]
fn an_increment_is_counted_and_a_bad_one_is_refused_by_the_name_of_its_field() {
    let redis = redis();
    let serve = Serve::on(&redis, NO_LIMIT);
    let key = "0190aBCD-0000-7000-8000-00000000002a";
    let of_value = |value: &str| format!(r#"{{"key": "{key}", "value": {value}}}"#);
    // None: no field is to blame.
    let wrong = [
        (Some("value"), of_value("0")),
        (Some("value"), of_value("-1")),
        (Some("value"), of_value("1.5")),
        (Some("value"), of_value("1.0")),
        (Some("value"), of_value("9223372036854775808")),
        (Some("value"), of_value("1e30")),
        (Some("value"), of_value("\"5\"")),
        (Some("value"), of_value("null")),
        (Some("value"), of_value("[1]")),
        (Some("value"), format!(r#"{{"key": "{key}"}}"#)),
        (Some("key"), "{}".to_owned()),
        (Some("key"), r#"{"value": 5}"#.to_owned()),
        (Some("key"), r#"{"key": "book", "value": 5}"#.to_owned()),
        (Some("key"), r#"{"key": "", "value": 5}"#.to_owned()),
        (Some("key"), r#"{"key": 7, "value": 5}"#.to_owned()),
        (Some("key"), r#"{"key": "0190abcd00007000800000000000002a", "value": 5}"#.to_owned()),
        (Some("key"), format!(r#"{{"key": "{{{key}}}", "value": 5}}"#)),
        (Some("colour"), format!(r#"{{"key": "{key}", "value": 5, "colour": "red"}}"#)),
        (None, format!(r#"["{key}", 5]"#)),
        (None, String::new()),
        (None, "5".to_owned()),
        (None, format!("{} more", of_value("5"))),
        (None, r#"{"key": "#.to_owned()),
    ];
    for (field, body) in wrong {
        let refused = answer(&serve.url, &body);
        let named = refused.body.split_once("\"field\":\"").and_then(|(_, rest)| rest.split('"').next());
        assert_eq!((refused.status, named), (400, field), "{body}: {}", refused.body);
        assert!(refused.body.starts_with("{\"error\":\""), "{}", refused.body);
    }
    for value in ["5", "9223372036854775"] {
        let counted = answer(&serve.url, &of_value(value));
        assert_eq!((counted.status, counted.body.trim()), (200, &*format!(r#"{{"counted":{value}}}"#)));
    }
    assert_eq!(answer(&serve.url, &"x".repeat(100_000)).status, 413);
    assert_eq!(redis.client().ok(&format!("TALLY.GET increments {key}")), 9_223_372_036_854_780);
    assert_eq!(redis.client().ok("TALLY.INFO increments").field("fields").int(), 1);
}

#[test]
fn without_redis_it_says_so_and_with_redis_it_goes_on() {
    let mut redis = redis();
    let serve = Serve::on(&redis, NO_LIMIT);
    assert_eq!(answer(&serve.url, &body(&key(1), 1)).status, 200);
    redis.stop(Stop::Kill);
    for _ in 0..2 {
        assert_eq!(answer(&serve.url, &body(&key(1), 2)).status, 503);
    }
    assert_eq!(answer(&serve.url, &body(&key(1), 0)).status, 400);
    redis.start_again();
    wait_until("it has found Redis again", || answer(&serve.url, &body(&key(2), 1)).status == 200);
    assert_eq!(redis.client().ok(&format!("TALLY.GET increments {}", key(1))), 1);
}

/// The connection that was there has ended, and nobody has noticed yet.
#[test]
fn the_first_increment_after_a_restart_of_redis_is_counted_once() {
    for rules in [NO_LIMIT, "--limit 60"] {
        let mut redis = redis();
        let serve = Serve::on(&redis, rules);
        assert_eq!(answer(&serve.url, &body(&key(1), 1)).status, 200);
        redis.stop(Stop::Kill);
        redis.start_again();
        let first = answer(&serve.url, &body(&key(1), 2));
        assert_eq!(first.status, 200, "{rules}: {}", first.body);
        assert_eq!(redis.client().ok(&format!("TALLY.GET increments {}", key(1))), 3);
    }
}

#[test]
fn a_redis_that_hangs_is_one_that_is_away() {
    let redis = redis();
    let serve = Serve::on(&redis, NO_LIMIT);
    redis.signal("STOP");
    let hung = answer(&serve.url, &body(&key(1), 1));
    assert_eq!(hung.status, 503, "{}", hung.body);
    assert!(hung.body.contains("may or may not have been counted"), "{}", hung.body);
    redis.signal("CONT");
    assert_eq!(answer(&serve.url, &body(&key(1), 1)).status, 200);
}

#[test]
fn a_key_that_was_flushed_is_made_again() {
    let redis = redis();
    let serve = Serve::on(&redis, "--limit 0 --every-ms 1234");
    redis.client().ok("FLUSHALL");
    assert_eq!(answer(&serve.url, &body(&key(1), 3)).status, 200);
    let info = redis.client().ok("TALLY.INFO increments");
    assert_eq!((info.field("every").int(), info.field("field").text()), (1234, "uuid".to_owned()));
    assert_eq!(redis.client().ok(&format!("TALLY.GET increments {}", key(1))), 3);
}

#[test]
fn redis_may_start_last() {
    let mut redis = redis();
    redis.stop(Stop::Kill);
    let app = start(&["serve", "--listen", "127.0.0.1:0", "--redis", &redis.url()], NO_LIMIT);
    app.line_with("waiting for Redis");
    redis.start_again();
    app.line_with("listening on ");
}

#[test]
fn it_does_not_start_on_a_redis_that_lacks_a_command() {
    let redis = Server::plain(&[]);
    let mut app = start(&["serve", "--listen", "127.0.0.1:0", "--redis", &redis.url()], "");
    assert_eq!(app.end().code(), Some(1));
    app.line_with("does not know TALLY");
}

/// Increments that are taken until one is refused, and the refusal.
#[track_caller]
fn until_refused(url: &str) -> (u64, Answer) {
    let agent = agent();
    let mut taken = 0;
    loop {
        let answer = post(&agent, url, &[], &body(&key(1), 1)).expect("an answer");
        match answer.status {
            200 => taken += 1,
            _ => return (taken, answer),
        }
        assert!(taken < 500, "nothing is ever refused");
    }
}

#[test]
fn sixty_a_minute_and_then_later() {
    let mut clock = Clock::new();
    let redis = Server::start_under(&clock, &[]);
    let serve = Serve::on(&redis, "");
    let started = Instant::now();
    let (first, refused) = until_refused(&serve.url);
    // One more for each second that it took.
    assert!((60..=61 + started.elapsed().as_secs()).contains(&first), "{first} were taken");
    assert_eq!((refused.status, refused.retry_after), (429, Some(1)), "{}", refused.body);
    assert!(refused.body.contains("too many increments"), "{}", refused.body);
    assert_eq!(answer(&serve.url, &body("book", 1)).status, 400, "what is wrong is told at once");

    clock.pass(1_000);
    assert_eq!(answer(&serve.url, &body(&key(1), 1)).status, 200, "as it was told");
    clock.pass(60_000);
    let started = Instant::now();
    let (second, _) = until_refused(&serve.url);
    assert!((60..=61 + started.elapsed().as_secs()).contains(&second), "{second} were taken");
    let counted = redis.client().ok(&format!("TALLY.GET increments {}", key(1))).int();
    assert_eq!(counted as u64, first + 1 + second, "what is refused is not counted");
}

#[test]
fn a_proxy_that_is_trusted_tells_clients_apart() {
    let redis = redis();
    let strict = "--limit 1 --period-ms 3600000";
    let trusting = Serve::on(&redis, &format!("{strict} --client-header X-Forwarded-For"));
    let ask = |url: &str, client: &str| {
        post(&agent(), url, &[("x-forwarded-for", client)], &body(&key(1), 1)).expect("an answer").status
    };
    assert_eq!(ask(&trusting.url, "10.0.0.1"), 200);
    assert_eq!(ask(&trusting.url, "10.0.0.2"), 200);
    assert_eq!(ask(&trusting.url, "10.0.0.1"), 429);
    assert_eq!(ask(&trusting.url, "made-up, 10.0.0.1"), 429, "the proxy adds at the end");
    assert_eq!(answer(&trusting.url, &body(&key(1), 1)).status, 200, "no header: the peer");
    assert_eq!(answer(&trusting.url, &body(&key(1), 1)).status, 429);
    let wary = Serve::on(&redis, strict);
    assert_eq!(ask(&wary.url, "10.0.0.3"), 429, "the header is not trusted, and the peer has had its one");
}
