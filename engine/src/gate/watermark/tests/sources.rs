//! Sources: the slowest counts, silent ones do not, and none may go too far at once.

use super::*;

#[test]
fn the_slowest_source_counts_and_all_must_have_spoken() {
    let mut key = key(sources(&["a", "b"]));
    add(&mut key, 7, "x");
    let advance = |key: &mut Tsgen, to, name: &str| key.advance(to, Some(name.as_bytes()), UnixMs(3));
    assert_eq!(advance(&mut key, 9, "a"), Ok(Advanced { watermark: None, changed: true, released: false }));
    assert_eq!(advance(&mut key, 6, "b"), Ok(Advanced { watermark: Some(6), changed: true, released: false }));
    assert_eq!(advance(&mut key, 8, "b"), Ok(Advanced { watermark: Some(8), changed: true, released: true }));
    assert_eq!(advance(&mut key, 1, "b"), Ok(Advanced { watermark: Some(8), changed: false, released: false }));
    assert_eq!(advance(&mut key, 1, "c"), Err(Error::UnknownSource));
    assert_eq!(key.advance(1, None, T0), Err(Error::SourceNeeded));
}

#[test]
fn sources_must_be_named_and_different() {
    for kind in [sources(&[]), sources(&["a", "a"])] {
        assert!(
            Tsgen::create(WatermarkRules { kind, ..Default::default() }, DeliveryOptions::default(), [1, 2]).is_err()
        );
    }
}

/// One that reported too much used to stay so for good, if another had not reported yet.
#[test]
fn a_source_can_be_set_back_while_the_watermark_is_unset_and_later() {
    let mut key = key(sources(&["a", "b"]));
    for (timestamp, id) in [(10, "x"), (30, "y")] {
        add(&mut key, timestamp, id);
    }
    assert_eq!(key.check_source(b"a", 5), Err(Error::SourceNotBelow), "it has reported nothing");
    assert!(!key.alter_source(b"a", 5));
    key.advance(999_999, Some(b"a"), T0).expect("a source");
    assert_eq!(key.check_source(b"c", 5), Err(Error::UnknownSource));
    assert_eq!(key.check_source(b"a", 1_000_000), Err(Error::SourceNotBelow));
    assert_eq!(key.check_source(b"a", 12), Ok(()));
    assert!(key.alter_source(b"a", 12) && !key.alter_source(b"a", 12) && !key.alter_source(b"a", 13));
    assert_eq!(key.advance(20, Some(b"b"), T0).map(|advanced| advanced.watermark), Ok(Some(12)));
    assert_eq!(claim(&mut key, 0).0, ["x"]);
    // The watermark stays, and rises only when the source has come as far again.
    assert!(key.alter_source(b"a", 3));
    assert_eq!(key.watermark(T0), Some(12));
    for (to, watermark) in [(11, 12), (13, 13), (40, 20)] {
        assert_eq!(key.advance(to, Some(b"a"), T0).map(|advanced| advanced.watermark), Ok(Some(watermark)));
    }
    let external = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid");
    assert_eq!(external.check_source(b"a", 1), Err(Error::UnknownSource));
}

const IDLE: Millis = Millis(100);

/// A key with these sources, of which one may be silent for 100 ms. All report `5` at 0.
fn with_silence(names: &[&str]) -> Tsgen {
    let mut key = key(sources(names));
    assert!(key.alter_source_idle(IDLE, T0) && !key.alter_source_idle(IDLE, T0));
    for name in names {
        report(&mut key, name, 5, 0);
    }
    key
}

fn report(key: &mut Tsgen, name: &str, to: i64, now: i64) -> Option<i64> {
    key.advance(to, Some(name.as_bytes()), UnixMs(now)).expect("a source").watermark
}

/// Leaves out whoever is silent at `now`.
fn decide(key: &mut Tsgen, now: i64) -> Advanced {
    let silent: Vec<Vec<u8>> = key.silent(UnixMs::EVER, UnixMs(now)).into_iter().map(<[u8]>::to_vec).collect();
    key.leave_out(&silent.iter().map(|name| &name[..]).collect::<Vec<_>>(), UnixMs(now))
}

fn idle(key: &Tsgen) -> Vec<bool> {
    key.sources().iter().map(|source| source.idle).collect()
}

#[test]
fn a_silent_source_is_left_out_until_it_reports_and_the_watermark_never_falls() {
    let mut key = with_silence(&["a", "b", "c"]);
    add(&mut key, 50, "x");
    assert_eq!((report(&mut key, "a", 70, 60), report(&mut key, "b", 60, 70)), (Some(5), Some(5)));
    assert_eq!(key.next_silence(UnixMs::EVER), Some(UnixMs(100)));
    assert_eq!(decide(&mut key, 99), Advanced { watermark: Some(5), changed: false, released: false });
    assert_eq!(decide(&mut key, 100), Advanced { watermark: Some(60), changed: true, released: true });
    assert_eq!((idle(&key), key.idle_sources()), (vec![false, false, true], 1));
    // It counts again, and the watermark stays although the source is behind it.
    assert_eq!(report(&mut key, "c", 20, 120), Some(60));
    assert_eq!((report(&mut key, "a", 90, 130), report(&mut key, "b", 90, 130)), (Some(60), Some(60)));
    assert_eq!((idle(&key), report(&mut key, "c", 80, 140)), (vec![false; 3], Some(80)));
}

#[test]
fn if_all_are_silent_the_watermark_stays_and_one_that_never_spoke_counts_as_silent_too() {
    let mut silent = with_silence(&["a", "b"]);
    report(&mut silent, "a", 9, 1);
    assert_eq!(decide(&mut silent, 500), Advanced { watermark: Some(5), changed: true, released: false });
    assert_eq!((idle(&silent), silent.next_silence(UnixMs::EVER)), (vec![true; 2], None));

    let mut key = key(sources(&["a", "b"]));
    key.alter_source_idle(IDLE, T0);
    key.listen_from(UnixMs(40));
    assert_eq!(report(&mut key, "a", 9, 100), None);
    assert_eq!((decide(&mut key, 139).changed, decide(&mut key, 140).watermark), (false, Some(9)));
}

/// What nobody could hear is no silence: a source is silent from when it could be heard.
#[test]
fn silence_counts_from_when_one_could_be_heard() {
    let key = with_silence(&["a"]);
    assert!(key.silent(UnixMs(450), UnixMs(549)).is_empty());
    assert_eq!(key.silent(UnixMs(450), UnixMs(550)), [b"a"]);
    assert_eq!(key.next_silence(UnixMs(450)), Some(UnixMs(550)));
}

#[test]
fn with_another_time_a_source_that_is_not_silent_by_it_counts_again() {
    let mut key = with_silence(&["a", "b"]);
    report(&mut key, "a", 9, 90);
    decide(&mut key, 100);
    assert_eq!(idle(&key), [false, true]);
    assert!(key.alter_source_idle(Millis(120), UnixMs(110)));
    assert_eq!(idle(&key), [false, false]);
    decide(&mut key, 120);
    assert!(key.alter_source_idle(Millis::ZERO, UnixMs(130)));
    assert_eq!((idle(&key), key.watermark(T0), report(&mut key, "a", 30, 140)), (vec![false; 2], Some(9), Some(9)));
    let external = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid");
    assert!(external.check_source_idle(IDLE).is_err() && external.check_source_idle(Millis::ZERO).is_ok());
}

#[test]
fn sources_come_and_go() {
    use SourceChange::{Add, Remove};
    let name = |name: &str| Box::from(name.as_bytes());
    let mut key = with_silence(&["a", "b"]);
    report(&mut key, "a", 30, 10);
    // A new one holds the watermark where it is until it reports, or is idle.
    assert_eq!(key.change_sources(&[Add(name("c"))], UnixMs(50)), Ok(true));
    assert_eq!((report(&mut key, "b", 20, 60), report(&mut key, "c", 12, 70)), (Some(5), Some(12)));
    assert_eq!(key.change_sources(&[Add(name("d"))], UnixMs(80)), Ok(true));
    assert_eq!(
        (report(&mut key, "c", 40, 90), report(&mut key, "a", 40, 130), report(&mut key, "b", 25, 140)),
        (Some(12), Some(12), Some(12))
    );
    assert_eq!(decide(&mut key, 180).watermark, Some(25));
    // Without the slowest the watermark rises, and never without any.
    assert_eq!(key.change_sources(&[Remove(name("b"))], UnixMs(181)), Ok(true));
    assert_eq!(key.watermark(T0), Some(40));
    assert_eq!(key.change_sources(&[], T0), Ok(false));
    let refused = |key: &mut Tsgen, changes: &[SourceChange]| {
        let before = key.sources().to_vec();
        assert!(matches!(key.change_sources(changes, T0), Err(Error::OutOfRange(_))), "{changes:?}");
        assert_eq!(key.sources(), before);
    };
    refused(&mut key, &[Add(name("a"))]);
    refused(&mut key, &[Add(name("new")), Remove(name("b"))]);
    refused(&mut key, &[Remove(name("a")), Remove(name("c")), Remove(name("d"))]);
    let many: Vec<_> = (0..MAX_SOURCES).map(|n| Add(name(&n.to_string()))).collect();
    refused(&mut key, &many);
    // One after the other: this one begins anew.
    assert_eq!(key.change_sources(&[Remove(name("a")), Add(name("a"))], UnixMs(200)), Ok(true));
    assert_eq!(key.sources().last().map(|source| (&*source.name, source.timestamp)), Some((&b"a"[..], None)));
    let mut external = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid");
    refused(&mut external, &[Add(name("a"))]);
}

#[test]
fn an_advance_that_goes_too_far_is_told_from_one_that_does_not() {
    let mut external = key(Kind::External);
    assert!(external.alter_max_jump(10) && !external.alter_max_jump(10));
    assert_eq!(external.check_jump(1_000, None), Ok(()), "the first is free");
    external.advance(1_000, None, T0).expect("external");
    assert_eq!(external.check_jump(1_010, None), Ok(()));
    assert_eq!(external.check_jump(i64::MIN, None), Ok(()));
    assert_eq!(external.check_jump(i64::MAX, None), Err(Error::Jump { to: i64::MAX, from: 1_000, max: 10 }));
    assert_eq!(external.check_jump(1_011, None).map_err(|error| error.code()), Err("JUMP"));

    let mut several = with_silence(&["a", "b"]);
    several.alter_max_jump(10);
    assert_eq!(several.check_jump(16, Some(b"a")), Err(Error::Jump { to: 16, from: 5, max: 10 }));
    for step in 1..20 {
        assert_eq!(several.check_jump(5 + step * 10, Some(b"a")), Ok(()));
        report(&mut several, "a", 5 + step * 10, 90);
    }
    // The way of a source that was left out up to the watermark does not count.
    assert_eq!(decide(&mut several, 100).watermark, Some(195));
    assert_eq!((several.check_jump(205, Some(b"b")), several.check_jump(206, Some(b"b")).is_err()), (Ok(()), true));
    // A first report may be anything, as long as a watermark that is there does not rise too far by it.
    several.change_sources(&[SourceChange::Add(b"c"[..].into())], UnixMs(100)).expect("room");
    assert_eq!(several.check_jump(1_000, Some(b"c")), Ok(()), "the first one holds the watermark");
    several.change_sources(&[SourceChange::Remove(b"a"[..].into())], UnixMs(100)).expect("others are left");
    assert_eq!(several.check_jump(205, Some(b"c")), Ok(()));
    assert_eq!(several.check_jump(206, Some(b"c")), Err(Error::Jump { to: 206, from: 195, max: 10 }));
    assert!(several.alter_max_jump(0));
    assert_eq!(several.check_jump(i64::MAX, Some(b"b")), Ok(()));
    assert!(key(Kind::Clock).check_max_jump(1).is_err());
}

/// The watermark itself stays: it stands where the slowest source is.
#[test]
fn a_source_that_is_ahead_is_set_back_with_the_watermark() {
    let mut key = key(sources(&["slow", "fast"]));
    for (name, timestamp) in [(&b"slow"[..], 10), (b"fast", 20)] {
        key.advance(timestamp, Some(name), T0).expect("a source");
    }
    assert_eq!(key.alter_watermark(10, T0), Ok(true));
    assert_eq!(key.sources().iter().map(|source| source.timestamp).collect::<Vec<_>>(), [Some(10), Some(10)]);
    assert_eq!(key.alter_watermark(10, T0), Ok(false));
}

#[test]
fn a_source_may_be_silent_for_ten_years_at_most() {
    let mut key = key(sources(&["a", "b"]));
    assert_eq!(key.check_source_idle(Millis::MAX_DURATION), Ok(()));
    assert!(matches!(key.check_source_idle(Millis(Millis::MAX_DURATION.0 + 1)), Err(Error::OutOfRange(_))));
    assert!(matches!(self::key(Kind::External).check_source_idle(Millis(1)), Err(Error::OutOfRange(_))));
    assert_eq!((key.idle_sources(), key.alter_source_idle(IDLE, T0)), (0, true));
}
