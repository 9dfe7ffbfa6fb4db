//! Elements that come again.

use crate::common::*;
use crate::harness::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Token and timestamp of the one entry that was claimed.
#[track_caller]
fn one(claimed: &Reply) -> (i64, i64) {
    assert_eq!(claimed.items().len(), 1, "{claimed}");
    let entry = claimed.items()[0].items();
    (entry[0].int(), entry[3].int())
}

/// A report every night, for a year. The server is down for three nights; one run fails.
#[test]
fn a_nightly_job_for_a_year() {
    let mut clock = Clock::new();
    let mut server = Server::start_under(&clock, &AOF);
    let mut c = server.client();
    c.ok("TSGEN.CREATE jobs CLOCK LEASE 10m MAXDELIVERIES 1");
    let first = clock.now_ms() + 60 * MINUTE;
    c.expect(&format!("TSGEN.ADD jobs EVERY 1d {first} nightly report"), "1");
    let mut runs = Vec::new();
    let mut night = 0;
    while night < 365 {
        if night == 100 {
            server.stop(Stop::Kill);
            night += 3;
            clock.pass_to(first + night * DAY);
            server.start_again();
            c = server.client();
        }
        // A worker that comes some minutes late, and takes some minutes more.
        clock.pass_to(first + night * DAY + 7 * MINUTE);
        let (token, timestamp) = one(&c.ok("TSGEN.CLAIM jobs w COUNT 10"));
        assert_eq!((timestamp - first) % DAY, 0, "it drifts");
        clock.pass(5 * MINUTE);
        if night == 200 {
            c.expect(&format!("TSGEN.NACK jobs {token} REASON disk"), "1");
        } else {
            c.expect(&format!("TSGEN.ACK jobs {token}"), "1");
            runs.push((timestamp - first) / DAY);
        }
        c.expect("TSGEN.CLAIM jobs w", "[]");
        night += 1;
    }
    let expected: Vec<i64> = (0..365).filter(|night| ![101, 102, 103, 200].contains(night)).collect();
    assert_eq!(runs, expected);
    let next = first + 365 * DAY;
    c.expect("TSGEN.GET jobs nightly", &format!("['waiting' {next} 'report' {DAY}]"));
    c.expect("TSGEN.DEAD jobs", "[[<t> 1 'nightly' <at> 'disk']]");
    shows(&c.ok("TSGEN.INFO jobs"), "recurring 1 dead 1 waiting 1");
    same_from_files(&mut server, "jobs");
    server.client().expect("TSGEN.GET jobs nightly", &format!("['waiting' {next} 'report' {DAY}]"));
}

/// What makes a run carries its time, by whatever command; durations go out in milliseconds.
#[test]
fn what_makes_a_run_carries_its_time() {
    let mut clock = Clock::new();
    let (mut master, replica) = pair_under(&clock, &AOF);
    let mut c = master.client();
    let mut feed = Feed::open(&master);
    c.play(
        r#"
        > TSGEN.CREATE k CLOCK MAXDELIVERIES 1
        OK
        > TSGEN.ADD k EVERY 1h +0 a "x"
        0
        > TSGEN.CLAIM k w
        [[<a> 1 'a' <at> 'x']]
        > TSGEN.ACK k <a>
        1
        "#,
    );
    clock.pass(60 * MINUTE);
    c.play("> TSGEN.CLAIM k w\n [[<b> 1 'a' <at2> 'x']]\n > TSGEN.CLAIM k w ACK <b>\n []");
    clock.pass(60 * MINUTE);
    c.play("> TSGEN.CLAIM k w\n [[<c> 1 'a' <at3> 'x']]\n > TSGEN.MCLAIM 1 k w ACK k <c>\n []");
    clock.pass(60 * MINUTE);
    c.play("> TSGEN.CLAIM k w\n [[<d> 1 'a' <at4> 'x']]\n > TSGEN.NACK k <d> DEAD REASON why\n 1");
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_0> TSGEN.CREATE k CLOCK LATE ready …",
            "TSGEN.AT <_1> TSGEN.ADD k EVERY 3600000 <at> a x",
            "TSGEN.AT <_2> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <a>",
            "TSGEN.AT <_3> TSGEN.ACK k <a>",
            "TSGEN.AT <_4> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <b>",
            "TSGEN.AT <_5> TSGEN.ACK k <b>",
            "TSGEN.AT <_6> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <c>",
            "TSGEN.AT <_7> TSGEN.ACK k <c>",
            "TSGEN.AT <_8> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <d>",
            "TSGEN.AT <_9> TSGEN.NACK k <d> DEAD REASON why",
        ],
    );
    let hour = 60 * MINUTE;
    let times = ["at", "at2", "at3", "at4"].map(|name| c.bound(name));
    assert_eq!(times.map(|time| time - times[0]), [0, hour, 2 * hour, 3 * hour]);
    let next = times[3] + hour;
    c.expect("TSGEN.GET k a", &format!("['waiting' {next} 'x' {hour}]"));
    same_data(&master, &replica);
    same_from_files(&mut master, "k");
    replica.wait_in_sync(&master);
    let mut c = promote(master, &replica);
    clock.pass(60 * MINUTE);
    let (token, timestamp) = one(&c.ok("TSGEN.CLAIM k w"));
    assert_eq!(timestamp, next);
    c.expect(&format!("TSGEN.ACK k {token}"), "1");
    c.expect("TSGEN.REM k a", "1");
    // Nothing comes again: an ACK depends on no time.
    c.play("> TSGEN.ADD k +0 b\n 0\n > TSGEN.CLAIM k w\n [[<e> …]]");
    let mut feed = Feed::open(&replica);
    c.expect("TSGEN.ACK k <e>", "1");
    let told = feed.take(&mut c);
    assert_eq!(told, [format!("TSGEN.ACK k {}", c.bound("e"))]);
}

/// A worker waits, and gets each run in its time, though the one before was lost by somebody who died.
#[test]
fn a_worker_that_waits_gets_the_run_after_one_that_died() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.ok("TSGEN.CREATE k CLOCK MAXDELIVERIES 1");
    c.expect("TSGEN.ADD k EVERY 400 +0 a job", "0");
    c.expect("TSGEN.CLAIM k dies LEASE 50", "[[<a> 1 'a' <at> 'job']]");
    let mut worker = Blocked::new(&master, "TSGEN.CLAIM k w BLOCK 20000");
    let (token, timestamp) = one(&worker.reply());
    assert_eq!(timestamp, c.bound("at") + 400);
    assert!(server_ms(&mut c) >= timestamp, "early");
    c.expect(&format!("TSGEN.ACK k {token}"), "1");
    c.expect("TSGEN.DEAD k", "[[<a> 1 'a' <died> 'lease ended']]");
    same_data(&master, &replica);
}

/// Nobody waits, and nobody asks: the timer finds the run that died, and tells when the next one is ready.
#[test]
fn the_timer_tells_of_the_run_after_one_that_died() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK MAXDELIVERIES 1");
    c.expect("TSGEN.ADD k EVERY 300 +0 a job", "0");
    let mut events = Events::subscribe(&server);
    c.expect("TSGEN.CLAIM k dies LEASE 50", "[[<a> …]]");
    let mut told = Vec::new();
    wait_until("the next run is told", || {
        told.extend(events.take(&mut c));
        told.iter().any(|event| event == "k tsgen.ready")
    });
    c.expect("TSGEN.CLAIM k w", "[[<b> 1 'a' …]]");
}

/// The same after a restart and after a failover, while the run is in hand and nothing else is in the key.
#[test]
fn a_new_master_tells_of_the_run_after_one_that_died() {
    let mut clock = Clock::new();
    let (mut master, replica) = pair_under(&clock, &AOF);
    let mut c = master.client();
    c.ok("TSGEN.CREATE k CLOCK MAXDELIVERIES 1");
    c.expect("TSGEN.ADD k EVERY 2h +0 a job", "0");
    let mut is_told = |server: &Server, how: &str| {
        let mut c = server.client();
        let mut events = Events::subscribe(server);
        clock.pass(120 * MINUTE);
        let mut told = Vec::new();
        wait_until(how, || {
            told.extend(events.take(&mut c));
            told.iter().any(|event| event == "k tsgen.ready")
        });
        c.expect("TSGEN.GET k a", "['ready' …]");
    };
    c.expect("TSGEN.CLAIM k dies LEASE 1h", "[[<a> …]]");
    master.restart(Stop::Kill);
    is_told(&master, "the next run is told after a restart");
    let mut c = master.client();
    c.expect("TSGEN.CLAIM k dies LEASE 1h", "[[<b> …]]");
    replica.wait_in_sync(&master);
    let mut c = promote(master, &replica);
    is_told(&replica, "the next run is told after a failover");
    c.expect("TSGEN.CLAIM k w", "[[<c> 1 'a' …]]");
    c.expect("TSGEN.DEAD k", "[[<a> …] [<b> …]]");
}

#[test]
fn what_is_dead_stands_side_by_side_and_is_requeued_once() {
    let mut clock = Clock::new();
    let (master, replica) = pair_under(&clock, &[]);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k CLOCK REMEMBER 1d\n OK\n > TSGEN.ADD k EVERY 1h +0 a\n 0");
    for _ in 0..2 {
        let (token, _) = one(&c.ok("TSGEN.CLAIM k w"));
        c.expect(&format!("TSGEN.NACK k {token} DEAD"), "1");
        clock.pass(60 * MINUTE);
    }
    c.play(
        r#"
        > TSGEN.INFO k
        [… 'ready' 1 … 'dead' 2 … 'remembered' 0 'recurring' 1]
        > TSGEN.REQUEUE k ALL COUNT 1
        1
        > TSGEN.CLAIM k w COUNT 9
        [[<x> 1 'a' <first> ''] [<y> 1 'a' <third> '']]
        > TSGEN.ACK k <x> <y>
        2
        > TSGEN.INFO k
        [… 'waiting' 1 'ready' 0 … 'dead' 1 … 'remembered' 0 'recurring' 1]
        > TSGEN.DISCARD k ALL
        1
        > TSGEN.REM k a
        1
        > TSGEN.INFO k
        [… 'waiting' 0 'ready' 0 … 'dead' 0 … 'recurring' 0]
        "#,
    );
    assert_eq!(c.bound("third") - c.bound("first"), 2 * 60 * MINUTE);
    same_data(&master, &replica);
}

#[test]
fn what_a_sink_takes_comes_again() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k CLOCK SINK stream\n OK\n > TSGEN.ADD k EVERY 50 +0 a job\n 0");
    wait_until("the stream has three", || c.ok("XLEN stream").int() >= 3);
    c.expect("TSGEN.REM k a", "1");
    let entries = c.ok("XRANGE stream - +");
    let times: Vec<i64> =
        entries.items().iter().map(|entry| entry.items()[1].items()[3].text().parse().expect("a number")).collect();
    assert!(times.windows(2).all(|two| two[1] > two[0] && (two[1] - two[0]) % 50 == 0), "{times:?}");
    same_data(&master, &replica);
}

/// In a script and in a transaction; and in keys that are copied and renamed.
#[test]
fn a_script_and_a_transaction_add_and_settle() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k CLOCK
        OK
        > EVAL "return redis.call('TSGEN.ADD', KEYS[1], 'EVERY', '1h', '+0', 'a', 'x')" 1 k
        0
        > TSGEN.CLAIM k w
        [[<a> 1 'a' <at> 'x']]
        > MULTI
        OK
        > TSGEN.ACK k <a>
        QUEUED
        > TSGEN.GET k a
        QUEUED
        > TSGEN.ADD k EVERY 2h +0 b
        QUEUED
        > EXEC
        [1 ['waiting' <next> 'x' 3600000] 0]
        > TSGEN.CLAIM k w
        [[<b> 1 'b' <at2> '']]
        > EVAL "return {redis.call('TSGEN.ACK', KEYS[1], ARGV[1]), redis.call('TSGEN.GET', KEYS[1], 'b')[4]}" 1 k <b>
        [1 7200000]
        > COPY k copy
        1
        > TSGEN.GET copy a
        ['waiting' <next> 'x' 3600000]
        > TSGEN.REM copy a b
        2
        > RENAME k other
        OK
        > TSGEN.GET other b
        ['waiting' <next2> '' 7200000]
        "#,
    );
    assert_eq!(c.bound("next") - c.bound("at"), 60 * MINUTE);
    same_data(&master, &replica);
}

/// A paused key hands out nothing; what ends meanwhile makes its next run, which waits for the end of the pause.
#[test]
fn a_run_that_dies_in_a_pause_has_a_next_one() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.ok("TSGEN.CREATE k CLOCK MAXDELIVERIES 1");
    c.play(
        "> TSGEN.ADD k EVERY 100 +0 a\n 0\n > TSGEN.CLAIM k w LEASE 50\n [[<a> …]]\n > TSGEN.ALTER k PAUSED yes\n OK",
    );
    wait_until("the next one is ready", || c.ok("TSGEN.GET k a").items()[0].text() == "ready");
    c.expect("TSGEN.CLAIM k w", "[]");
    c.play("> TSGEN.ALTER k PAUSED no\n OK\n > TSGEN.CLAIM k w\n [[<b> 1 'a' …]]\n > TSGEN.ACK k <b>\n 1");
    same_data(&master, &replica);
}

#[test]
fn what_is_kept_and_what_is_refused() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k CLOCK
        OK
        > TSGEN.ADD k every 1d NX +1h a job
        1
        > TSGEN.ADD k NX EVERY 2d +1h a job
        nil
        > TSGEN.ADD k XX +2h a
        1
        > TSGEN.GET k a
        ['waiting' <at> 'job' 86400000]
        > TSGEN.ADD k XX EVERY 1ms +2h a
        1
        > TSGEN.GET k a
        ['waiting' <at2> 'job' 1]
        > TSGEN.ADD k +2h a
        1
        > TSGEN.GET k a
        ['waiting' <at3> '']
        > TSGEN.CREATE outer
        OK
        "#,
    );
    refused(
        &server,
        &[
            ("TSGEN.ADD outer EVERY 5 1 a", "EVERY needs a CLOCK key"),
            ("TSGEN.ADD missing EVERY 5 1 a", "EVERY needs a CLOCK key"),
            ("TSGEN.ADD k EVERY 0 1 a", "EVERY must be an integer between 1 and 315360000000"),
            ("TSGEN.ADD k EVERY 315360000001 1 a", "EVERY must be an integer between 1"),
            ("TSGEN.ADD k EVERY x 1 a", "EVERY must be an integer between 1"),
            ("TSGEN.ADD k EVERY 5 EVERY 5 1 a", "EVERY given twice"),
            ("TSGEN.MADD k EVERY 5 1 a x", "timestamp"),
        ],
    );
    c.expect("EXISTS missing", "0");
}
