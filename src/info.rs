//! The section `tsgen` of INFO.

use crate::redis::info::{self, Section};
use crate::redis::Ctx;
use crate::{guard, timer, value, waiting};
use std::sync::atomic::{AtomicU64, Ordering};

static ADOPTED_TOKENS: AtomicU64 = AtomicU64::new(0);
static SINK_ERRORS: AtomicU64 = AtomicU64::new(0);

/// A claim was repeated with tokens that this node would not have issued.
pub fn count_adopted_token() {
    ADOPTED_TOKENS.fetch_add(1, Ordering::Relaxed);
}

/// An append to a sink has failed.
pub fn count_sink_error() {
    SINK_ERRORS.fetch_add(1, Ordering::Relaxed);
}

pub fn register(ctx: &Ctx) -> bool {
    info::register(ctx, tell)
}

fn tell(section: &Section) {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (ticks, scheduled, next) = timer::figures();
    section.text(c"version", c"0.1.0");
    section.number(c"keys", signed(value::live() as u64));
    section.number(c"blocked-clients", signed(waiting::total() as u64));
    section.number(c"adopted-tokens", signed(ADOPTED_TOKENS.load(Ordering::Relaxed)));
    section.number(c"caught-panics", signed(guard::caught()));
    section.number(c"sink-errors", signed(SINK_ERRORS.load(Ordering::Relaxed)));
    section.number(c"timer-ticks", signed(ticks));
    section.number(c"timer-next-deadline", next.map_or(-1, |next| next.0));
    section.number(c"scheduled-keys", signed(scheduled as u64));
}
