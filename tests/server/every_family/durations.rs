//! Durations with a unit, and timestamps of a CLOCK key in whichever unit.

use crate::common::*;
use crate::harness::*;

#[test]
fn a_unit_is_as_good_as_the_milliseconds() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE t CLOCK LEASE 30s BACKOFF 250ms MAXBACKOFF 1d");
    c.ok("DEBOUNCE.CREATE d IDLE 5m MAXWAIT 2h LEASE 45000ms");
    c.ok("TALLY.CREATE y EVERY 7d");
    c.ok("EXPIRY.CREATE e PREFIX no: LEASE 3650d");
    shows(&c.ok("TSGEN.INFO t"), "lease 30000 backoff 250 maxbackoff 86400000");
    shows(&c.ok("DEBOUNCE.INFO d"), "idle 300000 maxwait 7200000 lease 45000");
    shows(&c.ok("TALLY.INFO y"), "every 604800000");
    shows(&c.ok("EXPIRY.INFO e"), "lease 315360000000");
    c.ok("DEBOUNCE.ALTER d IDLE 1m MAXWAIT 0s LEASE 1s");
    shows(&c.ok("DEBOUNCE.INFO d"), "idle 60000 maxwait 0 lease 1000");
    c.play("> THROTTLE.TAKE h 5 1m\n [1 5 4 -1 12000]\n > THROTTLE.TAKE h2 5 60000\n [1 5 4 -1 12000]");
    let before = server_ms(&mut c);
    c.play("> TSGEN.ADD t +2h a\n 1\n > TSGEN.ADD t +0s b\n 0\n > TSGEN.CLAIM t w LEASE 1h BLOCK 1s\n [[<b> 1 'b' …]]");
    let due = c.ok("TSGEN.GET t a").items()[1].int();
    assert!((0..60_000).contains(&(due - before - 7_200_000)), "{due} is two hours after {before}");
    let ends = c.ok("TSGEN.PENDING t").items()[0].items()[2].int();
    assert!((0..60_000).contains(&(ends - before - 3_600_000)), "{ends} is an hour after {before}");
    c.play("> TSGEN.EXTEND t 2d <b>\n 1\n > TSGEN.NACK t <b> DELAY 3h\n 1");
    let until = c.ok("TSGEN.INFO t").field("next-deadline").int();
    assert!(until - before >= 7_200_000, "{until}");
}

#[test]
fn what_is_replicated_is_in_milliseconds() {
    let server = Server::start(&AOF);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k CLOCK\n OK\n > TSGEN.MADD k 5 a \"\" 6 b \"\"\n [0 0]\n > TSGEN.CLAIM k w LEASE 1h COUNT 2\n [[<a> …] [<b> …]]");
    let (a, b) = (c.bound("a"), c.bound("b"));
    let mut feed = Feed::open(&server);
    c.play("> TSGEN.EXTEND k 2m <a> <b>\n 2\n > TSGEN.NACK k <a> DELAY 30s REASON 5s\n 1\n > TSGEN.ALTER k BACKOFF 1s MAXBACKOFF 4s LEASE 5\n OK");
    c.play("> THROTTLE.TAKE h 5 1m\n [1 5 4 -1 12000]\n > TSGEN.ADD k NX 1900000000s c \"9s\"\n 1\n > TSGEN.MADD k 1900000000s d 1s 1900000000001 e 2s\n [1 1]");
    c.play("> TSGEN.CLAIM k w BLOCK 1ms LEASE 3s\n []");
    feed.expect(
        &mut c,
        &[
            &format!("TSGEN.AT <_1> TSGEN.EXTEND k 120000 {a} {b}"),
            &format!("TSGEN.AT <_2> TSGEN.NACK k {a} DELAY 30000 REASON 5s"),
            "TSGEN.AT <_3> TSGEN.ALTER k BACKOFF 1000 MAXBACKOFF 4000 LEASE 5",
            "TSGEN.AT <_4> THROTTLE.TAKE h 5 60000 MICROS <_us>",
            "TSGEN.AT <_5> TSGEN.ADD k NX 1900000000000 c 9s",
            "TSGEN.AT <_6> TSGEN.MADD k 1900000000000 d 1s 1900000000001 e 2s",
        ],
    );
}

#[test]
fn the_envelope_tells_milliseconds_too() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play("> TSGEN.AT 1000 TSGEN.CREATE k CLOCK\n OK\n > TSGEN.AT 1000 TSGEN.ADD k 5 a\n 0\n > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 1m\n [[<a> …]]");
    let a = c.bound("a");
    let mut feed = Feed::open(&server);
    c.play("> TSGEN.AT 2000 TSGEN.EXTEND k 2m <a>\n 1\n > TSGEN.AT 2000 TSGEN.ADD k +1m b\n 1");
    c.expect("TSGEN.GET k b", "['ready' 62000 '']");
    c.expect("TSGEN.AT 2000 THROTTLE.TAKE h 5 1m", "[1 5 4 -1 12000]");
    feed.expect(
        &mut c,
        &[
            &format!("TSGEN.AT 2000 TSGEN.EXTEND k 120000 {a}"),
            "TSGEN.AT 2000 TSGEN.ADD k 62000 b",
            "MULTI",
            "TSGEN.AT 2000 THROTTLE.TAKE h 5 60000",
            "PERSIST h",
            "EXEC",
        ],
    );
}

#[test]
fn what_is_no_duration_is_refused_and_says_what_is() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    let range = |name: &str, least: u8| {
        format!(
            "-ERR {name} must be an integer between {least} and 315360000000 (ms), or one with a unit: 30s, 5m, 2h, 7d"
        )
    };
    for bad in [
        "1.5s",
        "1h30m",
        "s",
        "-1s",
        "+1s",
        "1S",
        "1w",
        "1 s",
        "01s",
        "\"\"",
        "315360001s",
        "3651d",
        "18446744073709551615d",
    ] {
        for (command, name, least) in [
            (format!("TSGEN.CREATE n LEASE {bad}"), "LEASE", 1),
            (format!("TSGEN.CREATE n BACKOFF {bad}"), "BACKOFF", 0),
            (format!("DEBOUNCE.CREATE n IDLE {bad}"), "IDLE", 1),
            (format!("DEBOUNCE.CREATE n MAXWAIT {bad}"), "MAXWAIT", 0),
            (format!("TALLY.CREATE n EVERY {bad}"), "EVERY", 1),
            (format!("TSGEN.CLAIM k w BLOCK {bad}"), "BLOCK", 0),
            (format!("TSGEN.NACK k 1 DELAY {bad}"), "DELAY", 0),
            (format!("TSGEN.EXTEND k {bad} 1"), "lease", 1),
            (format!("THROTTLE.TAKE n 1 {bad}"), "period", 1),
        ] {
            let command = if bad == "1 s" { command.replace("1 s", "'1 s'") } else { command };
            c.expect(&command, &range(name, least));
        }
    }
    for zero in ["0s", "0ms", "0d"] {
        c.expect(&format!("TSGEN.CREATE n LEASE {zero}"), &range("LEASE", 1));
    }
    for bad in ["+1.5s", "+s", "+-1s", "++1s", "+3651d", "+1S", "+"] {
        c.expect(
            &format!("TSGEN.ADD k {bad} a"),
            "-ERR timestamp +ms must be between +0 and +315360000000 (ms), or one with a unit: +30s, +5m, +2h, +7d",
        );
    }
    for bad in ["1.5s", "-5s", "5x", "1h30m"] {
        c.expect(
            &format!("TSGEN.ADD k {bad} a"),
            "-ERR timestamp must be a signed 64-bit integer; it stands before the id",
        );
    }
    c.expect("EXISTS n", "0");
    assert_eq!(counts(&mut c, "k"), [0; 5]);
}

#[test]
fn a_timestamp_in_another_unit_is_not_taken_for_milliseconds() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    let now = server_ms(&mut c);
    for (timestamp, unit, remedy) in [
        (now / 1000 + 60, "seconds", format!("write {}s", now / 1000 + 60)),
        (now * 1_000, "microseconds", "divide it".to_owned()),
        (now * 1_000_000, "nanoseconds", "divide it".to_owned()),
    ] {
        let error = format!("-ERR timestamp {timestamp} looks like Unix {unit}, but CLOCK keys count milliseconds: {remedy}, or {timestamp}ms if it is meant");
        c.expect(&format!("TSGEN.ADD k {timestamp} a"), &error);
        c.expect(&format!("TSGEN.MADD k 5 a \"\" {timestamp} b \"\""), &error);
        c.expect(&format!("TSGEN.ADD k XX {timestamp} a"), &error);
    }
    assert_eq!(counts(&mut c, "k"), [0; 5]);
    // What is meant, in seconds and in milliseconds.
    c.expect(&format!("TSGEN.ADD k {}s a", now / 1000 + 60), "1");
    c.expect("TSGEN.GET k a", &format!("['waiting' {} '']", (now / 1000 + 60) * 1000));
    c.play("> TSGEN.ADD k 1700000000ms b\n 0\n > TSGEN.GET k b\n ['ready' 1700000000 '']");
    // Small numbers, negative ones and the largest are ways to say at once and never; so is whatever is told under another watermark.
    c.play("> TSGEN.MADD k 0 c \"\" 999999999 d \"\" -1700000000 e \"\" 9223372036854775807 f \"\"\n [0 0 0 1]");
    c.play("> TSGEN.ADD own 1700000000 a\n 1\n > TSGEN.ADD own 1700000000s b\n -ERR timestamp with a unit needs a CLOCK key; under your own watermark it is a plain integer");
    // The AOF has it in milliseconds, and does not ask what it looks like.
    let digest = server.digest_all();
    server.restart(Stop::Kill);
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn a_missing_prefix_and_incomplete_groups_are_named() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for command in
        ["EXPIRY.CREATE w", "EXPIRY.CREATE w order:", "EXPIRY.CREATE w LEASE 5", "EXPIRY.CREATE w order: cart:"]
    {
        c.expect(command, "-ERR PREFIX is missing, which says what keys are watched: EXPIRY.CREATE key PREFIX order:");
    }
    c.expect("EXPIRY.CREATE w PREFIX order: cart:", "-ERR unknown option 'cart:'");
    c.expect("EXPIRY.CREATE w PREFIX", "-ERR PREFIX needs a value");
    c.expect("EXPIRY.CREATE", "-ERR wrong number of arguments…");
    c.expect(
        "TSGEN.MADD k 1 a x 2 b",
        "-ERR wrong number of arguments for 'TSGEN.MADD' command: each element is a timestamp, an id and a payload; GROUP stands before the first timestamp",
    );
    c.ok("TALLY.CREATE y");
    c.expect(
        "TALLY.MINCR y a 1 b",
        "-ERR wrong number of arguments for 'TALLY.MINCR' command: each increment is a field and a delta",
    );
    c.play("> EXISTS w k\n 0\n > TALLY.GET y a\n 0");
}
