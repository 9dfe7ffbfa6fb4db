//! The time of day is set: forward and back again, as administrators and time servers do. What is promised is in docs/design.md.

use crate::common::{counts, pair, rewritten, server_ms, ticks, virtual_clock, AOF};
use crate::harness::*;

const MINUTE: i64 = 60_000;

/// Sets the time of day back, and waits until the server has noticed.
fn set_back(clock: &mut Clock, c: &mut Client, by: i64) {
    let before = ticks(c);
    clock.step(-by);
    wait_until("the timer has looked", || ticks(c) > before);
}

/// The server reads the clock once for all module timers that are due. If it is set back after that, a timer that arms itself again by the new
/// time was due at once, and again, for as long as the clock was set back: nobody got a reply. Here the timer has much to do, because it looks
/// at all keys once the clock was set back, and the clock is set back again meanwhile.
#[test]
fn a_clock_set_back_while_the_timer_runs_does_not_stop_the_server() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.ok("EVAL \"for n = 1, 20000 do redis.call('TALLY.CREATE', 'k' .. n, 'EVERY', '60000') redis.call('TALLY.INCR', 'k' .. n, 'f') end\" 0");
    for _ in 0..60 {
        set_back(&mut clock, &mut c, 60 * MINUTE);
        c.expect("PING", "PONG");
    }
}

/// The smallest history: a clock that was an hour ahead for one command. It used to leave the gate open for that hour.
#[test]
fn a_delay_queue_is_not_open_early_once_a_clock_that_was_ahead_is_right_again() {
    let ahead_and_right = r#"
        > TSGEN.CREATE mails CLOCK
        OK
        > TSGEN.AT 4000000000000 TSGEN.ADD mails +1800000 a
        1
        > TSGEN.AT 4000003600000 {ahead}
        …
        # It is right again.
        > TSGEN.AT 4000000000000 TSGEN.ADD mails +60000 b
        1
        > TSGEN.AT 4000000059999 TSGEN.CLAIM mails w COUNT 9
        []
        > TSGEN.AT 4000000059999 TSGEN.WATERMARK mails
        4000000059999
        > TSGEN.AT 4000000060000 TSGEN.CLAIM mails w COUNT 9
        [[<b> 1 'b' 4000000060000 '']]
        > TSGEN.ACK mails <b>
        1
    "#;
    for ahead in ["TSGEN.ADD mails +0 x", "TSGEN.MADD mails +0 x p +1 y q", "TSGEN.ADD mails +60000 late"] {
        let server = virtual_clock();
        server.client().play(&ahead_and_right.replace("{ahead}", ahead));
    }
}

/// The same for what a claim has seen, in each way in which a key is carried elsewhere.
#[test]
fn nor_is_it_after_a_reload_a_restore_or_on_a_replica() {
    let args = [&AOF[..], &["--tsgen.virtual-clock", "yes"]].concat();
    let (mut master, mut replica) = pair(&args);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE mails CLOCK LEASE 100
        OK
        > TSGEN.AT 4000000000000 TSGEN.MADD mails +1800000 a "" +1800001 b "" +7200000 c ""
        [1 1 1]
        > TSGEN.AT 4000003600000 TSGEN.CLAIM mails w
        [[<a> 1 'a' …]]
        > TSGEN.AT 4000000000000 TSGEN.NACK mails <a> DELAY 0
        1
        "#,
    );
    let early = "> TSGEN.AT 4000001799999 TSGEN.CLAIM {key} w COUNT 9\n []\n > TSGEN.AT 4000001799999 TSGEN.GET {key} a\n ['waiting' …]\n > TSGEN.AT 4000001800000 TSGEN.GET {key} a\n ['ready' …]";
    let check = |c: &mut Client, key: &str| c.play(&early.replace("{key}", key));
    check(&mut c, "mails");
    c.ok("DEBUG RELOAD");
    check(&mut c, "mails");
    let dump = c.call(&[b"DUMP", b"mails"]);
    assert_eq!(c.call(&[b"RESTORE", b"restored", b"0", dump.bytes()]).to_string(), "OK");
    check(&mut c, "restored");
    c.expect("COPY mails copied", "1");
    check(&mut c, "copied");
    c.ok("DEBUG LOADAOF");
    check(&mut c, "mails");
    c.ok("BGREWRITEAOF");
    rewritten(&mut c);
    master.restart(Stop::Kill);
    check(&mut master.client(), "mails");
    replica.wait_in_sync(&master);
    same_data(&master, &replica);
    master.stop(Stop::Kill);
    replica.client().ok("REPLICAOF NO ONE");
    check(&mut replica.client(), "mails");
    replica.assert_alive();
}

/// The time of day itself, with a worker that waits and a listener: both hear of an element again when its time has come again.
#[test]
fn whoever_waits_hears_of_what_waits_again_when_its_time_has_come() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    c.ok("TSGEN.CREATE mails CLOCK");
    let due = server_ms(&mut c) + 30 * MINUTE;
    c.expect(&format!("TSGEN.ADD mails {due} a"), "1");
    clock.step(60 * MINUTE);
    let mut heard = Vec::new();
    wait_until("it is ready under the clock that is ahead", || {
        heard.extend(events.take(&mut c));
        heard.contains(&"mails tsgen.ready".to_owned())
    });
    // Late on arrival under that clock, and nobody claims it.
    c.expect(&format!("TSGEN.ADD mails {} b", due + 1), "0");
    events.take(&mut c);

    set_back(&mut clock, &mut c, 60 * MINUTE);
    assert_eq!(counts(&mut c, "mails"), [2, 0, 0, 0, 0]);
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM mails w COUNT 9 BLOCK 0");
    clock.pass_to(due - 5_000);
    assert!(worker.is_blocked(&mut c));
    assert_eq!(events.take(&mut c), [""; 0]);
    clock.pass_to(due + 1);
    let served = worker.reply();
    assert!(server_ms(&mut c) > due && served.items().len() == 2, "{served}");
    assert_eq!(events.take(&mut c), ["mails tsgen.ready", "mails tsgen.claim"]);
}

/// With nobody there: the timer must have kept a key in mind of which all was ready.
#[test]
fn a_key_of_which_all_was_ready_tells_so_again() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    c.play("> TSGEN.CREATE mails CLOCK\n OK\n > DEBOUNCE.CREATE scans IDLE 600000\n OK\n > TALLY.CREATE likes EVERY 600000\n OK");
    c.play("> TSGEN.ADD mails +600000 a\n 1\n > DEBOUNCE.PUSH scans g a\n 1\n > TALLY.INCR likes a\n 1");
    let all = ["likes tally.ready", "mails tsgen.ready", "scans debounce.ready"];
    let mut wait_for_all = |c: &mut Client| {
        let mut heard = Vec::new();
        wait_until("all are ready", || {
            heard.extend(events.take(c).into_iter().filter(|event| event.ends_with("ready")));
            heard.len() >= all.len()
        });
        heard.sort();
        assert_eq!(heard, all);
    };
    clock.step(20 * MINUTE);
    wait_for_all(&mut c);
    assert_eq!(counts(&mut c, "mails"), [0, 1, 0, 0, 0]);
    // Nothing is to come: no deadline is told, and the timer rests.
    assert_eq!(c.info("tsgen", "tsgen_timer-next-deadline"), "-1");
    set_back(&mut clock, &mut c, 20 * MINUTE);
    assert_eq!(counts(&mut c, "mails"), [1, 0, 0, 0, 0]);
    clock.pass(11 * MINUTE);
    wait_for_all(&mut c);
}

/// Clocks of hours ago must not hold up what goes on: a group that is pushed to for ever, and a window that is counted in.
#[test]
fn max_wait_and_every_count_anew_once_the_clock_was_set_back() {
    let (master, replica) = pair(&["--tsgen.virtual-clock", "yes"]);
    let mut c = master.client();
    c.play(
        r#"
        > DEBOUNCE.CREATE scans IDLE 1000 MAXWAIT 2500
        OK
        > TSGEN.AT 4000003600000 DEBOUNCE.PUSH scans g a
        1
        > TSGEN.AT 4000000000000 DEBOUNCE.PUSH scans g a
        1
        > TSGEN.AT 4000000000900 DEBOUNCE.PUSH scans g a b
        2
        > TSGEN.AT 4000000001800 DEBOUNCE.PUSH scans g a
        2
        > TSGEN.AT 4000000002499 DEBOUNCE.CLAIM scans w
        []
        > TSGEN.AT 4000000002500 DEBOUNCE.CLAIM scans w
        [[<g> 1 'g' 'maxwait' ['a' 4000003600000 'b' 4000000000900]]]
        > TALLY.CREATE likes EVERY 2500
        OK
        > TSGEN.AT 4000003600000 TALLY.INCR likes a
        1
        > TSGEN.AT 4000000000000 TALLY.MINCR likes a 1 b 1
        [2 1]
        > TSGEN.AT 4000000002499 TALLY.INCR likes a
        3
        > TSGEN.AT 4000000002500 TALLY.CLAIM likes w
        [[<l> 1 <batch> 4000000000000 4000000002500 ['a' 3 'b' 1]]]
        "#,
    );
    same_data(&master, &replica);
}

/// The server's timer knows of the new end of the window, and so wakes who waits for it.
#[test]
fn whoever_waits_gets_the_window_that_has_begun_anew() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    c.play("> TALLY.CREATE likes EVERY 300\n OK\n > TALLY.CREATE piped EVERY 300 SINK stream\n OK");
    c.play("> TALLY.INCR likes a\n 1\n > TALLY.INCR piped a\n 1");
    set_back(&mut clock, &mut c, 60 * MINUTE);
    let mut worker = Blocked::new(&server, "TALLY.CLAIM likes w BLOCK 0");
    c.play("> TALLY.INCR likes a\n 2\n > TALLY.INCR piped a\n 2");
    assert!(worker.reply().to_string().contains("['a' 2]"));
    wait_until("it is in the stream", || c.run("XLEN stream") == 1);
    same_data(&server, &replica);
}
