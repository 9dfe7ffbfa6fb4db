mod alter;
mod paused;
mod round;
mod sink;
mod sweep;

use crate::{
    Addition, Claim, ClaimTerms, Debounce, DeliveryOptions, Error, Guard, IdleRules, Millis, Nack, Settled, TokenRange,
    Tsgen, UnixMs, WatermarkRules, Which,
};

const LEASE: Millis = Millis(100);
const FAILED: Nack<'_> = Nack { delay: None, dead: false, reason: b"" };

/// Elements named 0, 1, 2, … with equal timestamps, all ready.
fn ready(count: u8, options: DeliveryOptions) -> Tsgen {
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    for n in 0..count {
        key.add(&Addition::once(Guard::Always, 1, &[n], b""), UnixMs(0)).expect("room");
    }
    key.advance(1, None, UnixMs(0)).expect("external");
    key
}

fn claim(key: &mut Tsgen, count: usize, now: i64) -> Claim {
    key.claim(&ClaimTerms { consumer: b"w", count, lease: LEASE, first: None }, UnixMs(now)).expect("no sink")
}

fn names(key: &Tsgen, claim: &Claim) -> Vec<u8> {
    key.delivered(claim).map(|entry| entry.name[0]).collect()
}

fn tokens(claim: &Claim) -> [TokenRange; 1] {
    [TokenRange { first: claim.first, last: claim.first + claim.count as u64 - 1 }]
}

fn unbounded() -> DeliveryOptions {
    DeliveryOptions { max_deliveries: 0, ..DeliveryOptions::default() }
}

/// Delays that are over count as ready, so they must not keep PROMOTE from what is delayed behind very many of them.
#[test]
fn what_is_promoted_is_looked_for_behind_delays_that_are_over() {
    let options = DeliveryOptions { backoff: Millis(10_000), max_backoff: Millis(10_000), ..unbounded() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    for n in 0..3_000u32 {
        key.add(&Addition::once(Guard::Always, 1, &n.to_be_bytes(), b""), UnixMs(0)).expect("room");
    }
    key.advance(1, None, UnixMs(0)).expect("external");
    let handed_back = claim(&mut key, 1_500, 0);
    let soon = Nack { delay: Some(Millis(99)), dead: false, reason: b"" };
    assert_eq!(key.nack(&tokens(&handed_back), &soon, UnixMs(0)).expect("valid").count, 1_500);
    claim(&mut key, 1_500, 0);
    assert_eq!(key.promote(Which::All(10), UnixMs(150)).expect("valid").count, 10);
}

#[test]
fn a_lease_that_ends_gives_the_entry_its_old_place_back() {
    let mut key = ready(3, unbounded());
    let lost = claim(&mut key, 2, 0);
    assert_eq!(names(&key, &lost), [0, 1]);
    let rest = claim(&mut key, 9, 99);
    assert_eq!(names(&key, &rest), [2]);
    let again = claim(&mut key, 9, 100);
    assert_eq!(
        key.delivered(&again).map(|entry| (entry.name[0], entry.deliveries)).collect::<Vec<_>>(),
        [(0, 2), (1, 2)]
    );
    assert!(again.first > rest.first);
}

#[test]
fn a_lapsed_token_settles_until_somebody_else_has_the_entry() {
    let mut key = ready(2, unbounded());
    let lost = claim(&mut key, 2, 0);
    assert_eq!(claim(&mut key, 1, 200).count, 1);
    let settled = key.ack(&tokens(&lost), UnixMs::EVER).expect("few");
    assert_eq!(
        (settled.count, key.len()),
        (1, 1),
        "the entry that was claimed again is not acknowledged by the old token"
    );
}

#[test]
fn acknowledging_twice_is_a_count_and_not_an_error() {
    let mut key = ready(2, unbounded());
    let held = claim(&mut key, 2, 0);
    assert_eq!(key.ack(&tokens(&held), UnixMs::EVER), Ok(Settled { count: 2, changed: true }));
    assert_eq!(key.ack(&tokens(&held), UnixMs::EVER), Ok(Settled { count: 0, changed: false }));
}

#[test]
fn the_last_failed_delivery_kills_and_a_requeue_starts_over() {
    let mut key = ready(1, DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() });
    for now in [0, 1] {
        let held = claim(&mut key, 1, now);
        key.nack(&tokens(&held), &Nack { reason: b"why", ..FAILED }, UnixMs(now)).expect("few");
    }
    let letters = key.dead(None, 9, UnixMs(1));
    assert_eq!(
        letters.iter().map(|letter| (letter.deliveries, letter.reason, letter.died_at)).collect::<Vec<_>>(),
        [(2, &b"why"[..], UnixMs(1))]
    );
    let token = letters[0].token;
    assert_eq!(
        key.ack(&[TokenRange::one(token)], UnixMs::EVER).map(|settled| settled.count),
        Ok(0),
        "a nack has settled the token"
    );
    assert_eq!(key.requeue(Which::Tokens(&[TokenRange::one(token)]), UnixMs(1)).map(|settled| settled.count), Ok(1));
    let again = claim(&mut key, 1, 2);
    assert_eq!(key.delivered(&again).map(|entry| entry.deliveries).collect::<Vec<_>>(), [1]);
}

#[test]
fn an_entry_that_died_by_its_lease_can_still_be_acknowledged() {
    let mut key = ready(1, DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
    let held = claim(&mut key, 1, 0);
    let empty = claim(&mut key, 1, 100);
    assert_eq!(
        (empty.count, empty.changed, key.stats(UnixMs(100)).dead),
        (0, true, 1),
        "an empty claim that swept has changed something"
    );
    assert_eq!(key.ack(&tokens(&held), UnixMs::EVER).map(|settled| settled.count), Ok(1));
    assert!(key.is_empty());
}

#[test]
fn backoff_rests_an_entry_longer_with_every_failure() {
    let mut key = ready(1, DeliveryOptions { backoff: Millis(10), max_deliveries: 0, ..DeliveryOptions::default() });
    let held = claim(&mut key, 1, 0);
    key.nack(&tokens(&held), &FAILED, UnixMs(0)).expect("few");
    assert_eq!(claim(&mut key, 1, 9).count, 0);
    assert_eq!(claim(&mut key, 1, 10).count, 1);
    assert_eq!(key.stats(UnixMs(110)).delayed, 1, "the lease ended at 110, and the second delay at 130");
    assert_eq!(claim(&mut key, 1, 129).count, 0);
    assert_eq!(claim(&mut key, 1, 130).count, 1);
}

#[test]
fn release_is_not_a_delivery() {
    let mut key = ready(2, DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
    let held = claim(&mut key, 2, 0);
    assert_eq!(key.release(b"somebody else", UnixMs(1)).count, 0);
    assert_eq!(key.release(b"w", UnixMs(1)).count, 2);
    assert_eq!(key.ack(&tokens(&held), UnixMs::EVER).map(|settled| settled.count), Ok(0));
    let again = claim(&mut key, 2, 1);
    assert_eq!(key.delivered(&again).map(|entry| entry.deliveries).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn extend_moves_a_running_lease_and_gives_a_lapsed_one_again() {
    let mut key = ready(2, unbounded());
    let held = claim(&mut key, 2, 0);
    key.extend(&[TokenRange::one(held.first)], Millis(500), UnixMs(50)).expect("few");
    assert_eq!(key.pending(None, None, 9, UnixMs(120)).len(), 1);
    assert_eq!(key.extend(&tokens(&held), LEASE, UnixMs(120)).map(|settled| settled.count), Ok(2));
    assert_eq!(
        key.pending(Some(b"w"), None, 9, UnixMs(120)).iter().map(|lease| lease.lease_ends_at.0).collect::<Vec<_>>(),
        [220, 220]
    );
    assert_eq!(claim(&mut key, 2, 219).count, 0);
}

#[test]
fn listings_page_with_after() {
    let mut key = ready(9, unbounded());
    let first = claim(&mut key, 9, 0).first;
    let page = key.pending(None, Some(first + 3), 2, UnixMs(0));
    assert_eq!(page.iter().map(|lease| lease.token).collect::<Vec<_>>(), [first + 4, first + 5]);
    key.nack(&[TokenRange { first, last: first + 8 }], &Nack { dead: true, ..FAILED }, UnixMs(0)).expect("few");
    let page = key.dead(Some(first + 6), 9, UnixMs(0));
    assert_eq!(page.iter().map(|letter| letter.token).collect::<Vec<_>>(), [first + 7, first + 8]);
}

#[test]
fn tokens_rise_when_the_clock_falls() {
    let mut key = ready(2, unbounded());
    let before = claim(&mut key, 1, 1_000);
    let after = claim(&mut key, 1, 10);
    assert_eq!((before.first, after.first), (1_024_000, 1_024_001));
}

#[test]
fn a_replica_takes_the_masters_token_and_tells_if_it_would_have_issued_another() {
    let mut key = ready(2, unbounded());
    let own = key
        .claim(&ClaimTerms { consumer: b"w", count: 1, lease: LEASE, first: Some(10 * 1024) }, UnixMs(10))
        .expect("no sink");
    assert_eq!((own.first, own.adopted), (10 * 1024, false));
    let other = key
        .claim(&ClaimTerms { consumer: b"w", count: 1, lease: LEASE, first: Some(99_999) }, UnixMs(10))
        .expect("no sink");
    assert_eq!((other.first, other.adopted), (99_999, true));
}

/// Three claims, of 10 000, 1 and 1 entries.
fn more_than_one_command_touches() -> (Tsgen, [Claim; 3]) {
    let mut key = Tsgen::create(WatermarkRules::default(), unbounded(), [1, 2]).expect("valid options");
    for n in 0..10_002u32 {
        key.add(&Addition::once(Guard::Always, 1, &n.to_be_bytes(), b""), UnixMs(0)).expect("room");
    }
    key.advance(1, None, UnixMs(0)).expect("external");
    let claims = [10_000, 1, 1].map(|count| claim(&mut key, count, 0));
    (key, claims)
}

#[test]
fn tokens_of_more_entries_than_a_command_may_touch_are_refused_whole() {
    let (mut key, [most, one, _]) = more_than_one_command_touches();
    let everything = [TokenRange { first: 1, last: u64::MAX >> 1 }];
    assert_eq!(key.ack(&everything, UnixMs::EVER), Err(Error::TooManyTokens));
    let [most, one] = [tokens(&most)[0], tokens(&one)[0]];
    assert_eq!(key.ack(&[most, one], UnixMs::EVER), Err(Error::TooManyTokens));
    assert_eq!(key.len(), 10_002);
    assert_eq!(key.ack(&[most], UnixMs::EVER).map(|settled| settled.count), Ok(10_000));
}

#[test]
fn one_range_of_tokens_made_of_the_clock_is_counted_too() {
    let mut key = sweep::many(10_001, unbounded());
    let [first, last] = [10_000, 1].map(|count| claim(&mut key, count, 1_800_000_000_000).first);
    let all = TokenRange { first, last };
    assert_eq!(last, first + 10_000);
    assert_eq!(key.ack(&[all], UnixMs::EVER), Err(Error::TooManyTokens));
    let but_one = TokenRange { first, last: last - 1 };
    assert_eq!(key.ack(&[but_one], UnixMs::EVER).map(|settled| settled.count), Ok(10_000));
}

/// Each of several keys is counted against what the keys before it leave.
#[test]
fn tokens_of_several_keys_are_counted_together() {
    let (key, [most, one, _]) = more_than_one_command_touches();
    let [most, one] = [tokens(&most), tokens(&one)];
    assert_eq!(key.check_tokens(&most, 10_000), Ok(0));
    assert_eq!(key.check_tokens(&most, 9_999), Err(Error::TooManyTokens));
    assert_eq!(key.check_tokens(&one, 1), Ok(0));
    assert_eq!(key.check_tokens(&one, 0), Err(Error::TooManyTokens));
    let mut nacked = key.clone();
    nacked.nack(&one, &Nack { delay: Some(LEASE), ..FAILED }, UnixMs(0)).expect("one token");
    let mut dead = key.clone();
    dead.nack(&one, &Nack { dead: true, ..FAILED }, UnixMs(0)).expect("one token");
    for key in [nacked, dead] {
        assert_eq!(key.check_tokens(&one, 0), Err(Error::TooManyTokens));
    }
    // What is not there takes no room, however wide the range.
    assert_eq!(key.check_tokens(&[TokenRange { first: u64::MAX >> 3, last: u64::MAX >> 2 }], 0), Ok(0));
}

#[test]
fn a_claim_can_be_checked_before_anything_is_done_for_it() {
    let mut key = ready(2, unbounded());
    let given = |first| ClaimTerms { consumer: b"w", count: 1, lease: LEASE, first };
    for first in [None, Some(99_999), Some(1), Some(crate::MAX_TOKEN)] {
        let checked = key.check_claim(first, UnixMs(10));
        assert_eq!(checked, key.claim(&given(first), UnixMs(10)).map(|claim| claim.first), "{first:?}");
    }
    assert_eq!(key.check_claim(Some(crate::MAX_TOKEN), UnixMs(10)), Err(Error::Exhausted));
}

#[test]
fn a_token_is_issued_once_whatever_a_claim_is_given_and_as_long_as_there_are_any() {
    let mut key = ready(1, unbounded());
    let held = claim(&mut key, 1, 10);
    assert_eq!(key.check_claim(Some(held.first), UnixMs(10)), Ok(held.first + 1));
    let last = crate::MAX_TOKEN - 10_000;
    assert_eq!(key.check_claim(Some(last), UnixMs(10)), Ok(last));
    assert_eq!(key.check_claim(Some(last + 1), UnixMs(10)), Err(Error::Exhausted));
}

#[test]
fn a_claim_tells_how_much_it_swept() {
    let mut key = ready(9, unbounded());
    claim(&mut key, 7, 0);
    assert_eq!(claim(&mut key, 1, 99).swept, 0);
    assert_eq!(claim(&mut key, 1, 100).swept, 7);
}

#[test]
fn a_release_hands_back_as_many_as_one_command_touches() {
    let (mut key, _) = more_than_one_command_touches();
    let released = |count| Settled { count, changed: count > 0 };
    assert_eq!([10_000, 2, 0].map(|_| key.release(b"w", UnixMs(0))), [10_000, 2, 0].map(released));
}

#[test]
fn a_release_leaves_leases_that_have_ended_to_the_sweep() {
    let mut key = ready(2, unbounded());
    claim(&mut key, 2, 0);
    assert_eq!(key.release(b"w", UnixMs(100)), Settled::default());
    assert_eq!(key.stats(UnixMs(100)).ready, 2);
}

#[test]
fn ages_are_told_since_the_gate_opened_and_since_the_claim() {
    let mut key = ready(3, unbounded());
    assert_eq!(key.stats(UnixMs(40)).oldest_ready_age, Some(Millis(40)));
    claim(&mut key, 3, 50);
    let stats = key.stats(UnixMs(80));
    assert_eq!(
        (stats.oldest_ready_age, stats.oldest_lease_age, stats.next_deadline),
        (None, Some(Millis(30)), Some(UnixMs(150)))
    );
    assert_eq!(
        key.stats(UnixMs(150)).oldest_ready_age,
        Some(Millis(150)),
        "a redelivery has been ready since the gate opened"
    );
}

/// Who is woken by the clock waits for the gate; a group that fires is what the sweep makes, and the sweep tells of it.
#[test]
fn what_is_being_collected_is_not_let_through_by_time_alone() {
    let mut groups = Debounce::create(IdleRules::default(), unbounded(), [1, 2]).expect("valid rules");
    groups.push(b"group", &["item"], UnixMs(0)).expect("room");
    let fires = UnixMs(0).after(IdleRules::default().idle);
    assert_eq!((groups.next_opening(UnixMs(0)), groups.next_release(UnixMs(0))), (Some(fires), None));
}

#[test]
fn a_claim_of_large_entries_takes_fewer_and_the_next_goes_on() {
    let mut key = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid options");
    let payload = vec![7; 1024 * 1024];
    for id in 0..10u8 {
        key.add(&Addition::once(Guard::Always, i64::from(id), &[id], &payload), UnixMs(0)).expect("room");
    }
    key.advance(100, None, UnixMs(0)).expect("no sources");
    let mut claimed = |count| {
        let claim = key
            .claim(&ClaimTerms { consumer: b"w", count, lease: Millis(1_000), first: None }, UnixMs(0))
            .expect("no sink");
        key.delivered(&claim).map(|entry| entry.name[0]).collect::<Vec<_>>()
    };
    assert_eq!(claimed(100), [0, 1, 2, 3]);
    assert_eq!(claimed(2), [4, 5]);
    assert_eq!(claimed(100), [6, 7, 8, 9]);
}

/// A million leases may end while nobody comes: what a reader looks at has a bound, and the timer sees to the rest.
#[test]
fn a_reader_takes_four_thousand_leases_to_have_ended_until_a_sweep() {
    for each in [10_000, 1] {
        let options = DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() };
        let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
        for n in 0..25_000u32 {
            key.add(&Addition::once(Guard::Always, 1, &n.to_be_bytes(), b""), UnixMs(0)).expect("room");
        }
        key.advance(1, None, UnixMs(0)).expect("external");
        let mut last = 0;
        while key.stats(UnixMs(0)).ready > 0 {
            last = claim(&mut key, each, 0).first;
        }
        assert!(key.is_crowded() && !key.has_backlog(UnixMs(99)));
        assert!(key.has_backlog(UnixMs(100)));
        let stats = key.stats(UnixMs(100));
        assert_eq!((stats.leased, stats.dead), (23_000, 2_000));
        assert_eq!(key.dead(None, 99_999, UnixMs(100)).len(), 2_000);
        let pending = key.pending(None, None, 99_999, UnixMs(100));
        assert_eq!(pending.len(), 23_000, "the two lists have each entry once");
        let listed = |count| key.pending(Some(b"w"), Some(last - 1), count, UnixMs(100)).len();
        assert_eq!(listed(1), 1);
        let by_name = key.get(&24_999u32.to_be_bytes(), UnixMs(100)).map(|element| element.state);
        assert_eq!(by_name, Some("dead"), "who asks for one is told how it stands, whatever the lists show");
        assert!(key.range(i64::MIN, i64::MAX, 10, UnixMs(100)).is_empty(), "the dead are not listed");
        while key.has_backlog(UnixMs(100)) {
            assert!(key.sweep_stride(UnixMs(100)));
        }
        let stats = key.stats(UnixMs(100));
        assert_eq!((stats.leased, stats.dead), (0, 25_000));
        assert!(key.pending(None, None, 99_999, UnixMs(100)).is_empty());
    }
}
