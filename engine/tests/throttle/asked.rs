//! The engine's limit, asked as the naive one is, and saved and loaded.

use super::naive::Take;
use tsgen_engine::{Millis, Moment, Rate, Throttle, UnixMs};

/// `[allowed, remaining, retry_after or -1, reset_after]`, as the reply of the command has them.
pub fn take(value: &mut Throttle, take: &Take) -> [i64; 4] {
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

pub fn reloaded(value: &Throttle) -> Throttle {
    let mut bytes = Vec::new();
    value.save(&mut |chunk| bytes.extend_from_slice(chunk));
    Throttle::load(&bytes).expect("what was saved loads").throttle
}
