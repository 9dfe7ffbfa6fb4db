//! Keys with GROUPLIMIT or FAIR that are drained here and there.

use super::*;

/// A key of 20 000 elements, most in groups of their own, of which one in a hundred is left: queued, in a line, in hand, or dead.
fn grouped(options: DeliveryOptions, rng: &mut Rng) -> Tsgen {
    let options = DeliveryOptions { max_deliveries: 2, ..options };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    let timestamps: Vec<i64> = (0..20_000).map(|_| rng.i64(0..20_000)).collect();
    for (n, timestamp) in timestamps.iter().enumerate() {
        let (id, group) = (format!("id-{n}"), format!("group-{}", if n % 10 == 0 { n / 1_000 } else { n }));
        let one = Addition::once(Guard::Always, *timestamp, id.as_bytes(), b"payload");
        key.add(&Addition { group: (n % 3 > 0).then_some(group.as_bytes()), ..one }, NOW).expect("room");
    }
    key.advance(9_900, None, NOW).expect("external");
    let mut claim = || {
        let terms = ClaimTerms { consumer: b"w", count: 5_000, lease: Millis(1_000_000), first: None };
        let claim = key.claim(&terms, NOW).expect("no sink");
        for token in claim.first..claim.first + claim.count as u64 {
            let one = [TokenRange::one(token)];
            match rng.u8(..200) {
                0 => drop(key.nack(&one, &Nack { delay: None, dead: true, reason: b"why" }, NOW)),
                1 => drop(key.nack(&one, &Nack { delay: Some(Millis(9)), dead: false, reason: b"why" }, NOW)),
                2 => {}
                _ => drop(key.ack(&one, UnixMs::EVER)),
            }
        }
        claim.count > 0
    };
    while claim() {}
    // Of those that are delayed or dead all are left.
    for n in (0..20_000).filter(|n| n % 70 != 0 && timestamps[*n] > 9_900) {
        key.rem(format!("id-{n}").as_bytes());
    }
    key
}

#[test]
fn groups_that_limit_or_alternate_move_too() {
    let plain = DeliveryOptions::default();
    for options in [
        DeliveryOptions { group_limit: 1, ..plain.clone() },
        DeliveryOptions { group_limit: 3, fair: true, ..plain.clone() },
        DeliveryOptions { fair: true, ..plain },
    ] {
        let rng = &mut Rng::with_seed(10);
        let mut key = grouped(options, rng);
        let stats = key.stats(NOW);
        assert!(stats.leased > 0 && stats.delayed > 0 && stats.dead > 0 && stats.waiting > 0, "{stats:?}");
        let (groups, held) = (key.group_counts(), |key: &Tsgen| key.groups.as_ref().expect("groups").memory());
        let before = held(&key);
        compacts(&mut key, rng);
        assert_eq!(key.group_counts(), groups);
        let (after, least) = (held(&key), held(&reload(&key)));
        assert!(
            before > 4 * least && after <= 2 * least,
            "groups took {before} bytes, {after}, {least} after a reload"
        );
        key.advance(20_000, None, NOW).expect("external");
        is_as_good_as_a_reload(&mut key);
    }
}

fn held(key: &Tsgen) -> usize {
    key.groups.as_ref().expect("groups").memory()
}

/// Adds so many elements, each in a group of its own, of which the first half can be handed out.
fn many(options: DeliveryOptions, count: i64) -> Tsgen {
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    for n in 0..count {
        let id = format!("id-{n}");
        key.add(&Addition::once(Guard::Always, n, id.as_bytes(), b"a payload"), NOW).expect("room");
    }
    key.advance(count / 2 - 1, None, NOW).expect("external");
    key
}

fn claim_for_long(key: &mut Tsgen, count: usize) -> TokenRange {
    let terms = ClaimTerms { consumer: b"w", count, lease: Millis(1_000_000), first: None };
    let claim = key.claim(&terms, NOW).expect("no sink");
    TokenRange { first: claim.first, last: claim.first + claim.count as u64 - 1 }
}

/// So many that renumbering all groups in one go would take too long, and that they stood in very many chunks.
#[test]
fn a_key_of_very_many_groups_gives_back_what_they_stood_in() {
    const GROUPS: i64 = 420_000;
    let plain = DeliveryOptions::default();
    for options in [
        DeliveryOptions { group_limit: 1, ..plain.clone() },
        DeliveryOptions { fair: true, ..plain.clone() },
        DeliveryOptions { group_limit: 1, fair: true, ..plain },
    ] {
        let rng = &mut Rng::with_seed(11);
        let mut key = many(options, GROUPS);
        // One in a hundred is left, leased or queued.
        for _ in 0..GROUPS / 200 {
            let claimed = claim_for_long(&mut key, 100);
            key.ack(&[TokenRange { last: claimed.last - 1, ..claimed }], UnixMs::EVER).expect("few");
        }
        for n in (GROUPS / 2..GROUPS).filter(|n| n % 100 != 0) {
            key.rem(format!("id-{n}").as_bytes());
        }
        let (groups, before) = (key.group_counts(), held(&key));
        compacts(&mut key, rng);
        assert_eq!(key.group_counts(), groups);
        let (after, least) = (held(&key), held(&reload(&key)));
        assert!(before > 9 * least && after <= 3 * least, "{before} bytes, then {after}, {least} after a reload");
        key.advance(GROUPS, None, NOW).expect("external");
        is_as_good_as_a_reload(&mut key);
    }
}

/// A key of which 1750 groups of three elements are left, one in eight: all leased.
fn threes_in_hand() -> Tsgen {
    const GROUPS: i64 = 14_000;
    let options = DeliveryOptions { group_limit: 3, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    for n in 0..3 * GROUPS {
        let (id, group) = (format!("id-{n}"), format!("group-{}", n / 3));
        let one = Addition::once(Guard::Always, n, id.as_bytes(), b"a payload");
        key.add(&Addition { group: Some(group.as_bytes()), ..one }, NOW).expect("room");
    }
    key.advance(3 * GROUPS, None, NOW).expect("external");
    for _ in 0..GROUPS / 8 {
        let claimed = claim_for_long(&mut key, 24);
        key.ack(&[TokenRange { last: claimed.last - 3, ..claimed }], UnixMs::EVER).expect("few");
    }
    key
}

fn sparse(key: &Tsgen) -> usize {
    key.groups.as_ref().expect("groups").sparse()
}

#[test]
fn what_a_pass_cannot_give_back_is_no_waste_until_it_can() {
    let rng = &mut Rng::with_seed(12);
    let mut key = threes_in_hand();
    assert!(key.len() == 5_250 && sparse(&key) > 0);
    compacts(&mut key, rng);
    // No group has moved, and no other pass follows.
    let stuck = sparse(&key);
    assert!(stuck > 0 && key.waste() == 0);
    compacts(&mut key, rng);
    assert_eq!(sparse(&key), stuck);

    let tokens: Vec<u64> = key.pending(None, None, usize::MAX, NOW).iter().map(|pending| pending.token).collect();
    let firsts: Vec<u64> = tokens.chunks(3).map(|group| group[0]).collect();
    for token in &firsts[..800] {
        key.ack(&[TokenRange::one(*token)], UnixMs::EVER).expect("one token");
    }
    assert!(key.len() == 4_450 && key.waste() > 0);
    compacts(&mut key, rng);
    assert!((1..stuck).contains(&sparse(&key)));

    // Few enough that all move in one step, groups with three in hand as well.
    for token in &firsts[800..1_300] {
        key.ack(&[TokenRange::one(*token)], UnixMs::EVER).expect("one token");
    }
    assert!(key.len() == 3_950 && key.waste() > 0);
    compacts(&mut key, rng);
    assert_eq!(sparse(&key), 0);
    is_as_good_as_a_reload(&mut key);
}

/// Groups of one element, of three and of very many, in a key that stays too large to be renumbered in one go.
#[test]
fn operations_come_between_while_groups_of_a_large_key_get_new_numbers() {
    for seed in 0..6 {
        let rng = &mut Rng::with_seed(seed);
        let options = DeliveryOptions { max_deliveries: 3, ..DeliveryOptions::default() };
        let options = match seed % 3 {
            0 => DeliveryOptions { group_limit: 1, ..options },
            1 => DeliveryOptions { group_limit: 2, fair: true, ..options },
            _ => DeliveryOptions { fair: true, ..options },
        };
        let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
        for n in 0..40_000 {
            let (id, group) = (format!("id-{n}"), format!("group-{}", if n < 1_400 { 0 } else { n / 6 }));
            let one = Addition::once(Guard::Always, rng.i64(0..5_000), id.as_bytes(), b"a payload");
            key.add(&Addition { group: (n % 2 == 0).then_some(group.as_bytes()), ..one }, NOW).expect("room");
        }
        key.advance(4_000, None, NOW).expect("external");
        for n in (1_400..40_000).filter(|n| n / 6 % 6 != 0 && n % 35 != 0) {
            key.rem(format!("id-{n}").as_bytes());
        }
        let before = sparse(&key);
        let mut pair = Pair { plain: key.clone(), key, tokens: Vec::new() };
        for step in 0..2_000 {
            pair.step(UnixMs(NOW.0 + step), rng);
        }
        assert!(pair.key.len() > 4_000 && sparse(&pair.key) < before / 2, "{} of {before}", sparse(&pair.key));
        assert!(chunks(&pair.key) == chunks(&pair.plain), "seed {seed}");
        compacts(&mut pair.key, rng);
        is_as_good_as_a_reload(&mut pair.key);
    }
}

/// Four groups with very long lines stand each in a chunk of its own, and cannot move. What happens in them does not begin a walk again and again.
#[test]
fn a_few_large_groups_are_not_walked_through_again_and_again() {
    let rng = &mut Rng::with_seed(13);
    let options = DeliveryOptions { group_limit: 3, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    let mut add = |n: i64, id: String, group: i64| {
        let (one, group) = (Addition::once(Guard::Always, n, id.as_bytes(), b"a payload"), format!("group-{group}"));
        key.add(&Addition { group: Some(group.as_bytes()), ..one }, NOW).expect("room");
    };
    (0..512).for_each(|n| add(n, format!("small-{n}"), n));
    for group in [0, 128, 256, 384] {
        (0..2_000).for_each(|n| add(1_000 + n, format!("id-{group}-{n}"), group));
    }
    for n in (0..512).filter(|n| n % 128 != 0) {
        key.rem(format!("small-{n}").as_bytes());
    }
    key.advance(3_000, None, NOW).expect("external");
    assert!(key.waste() > 0);
    compacts(&mut key, rng);
    for _ in 0..20 {
        let claimed = claim_for_long(&mut key, 8);
        key.ack(&[claimed], UnixMs::EVER).expect("few");
        assert_eq!(key.waste(), 0, "nothing came of the walk before");
    }
}
