//! Figures over all keys, for INFO.

use crate::delivery::family::Family;
use crate::redis::info::Section;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tsgen_engine::{Millis, Totals, UnixMs};

static ADOPTED_TOKENS: AtomicU64 = AtomicU64::new(0);

/// Counts a replicated claim whose tokens this node would not have issued.
pub fn count_adopted_token() {
    ADOPTED_TOKENS.fetch_add(1, Ordering::Relaxed);
}

/// The number of such claims since the module was loaded.
pub fn adopted_tokens() -> u64 {
    ADOPTED_TOKENS.load(Ordering::Relaxed)
}

/// Sums over the keys of one family.
pub struct Sums {
    pub family: &'static CStr,
    pub before_ready: &'static CStr,
    pub keys: u64,
    /// How many of the `keys` are in the numbers below.
    pub counted: u64,
    pub waiting: u64,
    pub ready: u64,
    pub leased: u64,
    pub delayed: u64,
    pub dead: u64,
    /// Keys that are paused.
    pub paused: u64,
    pub totals: Totals,
    /// None: nothing is ready.
    pub oldest: Option<Oldest>,
}

/// The entry that has been ready for the longest time, of all keys of a family.
pub struct Oldest {
    /// For how long.
    pub age: Millis,
    /// The name of its key; `None` if the key was renamed or moved, and nobody has opened it since.
    pub key: Option<Box<[u8]>>,
}

/// How many keys of a family are looked at in any case: a machine that stalls just then is no reason to tell nothing.
const AT_LEAST: u64 = 8;

/// Sums over the keys of one family, looked at one by one until `until`.
pub fn sum<F: Family>(section: &Section, now: UnixMs, until: Instant) -> Sums {
    let mut sums = Sums {
        family: F::VERBS.family,
        before_ready: F::BEFORE_READY,
        keys: F::data_type().count() as u64,
        counted: 0,
        waiting: 0,
        ready: 0,
        leased: 0,
        delayed: 0,
        dead: 0,
        paused: 0,
        totals: Totals::default(),
        oldest: None,
    };
    F::data_type().each(section, |value| {
        let stats = value.queue.stats(now);
        sums.counted += 1;
        let states = [
            (&mut sums.waiting, stats.waiting),
            (&mut sums.ready, stats.ready),
            (&mut sums.leased, stats.leased),
            (&mut sums.delayed, stats.delayed),
            (&mut sums.dead, stats.dead),
        ];
        states.into_iter().for_each(|(sum, count)| *sum += count as u64);
        sums.totals += stats.totals;
        sums.paused += u64::from(value.queue.options().paused);
        let known = sums.oldest.as_ref().map(|oldest| oldest.age);
        if let Some(age) = stats.oldest_ready_age.filter(|age| known.is_none_or(|known| *age > known)) {
            sums.oldest = Some(Oldest { age, key: value.last_name() });
        }
        sums.counted < AT_LEAST || Instant::now() < until
    });
    sums
}
