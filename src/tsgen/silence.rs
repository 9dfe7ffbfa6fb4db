//! Which sources have been silent for too long: the master's timer decides, and tells replicas and the AOF by name.
//!
//! A watermark that is too high cannot be taken back, so whoever could not be heard does not count as silent: time counts from when this
//! node had the key, was master, and let clients write; and a timer that is late waits for what clients have sent meanwhile.

use crate::command::call::AT;
use crate::delivery::family::{Decided, Decision};
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tsgen::Tsgen;
use std::ffi::CStr;
use tsgen_engine::{Millis, UnixMs};

/// The command that names them.
pub const IDLE: &CStr = c"TSGEN.IDLE";
/// A late timer puts its decision off by this long.
const AFTER_STALL: Millis = Millis(100);

/// What this node knows of the sources of one of its keys.
#[derive(Default)]
pub struct Listening {
    /// Since when the timer has been looking at this value.
    since: Option<UnixMs>,
    /// A late timer has put the decision off.
    put_off: bool,
}

/// Leaves out the sources that have been silent for too long.
pub fn decide(ctx: &Ctx, name: &Str, value: &mut StoredQueue<Tsgen>, when: Decision) -> Decided {
    if value.queue.source_idle().is_zero() {
        return Decided::default();
    }
    let (heard_since, now) = match when {
        Decision::At(now) => (UnixMs::EVER, now),
        Decision::ByTimer { now, heard_since, is_late } => {
            // A time that lies ahead is from before the clock was set back.
            let since = *value.local.since.get_or_insert(now);
            value.local.put_off = is_late && !value.local.put_off;
            if value.local.put_off {
                return Decided { opened: false, again: Some(now.after(AFTER_STALL)) };
            }
            (since.max(heard_since).min(now), now)
        }
    };
    let silent: Vec<Box<[u8]>> = value.queue.silent(heard_since, now).into_iter().map(Box::from).collect();
    let names: Vec<&[u8]> = silent.iter().map(|name| &**name).collect();
    let advanced = value.queue.leave_out(&names, now);
    if advanced.changed {
        let names: Vec<OwnedStr> = names.iter().map(|name| OwnedStr::new(name)).collect();
        let arguments: Vec<&Str> = std::iter::once(name).chain(names.iter().map(|name| &**name)).collect();
        ctx.replicate_at(AT, now.0, IDLE, &arguments);
        ctx.signal_modified(name);
    }
    Decided { opened: advanced.released, again: value.queue.next_silence(heard_since) }
}
