//! Keys of thousands of entries that are drained here and there: pages, chunks, shards and inner nodes of many.

use crate::entries::MAX_NAME;
use crate::gate::idle::IdleRules;
use crate::gate::ttl::{Copied, Ending, Prefix, TtlRules};
use crate::gate::watermark::{Addition, Guard, WatermarkRules};
use crate::gate::Gate;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};
use crate::token::TokenRange;
use crate::{ClaimTerms, Debounce, Expiry, Loader, Nack, Tally, Tsgen, Which, WindowRules};
use fastrand::Rng;

mod groups;

const NOW: UnixMs = UnixMs(1_000);

fn chunks<G: Gate>(key: &Queue<G>) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn reload<G: Gate>(key: &Queue<G>) -> Queue<G> {
    let mut loader = Loader::new([9, 9]);
    chunks(key).iter().for_each(|chunk| loader.push(chunk).expect("a chunk just saved loads"));
    loader.finish().expect("whole")
}

/// A whole pass in steps of random lengths changes nothing that is saved, and leaves little more than a reload would take.
#[track_caller]
fn compacts<G: Gate>(key: &mut Queue<G>, rng: &mut Rng) {
    let (before, reloaded) = (chunks(key), reload(key));
    let mut steps = 0;
    // One that has begun before has not seen everything.
    while key.is_compacting() {
        key.compact(100);
    }
    while key.compact(rng.usize(..600)) {
        steps += 1;
        assert!(steps < 1_000_000, "a pass that does not end");
    }
    assert_eq!(key.waste(), 0);
    assert!(chunks(key) == before);
    let (memory, least) = (key.memory(), reloaded.memory());
    assert!(memory <= 3 * least, "{memory} bytes, and {least} after a reload");
}

fn tsgen(options: DeliveryOptions, count: u32, rng: &mut Rng) -> Tsgen {
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    for n in 0..count {
        let size = if rng.u8(..) == 0 { 5_000 } else { rng.usize(..60) };
        let timestamp = rng.i64(0..i64::from(count));
        key.add(&Addition::once(Guard::Always, timestamp, format!("id-{n}").as_bytes(), &vec![n as u8; size]), NOW)
            .expect("room");
    }
    key
}

/// All that is left can be found by name and comes out in order, as from a reloaded key.
#[track_caller]
fn is_as_good_as_a_reload<G: Gate>(key: &mut Queue<G>) {
    let mut other = reload(key);
    for round in 0.. {
        let now = UnixMs(10_000_000 + 10_000 * round);
        let claim = key
            .claim(&ClaimTerms { consumer: b"last", count: 700, lease: Millis(5_000), first: None }, now)
            .expect("no sink");
        assert_eq!(
            other.claim(
                &ClaimTerms { consumer: b"last", count: 700, lease: Millis(5_000), first: Some(claim.first) },
                now
            ),
            Ok(claim)
        );
        assert!(key.delivered(&claim).eq(other.delivered(&claim)));
        if claim.count == 0 {
            break;
        }
        let ranges = [TokenRange { first: claim.first, last: claim.first + claim.count as u64 - 1 }];
        assert_eq!(key.ack(&ranges, UnixMs::EVER), other.ack(&ranges, UnixMs::EVER));
    }
    assert_eq!(key.requeue(Which::All(10_000), UnixMs(1 << 40)), other.requeue(Which::All(10_000), UnixMs(1 << 40)));
    assert!(chunks(key) == chunks(&other));
}

#[test]
fn entries_of_every_state_move_and_stay_what_they_are() {
    let rng = &mut Rng::with_seed(5);
    let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
    let mut key = tsgen(options, 16_000, rng);
    key.advance(14_500, None, NOW).expect("external");
    let mut now = NOW;
    for round in 0..12 {
        let claim = key
            .claim(&ClaimTerms { consumer: &[round], count: 1_000, lease: Millis(100), first: None }, now)
            .expect("no sink");
        let last = claim.first + claim.count as u64 - 1;
        for token in claim.first..=last {
            let one = [TokenRange::one(token)];
            let how = Nack { delay: Some(Millis(1_000_000)), dead: rng.bool(), reason: b"why" };
            match rng.u8(..60) {
                0 => drop(key.nack(&one, &how, now)),
                1 => drop(key.extend(&one, Millis(100_000_000), now)),
                // Left to lapse.
                2 => {}
                _ => drop(key.ack(&one, UnixMs::EVER)),
            }
        }
        if round % 2 == 0 {
            now = UnixMs(now.0 + 200);
        }
        compacts(&mut key, rng);
        // Some are superseded, and some just go.
        for n in 0..1_000 {
            let id = format!("id-{}", n + 1_000 * u32::from(round));
            if n % 100 == 0 {
                key.add(&Addition::once(Guard::IfPresent, 15_500, id.as_bytes(), b"newer"), now).expect("room");
            } else if n % 3 == 0 {
                key.rem(id.as_bytes());
            }
        }
    }
    compacts(&mut key, rng);
    let stats = key.stats(now);
    assert!(
        stats.leased > 0 && stats.delayed > 0 && stats.dead > 0 && stats.ready > 0 && stats.waiting > 0,
        "{stats:?}"
    );
    let reloaded = reload(&key);
    for n in 0..16_000 {
        let id = format!("id-{n}");
        assert_eq!(key.get(id.as_bytes(), now), reloaded.get(id.as_bytes(), now), "{id}");
    }
    is_as_good_as_a_reload(&mut key);
}

#[test]
fn a_key_drained_to_a_hundredth_takes_little_more_than_a_reload() {
    let rng = &mut Rng::with_seed(6);
    let mut key = tsgen(DeliveryOptions::default(), 20_000, rng);
    key.advance(20_000, None, NOW).expect("external");
    for _ in 0..2 {
        let claim = key
            .claim(&ClaimTerms { consumer: b"w", count: 10_000, lease: Millis(1_000), first: None }, NOW)
            .expect("no sink");
        for first in (claim.first..claim.first + claim.count as u64).step_by(128) {
            key.ack(&[TokenRange { first: first + 1, last: first + 127 }], UnixMs::EVER).expect("few");
        }
    }
    assert!(key.waste() > key.memory() / 2);
    compacts(&mut key, rng);
    is_as_good_as_a_reload(&mut key);
}

#[test]
fn groups_that_collect_move_too() {
    let rng = &mut Rng::with_seed(7);
    let rules = IdleRules { idle: Millis(1_000_000), ..IdleRules::default() };
    let mut key = Debounce::create(rules, DeliveryOptions::default(), [3, 4]).expect("valid");
    let name = |n: u32| format!("group-{n}").into_bytes();
    for n in 0..20_000 {
        key.push(&name(n), &[b"an item".as_slice(), &n.to_be_bytes()], UnixMs(i64::from(n))).expect("room");
    }
    // Half of those that stay are overdue when somebody looks.
    key.sort_overdue(UnixMs(1_010_000), usize::MAX);
    for n in (0..20_000).filter(|n| n % 100 != 0) {
        key.cancel(&[name(n)], NOW);
    }
    assert!(key.waste() > key.memory() / 2);
    compacts(&mut key, rng);
    for n in 0..20_000 {
        let items = key.collecting(&name(n), NOW).map(|group| group.count);
        assert_eq!(items, (n % 100 == 0).then_some(2), "{n}");
    }
    assert_eq!(key.groups(None, 1_000, NOW).len(), 200);
    is_as_good_as_a_reload(&mut key);
}

#[test]
fn tracked_keys_move_too() {
    let rng = &mut Rng::with_seed(8);
    let prefixes = vec![Prefix(b"".as_slice().into())];
    let rules = TtlRules { prefixes, max_value: 100, keep_evicted: false, max_held: 0 };
    let mut key = Expiry::create(rules, DeliveryOptions::default(), [3, 4]).expect("valid");
    let name = |n: u32| format!("key-{n}").into_bytes();
    for n in 0..20_000 {
        key.track(&name(n), UnixMs(rng.i64(2_000..9_000)));
        key.keep(&name(n), Copied { kind: 1, bytes: Some(n.to_be_bytes().into()) });
    }
    for n in (0..20_000).filter(|n| n % 100 != 0) {
        key.untrack(&name(n));
    }
    assert!(key.waste() > key.memory() / 2);
    compacts(&mut key, rng);
    for n in 0..20_000 {
        let kept = key.kept(&name(n)).and_then(|value| value.bytes.clone());
        assert_eq!(kept, (n % 100 == 0).then(|| n.to_be_bytes().into()), "{n}");
    }
    let tracked = key.tracked(None, 1_000).iter().map(|tracked| tracked.deadline).collect::<Vec<_>>();
    assert!(tracked.len() == 200 && tracked.is_sorted());
    for n in 0..200 {
        key.expire(&name(100 * n), UnixMs(9_000), Ending::Expired, None).expect("room");
    }
    assert_eq!(key.tracked(None, 1).len(), 0);
    is_as_good_as_a_reload(&mut key);
}

#[test]
fn batches_move_and_are_still_summed() {
    let rng = &mut Rng::with_seed(9);
    let mut key = Tally::create(WindowRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..3_000u32 {
        key.incr(&n.to_be_bytes(), 1, NOW).expect("room");
        key.incr(b"all", 1, NOW).expect("room");
        key.seal(NOW);
    }
    let claim = key
        .claim(&ClaimTerms { consumer: b"w", count: 3_000, lease: Millis(1_000), first: None }, NOW)
        .expect("no sink");
    for token in (claim.first..).take(3_000).filter(|token| token % 50 != 0) {
        key.ack(&[TokenRange::one(token)], UnixMs::EVER).expect("one");
    }
    let left = key.len() as i64;
    assert_eq!(left, 60);
    compacts(&mut key, rng);
    assert_eq!(key.sum(b"all"), Ok(left));
    is_as_good_as_a_reload(&mut key);
}

/// A key that is compacted, one that never is, and every token that both have handed out.
struct Pair {
    key: Tsgen,
    plain: Tsgen,
    tokens: Vec<u64>,
}

impl Pair {
    /// Does the same to both, and wants the same answer.
    fn step(&mut self, now: UnixMs, rng: &mut Rng) {
        let Pair { key, plain, tokens } = self;
        let id = format!("id-{}", rng.u32(..3_000));
        match rng.u8(..6) {
            0 => {
                let mut terms = ClaimTerms { consumer: b"w", count: rng.usize(1..40), lease: Millis(50), first: None };
                let claim = key.claim(&terms, now).expect("no sink");
                tokens.extend(claim.first..claim.first + claim.count as u64);
                terms.first = Some(claim.first);
                assert_eq!(plain.claim(&terms, now), Ok(claim));
            }
            1 if !tokens.is_empty() => {
                let first = tokens[rng.usize(..tokens.len())];
                let ranges = [TokenRange { first, last: first + rng.u64(..60) }];
                assert_eq!(key.ack(&ranges, UnixMs::EVER), plain.ack(&ranges, UnixMs::EVER));
            }
            2 if !tokens.is_empty() => {
                let ranges = [TokenRange::one(tokens[rng.usize(..tokens.len())])];
                let how = Nack { delay: Some(Millis(rng.u64(..90))), dead: rng.u8(..4) == 0, reason: b"" };
                assert_eq!(key.nack(&ranges, &how, now), plain.nack(&ranges, &how, now));
            }
            3 => assert_eq!(key.rem(id.as_bytes()), plain.rem(id.as_bytes())),
            4 => {
                let added = Addition::once(Guard::Always, rng.i64(..5_000), id.as_bytes(), b"again");
                assert_eq!(key.add(&added, now), plain.add(&added, now));
            }
            _ => drop(key.compact(rng.usize(..300))),
        }
    }
}

/// Nothing between two steps of a pass is lost on either side of it.
#[test]
fn operations_come_between_the_steps_of_a_pass() {
    for seed in 0..20 {
        let rng = &mut Rng::with_seed(seed);
        let options = DeliveryOptions { max_deliveries: 3, ..DeliveryOptions::default() };
        let options = match seed % 3 {
            0 => options,
            1 => DeliveryOptions { group_limit: 2, ..options },
            _ => DeliveryOptions { fair: true, ..options },
        };
        let key = tsgen(options, 3_000, rng);
        let mut pair = Pair { plain: key.clone(), key, tokens: Vec::new() };
        pair.key.advance(2_500, None, NOW).expect("external");
        pair.plain.advance(2_500, None, NOW).expect("external");
        for step in 0..1_500 {
            pair.step(UnixMs(NOW.0 + step), rng);
        }
        assert!(chunks(&pair.key) == chunks(&pair.plain), "seed {seed}");
        compacts(&mut pair.key, rng);
        is_as_good_as_a_reload(&mut pair.key);
    }
}

/// The number in a head is outside of its page, too, where the name is long. It used to be written over the heads behind it.
#[test]
fn groups_and_tracked_keys_with_long_names_move_too() {
    let rng = &mut Rng::with_seed(2);
    let name = |n: u32| [&n.to_be_bytes()[..], &vec![7; if n % 3 == 0 { 5_000 } else { 10 }]].concat();
    let prefixes = vec![Prefix(b"".as_slice().into())];
    let rules = TtlRules { prefixes, max_value: 100, keep_evicted: false, max_held: 0 };
    let mut watcher = Expiry::create(rules, DeliveryOptions::default(), [3, 4]).expect("valid");
    let rules = IdleRules { idle: Millis(1_000_000), ..IdleRules::default() };
    let mut groups = Debounce::create(rules, DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..6_000 {
        watcher.track(&name(n), UnixMs(9_000 + i64::from(n)));
        groups.push(&name(n), &[n.to_be_bytes()], NOW).expect("room");
    }
    for n in (0..6_000).filter(|n| n % 99 != 0) {
        watcher.untrack(&name(n));
        groups.cancel(&[name(n)], NOW);
    }
    compacts(&mut watcher, rng);
    compacts(&mut groups, rng);
    for n in 0..6_000 {
        let is_left = n % 99 == 0;
        let deadline = watcher.tracked_until(&name(n)).map(|deadline| deadline.0);
        assert_eq!(deadline, is_left.then_some(9_000 + i64::from(n)), "{n}");
        let item =
            groups.collecting(&name(n), NOW).and_then(|mut group| group.items.next().map(|(item, _)| item.to_vec()));
        assert_eq!(item, is_left.then(|| n.to_be_bytes().to_vec()), "{n}");
    }
    is_as_good_as_a_reload(&mut watcher);
    is_as_good_as_a_reload(&mut groups);
}

#[test]
fn the_longest_names_move_with_what_is_outside() {
    let rng = &mut Rng::with_seed(1);
    let mut key = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    let name = |n: u32| [&n.to_be_bytes()[..], &vec![7; MAX_NAME - 4]].concat();
    for n in 0..300 {
        key.add(&Addition::once(Guard::Always, 1, &name(n), b"body"), NOW).expect("room");
    }
    for n in (0..300).filter(|n| n % 60 != 0) {
        key.rem(&name(n));
    }
    compacts(&mut key, rng);
    for n in 0..300 {
        assert_eq!(key.get(&name(n), NOW).map(|element| element.payload), (n % 60 == 0).then_some(b"body".as_slice()));
    }
}
