//! What ALTER asks of a key before it changes it.

use super::{claim, ready, tokens, unbounded, LEASE};
use crate::{Addition, ClaimTerms, Debounce, DeliveryOptions, Guard, IdleRules, Millis, Nack, TokenRange, UnixMs};

const SOON: Nack<'_> = Nack { delay: Some(Millis(50)), dead: false, reason: b"" };

/// A key of groups, of which as many as this are in hand, and the tokens of these.
fn in_hand(count: usize) -> (Debounce, TokenRange) {
    let rules = IdleRules { idle: Millis(50), ..IdleRules::default() };
    let mut key = Debounce::create(rules, unbounded(), [1, 2]).expect("valid rules");
    for n in 0..count as u32 {
        key.push(&n.to_be_bytes(), &["item"], UnixMs(0)).expect("room");
    }
    let mut first = None;
    let mut last = 0;
    while key.stats(UnixMs(50)).ready > 0 {
        let wanted = ClaimTerms { consumer: b"w", count: 10_000, lease: LEASE, first: None };
        let claim = key.claim(&wanted, UnixMs(50)).expect("no sink");
        last = claim.first + claim.count as u64 - 1;
        first = first.or(Some(claim.first));
    }
    (key, TokenRange { first: first.expect("some"), last })
}

/// Leases, delays and groups that are due count together.
#[test]
fn a_key_is_behind_once_more_is_due_than_one_operation_sweeps() {
    let (mut key, held) = in_hand(10_000);
    key.nack(&[TokenRange::one(held.last)], &SOON, UnixMs(50)).expect("one token");
    key.push(b"another", &["item"], UnixMs(50)).expect("room");
    assert!(!key.is_behind(UnixMs(149)));
    assert!(key.is_behind(UnixMs(150)), "9999 leases, a delay and a group");
    key.ack(&[TokenRange::one(held.first)], UnixMs::EVER).expect("one token");
    assert!(!key.is_behind(UnixMs(150)), "as much as one operation sweeps");
}

#[test]
fn a_key_is_behind_with_delays_alone() {
    let (mut key, held) = in_hand(10_001);
    for range in [TokenRange { last: held.first + 9_999, ..held }, TokenRange { first: held.first + 10_000, ..held }] {
        key.nack(&[range], &SOON, UnixMs(50)).expect("no more than allowed");
    }
    assert!(!key.is_behind(UnixMs(99)));
    assert!(key.is_behind(UnixMs(100)));
}

#[test]
fn what_is_ready_is_counted_without_what_a_sweep_would_make_so() {
    let mut key = ready(3, unbounded());
    key.add(&Addition::once(Guard::Always, 2, b"waits", b""), UnixMs(0)).expect("room");
    assert_eq!(key.ready_count(UnixMs(0)), 3);
    let held = super::claim(&mut key, 2, 0);
    assert_eq!(key.ready_count(UnixMs(500)), 1, "the leases have ended and were not swept");
    key.ack(&tokens(&held), UnixMs(500)).expect("few");
    key.advance(2, None, UnixMs(500)).expect("external");
    assert_eq!(key.ready_count(UnixMs(500)), 2);
}

/// Whether somebody has looked between the end of the lease and ALTER makes no difference.
#[test]
fn what_has_ended_before_ends_by_the_old_options() {
    let once = || DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() };
    for (old, new, dead) in [(unbounded(), once(), 0), (once(), unbounded(), 1)] {
        let mut key = ready(2, old);
        claim(&mut key, 1, 0);
        let runs = claim(&mut key, 1, 50);
        assert_eq!(key.alter_delivery(new, UnixMs(100)), Ok(true));
        assert_eq!(key.stats(UnixMs(100)).dead, dead);
        assert_eq!(key.ack(&tokens(&runs), UnixMs(100)).expect("one token").count, 1, "the other lease runs on");
    }
    let mut key = ready(1, unbounded());
    claim(&mut key, 1, 0);
    key.alter_delivery(once(), UnixMs(99)).expect("valid");
    assert_eq!(key.stats(UnixMs(100)).dead, 1, "what ends later ends by the new ones");
}
