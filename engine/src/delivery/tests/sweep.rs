//! How far a sweep goes for what is wanted of it, and when the timer is told to come.

use super::{claim, ready, tokens, unbounded, FAILED, LEASE};
use crate::{
    Addition, DeliveryOptions, Guard, Millis, Nack, Settled, TokenRange, Tsgen, UnixMs, WatermarkRules, Which,
};

pub(super) fn many(count: u32, options: DeliveryOptions) -> Tsgen {
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    for n in 0..count {
        key.add(&Addition::once(Guard::Always, 1, &n.to_be_bytes(), b""), UnixMs(0)).expect("room");
    }
    key.advance(1, None, UnixMs(0)).expect("external");
    key
}

/// More leases than one stride ends leave entries that are not dead, and then come those that are.
#[test]
fn what_is_dead_is_looked_for_behind_leases_whose_entries_return() {
    let mut key = many(3_000, DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() });
    let twice = claim(&mut key, 1_500, 0);
    let at_once = Nack { delay: Some(Millis(0)), ..FAILED };
    key.nack(&tokens(&twice), &at_once, UnixMs(0)).expect("few");
    let again = claim(&mut key, 1_500, 0);
    key.extend(&tokens(&again), Millis(120), UnixMs(0)).expect("few");
    claim(&mut key, 1_500, 0);
    assert_eq!(key.discard(Which::All(10), UnixMs(150)).expect("valid").count, 10);
}

/// A replica must repeat that it was looked for, though there was nothing.
#[test]
fn what_is_dead_was_looked_for_even_if_there_is_none() {
    let mut key = ready(1, unbounded());
    claim(&mut key, 1, 0);
    assert_eq!(key.discard(Which::All(1), UnixMs(100)), Ok(Settled { count: 0, changed: true }));
    assert_eq!(key.discard(Which::All(1), UnixMs(100)), Ok(Settled { count: 0, changed: false }));
}

/// A replica repeats what has changed anything, and nothing else.
#[test]
fn who_only_noticed_the_end_of_a_lease_has_changed_something() {
    let mut key = ready(1, DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
    let held = tokens(&claim(&mut key, 1, 0));
    let (noticed, nothing) = (Settled { count: 0, changed: true }, Settled::default());
    let mut other = key.clone();
    assert_eq!([100, 100].map(|now| key.extend(&held, LEASE, UnixMs(now))), [Ok(noticed), Ok(nothing)]);
    assert_eq!([100, 100].map(|now| other.nack(&held, &FAILED, UnixMs(now))), [Ok(noticed), Ok(nothing)]);
    assert!(!claim(&mut key, 1, 100).changed, "nothing was there");
}

#[test]
fn of_a_range_of_tokens_only_the_leases_that_have_ended_lapse() {
    let mut key = ready(3, unbounded());
    let held = claim(&mut key, 3, 0);
    let middle = TokenRange::one(held.first + 1);
    key.extend(&[middle], Millis(500), UnixMs(0)).expect("one token");
    let noticed = key.discard(Which::Tokens(&tokens(&held)), UnixMs(100));
    assert_eq!(noticed, Ok(Settled { count: 0, changed: true }));
    let running: Vec<_> = key.pending(None, None, 9, UnixMs(100)).iter().map(|lease| lease.token).collect();
    assert_eq!(running, [middle.first]);
}

#[test]
fn one_operation_sweeps_ten_thousand_at_most() {
    let mut key = many(12_000, DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
    claim(&mut key, 12_000, 0);
    assert_eq!([1, 1, 1].map(|count| claim(&mut key, count, 100).swept), [10_000, 2_000, 0]);
}

#[test]
fn the_timer_sweeps_once_more_than_a_thousand_leases_and_delays_have_ended() {
    let mut key = many(1_001, unbounded());
    let held = claim(&mut key, 1_000, 0);
    assert!(!key.is_crowded());
    let last = claim(&mut key, 1, 0);
    assert!(key.is_crowded());
    key.nack(&tokens(&last), &Nack { delay: Some(Millis(100)), ..FAILED }, UnixMs(0)).expect("one token");
    assert!(key.is_crowded(), "a thousand leases and a delay");
    assert!(!key.has_backlog(UnixMs(99)) && key.has_backlog(UnixMs(100)));
    key.extend(&[TokenRange::one(held.first)], Millis(500), UnixMs(0)).expect("one token");
    assert!(key.is_crowded() && !key.has_backlog(UnixMs(100)), "one of them runs on");
}

#[test]
fn delays_alone_are_a_backlog_too() {
    let mut key = many(1_001, unbounded());
    let held = claim(&mut key, 1_001, 0);
    key.nack(&tokens(&held), &Nack { delay: Some(Millis(50)), ..FAILED }, UnixMs(0)).expect("few");
    assert!(!key.has_backlog(UnixMs(49)) && key.has_backlog(UnixMs(50)));
}

#[test]
fn the_first_end_of_a_lease_or_delay_is_told_even_if_it_is_past() {
    let mut key = ready(2, unbounded());
    assert_eq!(key.next_end(), None);
    let held = claim(&mut key, 2, 0);
    assert_eq!(key.next_end(), Some(UnixMs(100)));
    key.nack(&[TokenRange::one(held.first + 1)], &Nack { delay: Some(Millis(30)), ..FAILED }, UnixMs(0)).expect("few");
    assert_eq!(key.next_end(), Some(UnixMs(30)));
    key.nack(&[TokenRange::one(held.first)], &FAILED, UnixMs(0)).expect("few");
    assert_eq!(key.next_end(), Some(UnixMs(30)));
}

/// Only those whose delay is over are doubtful; the others are listed from the first on.
#[test]
fn a_delay_that_is_over_hides_none_of_very_many_that_run() {
    let mut key = many(2_501, unbounded());
    let held = claim(&mut key, 2_501, 0);
    let delay = |key: &mut Tsgen, tokens, delay| {
        key.nack(&[tokens], &Nack { delay: Some(Millis(delay)), ..FAILED }, UnixMs(0)).expect("few");
    };
    delay(&mut key, TokenRange::one(held.first), 100);
    delay(&mut key, TokenRange { first: held.first + 1, last: held.first + 2_500 }, 200);
    assert_eq!(key.delayed(10_000, UnixMs(150)).len(), 2_500);
    assert_eq!(key.delayed(1, UnixMs(150))[0].token, Some(held.first + 1));
}

/// A replica repeats PROMOTE only if it has changed anything.
#[test]
fn who_promotes_what_is_not_delayed_changes_nothing() {
    let mut key = ready(1, unbounded());
    let held = tokens(&claim(&mut key, 1, 0));
    assert_eq!(key.promote(Which::Tokens(&held), UnixMs(0)), Ok(Settled::default()));
    assert_eq!(key.promote(Which::All(1), UnixMs(0)), Ok(Settled::default()));
    key.nack(&held, &Nack { delay: Some(LEASE), ..FAILED }, UnixMs(0)).expect("one token");
    assert_eq!(key.promote(Which::All(1), UnixMs(0)), Ok(Settled { count: 1, changed: true }));
}

/// How leases stand in memory must not show: a key that was loaded may have them cut elsewhere.
#[test]
fn where_a_claim_ends_does_not_show_in_how_much_is_swept() {
    let swept = |claims: &[usize]| {
        let mut key = many(4_000, DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
        for count in claims {
            claim(&mut key, *count, 0);
        }
        assert!(key.sweep_stride(UnixMs(100)));
        key.stats(UnixMs(99)).dead
    };
    assert_eq!([&[4_000][..], &[700, 2_000, 1_300], &[999, 1, 3_000]].map(swept), [1_000; 3]);
}
