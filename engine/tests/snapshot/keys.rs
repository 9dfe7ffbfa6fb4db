//! A key of each family with something in every state, and what can be done to any key.

#[path = "keys/expiry.rs"]
mod expiry;
#[path = "keys/tally.rs"]
mod tally;

use std::collections::BTreeSet;
use tsgen_engine::{
    fired, Addition, ClaimTerms, Debounce, DeliveryOptions, Gate, Guard, Idle, IdleRules, Kind, Listing, Millis, Nack,
    Queue, Source, SourceChange, TokenRange, Tsgen, UnixMs, Watermark, WatermarkRules, Which,
};

fn in_group<'a>(group: Option<&'a [u8]>, once: Addition<'a>) -> Addition<'a> {
    Addition { group, ..once }
}

const NOW: UnixMs = UnixMs(1_000);

/// What the tests have to be told of a family.
pub trait Family: Gate {
    /// Keys with entries in every state.
    fn everything() -> Vec<Queue<Self>>;

    /// Its own operations.
    fn exercise(key: &mut Queue<Self>, now: UnixMs);
}

impl Family for Watermark {
    /// With a superseded delivery, lapsed tokens, and sources, too.
    fn everything() -> Vec<Tsgen> {
        let source =
            |name: &str| Source { name: name.as_bytes().into(), timestamp: None, reported_at: UnixMs(0), idle: false };
        let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
        let kind = Kind::Sources(vec![source("a"), source("b")]);
        let mut key = Tsgen::create(WatermarkRules { kind, ..Default::default() }, options, [3, 4]).expect("valid");
        for n in 0..40u8 {
            key.add(&Addition::once(Guard::Always, i64::from(n), &[n; 5], &vec![n; usize::from(n)]), NOW)
                .expect("room");
        }
        key.advance(30, Some(b"a"), NOW).expect("a source");
        key.advance(29, Some(b"b"), NOW).expect("a source");
        let first = fail_some(&mut key);
        key.add(&Addition::once(Guard::Always, 3, &[3; 5], b"newer"), NOW).expect("room");
        lose_some(&mut key, first);
        key.add(&Addition::once(Guard::Always, 99, &[5; 5], b"supersedes a running lease"), NOW).expect("room");
        check_states(&mut key);
        vec![
            key,
            with_silence(),
            with_memory(),
            with_recurring(),
            with_named_groups(3, false),
            with_named_groups(2, true),
            with_named_groups(0, true),
        ]
    }

    fn exercise(key: &mut Tsgen, now: UnixMs) {
        let silent: Vec<Vec<u8>> = key.silent(UnixMs::EVER, now).into_iter().map(<[u8]>::to_vec).collect();
        key.leave_out(&silent.iter().map(|name| &name[..]).collect::<Vec<_>>(), now);
        key.check_jump(1_000_000, Some(b"a")).ok();
        key.change_sources(&[SourceChange::Add(b"one more".as_slice().into())], now).ok();
        key.alter_source_idle(Millis(7), now);
        key.add(&Addition::once(Guard::Always, 1, b"done-3", b""), now).ok();
        key.forget(b"done-4");
        key.forget_stride(now);
        key.range(i64::MIN, i64::MAX, 100, now);
        key.add(&in_group(Some(b"new group"), Addition::once(Guard::Always, 4, b"other", b"")), now).ok();
        key.add(&in_group(Some(b"g1"), Addition::once(Guard::IfPresent, 6, &[20; 5], b"")), now).ok();
        key.add(&Addition::once(Guard::Always, 5, b"new", b""), now).ok();
        for id in [&b"job-3"[..], b"job-5"] {
            let once = Addition::once(Guard::Always, 7, id, b"");
            key.add(&Addition { every: Some(Millis(3)), ..once }, now).ok();
        }
        key.put_off(90, b"job-1", now).ok();
        key.rem(b"job-4");
        key.rem(&[39; 5]);
        key.advance(35, Some(b"a"), now).ok();
    }
}

/// With ids that are remembered, of which one in the middle was forgotten.
fn with_memory() -> Tsgen {
    let mut key = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    key.alter_remember(Millis(3_000), 20).expect("valid");
    key.advance(5, None, NOW).expect("external");
    for n in 0..9 {
        key.add(&Addition::once(Guard::Always, 1, format!("done-{n}").as_bytes(), b"x"), NOW).expect("room");
    }
    let terms = ClaimTerms { consumer: b"w", count: 7, lease: Millis(100), first: None };
    let claim = key.claim(&terms, NOW).expect("no sink");
    for token in claim.first..claim.first + 6 {
        key.ack(&[TokenRange::one(token)], UnixMs(1_000 + token as i64 % 7)).expect("one");
    }
    assert!(key.forget(b"done-2") && key.remembered() == 5);
    key
}

/// With recurring elements: some whose runs died, one of which was requeued, one that was superseded, and one that is late again.
fn with_recurring() -> Tsgen {
    let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
    let rules = WatermarkRules { kind: Kind::Clock, ..Default::default() };
    let mut key = Tsgen::create(rules, options, [3, 4]).expect("valid");
    for n in 0..12 {
        let id = format!("job-{n}");
        let once = Addition::once(Guard::Always, 900 + n, id.as_bytes(), b"x");
        let every = (n % 4 > 0).then_some(Millis(10 + n.unsigned_abs()));
        key.add(&Addition { every, ..once }, NOW).expect("room");
    }
    let first = fail_some(&mut key);
    key.add(&Addition::once(Guard::Always, 3_000, b"job-5", b"once"), NOW).expect("room");
    lose_some(&mut key, first);
    key.requeue(Which::All(2), UnixMs(1_250)).expect("few");
    let terms = ClaimTerms { consumer: b"w", count: 2, lease: Millis(100), first: None };
    key.claim(&terms, UnixMs(1_250)).expect("no sink");
    assert!(key.recurring() > 0 && key.stats(UnixMs(1_250)).dead > 0);
    key
}

/// With sources that have fallen silent, one that is new, and a bound on jumps.
fn with_silence() -> Tsgen {
    let source = |name: &str| Source { name: name.as_bytes().into(), timestamp: None, reported_at: NOW, idle: false };
    let kind = Kind::Sources(["a", "b", "c", "d"].map(source).into());
    let mut key = Tsgen::create(WatermarkRules { kind, ..Default::default() }, DeliveryOptions::default(), [3, 4])
        .expect("valid");
    key.alter_source_idle(Millis(100), NOW);
    key.alter_max_jump(1_000);
    key.add(&Addition::once(Guard::Always, 20, b"x", b""), NOW).expect("room");
    key.advance(30, Some(b"a"), UnixMs(1_150)).expect("a source");
    assert_eq!(key.leave_out(&[b"b", b"d"], UnixMs(1_150)).watermark, None);
    key.advance(10, Some(b"c"), UnixMs(1_160)).expect("a source");
    key.change_sources(&[SourceChange::Add(b"e".as_slice().into())], UnixMs(1_170)).expect("another");
    key
}

impl Family for Idle {
    fn everything() -> Vec<Debounce> {
        vec![with_groups(true), with_groups(false)]
    }

    fn exercise(key: &mut Debounce, now: UnixMs) {
        let all: Vec<_> = key.groups(None, 100, now).iter().map(|group| group.name.to_vec()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a group twice");
        for group in &all {
            check_items(key, group, now);
            key.push(group, &[b"one more"], now).ok();
            check_items(key, group, now);
            key.groups(Some(group), 3, now);
        }
        for group in ["new", "large", "another"] {
            key.push(group.as_bytes(), &["item", "", "item", "one more"], now).ok();
            key.push(group.as_bytes(), &[[7; 2]], UnixMs(now.0.saturating_sub(100))).ok();
        }
        let rules = IdleRules { idle: Millis(10), max_wait: Millis(50), max_items: 3, ..*key.rules() };
        key.alter_rules(rules).ok();
        key.push(b"other", &["a", "b", "c", "d"], now).ok();
        key.flush(&["new", "nobody"], now);
        key.cancel(&["large"], now);
        key.flush_all(1, now);
        let batch = key.ready_batch(now);
        for ready in batch.entries {
            assert!(fired(ready.body).items.count() > 0);
        }
        // The clock steps back, and is put right again.
        key.groups(None, 100, UnixMs(0));
        key.push(b"other", &["e"], UnixMs(0)).ok();
        key.fired_between(UnixMs(0), UnixMs(0), now);
    }
}

/// With groups that fired for every reason, that collect, and that are overdue.
fn with_groups(unique: bool) -> Debounce {
    let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
    let rules = IdleRules { idle: Millis(300), max_wait: Millis(500), max_items: 25, unique };
    let mut key = Debounce::create(rules, options, [3, 4]).expect("valid");
    for n in 0..30u8 {
        let (group, at) = ([n % 15], UnixMs(i64::from(n) * 30));
        key.push(&group, &[[n; 3]], at).expect("room");
        key.push(&group, &[vec![n; usize::from(n)]], UnixMs(at.0 - 20)).expect("room");
    }
    key.push(b"full", &(0..28u8).map(|n| [n]).collect::<Vec<_>>(), UnixMs(900)).expect("room");
    key.push(b"flushed", &["x"], NOW).expect("room");
    key.flush(&["flushed"], NOW);
    let first = fail_some(&mut key);
    lose_some(&mut key, first);
    for (group, at) in [("new", 1_200), ("new", 1_300), ("overdue", 850), ("other", 1_300), ("b", 1_300), ("c", 1_300)]
    {
        key.push(group.as_bytes(), &[group, "item"], UnixMs(at)).expect("room");
    }
    key.push(b"large", &(0..20u8).map(|n| [n]).collect::<Vec<_>>(), UnixMs(1_150)).expect("room");
    check_states(&mut key);
    key
}

/// With elements in groups of many kinds: named by themselves, by others, with dead letters only, and with a superseded delivery.
fn with_named_groups(group_limit: u32, fair: bool) -> Tsgen {
    let options = DeliveryOptions { max_deliveries: 2, group_limit, fair, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    for n in 0..40u8 {
        let group = format!("g{}", n % 6);
        let group = if n % 7 == 0 { None } else { Some(group.as_bytes()) };
        let (id, payload) = ([n; 5], vec![n; usize::from(n)]);
        let once = Addition::once(Guard::Always, i64::from(n), &id, &payload);
        key.add(&in_group(group, once), NOW).expect("room");
    }
    let dies = Addition::once(Guard::Always, 0, b"dies", b"");
    key.add(&in_group(Some(b"only dead"), dies), NOW).expect("room");
    key.advance(30, None, NOW).expect("external");
    let first = fail_some(&mut key);
    let leased = key.pending(None, None, 9, NOW)[2].name.to_vec();
    let newer = Addition::once(Guard::Always, 3, &leased, b"newer");
    key.add(&in_group(Some(b"moved"), newer), NOW).expect("room");
    lose_some(&mut key, first);
    check_states(&mut key);
    key
}

fn check_items(key: &Debounce, group: &[u8], now: UnixMs) {
    let Some(collecting) = key.collecting(group, now) else { return };
    let items: Vec<_> = collecting.items.map(|(item, _)| item).collect();
    assert_eq!(items.len(), collecting.count);
    if key.rules().unique {
        assert_eq!(items.iter().collect::<BTreeSet<_>>().len(), items.len(), "an item twice");
    }
}

/// Ten are claimed at 1000 until 1100: one is delayed, one dead, one extended. Tells the first token.
fn fail_some<G: Gate>(key: &mut Queue<G>) -> u64 {
    let first = key
        .claim(&ClaimTerms { consumer: b"w", count: 10, lease: Millis(100), first: None }, NOW)
        .expect("no sink")
        .first;
    let token = |n: u64| [TokenRange::one(first + n)];
    key.nack(&token(0), &Nack { delay: Some(Millis(500)), dead: false, reason: b"" }, NOW).expect("current");
    key.nack(&token(1), &Nack { delay: None, dead: true, reason: b"broken" }, NOW).expect("current");
    key.extend(&token(5), Millis(10_000), NOW).expect("current");
    first
}

/// At 1100 all leases but the extended one lapse; three are claimed again and die at 1200 of having been claimed twice.
fn lose_some<G: Gate>(key: &mut Queue<G>, first: u64) {
    key.claim(&ClaimTerms { consumer: b"v", count: 3, lease: Millis(100), first: None }, UnixMs(1_100))
        .expect("no sink");
    key.claim(&ClaimTerms { consumer: b"v", count: 4, lease: Millis(10_000), first: None }, UnixMs(1_200))
        .expect("no sink");
    assert!(key.pending(None, None, 100, UnixMs(1_200)).iter().any(|lease| lease.token == first + 5));
}

fn check_states<G: Gate>(key: &mut Queue<G>) {
    let stats = key.stats(UnixMs(1_200));
    for (name, count) in [
        ("waiting", stats.waiting),
        ("ready", stats.ready),
        ("leased", stats.leased),
        ("delayed", stats.delayed),
        ("dead", stats.dead),
    ] {
        assert!(count > 0, "nothing is {name}: {stats:?}");
    }
}

pub fn chunks<G: Gate>(key: &Queue<G>) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

/// Whatever loads must be a key like any other: every operation works on it, and it saves and loads again. Tells what has become of it.
pub fn exercise<F: Family>(mut key: Queue<F>, load: impl Fn(&[Vec<u8>]) -> Queue<F>) -> Queue<F> {
    let all = TokenRange { first: 1, last: u64::MAX >> 1 };
    let later = UnixMs(5_000);
    // What was saved soon after it was loaded, and what was worked with, are the same kind of thing.
    F::exercise(&mut key.clone(), UnixMs(1_250));
    key.stats(later);
    key.claimable(later);
    key.pending(None, None, 100, later);
    key.dead(None, 100, later);
    for listing in [Listing::Waiting, Listing::Ready, Listing::Delayed, Listing::Leased, Listing::Dead] {
        let next = key.peek(listing, None, 5, later).next;
        key.peek(listing, next, 100, later);
    }
    F::exercise(&mut key, later);
    key.claim(&ClaimTerms { consumer: b"x", count: 7, lease: Millis(50), first: None }, later).ok();
    key.extend(&[all], Millis(10), later).ok();
    key.nack(&[all], &Nack { delay: None, dead: false, reason: b"" }, UnixMs(5_005)).ok();
    key.requeue(Which::All(5), UnixMs(9_000)).ok();
    key.release(b"x", UnixMs(9_000));
    let again = load(&chunks(&key));
    assert_eq!(chunks(&again), chunks(&key));
    key.ack(&[all], UnixMs::EVER).ok();
    key.discard(Which::Tokens(&[all]), UnixMs::NEVER).ok();
    key.drop_ready(3, UnixMs(9_000));
    while key
        .claim(&ClaimTerms { consumer: b"x", count: 100, lease: Millis(50), first: None }, UnixMs(9_000))
        .is_ok_and(|claim| claim.count > 0)
    {
        key.ack(&[all], UnixMs::EVER).expect("few");
    }
    F::exercise(&mut key, UnixMs::NEVER);
    key
}
