//! The section `tsgen` of INFO.

use crate::debounce::family::Debounce;
use crate::delivery::failures;
use crate::delivery::family::Family;
use crate::delivery::timer::lateness;
use crate::delivery::timer::tick;
use crate::delivery::waiters;
use crate::expiry::family::Expiry;
use crate::redis::ctx::unix_ms;
use crate::redis::datatype;
use crate::redis::info::{self, Section};
use crate::redis::panics;
use crate::redis::Ctx;
use crate::tally::family::Tally;
use crate::tsgen::family::Tsgen;
use crate::watch;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tsgen_engine::{Totals, UnixMs};

/// How long one INFO may look at keys: some thousands of them.
const BUDGET: Duration = Duration::from_millis(2);

static ADOPTED_TOKENS: AtomicU64 = AtomicU64::new(0);

/// A claim was repeated with tokens that this node would not have issued.
pub fn count_adopted_token() {
    ADOPTED_TOKENS.fetch_add(1, Ordering::Relaxed);
}

pub fn register(ctx: &Ctx) -> bool {
    info::register(ctx, tell)
}

fn tell(section: &Section) {
    let (ticks, scheduled, next) = tick::figures();
    let late = lateness::figures();
    section.text(c"version", c"0.1.0");
    section.number(c"blocked-clients", signed(waiters::total() as u64));
    section.number(c"adopted-tokens", signed(ADOPTED_TOKENS.load(Ordering::Relaxed)));
    section.number(c"caught-panics", signed(panics::caught()));
    section.number(c"damaged-keys", signed(datatype::damages() as u64));
    section.number(c"sink-errors", signed(failures::SINK.count()));
    section.text(c"sink-last-error", &failures::SINK.last());
    section.number(c"watchers", signed(watch::count() as u64));
    section.number(c"expiry-errors", signed(failures::EXPIRY.count()));
    section.text(c"expiry-last-error", &failures::EXPIRY.last());
    section.number(c"timer-ticks", signed(ticks));
    section.number(c"timer-next-deadline", next.map_or(-1, |next| next.0));
    section.number(c"scheduled-keys", signed(scheduled as u64));
    let numbers = [(c"looks", late.looks), (c"p50", late.p50), (c"p99", late.p99), (c"max", late.max)];
    section.numbers(c"timer-lateness-us", &numbers.map(|(name, number)| (name, signed(number))));
    tell_families(section);
}

/// Sums over all keys, which are looked at one by one, for as long as that may take.
fn tell_families(section: &Section) {
    let until = Instant::now() + BUDGET;
    let now = UnixMs(unix_ms());
    let families = [sum::<Tsgen>, sum::<Debounce>, sum::<Expiry>, sum::<Tally>].map(|sum| sum(section, now, until));
    section.number(c"keys", signed(families.iter().map(|sums| sums.keys).sum()));
    for sums in families {
        let totals = sums.totals;
        let numbers = [
            (c"keys", sums.keys),
            (c"counted-keys", sums.counted),
            (sums.before_ready, sums.waiting),
            (c"ready", sums.ready),
            (c"leased", sums.leased),
            (c"delayed", sums.delayed),
            (c"dead", sums.dead),
            (c"delivered", totals.delivered),
            (c"redelivered", totals.redelivered),
            (c"acked", totals.acked),
            (c"died", totals.died),
        ];
        section.numbers(sums.family, &numbers.map(|(name, number)| (name, signed(number))));
    }
}

/// What the keys of one family hold together.
struct Sums {
    family: &'static CStr,
    before_ready: &'static CStr,
    keys: u64,
    /// How many of these are in the numbers below.
    counted: u64,
    waiting: u64,
    ready: u64,
    leased: u64,
    delayed: u64,
    dead: u64,
    totals: Totals,
}

fn sum<F: Family>(section: &Section, now: UnixMs, until: Instant) -> Sums {
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
        totals: Totals::default(),
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
        Instant::now() < until
    });
    sums
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
