//! Bytes as a saved limit, and as takes against exact fractions.

#[path = "../throttle/naive.rs"]
mod naive;

#[path = "../throttle/asked.rs"]
mod asked;

use asked::{reloaded, take};
use naive::{Naive, Take};
use tsgen_engine::{Millis, Rate, Throttle, MAX_LIMIT};

/// A limit is at most 20 bytes; behind them come takes, ten bytes each.
pub fn run(input: &[u8]) -> bool {
    let (saved, takes) = input.split_at(input.len().min(20));
    if let Some(value) = (1..=saved.len()).find_map(|end| Throttle::load(&saved[..end]).ok()) {
        let mut value = value.throttle;
        assert_eq!(reloaded(&value), value);
        for bytes in takes.chunks_exact(10) {
            let one = read(bytes, i64::from_le_bytes([bytes[2], bytes[3], bytes[4], bytes[5], 0, 0, 0, bytes[9]]));
            let before = value;
            let told = take(&mut value, &one);
            assert!(told[0] == 1 && one.cost != 0 || value == before, "{one:?} changed something");
            assert_eq!(reloaded(&value), value);
        }
    }
    let (mut value, mut naive, mut now) = (Throttle::default(), Naive::default(), 1_800_000_000_000);
    for bytes in takes.chunks_exact(10) {
        // Mostly forward.
        now += i64::from(i16::from_le_bytes([bytes[2], bytes[3]])) + 8_000;
        let one = read(bytes, now);
        assert_eq!(take(&mut value, &one), naive.take(&one), "{one:?}");
        assert!(naive.full_at().is_none_or(|at| value.full_at().0 == at), "{one:?}");
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
