//! Whole hours, lived through by a real server under a clock of the test's own.

use super::*;
use crate::common::{server_ms, ticks, AOF};
use crate::harness::*;

const MINUTE: i64 = 60_000;

/// Waits until the server's timer has looked at the time that the clock shows now. A group of another key makes it look soon:
/// by itself it does so once in a second.
#[track_caller]
fn looked_at(server: &Server) {
    let mut c = server.client();
    c.run("DEBOUNCE.CREATE another IDLE 1");
    // A tick that begins after this was read reads the clock after it was set.
    let before = ticks(&mut c);
    c.ok("DEBOUNCE.PUSH another g x");
    wait_until("the timer has looked", || ticks(&mut c) > before);
}

/// Seller 10 gets packages scanned at 12:00 and at 12:30. The server dies at 12:45. The seller is told at 13:30, an hour after
/// the last scan, and not at 13:00; of all five packages, in order.
#[test]
fn packages_at_12_00_and_12_30_are_notified_at_13_30_across_a_crash_at_12_45() {
    let mut clock = Clock::at_noon();
    let noon = clock.now_ms();
    let mut server = Server::start_under(&clock, &AOF);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE packages IDLE 3600000\n OK\n > DEBOUNCE.PUSH packages seller:10 p1 p2\n 2\n > DEBOUNCE.PUSH packages seller:10 p3\n 3");
    assert!((0..MINUTE).contains(&(server_ms(&mut c) - noon)), "the server lives by the clock");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM packages w BLOCK 0");

    clock.pass_to(noon + 30 * MINUTE);
    c.expect("DEBOUNCE.PUSH packages seller:10 p4 p5", "5");
    let last_scan_before = server_ms(&mut c);
    looked_at(&server);
    assert!(worker.is_blocked(&mut c));

    clock.pass_to(noon + 45 * MINUTE);
    server.restart(Stop::Kill);
    let mut c = server.client();
    assert!((45 * MINUTE..46 * MINUTE).contains(&(server_ms(&mut c) - noon)));
    worker = Blocked::new(&server, "DEBOUNCE.CLAIM packages w BLOCK 0");

    // An hour after the first scans, and long after; up to ten seconds before the time.
    for at in [noon + 60 * MINUTE + 100, noon + 61 * MINUTE, noon + 89 * MINUTE, noon + 90 * MINUTE - 10_000] {
        clock.pass_to(at);
        looked_at(&server);
        assert!(worker.is_blocked(&mut c), "woken {} minutes past noon", (clock.now_ms() - noon) / MINUTE);
        assert_eq!(groups(&mut c, "packages"), [1, 0, 0, 0, 0]);
    }

    clock.pass_to(last_scan_before + 60 * MINUTE + 1);
    let reply = worker.reply();
    let told_at = server_ms(&mut c);
    let entry = reply.items()[0].items();
    assert_eq!((entry[2].text().as_str(), entry[3].text().as_str()), ("seller:10", "idle"));
    let items: Vec<(String, i64)> =
        entry[4].items().chunks(2).map(|item| (item[0].text(), (item[1].int() - noon) / MINUTE)).collect();
    let expected = [("p1", 0), ("p2", 0), ("p3", 0), ("p4", 30), ("p5", 30)].map(|(item, at)| (item.to_owned(), at));
    assert_eq!(items, expected);
    let last_scan = entry[4].items()[9].int();
    assert!((last_scan + 60 * MINUTE..last_scan + 61 * MINUTE).contains(&told_at), "{}", told_at - last_scan);
}

/// The sink, with nobody there at all: no client asks for anything while the hour passes.
#[test]
fn an_hour_passes_for_a_sink_with_nobody_watching() {
    let mut clock = Clock::at_noon();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 3600000 MAXWAIT 5400000 SINK stream\n OK\n > DEBOUNCE.PUSH k g a\n 1");
    for minutes in [50, 35] {
        clock.pass(minutes * MINUTE);
        looked_at(&server);
        c.expect("XLEN stream", "0");
        c.ok(&format!("DEBOUNCE.PUSH k g after-{minutes}"));
    }
    clock.pass(5 * MINUTE);
    wait_until("it is in the stream", || c.run("XLEN stream") == 1);
    c.expect(
        "XRANGE stream - +",
        "[[… ['group' 'g' 'reason' 'maxwait' 'item' 'a' … 'item' 'after-50' … 'item' 'after-35' …]]]",
    );
}

/// The administrator sets the time of day forward: what is due by the new time fires within about a second.
#[test]
fn a_clock_set_forward_fires_what_is_due_by_it() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 3600000\n OK\n > DEBOUNCE.PUSH k g a\n 1\n > DEBOUNCE.PUSH k h a\n 1");
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    clock.step(30 * MINUTE);
    looked_at(&server);
    assert!(worker.is_blocked(&mut c));
    c.expect("DEBOUNCE.PUSH k h b", "2");
    clock.step(31 * MINUTE);
    assert!(worker.reply().to_string().contains("'g' 'idle' ['a' "));
    assert_eq!(groups(&mut c, "k"), [1, 0, 1, 0, 0]);
}

/// The time of day is set back: what was to fire fires later by the clock, nothing is lost, nothing fires twice, and the
/// next push counts by the new time.
#[test]
fn a_clock_set_back_delays_but_loses_and_doubles_nothing() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.play("> DEBOUNCE.CREATE k IDLE 500 LEASE 36000000\n OK\n > DEBOUNCE.PUSH k fired a\n 1");
    wait_until("it has fired", || groups(&mut c, "k")[1] == 1);
    c.expect("DEBOUNCE.PUSH k old b", "1");
    clock.step(-60 * MINUTE);
    // Nobody has claimed the one that has fired, so by this clock it collects again.
    c.expect("DEBOUNCE.PUSH k new c", "1");
    let pushed_at = server_ms(&mut c);
    let reply = c.ok("DEBOUNCE.CLAIM k w BLOCK 20000");
    assert!(reply.to_string().contains("'new' 'idle' ['c' "), "the first due by the new time: {reply}");
    assert!((400..20_000).contains(&(server_ms(&mut c) - pushed_at)));
    // A push to a group of the time before restarts its timeout by the new time.
    c.ok("DEBOUNCE.PUSH k old d");
    let reply = c.ok("DEBOUNCE.CLAIM k w BLOCK 20000");
    assert!(reply.to_string().contains("'old' 'idle' ['b' ") && reply.to_string().contains(" 'd' "), "{reply}");
    // And back to where it was.
    clock.step(60 * MINUTE);
    let reply = c.ok("DEBOUNCE.CLAIM k w BLOCK 20000");
    assert!(reply.to_string().contains("'fired' 'idle' ['a' "), "{reply}");
    c.expect("DEBOUNCE.CLAIM k w", "[]");
    same_data(&server, &replica);
}

#[test]
fn a_clock_that_jumps_both_ways_delivers_each_item_once_and_in_order() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 5000 UNIQUE no MAXDELIVERIES 0");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let (mut pushed, mut seen) = (0, [const { Vec::new() }; 5]);
    let total = 400;
    while seen.iter().map(Vec::len).sum::<usize>() < total {
        match random.below(6) {
            0 => clock.step(random.between(-20_000, 20_000)),
            1 => clock.pass(random.between(0, 3_000)),
            2 => {
                let reply = c.ok("DEBOUNCE.CLAIM k w COUNT 3 LEASE 3600000");
                for entry in reply.items() {
                    let group = &mut seen[entry.items()[2].text().parse::<usize>().expect("a number")];
                    group.extend(
                        entry.items()[4]
                            .items()
                            .iter()
                            .step_by(2)
                            .map(|item| item.text().parse::<usize>().expect("a number")),
                    );
                    c.ok(&format!("DEBOUNCE.ACK k {}", entry.items()[0].int()));
                }
            }
            _ if pushed < total => {
                c.ok(&format!("DEBOUNCE.PUSH k {} {pushed}", random.below(5)));
                pushed += 1;
            }
            _ => clock.pass(6_000),
        }
    }
    let mut all: Vec<usize> = seen.concat();
    all.sort_unstable();
    assert_eq!(all, (0..total).collect::<Vec<_>>());
    same_data(&server, &replica);
}

/// A rest after a failed append ends a second later, whatever was done to the time of day meanwhile.
#[test]
fn a_sink_that_rests_while_the_clock_is_set_back_is_retried_soon() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.play("> SET stream wrong-type\n OK\n > DEBOUNCE.CREATE k SINK stream\n OK\n > DEBOUNCE.PUSH k g a\n 1\n > DEBOUNCE.FLUSH k g\n 1");
    wait_until("an append has failed", || c.ok("DEBOUNCE.INFO k").field("sink-errors").int() > 0);
    clock.step(-60 * MINUTE);
    c.ok("DEL stream");
    wait_until("it is retried", || c.run("XLEN stream") == 1);
}
