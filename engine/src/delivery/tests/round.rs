//! One claim of several keys.

use super::{ready, unbounded};
use crate::{Addition, ClaimTerms, Guard, Millis, Round, Tsgen, UnixMs, CLAIM_BYTES};

/// Asks these keys in their order; how many entries each gave, and `None` if it was not asked.
fn go_round(keys: &mut [Tsgen], wanted: usize) -> (Vec<Option<usize>>, Round) {
    let mut round = Round::of(wanted);
    let mut given = Vec::new();
    for key in keys {
        let count = if round.is_over() { None } else { round.asks(key, UnixMs(0)) };
        given.push(count.map(|count| {
            let terms = ClaimTerms { consumer: b"w", count, lease: Millis(100), first: None };
            let claim = key.claim(&terms, UnixMs(0)).expect("no sink");
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
