use super::*;
use crate::{Addition, ClaimTerms, DeliveryOptions, Guard, Millis, Nack, TokenRange, Tsgen, Which};

const T0: UnixMs = UnixMs(0);

fn key(kind: Kind) -> Tsgen {
    Tsgen::create(WatermarkRules { kind, ..Default::default() }, DeliveryOptions::default(), [1, 2])
        .expect("valid options")
}

fn add(key: &mut Tsgen, timestamp: i64, id: &str) -> Added {
    key.add(&Addition::once(Guard::Always, timestamp, id.as_bytes(), b""), T0).expect("room")
}

fn claim(key: &mut Tsgen, now: i64) -> (Vec<String>, u64) {
    let claim = key
        .claim(&ClaimTerms { consumer: b"w", count: 100, lease: Millis(10), first: None }, UnixMs(now))
        .expect("no sink");
    (key.delivered(&claim).map(|entry| String::from_utf8_lossy(entry.name).into_owned()).collect(), claim.first)
}

fn sources(names: &[&str]) -> Kind {
    let source = |name: &&str| Source { name: name.as_bytes().into(), timestamp: None, reported_at: T0, idle: false };
    Kind::Sources(names.iter().map(source).collect())
}

#[test]
fn nothing_is_ready_before_the_first_advance() {
    let mut key = key(Kind::External);
    assert_eq!(add(&mut key, i64::MIN, "a"), Added::Waits);
    assert_eq!((claim(&mut key, 0).0.len(), key.watermark(T0)), (0, None));
}

#[test]
fn elements_come_out_once_the_watermark_has_reached_them_oldest_first() {
    let mut key = key(Kind::External);
    for (timestamp, id) in [(3, "c"), (1, "a"), (2, "b"), (2, "b2")] {
        assert_eq!(add(&mut key, timestamp, id), Added::Waits);
    }
    key.advance(2, None, T0).expect("external");
    assert_eq!(claim(&mut key, 0).0, ["a", "b", "b2"]);
    assert_eq!((add(&mut key, 2, "late"), add(&mut key, 3, "d")), (Added::Ready, Added::Waits));
    assert_eq!(claim(&mut key, 0).0, ["late"]);
    key.advance(3, None, T0).expect("external");
    assert_eq!(claim(&mut key, 0).0, ["c", "d"]);
}

#[test]
fn a_lower_advance_changes_nothing_and_tells_the_watermark() {
    let mut key = key(Kind::External);
    key.advance(5, None, T0).expect("external");
    let lower = key.advance(4, None, T0).expect("external");
    assert_eq!(lower, Advanced { watermark: Some(5), changed: false, released: false });
}

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

/// A clock that was an hour ahead used to leave the gate open until that hour was over.
#[test]
fn a_clock_lets_elements_through_and_takes_them_back_when_it_is_set_right() {
    let mut key = key(Kind::Clock);
    for (timestamp, id) in [(50, "a"), (60, "b")] {
        add(&mut key, timestamp, id);
    }
    assert_eq!(key.next_opening(T0), Some(UnixMs(50)));
    assert_eq!(claim(&mut key, 49).0.len(), 0);
    assert_eq!(claim(&mut key, 50).0, ["a"]);
    assert_eq!(key.next_deadline(UnixMs(50)), Some(UnixMs(60)));
    assert_eq!(key.advance(1, None, T0), Err(Error::ClockDriven));
    assert_eq!(key.alter_watermark(1, T0), Err(Error::ClockDriven));

    // It was ahead when something was added and claimed, and is set right.
    for (timestamp, id, added) in [(70, "c", Added::Ready), (2_000, "d", Added::Waits)] {
        assert_eq!(key.add(&Addition::once(Guard::Always, timestamp, id.as_bytes(), b""), UnixMs(900)), Ok(added));
    }
    assert_eq!(
        key.claim(&ClaimTerms { consumer: b"w", count: 1, lease: Millis(10), first: None }, UnixMs(901))
            .expect("no sink")
            .count,
        1
    );
    assert_eq!((key.watermark(UnixMs(60)), key.next_opening(UnixMs(60))), (Some(60), Some(UnixMs(70))));
    assert_eq!(key.add(&Addition::once(Guard::Always, 65, b"e", b""), UnixMs(55)), Ok(Added::Waits));
    assert!(!key.has_ready(UnixMs(59)) && key.closes_again());
    assert_eq!([60, 65].map(|now| claim(&mut key, now).0), [["b"], ["e"]]);
    assert!(!key.has_ready(UnixMs(69)) && key.has_ready(UnixMs(70)));
}

/// What was in hand when the clock was set right keeps its lease, and waits for its time if it comes back.
#[test]
fn what_was_claimed_under_a_clock_that_was_ahead_waits_when_it_comes_back() {
    let mut key = key(Kind::Clock);
    for id in ["a", "b", "c"] {
        add(&mut key, 500, id);
    }
    let got = key
        .claim(&ClaimTerms { consumer: b"w", count: 3, lease: Millis(100), first: None }, UnixMs(900))
        .expect("no sink");
    let token = |nth: u64| [TokenRange::one(got.first + nth)];
    assert_eq!(key.stats(UnixMs(20)).leased, 3);
    assert_eq!(key.ack(&token(0), UnixMs::EVER).expect("one").count, 1);
    let nack = Nack { delay: Some(Millis::ZERO), dead: false, reason: b"" };
    assert_eq!(key.nack(&token(1), &nack, UnixMs(20)).expect("one").count, 1);
    assert_eq!((key.get(b"b", UnixMs(20)).expect("there").state, key.has_ready(UnixMs(499))), ("waiting", false));
    assert_eq!(key.next_release(UnixMs(20)), Some(UnixMs(500)));
    assert_eq!(claim(&mut key, 500).0, ["b"]);
    assert_eq!(claim(&mut key, 1_000).0, ["b", "c"], "leases of 10 and of 100 ms are over");
}

/// One whose delay is over and that nobody has swept yet waits for its time as well, and INFO says for which.
#[test]
fn what_comes_back_unswept_and_waits_is_the_next_deadline() {
    let mut key = key(Kind::Clock);
    add(&mut key, 500, "a");
    let token = [TokenRange::one(
        key.claim(&ClaimTerms { consumer: b"w", count: 1, lease: Millis(100), first: None }, UnixMs(900))
            .expect("no sink")
            .first,
    )];
    let nack = Nack { delay: Some(Millis(10)), dead: false, reason: b"" };
    assert_eq!(key.nack(&token, &nack, UnixMs(20)).expect("one").count, 1);
    let stats = key.stats(UnixMs(35));
    assert_eq!((stats.delayed, stats.waiting, stats.next_deadline), (0, 1, Some(UnixMs(500))));
}

/// A file of a time when it said how far the clock had opened the gate.
#[test]
fn a_snapshot_that_says_how_far_a_clock_had_come_is_read_without_it() {
    let rules = WatermarkRules { kind: Kind::Clock, ..Default::default() };
    let saved = Saved { rules, reached: Some(900), rises: Vec::new() };
    let gate = Watermark::load(saved, [1, 2]).expect("a gate of that time");
    assert_eq!((gate.horizon(UnixMs(5)), gate.save().reached), (Some(5), None));
}

#[test]
fn an_operator_can_set_the_watermark_back_but_not_forward() {
    let mut key = key(sources(&["a"]));
    assert_eq!(key.alter_watermark(1, T0), Err(Error::WatermarkNotBelow));
    for (timestamp, id) in [(10, "a"), (20, "b")] {
        add(&mut key, timestamp, id);
    }
    key.advance(999_999, Some(b"a"), T0).expect("a source");
    assert_eq!(key.alter_watermark(1_000_000, T0), Err(Error::WatermarkNotBelow));
    assert_eq!(key.alter_watermark(15, T0), Ok(true));
    assert_eq!(claim(&mut key, 0).0, ["a"]);
    assert_eq!(key.advance(20, Some(b"a"), T0).map(|advanced| advanced.watermark), Ok(Some(20)));
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

#[test]
fn late_elements_are_refused_where_the_key_says_so() {
    let mut key = key(Kind::External);
    key.advance(5, None, T0).expect("external");
    assert!(key.alter_late(Late::Reject));
    assert_eq!(key.add(&Addition::once(Guard::Always, 5, b"x", b""), T0), Err(Error::Late));
    assert_eq!(key.madd(&[(6, b"y", b""), (5, b"x", b"")], T0), Err(Error::Late));
    assert_eq!((key.len(), key.stats(T0).totals.late), (0, 0));
}

#[test]
fn guards_look_at_the_newest_element_whatever_its_state() {
    let mut key = key(Kind::External);
    let guarded = |key: &mut Tsgen, guard| key.add(&Addition::once(guard, 1, b"x", b""), T0).expect("room");
    assert_eq!(guarded(&mut key, Guard::IfPresent), Added::Refused);
    assert_eq!(guarded(&mut key, Guard::IfAbsent), Added::Waits);
    assert_eq!(guarded(&mut key, Guard::IfAbsent), Added::Refused);
    assert_eq!(guarded(&mut key, Guard::IfPresent), Added::Waits);
}

#[test]
fn a_full_key_takes_replacements_and_nothing_else() {
    let options = DeliveryOptions { max_len: 2, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    assert_eq!(key.madd(&[(1, b"a", b""), (1, b"b", b""), (1, b"c", b"")], T0), Err(Error::Full));
    assert_eq!(key.madd(&[(1, b"a", b""), (1, b"b", b""), (2, b"a", b"")], T0).map(|added| added.len()), Ok(3));
    assert_eq!(key.add(&Addition::once(Guard::Always, 1, b"c", b""), T0), Err(Error::Full));
    key.advance(5, None, T0).expect("external");
    claim(&mut key, 0);
    assert_eq!(
        key.add(&Addition::once(Guard::Always, 9, b"a", b""), T0),
        Ok(Added::Waits),
        "a superseded delivery takes no room"
    );
}

#[test]
fn a_new_element_supersedes_a_leased_one_whose_token_still_settles() {
    let mut key = key(Kind::External);
    add(&mut key, 1, "x");
    key.advance(5, None, T0).expect("external");
    let (_, token) = claim(&mut key, 0);
    add(&mut key, 9, "x");
    assert_eq!(key.get(b"x", T0).map(|element| (element.state, element.timestamp)), Some(("waiting", 9)));
    assert_eq!(key.ack(&[TokenRange::one(token)], UnixMs::EVER).map(|settled| settled.count), Ok(1));
    assert_eq!(key.get(b"x", T0).map(|element| element.state), Some("waiting"));

    add(&mut key, 1, "y");
    claim(&mut key, 0);
    add(&mut key, 9, "y");
    assert_eq!(claim(&mut key, 1_000).0.len(), 0, "the superseded delivery does not come back");
    assert_eq!(key.len(), 2);
}

#[test]
fn removal_makes_the_token_stale_and_frees_the_id_in_every_state() {
    let mut key = key(Kind::External);
    for id in ["waiting", "leased", "delayed", "dead"] {
        add(&mut key, if id == "waiting" { 9 } else { 1 }, id);
    }
    key.advance(5, None, T0).expect("external");
    let (_, first) = claim(&mut key, 0);
    let nack = |dead| Nack { delay: Some(Millis(500)), dead, reason: b"" };
    key.nack(&[TokenRange::one(first + 1)], &nack(false), T0).expect("one");
    key.nack(&[TokenRange::one(first + 2)], &nack(true), T0).expect("one");
    for id in ["waiting", "leased", "delayed", "dead"] {
        assert_eq!(key.get(id.as_bytes(), T0).map(|element| element.state), Some(id));
        assert!(key.rem(id.as_bytes()) && !key.rem(id.as_bytes()));
    }
    assert!(key.is_empty());
    assert_eq!(key.ack(&[TokenRange { first, last: first + 9 }], UnixMs::EVER).map(|settled| settled.count), Ok(0));
    assert_eq!(key.requeue(Which::All(9), T0).map(|settled| settled.count), Ok(0));
}

#[test]
fn the_age_of_ready_elements_stays_known_through_many_advances() {
    let mut key = key(Kind::External);
    for step in 0..1_000 {
        key.advance(step, None, UnixMs(step * 10)).expect("external");
    }
    add(&mut key, 999, "newest");
    assert_eq!(key.stats(UnixMs(10_000)).oldest_ready_age, Some(Millis(10)));
    add(&mut key, 0, "oldest");
    assert!(key.stats(UnixMs(10_000)).oldest_ready_age > Some(Millis(9_000)));
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
    // One that was left out catches up with the watermark for nothing.
    assert_eq!(decide(&mut several, 100).watermark, Some(195));
    assert_eq!((several.check_jump(205, Some(b"b")), several.check_jump(206, Some(b"b")).is_err()), (Ok(()), true));
    // What one reports first is free, but not what that would do to a watermark which is there.
    several.change_sources(&[SourceChange::Add(b"c"[..].into())], UnixMs(100)).expect("room");
    assert_eq!(several.check_jump(1_000, Some(b"c")), Ok(()), "the first one holds the watermark");
    several.change_sources(&[SourceChange::Remove(b"a"[..].into())], UnixMs(100)).expect("others are left");
    assert_eq!(several.check_jump(205, Some(b"c")), Ok(()));
    assert_eq!(several.check_jump(206, Some(b"c")), Err(Error::Jump { to: 206, from: 195, max: 10 }));
    assert!(several.alter_max_jump(0));
    assert_eq!(several.check_jump(i64::MAX, Some(b"b")), Ok(()));
    assert!(key(Kind::Clock).check_max_jump(1).is_err());
}

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
