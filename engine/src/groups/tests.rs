mod dead;
mod swept;

use super::*;
use crate::error::Error;
use crate::options::DeliveryOptions;
use crate::time::{Millis, UnixMs};
use crate::token::TokenRange;
use crate::{Addition, ClaimTerms, Guard, Loader, Nack, Tsgen, WatermarkRules, Which};

const NOW: UnixMs = UnixMs(1_000);

fn key(group_limit: u32, fair: bool) -> Tsgen {
    let options = DeliveryOptions { group_limit, fair, ..DeliveryOptions::default() };
    Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options")
}

fn add(key: &mut Tsgen, group: &str, timestamp: i64, id: &str) {
    let once = Addition::once(Guard::Always, timestamp, id.as_bytes(), b"");
    key.add(&Addition { group: Some(group.as_bytes()), ..once }, NOW).expect("room");
}

/// Claims one after the other; the ids in order.
fn claim(key: &mut Tsgen, count: usize) -> Vec<String> {
    let claim =
        key.claim(&ClaimTerms { consumer: b"worker", count, lease: Millis(100), first: None }, NOW).expect("no sink");
    key.delivered(&claim).map(|entry| String::from_utf8_lossy(entry.name).into_owned()).collect()
}

fn last(key: &Tsgen) -> TokenRange {
    TokenRange::one(key.last_token)
}

/// With GROUPLIMIT 1: a delivery whose lease has run out, and another of its group is in hand by now. The key, that delivery, and the time.
fn lapsed_while_another_is_in_hand() -> (Tsgen, TokenRange, UnixMs) {
    let mut key = key(1, false);
    add(&mut key, "g", 2, "later");
    key.advance(2, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 1), ["later"]);
    let lapsed = last(&key);
    let later = UnixMs(NOW.0 + 200);
    assert!(key.sweep_stride(later));
    add(&mut key, "g", 1, "first");
    assert_eq!(claim(&mut key, 1), ["first"]);
    (key, lapsed, later)
}

#[test]
fn at_most_as_many_as_the_limit_are_in_hand_and_the_next_comes_in_order() {
    let mut key = key(2, false);
    for (timestamp, id) in [(3, "c"), (1, "a"), (4, "d"), (2, "b")] {
        add(&mut key, "one", timestamp, id);
    }
    add(&mut key, "other", 9, "z");
    key.advance(10, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 10), ["a", "b", "z"]);
    assert_eq!(claim(&mut key, 10), [""; 0]);
    assert!(!key.has_ready(NOW));
    assert_eq!(key.group_counts(), GroupCounts { groups: 2, at_limit: 1 });
    key.ack(&[TokenRange::one(key.last_token - 2)], UnixMs::EVER).expect("one token");
    assert!(key.has_ready(NOW));
    assert_eq!(claim(&mut key, 10), ["c"]);
}

#[test]
fn a_claim_of_many_hands_out_what_as_many_claims_of_one_would() {
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (limit, fair) = (random.u32(0..4), random.bool());
        if limit == 0 && !fair {
            continue;
        }
        let mut key = key(limit, fair);
        for nth in 0..random.u32(1..60) {
            let group = random.u32(0..8).to_string();
            add(&mut key, &group, random.i64(0..20), &nth.to_string());
            if random.u32(0..4) == 0 {
                claim(&mut key, 1);
            }
            if random.u32(0..4) == 0 {
                key.advance(random.i64(0..20), None, NOW).expect("external");
            }
        }
        let (mut one_by_one, count) = (key.clone(), random.usize(1..40));
        let singly: Vec<String> = (0..count).flat_map(|_| claim(&mut one_by_one, 1)).collect();
        assert_eq!(claim(&mut key, count), singly, "seed {seed}");
        assert_eq!(key.group_counts(), one_by_one.group_counts(), "seed {seed}");
    }
}

#[test]
fn a_claim_that_is_closed_by_its_bytes_leaves_the_rest_in_their_turns() {
    for (limit, fair) in [(0, true), (1, false), (1, true), (2, false)] {
        let mut key = key(limit, fair);
        let payload = vec![0; 1_500_000];
        for group in ["a", "b", "c", "d", "e"] {
            let once = Addition::once(Guard::Always, 1, group.as_bytes(), &payload);
            key.add(&once, NOW).expect("room");
        }
        key.advance(1, None, NOW).expect("external");
        assert_eq!(claim(&mut key, 10), ["a", "b", "c"], "limit {limit}");
        assert_eq!(claim(&mut key, 10), ["d", "e"], "limit {limit}");
    }
}

#[test]
fn what_is_behind_the_horizon_is_not_handed_out_and_no_obstacle() {
    let mut key = key(1, true);
    add(&mut key, "late", 100, "late");
    add(&mut key, "soon", 5, "soon");
    key.advance(10, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 10), ["soon"]);
    key.advance(100, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 10), ["late"]);
}

#[test]
fn a_failed_entry_holds_its_group_back_until_it_is_dead() {
    let mut key = key(1, false);
    add(&mut key, "customer", 1, "first");
    add(&mut key, "customer", 2, "second");
    key.advance(2, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 10), ["first"]);
    let delayed = Nack { delay: Some(Millis(50)), dead: false, reason: b"" };
    key.nack(&[last(&key)], &delayed, NOW).expect("one token");
    assert_eq!(claim(&mut key, 10), [""; 0]);
    key.promote(crate::Which::All(1), NOW).expect("one");
    assert_eq!(claim(&mut key, 10), ["first"]);
    let dead = Nack { delay: None, dead: true, reason: b"" };
    key.nack(&[last(&key)], &dead, NOW).expect("one token");
    assert_eq!(claim(&mut key, 10), ["second"]);
    assert_eq!(key.requeue(crate::Which::All(1), NOW).expect("one").count, 1);
    assert_eq!(claim(&mut key, 10), [""; 0]);
    key.ack(&[last(&key)], UnixMs::EVER).expect("one token");
    assert_eq!(claim(&mut key, 10), ["first"], "it is in its old group");
}

#[test]
fn a_lease_that_has_run_out_is_not_given_again_if_another_of_the_group_is_in_hand() {
    let (mut key, lapsed, later) = lapsed_while_another_is_in_hand();
    assert_eq!(key.extend(&[lapsed], Millis(100), later).expect("one token").count, 0);
    assert_eq!(key.stats(NOW).leased, 1);
    key.ack(&[last(&key)], UnixMs::EVER).expect("one token");
    assert_eq!(key.extend(&[lapsed], Millis(100), later).expect("one token").count, 1);
    assert_eq!(key.stats(later).leased, 1);
}

#[test]
fn a_lease_that_has_run_out_is_not_delayed_if_another_of_the_group_is_in_hand() {
    let (mut key, lapsed, later) = lapsed_while_another_is_in_hand();
    let lapsed = [lapsed];
    let delayed = Nack { delay: Some(Millis(1_000)), dead: false, reason: b"" };
    assert_eq!(key.nack(&lapsed, &delayed, later).expect("one token").count, 0);
    assert_eq!((key.stats(NOW).leased, key.stats(NOW).delayed), (1, 0));
    // A NACK after which the entry is not in hand is done all the same.
    let dead = Nack { dead: true, ..delayed };
    assert_eq!(key.clone().nack(&lapsed, &dead, later).expect("one token").count, 1);
    assert_eq!(
        key.clone().nack(&lapsed, &Nack { delay: Some(Millis(0)), ..delayed }, later).expect("one token").count,
        1
    );
    key.ack(&[last(&key)], UnixMs::EVER).expect("one token");
    assert_eq!(key.nack(&lapsed, &delayed, later).expect("one token").count, 1);
    assert_eq!(key.stats(later).delayed, 1);
}

#[test]
fn fair_groups_take_turns() {
    let mut key = key(0, true);
    for n in 0..100 {
        add(&mut key, "a", n, &format!("a{n}"));
    }
    for n in 0..3 {
        add(&mut key, "b", 500 + n, &format!("b{n}"));
    }
    key.advance(1_000, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 8), ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "a4"]);
}

#[test]
fn a_superseded_delivery_is_in_hand_until_it_is_settled() {
    let mut key = key(1, false);
    add(&mut key, "g", 1, "x");
    key.advance(9, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 1), ["x"]);
    add(&mut key, "g", 2, "x");
    assert_eq!(claim(&mut key, 1), [""; 0]);
    key.ack(&[last(&key)], UnixMs::EVER).expect("one token");
    assert_eq!(claim(&mut key, 1), ["x"]);
}

#[test]
fn the_limit_can_change_at_any_time() {
    let mut key = key(1, false);
    (0..5).for_each(|n| add(&mut key, "g", n, &n.to_string()));
    key.advance(9, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 9), ["0"]);
    let with = |group_limit| DeliveryOptions { group_limit, ..DeliveryOptions::default() };
    assert_eq!(key.alter_delivery(with(3), NOW), Ok(true));
    assert_eq!(claim(&mut key, 9), ["1", "2"]);
    assert_eq!(key.alter_delivery(with(2), NOW), Ok(true));
    key.ack(&[last(&key)], UnixMs::EVER).expect("one token");
    assert_eq!(claim(&mut key, 9), [""; 0]);
    assert_eq!(key.group_counts().at_limit, 1);
    assert!(key.alter_delivery(with(0), NOW).is_err());
    assert!(key.alter_delivery(DeliveryOptions { fair: true, ..with(2) }, NOW).is_err());
}

#[test]
fn a_held_back_million_is_not_looked_at() {
    let mut key = key(1, false);
    let ids: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    for chunk in ids.chunks(1_000) {
        let elements: Vec<(i64, &[u8], &[u8])> = chunk.iter().map(|id| (1, id.as_bytes(), &b""[..])).collect();
        key.madd_into(Some(b"many"), elements.into_iter(), NOW).expect("room");
    }
    add(&mut key, "few", 2, "one");
    key.advance(2, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 2), ["0", "one"]);
    let table = key.groups.as_ref().expect("groups");
    assert_eq!(table.table.len(), 2);
}

/// Adds so many elements of 16 bytes, each in a group of its own.
fn add_groups(key: &mut Tsgen, numbers: std::ops::Range<i64>) {
    for n in numbers {
        let id = format!("order-{n:010}");
        key.add(&Addition::once(Guard::Always, n, id.as_bytes(), b""), NOW).expect("room");
    }
}

#[test]
fn a_group_and_its_number_in_an_entry_take_at_most_48_bytes() {
    const GROUPS: i64 = 100_000;
    /// Bytes of a key with so many groups; and after twice as many have gone and come.
    fn bytes(group_limit: u32, fair: bool) -> [f64; 2] {
        const STEP: i64 = 1_000;
        let mut key = key(group_limit, fair);
        add_groups(&mut key, 0..GROUPS);
        let at_first = key.memory();
        key.advance(i64::MAX, None, NOW).expect("external");
        for begin in (GROUPS..3 * GROUPS).step_by(STEP as usize) {
            assert_eq!(claim(&mut key, STEP as usize).len(), STEP as usize);
            key.ack(&[TokenRange { first: 1, last: key.last_token }], UnixMs::EVER).expect("few");
            add_groups(&mut key, begin..begin + STEP);
        }
        [at_first, key.memory()].map(|bytes| bytes as f64 / GROUPS as f64)
    }
    let plain = bytes(0, false);
    // Eight of these bytes are those of the number of the group in its entry.
    for (limit, fair, most) in [(0, true, [48.0, 51.0]), (1, true, [48.0, 51.0]), (1, false, [34.5, 37.5])] {
        let with = bytes(limit, fair);
        for when in [0, 1] {
            let per_group = with[when] - plain[when];
            assert!(per_group <= most[when], "GROUPLIMIT {limit} FAIR {fair}: {per_group} bytes a group");
        }
    }
}

#[test]
fn however_many_are_in_hand_a_group_knows_it() {
    let mut key = key(1, true);
    add(&mut key, "g", 1, "one");
    add_groups(&mut key, 0..1);
    let groups = key.groups.as_mut().expect("groups");
    for number in [0, 1] {
        let (mut count, most) = (0, MOST as i32);
        for more in [1, most - 1, 1, most, 1, -most, -most, 1, -2] {
            assert_eq!(groups.add_in_hand(number, more), count);
            count = count.wrapping_add_signed(more);
            assert_eq!(groups.in_hand(number), count);
            assert!(groups.table[number].has_head());
        }
    }
}

/// Adds two elements to each of three groups, which take two turns each, and acknowledges them.
fn take_two_turns(key: &mut Tsgen) {
    for id in ["a1", "b1", "a2", "c1", "b2", "c2"] {
        add(key, &id[..1], 1, id);
    }
    let served: Vec<String> = (0..6).flat_map(|_| claim(key, 1)).collect();
    assert_eq!(served, ["a1", "b1", "c1", "a2", "b2", "c2"]);
    key.ack(&[TokenRange { first: 1, last: key.last_token }], UnixMs::EVER).expect("few");
}

fn reloaded(key: &Tsgen) -> Result<Tsgen, Error> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    let mut loader = Loader::new([3, 4]);
    chunks.iter().try_for_each(|chunk| loader.push(chunk))?;
    loader.finish()
}

fn next_turn(key: &mut Tsgen) -> &mut u64 {
    &mut key.groups.as_mut().expect("groups").next_turn
}

#[test]
fn turns_go_on_whatever_their_numbers_are() {
    for first in [u64::from(u32::MAX) - 4, (1 << 40) - 1, LAST_CALL - 20] {
        let mut key = key(0, true);
        key.advance(9, None, NOW).expect("external");
        *next_turn(&mut key) = first;
        take_two_turns(&mut key);
        let mut copy = reloaded(&key).expect("whole");
        assert_eq!(next_turn(&mut copy), next_turn(&mut key));
        take_two_turns(&mut key);
        take_two_turns(&mut copy);
    }
}

#[test]
fn a_key_that_has_used_up_its_turns_takes_nothing_more_until_it_is_loaded_anew() {
    let mut key = key(0, true);
    key.advance(9, None, NOW).expect("external");
    *next_turn(&mut key) = LAST_CALL - 7;
    for id in ["d", "a1", "b", "a2", "c"] {
        add(&mut key, &id[..1], 1, id);
    }
    assert_eq!(claim(&mut key, 2), ["d", "a1"]);
    let died = TokenRange::one(key.last_token - 1);
    key.nack(&[died], &Nack { delay: None, dead: true, reason: b"" }, NOW).expect("one token");
    assert_eq!(*next_turn(&mut key), LAST_CALL - 1);
    assert_eq!(claim(&mut key, 1), ["b"]);

    let once = Addition::once(Guard::Always, 1, b"e", b"");
    assert_eq!(key.add(&once, NOW).err(), Some(Error::Exhausted));
    assert_eq!(key.check_claim(None, NOW).err(), Some(Error::Exhausted));
    // The group of a dead letter that is queued again comes into use all the same. (`LAST_CALL` itself is no turn.)
    let requeued = key.requeue(Which::Tokens(&[died]), NOW).expect("one token");
    assert_eq!(requeued.count, 1);
    assert_eq!(*next_turn(&mut key), LAST_CALL + 2);

    let mut copy = reloaded(&key).expect("whole");
    assert_eq!(*next_turn(&mut copy), 5);
    assert_eq!(claim(&mut copy, 9), ["c", "a2", "d"]);
    *next_turn(&mut key) = MAX_TURN + 1;
    assert_eq!(reloaded(&key).err(), Some(Error::Damaged("impossible counters")));
}

#[test]
fn nothing_is_left_of_groups_that_are_gone() {
    let mut key = key(2, true);
    for round in 0..3 {
        for n in 0..2_000 {
            add(&mut key, &format!("g{}", n % 3), n * 7 % 1_001, &format!("{round}-{n}"));
        }
        key.advance(2_000, None, NOW).expect("external");
        while !claim(&mut key, 7).is_empty() {
            key.ack(&[TokenRange { first: 1, last: u64::MAX }], UnixMs::EVER).expect("few");
        }
        let groups = key.groups.as_ref().expect("groups");
        assert_eq!((groups.table.len(), groups.details.len(), groups.held, groups.classes.is_empty()), (0, 0, 0, true));
    }
}

#[test]
fn a_loaded_key_goes_on_with_the_same_turns() {
    let mut key = key(2, true);
    for n in 0..60 {
        add(&mut key, &format!("g{}", n % 7), n * 13 % 31, &n.to_string());
    }
    key.advance(20, None, NOW).expect("external");
    claim(&mut key, 5);
    let dead = Nack { delay: None, dead: true, reason: b"" };
    key.nack(&[last(&key)], &dead, NOW).expect("one token");
    let mut copy = reloaded(&key).expect("whole");
    for _ in 0..30 {
        assert_eq!(claim(&mut key, 3), claim(&mut copy, 3));
        assert_eq!(key.group_counts(), copy.group_counts());
        key.ack(&[TokenRange::one(key.last_token - 1)], UnixMs::EVER).expect("one token");
        copy.ack(&[TokenRange::one(copy.last_token - 1)], UnixMs::EVER).expect("one token");
    }
}
