//! Bytes as a saved limit, and as takes against exact fractions.

#[path = "../throttle/naive.rs"]
mod naive;

use naive::{Naive, Take};
use tsgen_engine::{Millis, Moment, Rate, Throttle, UnixMs, MAX_LIMIT};

/// A limit is at most 20 bytes; behind them come takes, ten bytes each.
pub fn run(input: &[u8]) -> bool {
    let (saved, takes) = input.split_at(input.len().min(20));
    if let Some(value) = (1..=saved.len()).find_map(|end| Throttle::load(&saved[..end]).ok()) {
        let mut value = value.throttle;
        assert_eq!(reloaded(&value), value);
        for take in takes.chunks_exact(10) {
            let take = read(take, i64::from_le_bytes([take[2], take[3], take[4], take[5], 0, 0, 0, take[9]]));
            let before = value;
            let told = answer(&mut value, &take);
            assert!(told[0] == 1 && take.cost != 0 || value == before, "{take:?} changed something");
            assert_eq!(reloaded(&value), value);
        }
    }
    let (mut value, mut naive, mut now) = (Throttle::default(), Naive::default(), 1_800_000_000_000);
    for take in takes.chunks_exact(10) {
        // Mostly forward.
        now += i64::from(i16::from_le_bytes([take[2], take[3]])) + 8_000;
        let take = read(take, now);
        assert_eq!(answer(&mut value, &take), naive.take(&take), "{take:?}");
        assert!(naive.full_at().is_none_or(|at| value.full_at().0 == at), "{take:?}");
    }
    takes.len() >= 10
}

/// A take at `now`, of small numbers unless bits of the first byte say otherwise.
fn read(bytes: &[u8], now: i64) -> Take {
    let [kind, low, .., a, b, c, d] = bytes else { unreachable!("ten bytes") };
    let large = |bit: u8, small: u64, large: u64| if kind >> bit & 1 == 1 { large } else { small };
    let limit = large(0, 1 + u64::from(a % 32), MAX_LIMIT - u64::from(*a));
    let period = large(1, 1 + u64::from(*b) * 16, Millis::MAX_DURATION.0 - u64::from(*b));
    let burst = large(2, 1 + u64::from(c % 32), MAX_LIMIT - u64::from(*c));
    let burst = burst.min(Rate::most_burst(limit, Millis(period)));
    Take { limit, period, burst, cost: u64::from(d % 8).min(burst), now, us: u16::from(*low) * 3 }
}

/// `[allowed, remaining, retry_after or -1, reset_after]`.
fn answer(value: &mut Throttle, take: &Take) -> [i64; 4] {
    let rate = Rate::new(take.limit, Millis(take.period), take.burst).expect("a valid rate");
    let taken = value.take(&rate, take.cost, Moment { ms: UnixMs(take.now), us: take.us });
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    [
        i64::from(taken.allowed),
        number(taken.remaining),
        taken.retry_after.map_or(-1, |retry_after| number(retry_after.0)),
        number(taken.reset_after.0),
    ]
}

fn reloaded(value: &Throttle) -> Throttle {
    let mut bytes = Vec::new();
    value.save(&mut |chunk| bytes.extend_from_slice(chunk));
    Throttle::load(&bytes).expect("what was saved loads").throttle
}
