//! The common part of INCR and MINCR. An increment that finds its window open depends on no time, so it is replicated as it
//! came.

use crate::command::args::integer;
use crate::command::{Call, Fail, Outcome};
use crate::delivery::family::Family;
use crate::delivery::keyspace::Opened;
use crate::delivery::signals::Signals;
use crate::redis::Str;
use crate::tally::Tally;
use std::ffi::CStr;
use tsgen_engine::{Counted, UnixMs};

const EVENT: &CStr = c"tally.incr";
pub const NOT_CREATED: Fail = Fail::text("ERR no such key; TALLY.CREATE makes it");
const BAD_DELTA: Fail = Fail::text("ERR delta must be a signed 64-bit integer");

pub fn delta(text: &Str) -> Result<i64, Fail> {
    integer(text.bytes()).ok_or(BAD_DELTA)
}

/// The time of an increment. When a replica or the AOF repeats a plain increment, the window counts as open, whatever the
/// clock says there.
pub fn time(call: &Call<'_>, key: &mut Opened<'_, Tally>) -> Result<UnixMs, Fail> {
    let flags = call.ctx.flags();
    let repeats = !call.is_repetition() && (flags.is_replicated() || flags.is_loading());
    let queue = &key.value()?.ok_or(NOT_CREATED)?.queue;
    Ok(if repeats && queue.has_window() { UnixMs::EVER } else { call.now() })
}

/// Replicates increments, and sends their signals.
pub fn finish(call: &Call<'_>, name: &Str, mut key: Opened<'_, Tally>, now: UnixMs, counted: Counted) -> Outcome {
    if counted.is_plain {
        call.replicate();
        drop(key);
        Signals::quiet(call.ctx, name).send(call.ctx, name, [EVENT]);
        return Ok(());
    }
    call.replicate_timed(now);
    let Some(value) = key.value()? else { return Ok(()) };
    let signals = Signals::of_opening(call.ctx, name, value, || now, counted.opened_until);
    drop(key);
    let ready = (counted.sealed > 0).then_some(Tally::VERBS.ready.event);
    signals.send(call.ctx, name, [EVENT].into_iter().chain(ready));
    Ok(())
}
