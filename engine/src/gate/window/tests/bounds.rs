//! As much as may be, and no more.

use super::*;

#[test]
fn rules_and_increments_may_be_as_large_as_they_may_and_no_larger() {
    let tight = WindowRules { every: Millis::MAX_DURATION, min: Some(5), max: Some(5), ..rules() };
    let mut exact = key(tight);
    assert_eq!(*exact.rules(), tight);
    assert_eq!(incr(&mut exact, "a", 5, 0), 5);
    assert_eq!(
        [4, 6].map(|delta| exact.incr(b"a", delta, UnixMs(0)).err()),
        [Some(Error::BelowMin(5)), Some(Error::AboveMax(5))]
    );
    let too_long = Millis(Millis::MAX_DURATION.0 + 1);
    for wrong in [WindowRules { every: too_long, ..rules() }, WindowRules { min: Some(6), max: Some(5), ..rules() }] {
        assert!(matches!(Tally::create(wrong, DeliveryOptions::default(), [1, 2]), Err(Error::OutOfRange(_))));
    }
}

#[test]
fn several_increments_that_would_overflow_a_sum_together_change_nothing() {
    let mut key = key(rules());
    assert_eq!(mincr(&mut key, &[("a", i64::MAX), ("a", 1)], 0), Err(Error::Overflow));
    assert!(!key.has_window());
    incr(&mut key, "a", i64::MAX - 1, 0);
    assert_eq!(mincr(&mut key, &[("b", 1), ("a", 2)], 0), Err(Error::Overflow));
    assert_eq!(mincr(&mut key, &[("b", i64::MIN), ("a", 1)], 0).map(|done| done.sum), Ok(vec![i64::MIN, i64::MAX]));
}

#[test]
fn a_window_of_very_long_fields_is_sealed_by_its_bytes() {
    let mut key = key(rules());
    let field = |n: u8| [&[n][..], &[b'x'; 65_535]].concat();
    for n in 0..=255 {
        assert_eq!(key.has_window(), n > 0);
        key.incr(&field(n), 1, UnixMs(0)).expect("room");
    }
    assert!(!key.has_window(), "16 MiB");
}

#[test]
fn windows_open_as_long_as_there_are_numbers_for_their_batches() {
    let mut key = key(rules());
    key.gate.last_batch = crate::MAX_TOKEN - 3;
    incr(&mut key, "a", 1, 0);
    key.gate.last_batch = crate::MAX_TOKEN - 2;
    assert_eq!(incr(&mut key, "a", 1, 0), 2, "it is open already");
    assert_eq!(mincr(&mut key, &[("b", 1), ("c", 1)], 0).map(|done| done.sum), Ok(vec![1, 1]));
    key.gate.open = None;
    assert_eq!(key.incr(b"a", 1, UnixMs(0)), Err(Error::Exhausted));
    assert_eq!(mincr(&mut key, &[], 0).map(|done| done.counted.is_plain), Ok(true));
}

#[test]
fn several_ids_are_brought_to_one_form_as_one_is() {
    let mut key = key(WindowRules { field: FieldKind::Uuid, ..rules() });
    let [upper, lower] = ["0B5A2C1E-93B1-4A9C-8D43-2F0E5D7C6A10", "0b5a2c1e-93b1-4a9c-8d43-2f0e5d7c6a10"];
    assert_eq!(mincr(&mut key, &[(upper, 1), (lower, 2)], 0).map(|done| done.sum), Ok(vec![1, 3]));
    assert_eq!(mincr(&mut key, &[("no id", 1)], 0), Err(Error::NotUuid));
}

#[test]
fn the_end_of_a_window_lies_behind_the_time_before_it_and_not_behind_itself() {
    let mut key = key(rules());
    incr(&mut key, "a", 1, 0);
    let ended = |key: &Tally, after, sealed_after| key.ended_between(UnixMs(after), UnixMs(sealed_after), UnixMs(100));
    assert_eq!([99, 100].map(|after| ended(&key, after, 100)), [true, false]);
    assert!(key.sweep_stride(UnixMs(100)));
    assert_eq!([99, 100].map(|after| ended(&key, 100, after)), [true, false]);
}
