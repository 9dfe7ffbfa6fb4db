//! How late the timer is: the time from the deadline of a look at a key until the look itself.

use crate::redis::ctx::unix_us;
use hdrhistogram::Histogram;
use lazy_static::lazy_static;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use tsgen_engine::UnixMs;

/// The longest lateness that is told apart: an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// The time that the clock was last set to.
static SET_TO: AtomicI64 = AtomicI64::new(0);

lazy_static! {
    static ref LATENESS: Mutex<Histogram<u64>> = Mutex::new(histogram());
}

fn histogram() -> Histogram<u64> {
    // Two significant digits are kept: some 40 kB, however many looks are recorded.
    Histogram::new_with_bounds(1, LONGEST, 2).expect("valid bounds")
}

/// The clock has been set to `now`: a look that fell due before, by the old clock or the new, is not late by the timer's fault.
pub fn clock_set(now: UnixMs) {
    SET_TO.store(now.0, Ordering::Relaxed);
}

/// The timer looks at a key, and the look was due at `deadline`. A look that was asked for at once (0) has no deadline and is not recorded.
pub fn record(deadline: UnixMs) {
    if deadline.0 > 0 && deadline.0 > SET_TO.load(Ordering::Relaxed) {
        let late = unix_us().saturating_sub(deadline.0.saturating_mul(1_000));
        let late = u64::try_from(late).unwrap_or(0);
        LATENESS.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(late);
    }
}

/// Lateness in microseconds, since the server started.
pub struct Figures {
    pub looks: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

pub fn figures() -> Figures {
    let lateness = LATENESS.lock().unwrap_or_else(PoisonError::into_inner);
    Figures {
        looks: lateness.len(),
        p50: lateness.value_at_quantile(0.5),
        p99: lateness.value_at_quantile(0.99),
        max: lateness.max(),
    }
}
