//! Ids that are done and over: the master's timer forgets them, and tells replicas and the AOF, so that all forget the same.

use crate::command::call::AT;
use crate::delivery::family::Decision;
use crate::delivery::signals::FORGETS_AFTER;
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::{Ctx, Str};
use crate::tsgen::Tsgen;
use std::ffi::CStr;
use tsgen_engine::UnixMs;

/// The command that tells of it.
pub const FORGET: &CStr = c"TSGEN.FORGET";

/// Forgets up to a thousand ids; returns when the timer shall come again. Before a command at a time of its own nothing is forgotten: an id
/// whose time is over does not count anyhow.
pub fn forget(ctx: &Ctx, name: &Str, value: &mut StoredQueue<Tsgen>, when: Decision) -> Option<UnixMs> {
    let Decision::ByTimer { now, .. } = when else { return None };
    let at = value.queue.forgets_at()?;
    if at.is_due(now) && value.queue.forget_stride(now) {
        ctx.replicate_at(AT, now.0, FORGET, &[name]);
        ctx.signal_modified(name);
    }
    let next = value.queue.forgets_at()?;
    Some(if next.is_due(now) { now } else { next.after(FORGETS_AFTER) })
}
