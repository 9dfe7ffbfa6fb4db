//! The common path of a write that depends on time and replies with the number of entries it settled.

use crate::command::{Call, Outcome};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use crate::redis::Str;
use std::ffi::CStr;
use tsgen_engine::{Error, Queue, Settled, UnixMs};

/// Runs a time-dependent operation that settles entries: apply, reply, replicate, notify. `events` are sent if any entry was settled.
pub fn apply<F: Family>(
    call: &Call<'_>,
    name: &Str,
    events: &[&'static CStr],
    operation: impl FnOnce(&mut Queue<F::Gate>, UnixMs) -> Result<Settled, Error>,
) -> Outcome {
    let mut key = keyspace::open_write::<F>(call.ctx, name)?;
    let Some(value) = key.value()? else {
        call.ctx.reply_int(0);
        return Ok(());
    };
    let now = call.now();
    let settled = operation(&mut value.queue, now)?;
    call.ctx.reply_int(settled.count as i64);
    if settled.changed {
        call.replicate_timed(now);
        // After the clock was set back, the place of an entry that returns to the queue may lie in the future.
        let opens_at = value.queue.next_release(now);
        let signals = Signals::of_opening(call.ctx, name, value, || now, opens_at);
        drop(key);
        signals.send(call.ctx, name, events.iter().copied().filter(|_| settled.count > 0));
    }
    Ok(())
}
