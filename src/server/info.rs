//! The section `tsgen` of INFO.

use crate::delivery::figures::{self, Sums};
use crate::delivery::sink;
use crate::delivery::timer::lateness;
use crate::delivery::timer::tick;
use crate::delivery::verbs::c_text;
use crate::delivery::waiters;
use crate::expiry::{endings, watcher_index};
use crate::redis::ctx::unix_ms;
use crate::redis::datatype;
use crate::redis::info::{self, Section};
use crate::redis::panics;
use crate::redis::Ctx;
use crate::server::families::FAMILIES;
use std::ffi::CStr;
use std::time::{Duration, Instant};
use tsgen_engine::UnixMs;

/// The version of the module, as its package says it.
const VERSION: &CStr = c_text(concat!(env!("CARGO_PKG_VERSION"), "\0"));

/// How long one INFO may look at keys: enough for some thousands of keys.
const BUDGET: Duration = Duration::from_millis(2);

pub fn register(ctx: &Ctx) -> bool {
    info::register(ctx, write)
}

fn write(section: &Section) {
    let timer = tick::figures();
    let late = lateness::figures();
    section.text(c"version", VERSION);
    section.number(c"blocked-clients", signed(waiters::total() as u64));
    section.number(c"adopted-tokens", signed(figures::adopted_tokens()));
    section.number(c"caught-panics", signed(panics::caught()));
    section.number(c"damaged-keys", signed(datatype::damages() as u64));
    section.number(c"sink-errors", signed(sink::FAILURES.count()));
    section.text(c"sink-last-error", &sink::FAILURES.last());
    section.number(c"watchers", signed(watcher_index::count() as u64));
    section.number(c"expiry-errors", signed(endings::FAILURES.count()));
    section.text(c"expiry-last-error", &endings::FAILURES.last());
    section.number(c"timer-ticks", signed(timer.ticks));
    section.number(c"timer-next-deadline", timer.next.map_or(-1, |next| next.0));
    section.number(c"scheduled-keys", signed(timer.scheduled as u64));
    let numbers = [(c"looks", late.looks), (c"p50", late.p50), (c"p99", late.p99), (c"max", late.max)];
    section.numbers(c"timer-lateness-us", &numbers.map(|(name, number)| (name, signed(number))));
    write_families(section);
}

/// Tells the sums over all keys, which are looked at one by one, for as long as `BUDGET` lasts.
fn write_families(section: &Section) {
    let until = Instant::now() + BUDGET;
    let now = UnixMs(unix_ms());
    let families: Vec<Sums> = FAMILIES.iter().map(|family| (family.sums)(section, now, until)).collect();
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

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
