//! The checkout: a booking holds its seats for some seconds. Whoever pays in time keeps them, and of everybody else the shop learns once.

use super::*;
use crate::common::AOF;
use crate::harness::*;

fn ttl(c: &mut Client, key: &str) -> i64 {
    c.ok(&format!("PTTL {key}")).int()
}

/// In seconds as they are.
#[test]
fn an_abandoned_checkout_is_told_once_with_its_order_and_a_finished_one_never() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > EXPIRY.CREATE abandoned PREFIX checkout:
        OK
        > SET checkout:42 "seats 7 and 8" NX EX 1
        OK
        > SET checkout:42 "seats 1 and 2" NX EX 1
        nil
        > SET checkout:43 "seat 9" NX EX 1
        OK
        > SET checkout:44 "seat 10" NX EX 1
        OK
        "#,
    );
    let end = c.ok("PEXPIRETIME checkout:42").int();
    let first = ttl(&mut c, "checkout:42");
    wait_until("it counts down", || ttl(&mut c, "checkout:42") < first);
    c.play("> DEL checkout:43\n 1\n > PEXPIRE checkout:44 1400\n 1\n > EXPIRY.CLAIM abandoned shop\n []");
    let mut worker = Blocked::new(&server, "EXPIRY.CLAIM abandoned shop BLOCK 0");
    let (mut other, reply) = (Blocked::new(&server, "EXPIRY.CLAIM abandoned other BLOCK 0"), worker.reply());
    let told_at = now_ms();
    let entry = Entry::of(&reply.items()[0]);
    assert_eq!(
        (entry.pair(), entry.deadline, entry.reason.as_str()),
        (pair("checkout:42", "seats 7 and 8"), end, "expired")
    );
    assert!((1..200).contains(&(told_at - end)), "{} ms after the deadline", told_at - end);
    assert!(other.is_blocked(&mut c));
    // The same order once more, while the first is still being worked on.
    c.expect("SET checkout:42 again NX PX 60", "OK");
    assert_eq!(Entry::of(&other.reply().items()[0]).pair(), pair("checkout:42", "again"));
    assert_eq!(take_one(&mut c, "abandoned").key, "checkout:44");
    assert_eq!(delivered(&mut c, "abandoned", "checkout:", 30), []);
}

/// The whole scene with its 20 seconds, under a clock of the test's own, across a crash.
#[test]
fn twenty_seconds_of_a_checkout_across_a_crash() {
    let mut clock = Clock::at_noon();
    let mut server = Server::start_under(&clock, &AOF);
    let mut c = server.client();
    c.ok("EXPIRY.CREATE abandoned PREFIX checkout: LEASE 3600000");
    for (id, seats) in [(1, "7"), (2, "8"), (3, "9"), (4, "10")] {
        c.ok(&format!("SET checkout:{id} seat-{seats} NX EX 20"));
        c.expect(&format!("SET checkout:{id} thief NX EX 20"), "nil");
    }
    let end = c.ok("PEXPIRETIME checkout:1").int();
    clock.pass(5_000);
    assert!((14_000..=15_000).contains(&ttl(&mut c, "checkout:1")));
    assert_eq!(expiries(&mut c, "abandoned"), [4, 0, 0, 0, 0]);
    c.play("> DEL checkout:2\n 1\n > EXPIRE checkout:3 60\n 1");
    clock.pass_to(end - 500);
    assert_eq!(expiries(&mut c, "abandoned"), [3, 0, 0, 0, 0]);
    c.expect("EXISTS checkout:1 checkout:4", "2");
    server.stop(Stop::Kill);
    clock.pass(8_000);
    server.start_again();
    let mut c = server.client();
    let mut got = pairs(&take(&mut c, "abandoned", 2));
    got.sort();
    assert_eq!(got, [pair("checkout:1", "seat-7"), pair("checkout:4", "seat-10")]);
    assert_eq!(tracked_names(&mut c, "abandoned"), ["checkout:3"]);
    c.expect("SET checkout:1 seat-7-again NX EX 20", "OK");
    let end = c.ok("PEXPIRETIME checkout:1").int();
    clock.pass_to(end - 100);
    assert_eq!(take_one(&mut c, "abandoned").pair(), pair("checkout:1", "seat-7-again"));
    clock.pass(60_000);
    assert_eq!(take_one(&mut c, "abandoned").key, "checkout:3");
    assert_eq!(expiries(&mut c, "abandoned"), [0, 0, 4, 0, 0]);
}
