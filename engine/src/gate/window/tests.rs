mod bounds;

use crate::{
    batch_number, Batch, ClaimTerms, Counted, DeliveryOptions, Error, FieldKind, Incremented, Loader, Millis,
    OpenWindow, Settled, Tally, TokenRange, UnixMs, Which, WindowRules, MAX_FIELDS,
};

fn rules() -> WindowRules {
    WindowRules { every: Millis(100), ..WindowRules::default() }
}

fn key(rules: WindowRules) -> Tally {
    Tally::create(rules, DeliveryOptions::default(), [1, 2]).expect("valid rules")
}

fn incr(key: &mut Tally, field: &str, delta: i64, now: i64) -> i64 {
    key.incr(field.as_bytes(), delta, UnixMs(now)).expect("room").sum
}

fn mincr(key: &mut Tally, increments: &[(&str, i64)], now: i64) -> Result<Incremented<Vec<i64>>, Error> {
    let increments: Vec<_> = increments.iter().map(|(field, delta)| (field.as_bytes(), *delta)).collect();
    key.mincr(&increments, UnixMs(now))
}

/// One batch of a claim: its number, when it opened and was sealed, and `field=sum …`.
type Told = (u64, i64, i64, String);

fn claim(key: &mut Tally, count: usize, now: i64) -> Vec<Told> {
    let claim = key
        .claim(&ClaimTerms { consumer: b"w", count, lease: Millis(1_000_000), first: None }, UnixMs(now))
        .expect("no sink");
    let told = |batch: Batch<'_>| {
        let sums: Vec<_> =
            batch.sums().map(|(field, sum)| format!("{}={sum}", String::from_utf8_lossy(field))).collect();
        sums.join(" ")
    };
    key.delivered(&claim)
        .map(|entry| {
            let batch = Batch::of(entry.body);
            (batch_number(entry.name).expect("a number"), batch.opened_at.0, entry.key, told(batch))
        })
        .collect()
}

fn sums(key: &mut Tally, now: i64) -> Vec<String> {
    claim(key, 100, now).into_iter().map(|(.., sums)| sums).collect()
}

fn snapshot(key: &Tally) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn restore(key: &Tally) -> Tally {
    let mut loader = Loader::new([7, 8]);
    snapshot(key).iter().for_each(|chunk| loader.push(chunk).expect("a chunk just saved loads"));
    loader.finish().expect("a snapshot just taken is whole")
}

#[test]
fn a_window_is_sealed_so_long_after_its_first_increment_and_not_a_millisecond_earlier() {
    let mut key = key(rules());
    assert_eq!(incr(&mut key, "b", 2, 1_000), 2);
    assert_eq!(incr(&mut key, "a", 1, 1_050), 1);
    assert_eq!(incr(&mut key, "b", -5, 1_099), -3);
    assert_eq!(claim(&mut key, 9, 1_099), []);
    assert_eq!(claim(&mut key, 9, 1_100), [(1_100 * 1024, 1_000, 1_100, "a=1 b=-3".to_owned())]);
    assert_eq!(claim(&mut key, 9, 9_000), []);
}

#[test]
fn only_increments_of_an_open_window_are_plain() {
    let mut key = key(WindowRules { max_fields: 3, ..rules() });
    let mut counted = |field: &str, now| key.incr(field.as_bytes(), 1, UnixMs(now)).expect("room").counted;
    let opened = |until| Counted { is_plain: false, sealed: 0, opened_until: Some(UnixMs(until)) };
    assert_eq!(counted("a", 0), opened(100));
    assert!(counted("a", 99).is_plain && counted("b", 99).is_plain);
    // The third field seals it at once, and the next opens another.
    assert_eq!(counted("c", 99), Counted { is_plain: false, sealed: 1, opened_until: None });
    assert_eq!(counted("c", 99), opened(199));
    // The time of that one is over: it is sealed first.
    assert_eq!(counted("c", 199), Counted { sealed: 1, ..opened(299) });
}

#[test]
fn a_window_that_nobody_asked_for_is_sealed_as_of_its_end() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 0);
    incr(&mut key, "a", 2, 5_000);
    let claimed = claim(&mut key, 9, 6_000);
    // Numbers tell when it was done, places what was due when.
    assert_eq!(claimed[0], (5_000 * 1024, 0, 100, "a=1".to_owned()));
    assert_eq!(claimed[1], (6_000 * 1024, 5_000, 5_100, "a=2".to_owned()));
}

#[test]
fn batch_numbers_rise_also_when_the_clock_does_not() {
    let mut key = key(rules());
    let mut numbers = Vec::new();
    for now in [10_000, 10_000, 5_000, 20_000] {
        incr(&mut key, "a", 1, now);
        assert_eq!(key.seal(UnixMs(now)), Settled { count: 1, changed: true });
        numbers.extend(claim(&mut key, 9, now).into_iter().map(|(number, ..)| number));
    }
    assert_eq!(numbers, [10_000 * 1024, 10_000 * 1024 + 1, 10_000 * 1024 + 2, 20_000 * 1024]);
    assert_eq!(key.seal(UnixMs(20_000)), Settled::default());
}

#[test]
fn seal_leaves_alone_what_time_has_sealed() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 0);
    assert_eq!(key.seal(UnixMs(100)), Settled::default());
    assert_eq!(claim(&mut key, 9, 100)[0].2, 100);
}

#[test]
fn a_sum_counts_until_its_batch_is_acknowledged() {
    let mut key = key(rules());
    for now in [0, 200, 400] {
        incr(&mut key, "a", 10, now);
        incr(&mut key, "b", 1, now);
    }
    assert_eq!(key.sum(b"a"), Ok(30));
    let claim = key
        .claim(&ClaimTerms { consumer: b"w", count: 1, lease: Millis(10), first: None }, UnixMs(400))
        .expect("no sink");
    assert_eq!(key.sum(b"a"), Ok(30));
    key.ack(&[TokenRange::one(claim.first)], UnixMs::EVER).expect("few");
    assert_eq!((key.sum(b"a"), key.sum(b"b"), key.sum(b"c")), (Ok(20), Ok(2), Ok(0)));
    let far = [i64::MAX, 1].map(|delta| key.incr(b"a", delta, UnixMs(400)).err());
    assert_eq!(far, [Some(Error::Overflow), None]);
}

#[test]
fn a_dead_batch_counts_until_it_is_discarded() {
    let options = DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() };
    let mut key = Tally::create(rules(), options, [1, 2]).expect("valid rules");
    incr(&mut key, "a", 3, 0);
    key.claim(&ClaimTerms { consumer: b"w", count: 1, lease: Millis(10), first: None }, UnixMs(100)).expect("no sink");
    assert_eq!(key.stats(UnixMs(110)).dead, 1);
    assert_eq!(key.sum(b"a"), Ok(3));
    assert_eq!(key.discard(Which::All(9), UnixMs(110)).map(|settled| settled.count), Ok(1));
    assert_eq!(key.sum(b"a"), Ok(0));
}

#[test]
fn the_sum_of_sums_may_overflow_and_says_so() {
    let mut key = key(rules());
    incr(&mut key, "a", i64::MAX, 0);
    incr(&mut key, "a", 1, 100);
    assert_eq!(key.sum(b"a"), Err(Error::Overflow));
}

#[test]
fn several_increments_are_made_in_order_all_or_none() {
    let mut key = key(WindowRules { min: Some(-5), max: Some(5), ..rules() });
    assert_eq!(mincr(&mut key, &[("a", 1), ("b", 2), ("a", 3)], 0).map(|done| done.sum), Ok(vec![1, 2, 4]));
    let before = snapshot(&key);
    assert_eq!(mincr(&mut key, &[("a", 1), ("c", 6)], 0), Err(Error::AboveMax(5)));
    assert_eq!(mincr(&mut key, &[("a", 1), ("c", -6)], 0), Err(Error::BelowMin(-5)));
    assert_eq!(snapshot(&key), before);
}

#[test]
fn an_overflow_in_the_middle_of_several_changes_nothing() {
    let mut key = key(WindowRules { max_fields: 2, ..rules() });
    incr(&mut key, "a", i64::MAX - 1, 0);
    let before = snapshot(&key);
    for bad in [&[("b", 1), ("c", i64::MIN), ("c", -1)][..], &[("a", 1), ("a", 1)], &[("a", 2)]] {
        assert_eq!(mincr(&mut key, bad, 1).err(), Some(Error::Overflow), "{bad:?}");
        assert_eq!(snapshot(&key), before);
    }
    // What would overflow in this window may fit in the next.
    assert_eq!(mincr(&mut key, &[("b", 1), ("a", 2)], 1).map(|done| done.sum), Ok(vec![1, 2]));
    assert_eq!(sums(&mut key, 1), [format!("a={} b=1", i64::MAX - 1)]);
}

#[test]
fn several_increments_may_fill_several_windows() {
    let mut key = key(WindowRules { max_fields: 2, ..rules() });
    let Incremented { sum: told, counted } =
        mincr(&mut key, &[("a", 1), ("b", 1), ("a", 1), ("a", 1), ("c", 1), ("d", 1)], 5).expect("room");
    assert_eq!(told, [1, 1, 1, 2, 1, 1]);
    assert_eq!(counted, Counted { is_plain: false, sealed: 2, opened_until: Some(UnixMs(105)) });
    assert_eq!(sums(&mut key, 5), ["a=1 b=1", "a=2 c=1"]);
}

#[test]
fn max_len_counts_the_open_window_and_refuses_to_open_one_more() {
    let options = DeliveryOptions { max_len: 2, ..DeliveryOptions::default() };
    let mut key = Tally::create(WindowRules { max_fields: 2, ..rules() }, options, [1, 2]).expect("valid rules");
    incr(&mut key, "a", 1, 0);
    key.seal(UnixMs(0));
    incr(&mut key, "a", 1, 0);
    incr(&mut key, "a", 1, 0);
    let before = snapshot(&key);
    assert_eq!(mincr(&mut key, &[("b", 1), ("c", 1)], 0).err(), Some(Error::Full));
    assert_eq!(key.incr(b"a", 1, UnixMs(100)).err(), Some(Error::Full));
    assert_eq!(snapshot(&key), before);
    assert_eq!(incr(&mut key, "b", 1, 0), 1);
}

#[test]
fn very_long_fields_seal_a_window_before_it_is_too_large() {
    let mut key = key(rules());
    let field = |n: u32| [&n.to_be_bytes()[..], &[7; 64 * 1024 - 4]].concat();
    let sealed: usize = (0..600).map(|n| key.incr(&field(n), 1, UnixMs(0)).expect("room").counted.sealed).sum();
    assert_eq!(sealed, 2);
    assert_eq!(snapshot(&restore(&key)), snapshot(&key));
}

#[test]
fn rules_out_of_range_are_refused_and_altered_ones_hold_from_the_next_window() {
    let bad = |rules| Tally::create(rules, DeliveryOptions::default(), [1, 2]).is_err();
    assert!(bad(WindowRules { every: Millis::ZERO, ..rules() }));
    assert!(bad(WindowRules { max_fields: 0, ..rules() }));
    assert!(bad(WindowRules { max_fields: MAX_FIELDS + 1, ..rules() }));
    assert!(bad(WindowRules { min: Some(1), max: Some(0), ..rules() }));
    let mut key = key(rules());
    incr(&mut key, "a", 1, 0);
    let shorter = WindowRules { every: Millis(10), ..rules() };
    assert_eq!(key.alter_rules(shorter), Ok(true));
    assert_eq!(key.alter_rules(WindowRules { min: Some(5), ..shorter }), Ok(false));
    let open =
        |opened_at, seals_at| Some(OpenWindow { opened_at: UnixMs(opened_at), seals_at: UnixMs(seals_at), fields: 1 });
    assert_eq!(key.window(UnixMs(99)), open(0, 100));
    incr(&mut key, "a", 1, 100);
    assert_eq!(key.window(UnixMs(100)), open(100, 110));
    // The window has as many fields already as it now may have: it is sealed with the next.
    assert_eq!(key.alter_rules(WindowRules { max_fields: 1, ..shorter }), Ok(true));
    assert!(key.incr(b"a", 1, UnixMs(100)).expect("room").counted.is_plain);
    assert_eq!(key.incr(b"b", 1, UnixMs(100)).map(|done| done.counted.sealed), Ok(1));
}

#[test]
fn uuids_of_either_case_are_one_field() {
    let mut key = key(WindowRules { field: FieldKind::Uuid, ..rules() });
    let (lower, upper) = ("67e55044-10b1-426f-9247-bb680e5fe0c8", "67E55044-10B1-426F-9247-BB680E5FE0C8");
    assert_eq!((incr(&mut key, lower, 1, 0), incr(&mut key, upper, 1, 0)), (1, 2));
    assert_eq!(key.sum(upper.as_bytes()), Ok(2));
    assert_eq!(key.incr(b"x", 1, UnixMs(0)).err(), Some(Error::NotUuid));
    assert_eq!(key.sum(b"x"), Err(Error::NotUuid));
    assert_eq!(sums(&mut key, 100), [format!("{lower}=2")]);
}

/// It used to be open for as much longer as the clock was set back.
#[test]
fn a_window_begins_anew_with_the_first_increment_after_the_clock_has_stepped_back_behind_it() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 1_000_000);
    let anew = Counted { is_plain: false, sealed: 0, opened_until: Some(UnixMs(600)) };
    assert_eq!(key.incr(b"a", 1, UnixMs(500)), Ok(Incremented { sum: 2, counted: anew }));
    let plain = Counted { is_plain: true, ..Counted::default() };
    assert_eq!(key.incr(b"a", 1, UnixMs(510)), Ok(Incremented { sum: 3, counted: plain }));
    assert_eq!(
        key.incr(b"b", 1, UnixMs::EVER),
        Ok(Incremented { sum: 1, counted: plain }),
        "repeated elsewhere, where it may be earlier still"
    );
    assert_eq!(sums(&mut key, 599), [""; 0]);
    assert_eq!(claim(&mut key, 9, 600), [(600 * 1024, 500, 600, "a=3 b=1".into())]);
    // A step that is smaller than the time for which it has been open puts its end off by no more than that.
    mincr(&mut key, &[("a", 1)], 1_000).expect("room");
    assert_eq!(mincr(&mut key, &[("a", 1)], 1_000), Ok(Incremented { sum: vec![2], counted: plain }));
    incr(&mut key, "a", 1, 1_060);
    incr(&mut key, "a", 1, 1_000);
    assert_eq!(sums(&mut key, 1_100), ["a=4"]);
}

#[test]
fn without_another_increment_a_clock_that_steps_back_delays_a_window_and_loses_nothing() {
    let mut key = key(rules());
    incr(&mut key, "a", 2, 1_000);
    assert_eq!(sums(&mut key, 600), [""; 0]);
    assert_eq!(sums(&mut key, 1_100), ["a=2"]);
}

/// What was sealed under a clock that was ahead is no news each time that somebody looks, and what is sealed later is.
#[test]
fn what_ended_before_the_clock_stepped_back_is_announced_once() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 10_000);
    assert_eq!(sums(&mut key, 11_000), ["a=1"]);
    assert!(key.ended_between(UnixMs(9_000), UnixMs(9_000), UnixMs(11_000)));
    assert!(!key.ended_between(UnixMs(500), UnixMs(500), UnixMs(501)));
    incr(&mut key, "a", 1, 600);
    assert_eq!(sums(&mut key, 700), ["a=1"]);
    assert!(key.ended_between(UnixMs(600), UnixMs(600), UnixMs(700)));
}

#[test]
fn a_window_that_nobody_has_sealed_is_announced_once() {
    let mut key = key(rules());
    assert!(!key.has_window() && !key.closes_again());
    incr(&mut key, "a", 1, 0);
    assert!(key.has_window() && key.closes_again(), "a clock that steps back closes it again");
    let ended = |after, now| key.ended_between(UnixMs(after), UnixMs(i64::MAX), UnixMs(now));
    assert_eq!(
        [(0, 99), (0, 100), (99, 500), (100, 500)].map(|(after, now)| ended(after, now)),
        [false, true, true, false]
    );
}

/// The timer gives a window a turn of its own once sealing it takes milliseconds.
#[test]
fn sealing_takes_long_with_ten_thousand_fields() {
    let mut key = key(WindowRules { max_fields: 20_000, ..rules() });
    for field in 0..9_999 {
        incr(&mut key, &field.to_string(), 1, 0);
    }
    assert!(!key.fires_long(UnixMs(100)));
    incr(&mut key, "another", 1, 0);
    assert!(!key.fires_long(UnixMs(99)) && key.fires_long(UnixMs(100)));
    assert_eq!(sums(&mut key, 100).len(), 1);
    assert!(!key.fires_long(UnixMs(100)));
}

#[test]
fn a_batch_has_no_fields_if_its_body_has_none() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 0);
    let due = key.peek(crate::Listing::Ready, None, 9, UnixMs(100));
    assert!(!Batch::of(&due.entries[0].body).is_empty() && Batch::of(b"").is_empty());
}

#[test]
fn counts_answer_as_if_what_is_due_had_been_sealed() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 0);
    let counts = |key: &mut Tally, now| {
        let stats = key.stats(UnixMs(now));
        (stats.waiting, stats.ready, stats.oldest_ready_age, stats.next_deadline)
    };
    assert_eq!(counts(&mut key, 99), (1, 0, None, Some(UnixMs(100))));
    assert_eq!(counts(&mut key, 130), (0, 1, Some(Millis(30)), None));
    assert!(!key.claimable(UnixMs(99)) && key.claimable(UnixMs(100)));
    assert_eq!(key.window(UnixMs(100)), None);
}

#[test]
fn a_restored_key_goes_on_as_the_saved_one() {
    let mut key = key(rules());
    for (field, now) in [("a", 0), ("b", 50), ("c", 150), ("a", 160)] {
        incr(&mut key, field, 1, now);
    }
    claim(&mut key, 1, 160);
    let mut restored = restore(&key);
    assert_eq!(snapshot(&restored), snapshot(&key));
    for key in [&mut key, &mut restored] {
        assert_eq!((incr(key, "c", 1, 170), key.sum(b"a")), (2, Ok(2)));
        assert_eq!(claim(key, 9, 250), [(250 * 1024, 150, 250, "a=1 c=2".to_owned())]);
    }
}
