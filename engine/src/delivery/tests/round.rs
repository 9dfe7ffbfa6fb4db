//! One claim of several keys.

use super::sweep::many;
use super::{claim, ready, unbounded};
use crate::{Addition, ClaimTerms, DeliveryOptions, Guard, Millis, Round, Tsgen, UnixMs, CLAIM_BYTES};

/// Asks these keys in their order; how many entries each gave, and `None` if it was not asked.
fn go_round(keys: &mut [Tsgen], wanted: usize) -> (Vec<Option<usize>>, Round) {
    go_round_at(keys, wanted, UnixMs(0))
}

fn go_round_at(keys: &mut [Tsgen], wanted: usize, now: UnixMs) -> (Vec<Option<usize>>, Round) {
    let mut round = Round::of(wanted);
    let mut given = Vec::new();
    for key in keys {
        let count = if round.is_over() { None } else { round.asks(key, now) };
        given.push(count.map(|count| {
            let terms = ClaimTerms { consumer: b"w", count, lease: Millis(100), first: None };
            let claim = key.claim(&terms, now).expect("no sink");
            round.took(key, &claim);
            claim.count
        }));
    }
    (given, round)
}

#[test]
fn each_key_is_asked_for_what_those_before_it_left() {
    let mut keys = [ready(2, unbounded()), ready(0, unbounded()), ready(5, unbounded()), ready(1, unbounded())];
    let (given, round) = go_round(&mut keys, 4);
    assert_eq!(given, [Some(2), None, Some(2), None]);
    assert!(round.is_served() && round.is_over());
    // All of the first key comes before anything of the third.
    let (given, round) = go_round(&mut keys, 9);
    assert_eq!(given, [None, None, Some(3), Some(1)]);
    assert!(round.is_served() && !round.is_over());
    let (given, round) = go_round(&mut keys, 1);
    assert_eq!(given, [None; 4]);
    assert!(!round.is_served() && !round.is_over());
}

#[test]
fn it_ends_with_the_key_at_which_entries_are_large() {
    let large = || {
        let mut key = ready(0, unbounded());
        let body = vec![0; CLAIM_BYTES];
        key.add(&Addition::once(Guard::Always, 1, b"large", &body), UnixMs(0)).expect("room");
        key
    };
    let (given, round) = go_round(&mut [ready(1, unbounded()), large(), ready(1, unbounded())], 9);
    assert_eq!(given, [Some(1), Some(1), None]);
    assert!(round.is_over());
}

#[test]
fn it_goes_on_as_long_as_names_and_bodies_are_short_of_four_megabytes() {
    let mut medium = ready(0, unbounded());
    medium.add(&Addition::once(Guard::Always, 1, b"medium", &[0; CLAIM_BYTES / 4]), UnixMs(0)).expect("room");
    let (given, round) = go_round(&mut [medium, ready(1, unbounded())], 9);
    assert_eq!((given, round.is_over()), (vec![Some(1), Some(1)], false));
}

/// No more is swept for several keys than for one: behind that only keys are asked that have something ready.
#[test]
fn once_much_was_swept_it_ends_with_the_key_that_gives_something() {
    let lost = |count| {
        let mut key = many(count, DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
        claim(&mut key, count as usize, 0);
        key
    };
    let mut keys = [lost(12_000), lost(1), ready(1, unbounded()), ready(1, unbounded())];
    let (given, round) = go_round_at(&mut keys, 9, UnixMs(100));
    assert_eq!(given, [Some(0), None, Some(1), None]);
    assert!(round.is_served() && round.is_over());
}
