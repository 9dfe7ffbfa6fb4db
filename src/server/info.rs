//! The section `tsgen` of INFO.

use crate::delivery::family::Figure;
use crate::delivery::figures::{self, Sums};
use crate::delivery::sink;
use crate::delivery::timer::deadlines;
use crate::delivery::timer::lateness;
use crate::delivery::verbs::c_text;
use crate::delivery::waiters;
use crate::redis::ctx::unix_ms;
use crate::redis::datatype;
use crate::redis::info::{self, Section};
use crate::redis::panics;
use crate::redis::Ctx;
use crate::server::families::FAMILIES;
use crate::server::names;
use std::ffi::{CStr, CString};
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
    let timer = deadlines::figures();
    let late = lateness::figures();
    section.text(c"version", VERSION);
    number(section, c"blocked-clients", signed(waiters::total() as u64));
    number(section, c"adopted-tokens", signed(figures::adopted_tokens()));
    number(section, c"caught-panics", signed(panics::caught()));
    number(section, c"damaged-keys", signed(datatype::damages() as u64));
    number(section, c"sink-errors", signed(sink::FAILURES.count()));
    section.text(c"sink-last-error", &sink::FAILURES.last());
    for figure in FAMILIES.iter().flat_map(|family| (family.figures)()) {
        match figure {
            Figure::Number(name, value) => number(section, name, signed(value)),
            Figure::Text(name, text) => section.text(name, &text),
        }
    }
    number(section, c"timer-ticks", signed(timer.ticks));
    number(section, c"timer-next-deadline", timer.next.map_or(-1, |next| next.0));
    number(section, c"scheduled-keys", signed(timer.scheduled as u64));
    let all = [(c"looks", late.looks), (c"p50", late.p50), (c"p99", late.p99), (c"max", late.max)];
    numbers(section, c"timer-lateness-us", &all.map(|(name, number)| (name, signed(number))));
    write_families(section);
}

/// Tells the sums over all keys, which are looked at one by one, for as long as `BUDGET` lasts.
fn write_families(section: &Section) {
    let until = Instant::now() + BUDGET;
    let now = UnixMs(unix_ms());
    let families: Vec<Sums> = FAMILIES.iter().map(|family| (family.sums)(section, now, until)).collect();
    number(section, c"keys", signed(families.iter().map(|sums| sums.keys).sum()));
    for sums in families {
        let totals = sums.totals;
        let all = [
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
            (c"paused-keys", sums.paused),
        ];
        numbers(section, sums.family, &all.map(|(name, number)| (name, signed(number))));
        let age = sums.oldest.as_ref().map_or(0, |oldest| oldest.age.0);
        let key = sums.oldest.map(|oldest| oldest.key);
        if key == Some(None) {
            names::look_for();
        }
        let key = printable(&key.flatten().unwrap_or_default());
        section.number(&plain(&[sums.family, c"oldest_ready_age_ms"]), signed(age));
        section.text(&plain(&[sums.family, c"oldest_ready_key"]), &CString::new(key).unwrap_or_default());
    }
}

/// Tells a figure, and tells it once more under a plain name if its name has a dash. Exporters take lines of `name:number`, with names of
/// letters, digits and underscores.
fn number(section: &Section, name: &CStr, value: i64) {
    section.number(name, value);
    let plain = plain(&[name]);
    if *plain != *name {
        section.number(&plain, value);
    }
}

/// Tells figures that belong together: all in one line, and each in a line of its own.
fn numbers(section: &Section, name: &CStr, numbers: &[(&CStr, i64)]) {
    section.numbers(name, numbers);
    for (of, value) in numbers {
        section.number(&plain(&[name, of]), *value);
    }
}

/// These words as one plain name.
fn plain(words: &[&CStr]) -> CString {
    let joined = words.iter().map(|word| word.to_bytes()).collect::<Vec<_>>().join(&b'_');
    let plain: Vec<u8> = joined.into_iter().map(|byte| if byte == b'-' { b'_' } else { byte }).collect();
    CString::new(plain).unwrap_or_default()
}

/// The name of a key in one line of text: up to 256 bytes, what is not printable escaped.
fn printable(key: &[u8]) -> String {
    key.iter().take(256).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
