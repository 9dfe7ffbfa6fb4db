mod remembered;
mod settings;
mod sources;

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

#[test]
fn only_a_clock_that_holds_something_can_close_again() {
    let (mut clock, mut external) = (key(Kind::Clock), key(Kind::External));
    assert!(!clock.closes_again() && !external.closes_again());
    assert_eq!([add(&mut clock, 50, "a"), add(&mut external, 50, "a")], [Added::Waits; 2]);
    assert!(clock.closes_again() && !external.closes_again());
    assert_eq!(clock.stats(UnixMs(80)).oldest_ready_age, Some(Millis(30)), "a clock opens for each at its own time");
}

#[test]
fn what_was_late_on_arrival_is_counted_however_it_came() {
    let mut key = key(Kind::External);
    key.advance(5, None, T0).expect("external");
    let added = [5, 6, 4].map(|timestamp| add(&mut key, timestamp, "id"));
    assert_eq!(added, [Added::Ready, Added::Waits, Added::Ready]);
    assert_eq!(key.stats(T0).totals.late, 2);
    key.madd(&[(5, b"a", b""), (6, b"b", b""), (1, b"c", b"")], T0).expect("room");
    assert_eq!(key.stats(T0).totals.late, 4);
}

#[test]
fn a_full_key_takes_elements_that_replace_others_several_at_once_too() {
    let options = DeliveryOptions { max_len: 2, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    let elements = |ids: [&'static [u8]; 2]| ids.map(|id| (1, id, &b""[..]));
    for (ids, taken) in [([b"a", b"b"], true), ([b"b", b"a"], true), ([b"a", b"c"], false), ([b"b", b"b"], true)] {
        assert_eq!(key.madd(&elements(ids.map(|id| &id[..])), T0).is_ok(), taken, "{ids:?}");
    }
    assert_eq!(key.len(), 2);
}

#[test]
fn an_element_that_is_put_off_stays_in_its_group() {
    let options = DeliveryOptions { group_limit: 1, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    key.add(&Addition { group: Some(b"group"), ..Addition::once(Guard::Always, 1, b"id", b"") }, T0).expect("room");
    let group = |key: &mut Tsgen| {
        let page = key.peek(crate::Listing::Waiting, None, 9, T0);
        page.entries.iter().map(|entry| (entry.key, entry.group.map(<[u8]>::to_vec))).collect::<Vec<_>>()
    };
    assert_eq!(key.put_off(7, b"id", T0), Ok(Added::Waits));
    assert_eq!(group(&mut key), [(7, Some(b"group".to_vec()))]);
    assert_eq!(key.add(&Addition::once(Guard::Always, 8, b"id", b""), T0), Ok(Added::Waits));
    assert_eq!(group(&mut key), [(8, Some(b"id".to_vec()))], "who replaces it says which group");
}

#[test]
fn what_opened_before_keeps_its_age_when_the_watermark_is_set_back() {
    let mut key = key(Kind::External);
    for (watermark, now) in [(1, 10), (5, 20), (9, 30)] {
        key.advance(watermark, None, UnixMs(now)).expect("external");
    }
    assert_eq!(key.alter_watermark(5, UnixMs(40)), Ok(true));
    assert_eq!(key.alter_watermark(5, UnixMs(40)), Ok(false));
    add(&mut key, 1, "old");
    assert_eq!(key.stats(UnixMs(50)).oldest_ready_age, Some(Millis(40)));
}

#[test]
fn elements_are_listed_by_their_timestamps_both_ends_included() {
    let mut key = key(Kind::External);
    for n in 1..6 {
        add(&mut key, n, &n.to_string());
    }
    key.advance(3, None, T0).expect("external");
    let listed: Vec<_> = key.range(2, 4, 9, T0).iter().map(|element| (element.timestamp, element.state)).collect();
    assert_eq!(listed, [(2, "ready"), (3, "ready"), (4, "waiting")]);
}
