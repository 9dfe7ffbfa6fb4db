use super::*;

fn rate(limit: u64, period: u64, burst: u64) -> Rate {
    Rate::new(limit, Millis(period), burst).expect("a valid rate")
}

/// `[allowed, remaining, retry_after or -1, reset_after]`, as a reply has them.
fn take(value: &mut Throttle, rate: &Rate, cost: u64, now: i64) -> [i64; 4] {
    let taken = value.take(rate, cost, UnixMs(now));
    let number = |millis: Millis| i64::try_from(millis.0).expect("a duration");
    [
        i64::from(taken.allowed),
        i64::try_from(taken.remaining).expect("a count"),
        taken.retry_after.map_or(-1, number),
        number(taken.reset_after),
    ]
}

#[test]
fn a_burst_is_taken_at_once_and_comes_back_one_by_one() {
    let (rate, mut value) = (rate(3, 3_000, 3), Throttle::default());
    let cases = [
        (0, [1, 2, -1, 1_000]),
        (0, [1, 1, -1, 2_000]),
        (0, [1, 0, -1, 3_000]),
        (0, [0, 0, 1_000, 3_000]),
        (999, [0, 0, 1, 2_001]),
        (1_000, [1, 0, -1, 3_000]),
        (3_500, [1, 1, -1, 1_500]),
        (9_000, [1, 2, -1, 1_000]),
    ];
    for (now, expected) in cases {
        assert_eq!(take(&mut value, &rate, 1, now), expected, "at {now}");
    }
}

#[test]
fn a_refused_take_changes_nothing() {
    let (rate, mut value) = (rate(7, 1_000, 10), Throttle::default());
    assert_eq!(take(&mut value, &rate, 9, 0), [1, 1, -1, 1_286]);
    let before = value;
    for cost in 2..=10 {
        assert_eq!(take(&mut value, &rate, cost, 0)[0], 0);
        assert_eq!(value, before);
    }
    assert_eq!(take(&mut value, &rate, 1, 0), [1, 0, -1, 1_429]);
}

#[test]
fn a_take_of_nothing_looks_and_changes_nothing() {
    let (rate, mut value) = (rate(2, 1_000, 2), Throttle::default());
    assert_eq!(take(&mut value, &rate, 0, 5), [1, 2, -1, 0]);
    take(&mut value, &rate, 2, 5);
    let before = value;
    assert_eq!(take(&mut value, &rate, 0, 5), [1, 0, -1, 1_000]);
    assert_eq!(take(&mut value, &rate, 0, 505), [1, 1, -1, 500]);
    assert_eq!(value, before);
}

/// Whoever asks at every millisecond gets the burst and then, at each millisecond, as many as have come back by it, for ever. (The burst
/// is large enough that nothing comes back in vain between two milliseconds.)
#[test]
fn a_greedy_client_gets_exactly_the_limit_however_odd_the_period() {
    for (limit, period, burst) in
        [(7, 1_000, 7), (60, 60_000, 60), (3, 1_000, 2), (999, 1_000, 5), (1_001, 1_000, 3), (MAX_LIMIT, 7, MAX_LIMIT)]
    {
        let (rate, mut value) = (rate(limit, period, burst), Throttle::default());
        let mut sum = 0;
        for now in 0..200_000 {
            let cost = value.take(&rate, 0, UnixMs(now)).remaining;
            assert!(value.take(&rate, cost, UnixMs(now)).allowed);
            sum += cost;
            assert_eq!(sum, burst + now.unsigned_abs() * limit / period, "{limit} per {period} at {now}");
        }
    }
}

#[test]
fn retry_after_is_the_first_millisecond_at_which_the_same_take_is_allowed() {
    for (limit, period, burst) in [(7, 1_000, 7), (3, 1, 3), (13, 100, 4), (1, 9, 5), (1_000, 1_001, 30)] {
        let (rate, mut value) = (rate(limit, period, burst), Throttle::default());
        assert!(value.take(&rate, burst, UnixMs(0)).allowed);
        for cost in 1..=burst {
            let retry_after = value.take(&rate, cost, UnixMs(0)).retry_after.expect("refused").0;
            let at = |now: u64| value.clone().take(&rate, cost, UnixMs(i64::try_from(now).expect("a time"))).allowed;
            assert!(at(retry_after) && !at(retry_after - 1), "{cost} of {limit} per {period}: {retry_after}");
        }
        let full_at = value.full_at().0;
        assert_eq!(value.take(&rate, 0, UnixMs(full_at)).remaining, burst);
        assert_eq!(value.take(&rate, 0, UnixMs(full_at)).reset_after, Millis(0));
        assert_eq!(value.take(&rate, 0, UnixMs(full_at - 1)).reset_after, Millis(1));
    }
}

/// What is taken comes back at the rate at which it was taken.
#[test]
fn what_was_taken_at_another_rate_stays_taken_until_its_time() {
    let mut value = Throttle::default();
    assert_eq!(take(&mut value, &rate(10, 10_000, 10), 10, 0), [1, 0, -1, 10_000]);
    // Now there is room for 2 s of them, and 10 s are owed.
    assert_eq!(take(&mut value, &rate(1, 1_000, 2), 1, 0), [0, 0, 9_000, 10_000]);
    assert_eq!(take(&mut value, &rate(1, 1_000, 2), 0, 0), [0, 0, 8_000, 10_000]);
    assert_eq!(take(&mut value, &rate(1, 1_000, 2), 1, 9_000), [1, 0, -1, 2_000]);
    // A higher burst is there at once.
    assert_eq!(take(&mut value, &rate(1, 1_000, 5), 1, 9_000), [1, 2, -1, 3_000]);
}

#[test]
fn another_limit_rounds_to_the_strict_side_and_by_less_than_a_millisecond() {
    let mut value = Throttle::default();
    take(&mut value, &rate(3, 1_000, 3), 1, 0);
    // 333 1/3 ms are 2334/7 of a millisecond, rounded up.
    assert_eq!(value.ahead_of(UnixMs(0).into(), 7), 2_334_000);
    assert_eq!(value.ahead_of(UnixMs(0).into(), 3), 1_000_000);
    assert_eq!(value.ahead_of(UnixMs(0).into(), 1), 334_000);
    // What is a whole number of the finer parts is not rounded.
    take(&mut value, &rate(2_000, 1_000, 2), 1, 1_000);
    assert_eq!(value.ahead_of(UnixMs(1_000).into(), 1), 500);
}

/// When takes were timed to the millisecond, at most 1000 a second were allowed, whatever the limit.
#[test]
fn a_burst_of_one_does_not_keep_a_limit_above_a_thousand_a_second_from_being_reached() {
    for limit in [7, 666, 2_000, 10_000, 300_000, 2_000_000] {
        let (rate, mut value) = (rate(limit, 1_000, 1), Throttle::default());
        let allowed = (0..1_000_000).filter(|us| value.take(&rate, 1, Moment::of_unix_us(5_000_000 + us)).allowed);
        // What comes back between two microseconds comes back in vain: less than a microsecond's worth each time.
        let (count, least) = (allowed.count() as u64, 1_000_000 * limit / (1_000_000 + limit));
        assert!((least..=limit.min(1_000_000)).contains(&count), "{count} of {limit}");
    }
}

/// A value of a time when fractions were of the limit itself.
#[test]
fn what_was_saved_when_a_clock_told_milliseconds_is_still_taken() {
    let (limited, rate) = (rate(3, 1_000, 3), rate(3, 1_000, 3));
    let mut old = Throttle { millis: UnixMs(333), part: 1, of: 3 };
    let mut new = Throttle::default();
    take(&mut new, &limited, 1, 0);
    let mut bytes = Vec::new();
    old.save(&mut |chunk| bytes.extend_from_slice(chunk));
    assert_eq!(Throttle::load(&bytes), Ok(SavedThrottle { throttle: old, behaviour: BEHAVIOUR }));
    for now in [0, 100, 333, 334] {
        assert_eq!(take(&mut old, &rate, 1, now), take(&mut new, &rate, 1, now));
    }
    assert_eq!(old, new);
}

#[test]
fn a_clock_that_steps_back_delays_and_forgives_nothing() {
    let (rate, mut value) = (rate(2, 1_000, 2), Throttle::default());
    assert_eq!(take(&mut value, &rate, 2, 100_000), [1, 0, -1, 1_000]);
    assert_eq!(take(&mut value, &rate, 1, 40_000), [0, 0, 60_500, 61_000]);
    assert_eq!(take(&mut value, &rate, 1, 100_500), [1, 0, -1, 1_000]);
}

#[test]
fn the_widest_ranges_do_not_overflow() {
    let ten_years = Millis::MAX_DURATION.0;
    let cases = [
        (1, ten_years, 1),
        (MAX_LIMIT, ten_years, MAX_LIMIT),
        (MAX_LIMIT, 1, MAX_LIMIT),
        (1, 1, MAX_LIMIT),
        (1, 315, MAX_LIMIT),
    ];
    for (limit, period, burst) in cases {
        for now in [0, i64::MIN, i64::MAX, -1, 1 << 43] {
            let (rate, mut value) = (rate(limit, period, burst), Throttle::default());
            assert!(value.take(&rate, burst, UnixMs(now)).allowed);
            assert!(value.take(&rate, 0, UnixMs(now)).reset_after <= Millis::MAX_DURATION);
            assert!(!value.take(&rate, u64::MAX, UnixMs(now)).allowed);
            for other in [i64::MIN, 0, i64::MAX] {
                value.take(&rate, 1, UnixMs(other));
            }
        }
    }
}

#[test]
fn rates_out_of_range_are_refused() {
    let ten_years = Millis::MAX_DURATION.0;
    let cases = [
        (0, 1, 1, "limit"),
        (MAX_LIMIT + 1, 1, 1, "limit"),
        (1, 0, 1, "period-ms"),
        (1, ten_years + 1, 1, "period-ms"),
        (1, 1, 0, "BURST"),
        (1, 1, MAX_LIMIT + 1, "BURST"),
        (1, ten_years, 2, "BURST"),
        (1, ten_years / 2, 3, "BURST"),
    ];
    for (limit, period, burst, named) in cases {
        let error = Rate::new(limit, Millis(period), burst).expect_err("out of range");
        assert!(error.to_string().contains(named), "{limit} {period} {burst}: {error}");
    }
    assert!(Rate::new(1, Millis(ten_years / 2), 2).is_ok());
}

#[test]
fn what_is_saved_is_loaded_and_nothing_else() {
    let mut value = Throttle::default();
    value.take(&rate(7, 1_000, 7), 3, UnixMs(1_800_000_000_000));
    let mut saved = Vec::new();
    value.save(&mut |bytes| saved.extend_from_slice(bytes));
    assert_eq!(Throttle::load(&saved), Ok(SavedThrottle { throttle: value, behaviour: BEHAVIOUR }));
    for length in 0..saved.len() {
        assert!(Throttle::load(&saved[..length]).is_err(), "the first {length} bytes");
    }
    // However it came about, the same time is saved as the same bytes: replicas are compared by them.
    let mut again = Vec::new();
    Throttle { part: 3 * value.part, of: 3 * value.of, ..value }.save(&mut |bytes| again.extend_from_slice(bytes));
    assert_eq!(again, saved);
    // Format 0 had no mark in front.
    assert_eq!(Throttle::load(&saved[1..]), Ok(SavedThrottle { throttle: value, behaviour: BEHAVIOUR }));
    let longer = [&saved[..], &[0]].concat();
    assert!(Throttle::load(&longer).is_err());
    for (part, of) in [(0, 0), (1, 1), (7, 7), (8, 7), (0, MAX_PARTS + 1), (u64::MAX, 7)] {
        let impossible = Throttle { millis: UnixMs(0), part, of };
        let mut bytes = Vec::new();
        encode(&(BEHAVIOUR, &impossible), &mut |chunk| bytes.extend_from_slice(chunk));
        assert_eq!(Throttle::load(&bytes), Err(Error::Damaged("an impossible fraction")), "{part}/{of}");
    }
}

#[test]
fn a_rate_tells_its_limit() {
    assert_eq!(Rate::new(5, Millis(1_000), 9).map(|rate| rate.limit()), Ok(5));
}

#[test]
fn values_are_equal_exactly_if_they_are_the_same_point_in_time() {
    let after = |rate: Rate, cost, now| {
        let mut value = Throttle::default();
        assert!(value.take(&rate, cost, UnixMs(now)).allowed);
        value
    };
    let half = after(rate(2, 1_000, 2), 1, 0);
    assert_eq!(half, after(rate(4, 1_000, 4), 2, 0), "another divisor");
    for other in [after(rate(2, 1_000, 2), 1, 1), after(rate(2, 1_000, 2), 2, 0), Throttle::default()] {
        assert_ne!(half, other);
    }
    let (third, two_thirds) = (after(rate(3, 1, 3), 1, 0), after(rate(3, 1, 3), 2, 0));
    assert_ne!(third, two_thirds, "in one millisecond");
    assert_eq!(third, after(rate(6, 1, 6), 2, 0));
}
