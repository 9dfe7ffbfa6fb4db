//! Ids whose work is done.

use super::*;

/// Adds this id, has it worked on, and acknowledges it, all at `now`.
fn work(key: &mut Tsgen, id: &str, now: i64) {
    assert_eq!(key.add(&Addition::once(Guard::Always, 1, id.as_bytes(), b""), UnixMs(now)), Ok(Added::Ready));
    let (got, token) = claim(key, now);
    assert_eq!(got, [id]);
    assert_eq!(key.ack(&[TokenRange::one(token)], UnixMs(now)).map(|settled| settled.count), Ok(1));
}

fn remembering(keep: u64, max: u64) -> Tsgen {
    let mut key = key(Kind::External);
    key.advance(5, None, T0).expect("external");
    assert_eq!(key.alter_remember(Millis(keep), max), Ok(true));
    key
}

fn add_at(key: &mut Tsgen, id: &str, now: i64) -> Added {
    key.add(&Addition::once(Guard::Always, 9, id.as_bytes(), b""), UnixMs(now)).expect("room")
}

#[test]
fn what_is_done_is_not_added_again_until_it_is_over() {
    let mut key = remembering(100, 10);
    work(&mut key, "a", 0);
    assert_eq!((add_at(&mut key, "a", 99), key.remembered(), key.len()), (Added::Refused, 1, 0));
    assert_eq!(key.madd(&[(9, b"a", b""), (9, b"b", b"")], UnixMs(50)), Ok(vec![Added::Refused, Added::Waits]));
    assert_eq!(key.get(b"a", UnixMs(50)), None);
    // Over, and not yet forgotten: it counts no more.
    assert_eq!((add_at(&mut key, "a", 100), key.remembered()), (Added::Waits, 0));
    // An explicit way to have it again.
    work(&mut key, "c", 110);
    assert!(key.forget(b"c") && !key.forget(b"c"));
    assert_eq!(add_at(&mut key, "c", 111), Added::Waits);
}

#[test]
fn what_somebody_works_on_is_not_added_again() {
    let mut key = remembering(100, 10);
    assert_eq!(key.add(&Addition::once(Guard::Always, 1, b"a", b"x"), T0), Ok(Added::Ready));
    let (_, token) = claim(&mut key, 0);
    assert_eq!((add_at(&mut key, "a", 5), key.put_off(9, b"a", UnixMs(5))), (Added::Refused, Ok(Added::Refused)));
    assert_eq!(key.ack(&[TokenRange::one(token)], UnixMs(6)).map(|settled| settled.count), Ok(1));
    assert_eq!((add_at(&mut key, "a", 105), key.len()), (Added::Refused, 0));
}

/// The reply was lost because the watermark had passed, or the key was full: what is done is told before what would be refused.
#[test]
fn what_is_done_is_neither_late_nor_too_much() {
    let options = DeliveryOptions { max_len: 1, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    key.alter_remember(Millis(100), 10).expect("valid");
    key.advance(5, None, T0).expect("external");
    work(&mut key, "a", 0);
    add_at(&mut key, "b", 1);
    key.alter_late(Late::Reject);
    assert_eq!(key.add(&Addition::once(Guard::Always, 1, b"a", b""), UnixMs(2)), Ok(Added::Refused));
    assert_eq!(key.madd(&[(1, b"a", b""), (7, b"b", b"")], UnixMs(2)), Ok(vec![Added::Refused, Added::Waits]));
}

#[test]
fn the_oldest_are_forgotten_first_and_bit_by_bit() {
    let mut key = remembering(1_000, 3);
    ["a", "b", "c", "d"].iter().zip(0..).for_each(|(id, now)| work(&mut key, id, now));
    assert_eq!((key.remembered(), add_at(&mut key, "b", 10)), (3, Added::Refused));
    assert_eq!((add_at(&mut key, "a", 10), key.forgets_at()), (Added::Waits, Some(UnixMs(1_001))));
    assert!(!key.forget_stride(UnixMs(1_000)) && key.forget_stride(UnixMs(1_002)));
    assert_eq!((key.remembered(), key.forgets_at()), (1, Some(UnixMs(1_003))));
    // Switched off, all of it goes.
    assert_eq!(key.alter_remember(Millis::ZERO, 3), Ok(true));
    assert_eq!(add_at(&mut key, "d", 11), Added::Waits);
    assert_eq!((key.forgets_at(), key.remembered()), (None, 0));
}

/// Chunks that are written anew, long ids, times that go back, and steps that are bounded.
#[test]
fn a_great_many_are_remembered_in_few_bytes_and_forgotten_in_short_steps() {
    let mut key = remembering(1_000_000, 10_000_000);
    let many = 60_000u64;
    let before = key.memory();
    for n in 0..many {
        let (id, now) = (format!("{n:016}"), UnixMs(1_000 + n as i64 / 50 - if n % 1_000 == 0 { 700 } else { 0 }));
        key.add(&Addition::once(Guard::Always, 1, id.as_bytes(), b""), now).expect("room");
        if n % 100 == 99 {
            let terms = ClaimTerms { consumer: b"w", count: 100, lease: Millis(10), first: None };
            let got = key.claim(&terms, now).expect("no sink");
            key.ack(&[TokenRange { first: got.first, last: got.first + 99 }], now).expect("few");
        }
    }
    while key.compact(10_000) {}
    let each = (key.memory() - before) / many as usize;
    assert!(each <= 40, "{each} bytes an id");
    assert_eq!(key.remembered(), many as usize);
    for n in (0..many).filter(|n| n % 5 != 0) {
        assert!(key.forget(format!("{n:016}").as_bytes()), "{n}");
    }
    let less = (key.memory() - before) / many as usize;
    assert!(less <= 24, "{less} bytes an id, one in five of them there");
    for n in 0..many {
        let added = key.add(&Addition::once(Guard::IfPresent, 9, format!("{n:016}").as_bytes(), b""), UnixMs(2_000));
        assert_eq!(added, Ok(Added::Refused));
        let known = add_at(&mut key, &format!("{n:016}"), 3_000) == Added::Refused;
        assert_eq!(known, n % 5 == 0, "{n}");
    }
    let long = "x".repeat(65_536);
    work(&mut key, &long, 4_000);
    work(&mut key, "", 4_000);
    assert_eq!((add_at(&mut key, &long, 4_001), add_at(&mut key, "", 4_001)), (Added::Refused, Added::Refused));
    let mut steps = 0;
    while key.forget_stride(UnixMs(1_100_000)) {
        steps += 1;
    }
    assert_eq!((steps > 12, key.remembered()), (true, 0));
}

/// Times are kept as distances from the first one of their chunk, in as few bytes as they take.
#[test]
fn an_id_is_remembered_with_its_time_however_far_that_is_from_the_first() {
    let mut key = remembering(1_000_000_000, 10);
    let times = [5_000_000, 5_000_063, 5_000_064, 5_000_100, 5_009_000, 7_777_777, 4_999_999, 4_990_000, 1_234_567];
    let ids: Vec<_> = times.iter().map(i64::to_string).collect();
    ids.iter().zip(times).for_each(|(id, at)| work(&mut key, id, at));
    for (id, at) in ids.iter().zip(times) {
        assert_eq!(key.forgets_at(), Some(UnixMs(at + 1_000_000_000)));
        assert!(key.forget(id.as_bytes()));
    }
}

#[test]
fn an_id_is_remembered_for_ten_years_at_most() {
    let mut key = key(Kind::External);
    assert_eq!(key.alter_remember(Millis::MAX_DURATION, 1), Ok(true));
    for (keep, max) in [(Millis(Millis::MAX_DURATION.0 + 1), 1), (Millis(1), 0)] {
        assert!(matches!(key.alter_remember(keep, max), Err(Error::OutOfRange(_))));
    }
}

/// A chunk has 64 KiB, so these ids fill several. One that is written anew, or has moved to the front, says what it said before.
#[test]
fn ids_of_later_chunks_are_known_with_their_times_whatever_becomes_of_those_in_front() {
    let mut key = remembering(1_000_000, 20_000);
    let id = |n: i64| format!("{n:040}");
    for n in 0..6_000 {
        let now = UnixMs(n);
        key.add(&Addition::once(Guard::Always, 1, id(n).as_bytes(), b""), now).expect("room");
        if n % 100 == 99 {
            let terms = ClaimTerms { consumer: b"w", count: 100, lease: Millis(10), first: None };
            let got = key.claim(&terms, now).expect("no sink");
            key.ack(&[TokenRange { first: got.first, last: got.first + 99 }], now).expect("few");
        }
    }
    let full = key.memory();
    // Three in four of the first chunks go one by one, then all that were done by a time, from the first on.
    let forgotten: Vec<i64> = (0..4_000).filter(|n| n % 4 != 3).collect();
    assert!(forgotten.iter().all(|n| key.forget(id(*n).as_bytes())) && !key.forget(id(0).as_bytes()));
    assert!(key.memory() < full - 100_000, "chunks of which most is gone are written anew");
    while key.forget_stride(UnixMs(1_000_000 + 2_050)) {}
    assert_eq!(key.forgets_at(), Some(UnixMs(1_000_000 + 2_099)));
    for n in 0..6_000 {
        let known = n >= 4_000 || n >= 2_000 && n % 4 == 3;
        assert_eq!(
            key.gate.remembered.holds(&key.gate.names, id(n).as_bytes(), key.gate.names.hash(id(n).as_bytes())),
            known,
            "{n}"
        );
    }
}

#[test]
fn what_is_too_much_or_not_remembered_any_more_is_forgotten_at_once() {
    let mut key = remembering(1_000, 9);
    ["a", "b"].iter().for_each(|id| work(&mut key, id, 5));
    assert_eq!(key.forgets_at(), Some(UnixMs(1_005)));
    key.alter_remember(Millis(1_000), 1).expect("valid");
    assert_eq!(key.forgets_at(), Some(UnixMs::EVER));
    assert!(key.forget_stride(UnixMs(6)) && !key.forget_stride(UnixMs(6)));
    assert_eq!((key.remembered(), key.forgets_at()), (1, Some(UnixMs(1_005))));
    key.alter_remember(Millis::ZERO, 1).expect("valid");
    assert_eq!(key.forgets_at(), Some(UnixMs::EVER));
}
