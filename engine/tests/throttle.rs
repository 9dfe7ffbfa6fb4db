//! Random takes against a naive model with fractions, what is promised of any window of time, and bytes from anybody.

#[path = "throttle/naive.rs"]
mod naive;

#[path = "throttle/asked.rs"]
mod asked;

use asked::{reloaded, take};
use naive::{Naive, Take};
use proptest::prelude::*;
use tsgen_engine::{Millis, Moment, Rate, SavedThrottle, Throttle, UnixMs, MAX_LIMIT};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// Small numbers, in which bursts run out, and now and then the largest there are.
fn rate() -> impl Strategy<Value = (u64, u64, u64)> {
    let limit = prop_oneof![8 => 1..20u64, 2 => 1..2_000u64, 1 => 1..=MAX_LIMIT];
    let period = prop_oneof![8 => 1..3_000u64, 1 => 1..=Millis::MAX_DURATION.0];
    let burst = prop_oneof![8 => 1..20u64, 1 => 1..=MAX_LIMIT];
    (limit, period, burst)
        .prop_map(|(limit, period, burst)| (limit, period, burst.min(Rate::most_burst(limit, Millis(period)))))
}

/// Within a millisecond.
fn us() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), 0..1_000u16]
}

/// A span since the take before, now and then back.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..300i64, 3 => 0..5_000i64, 1 => -2_000..0i64, 1 => 0..400_000_000_000i64]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_history_is_as_the_fractions_have_it(
        rates in prop::collection::vec(rate(), 1..4),
        steps in prop::collection::vec((step(), us(), 0..6u64, prop::bool::weighted(0.05), any::<bool>()), 1..80),
    ) {
        let mut now = 1_800_000_000_000;
        let (mut value, mut naive, mut nth) = (Throttle::default(), Naive::default(), 0);
        for (step, us, cost, changes, reloads) in steps {
            now += step;
            nth = (nth + usize::from(changes)) % rates.len();
            let (limit, period, burst) = rates[nth];
            let one = Take { limit, period, burst, cost: cost.min(burst), now, us };
            let before = value;
            let told = take(&mut value, &one);
            prop_assert_eq!(told, naive.take(&one), "{:?}", one);
            if told[0] == 0 || one.cost == 0 {
                prop_assert_eq!(value, before);
            } else {
                prop_assert_eq!(Some(value.full_at().0), naive.full_at());
            }
            if reloads {
                value = reloaded(&value);
            }
        }
    }

    /// `burst + t * limit / period` in any stretch of time t, as long as the clock goes on and the rate stays.
    #[test]
    fn no_window_holds_more_than_the_burst_and_what_came_back_in_it(
        (limit, period, burst) in rate(),
        steps in prop::collection::vec((prop_oneof![0..3_000i64, 0..300_000i64], 1..4u64), 1..120),
    ) {
        let mut now = 0;
        let mut value = Throttle::default();
        let mut allowed: Vec<(i64, u64)> = Vec::new();
        for (step, cost) in steps {
            now += step;
            let Moment { ms, us } = Moment::of_unix_us(now);
            let one = Take { limit, period, burst, cost: cost.min(burst), now: ms.0, us };
            if take(&mut value, &one)[0] == 1 {
                allowed.push((now, one.cost));
            }
        }
        for (first, (from, _)) in allowed.iter().enumerate() {
            let mut sum = 0;
            for (until, cost) in &allowed[first..] {
                sum += u128::from(*cost);
                let most = u128::from(burst) * u128::from(period) * 1_000
                    + u128::from((until - from).unsigned_abs()) * u128::from(limit);
                prop_assert!(sum * u128::from(period) * 1_000 <= most, "{} from {} to {}", sum, from, until);
            }
        }
    }

    #[test]
    fn bytes_from_anybody_are_refused_or_a_value_that_works(
        bytes in prop::collection::vec(any::<u8>(), 0..32),
        (limit, period, burst) in rate(),
        now in prop_oneof![any::<i64>(), 0..1i64 << 43],
    ) {
        // Behind the beginning of either format, so that more of them are taken.
        for begin in [&[1][..], &[0x81, 1]] {
            let bytes = [begin, &bytes].concat();
            if let Ok(SavedThrottle { throttle: mut value, .. }) = Throttle::load(&bytes) {
                prop_assert_eq!(reloaded(&value), value);
                let rate = Rate::new(limit, Millis(period), burst).expect("a valid rate");
                for cost in [0, 1, burst] {
                    value.take(&rate, cost, UnixMs(now));
                    prop_assert_eq!(reloaded(&value), value);
                }
            }
        }
    }
}
