//! Very much that has come due with nobody there: what the timer does about it by itself, and what it says of that.

use crate::common::*;
use crate::harness::*;

/// All of them end together.
const CLAIM_ALL: &str = "TSGEN.CLAIM k w COUNT 10000 LEASE 2000";

/// A digest tells what is stored: a lease that has ended and was not swept is still there.
#[test]
fn where_very_many_leases_have_ended_the_timer_sweeps_although_nobody_waits() {
    let mut server = Server::start(&AOF);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    let add = |n: usize| ["TSGEN.ADD", "k", "1", &format!("id-{n}")].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..5_000).map(add));
    c.ok("TSGEN.ADVANCE k 1");
    c.ok(CLAIM_ALL);
    let leased = server.digest("k");
    wait_until("they are swept", || server.digest("k") != leased);
    assert_eq!(counts(&mut c, "k"), [0, 5_000, 0, 0, 0]);
    // Takes what the timer has left, and nothing ends any more.
    c.ok("TSGEN.CLAIM k w COUNT 10000 LEASE 3600000");
    same_data(&server, &replica);
    let digest = server.digest("k");
    server.restart(Stop::Kill);
    assert_eq!(server.digest("k"), digest);
    // Leased again, and over while the server was down or just after.
    let mut c = server.client();
    c.ok("TSGEN.RELEASE k w");
    c.ok(CLAIM_ALL);
    let leased = server.digest("k");
    server.restart(Stop::Kill);
    wait_until("they are swept after a restart", || server.digest("k") != leased);
    c = server.client();
    assert_eq!(c.ok("TSGEN.CLAIM k w COUNT 10000").items().len(), 5_000);
    assert_eq!(c.info("tsgen", "tsgen_caught-panics"), "0");
}

/// Its looks, and the latest of them in us.
fn lateness(c: &mut Client) -> [i64; 2] {
    let text = c.info("tsgen", "tsgen_timer-lateness-us");
    ["looks=", "max="].map(|name| {
        let number = text.split(',').find_map(|number| number.strip_prefix(name));
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    })
}

#[test]
fn a_clock_that_is_set_back_or_ahead_makes_the_timer_look_everywhere_and_not_late() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    for n in 0..3_000 {
        c.ok(&format!("TALLY.CREATE t{n} EVERY 1800000"));
        c.ok(&format!("TALLY.INCR t{n} field"));
    }
    let next = |c: &mut Client| c.info("tsgen", "tsgen_timer-next-deadline").parse::<i64>().expect("a number");
    let before = ticks(&mut c);
    clock.step(-3_000);
    wait_until("the timer has been everywhere", || ticks(&mut c) > before + 2 && next(&mut c) > clock.now_ms());
    assert_eq!(lateness(&mut c)[0], 0, "no deadline was over");
    assert_eq!(c.info("tsgen", "tsgen_scheduled-keys"), "3000");

    clock.step(3_600_000);
    wait_until("no deadline is left", || next(&mut c) == -1);
    c.ok("TALLY.CREATE later EVERY 30");
    c.ok("TALLY.INCR later field");
    wait_until("one more has been looked at", || lateness(&mut c)[0] > 0);
    let [looks, latest] = lateness(&mut c);
    assert!(looks < 3_000 && latest < 60_000_000, "{looks} looks, the latest {latest} us late");
    assert_eq!(c.ok("TALLY.CLAIM t7 w").items().len(), 1);
}
