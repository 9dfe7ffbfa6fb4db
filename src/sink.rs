//! The sink: ready entries move to a native stream of Redis.
//!
//! An append and the leaving of its entry are told to replicas in one MULTI/EXEC, because both happen in one callback.
//! What cannot be appended stays ready and is tried again later.

use crate::effects::Effects;
use crate::family::{Family, Strings};
use crate::keyspace;
use crate::redis::call::write;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::replicate;
use std::time::Instant;
use tsgen_engine::{Millis, Sink, UnixMs};

/// Entries that are taken together; the clock is looked at in between.
const BATCH: usize = 32;
/// Rest after an append has failed.
const REST: Millis = Millis(1_000);

/// Moves ready entries until none is left, an append fails, or the time is over; then asks for another look if needed.
pub fn feed<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, until: Instant) {
    loop {
        let Some(appends) = appends::<F>(ctx, db, name, now) else { return };
        let wanted = appends.len();
        let done = appends.iter().take_while(|append| append_one(ctx, append)).count();
        let more = drop_appended::<F>(ctx, db, name, now, done, done < wanted);
        if !more || Instant::now() >= until {
            return;
        }
    }
}

/// The XADDs of the next ready entries, as strings of their own: an XADD may run other modules' code, so no value is
/// borrowed meanwhile. `None` if there is nothing to do.
fn appends<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs) -> Option<Vec<Strings>> {
    let mut key = keyspace::peek::<F>(ctx, name)?;
    let value = key.value().ok().flatten()?;
    let sink = value.queue.options().sink.as_ref()?;
    let append = |entry| {
        let mut arguments = xadd(sink);
        F::stream_fields(&entry, &mut arguments);
        arguments
    };
    let appends: Vec<_> = value.queue.ready_batch(BATCH, now).into_iter().map(append).collect();
    if appends.is_empty() {
        if let Some(at) = value.queue.next_deadline(now) {
            value.schedule(db, name.bytes(), at);
        }
        return None;
    }
    Some(appends)
}

/// The arguments of XADD up to the fields.
fn xadd(sink: &Sink) -> Strings {
    let mut arguments = vec![OwnedStr::new(&sink.stream)];
    if sink.max_len != 0 {
        let max_len = OwnedStr::number(i64::try_from(sink.max_len).unwrap_or(i64::MAX));
        arguments.extend([OwnedStr::new(b"MAXLEN"), OwnedStr::new(b"~"), max_len]);
    }
    arguments.push(OwnedStr::new(b"*"));
    arguments
}

fn append_one(ctx: &Ctx, arguments: &Strings) -> bool {
    let arguments: Vec<&Str> = arguments.iter().map(|argument| &**argument).collect();
    write(ctx, c"XADD", &arguments)
}

/// What was appended leaves the key. True if there is more to do at once.
fn drop_appended<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, done: usize, failed: bool) -> bool {
    let Ok(mut key) = keyspace::open::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    if done > 0 && value.queue.drop_ready(done, now).changed {
        replicate::drop_ready::<F>(ctx, name, done, now);
    }
    if failed {
        value.sink_errors += 1;
        crate::info::count_sink_error();
        value.sink_rests_until = now.after(REST);
    }
    // Asks the timer to come for what is left.
    value.schedule_drive(db, name.bytes(), now, None);
    let more = !failed && value.queue.claimable(now);
    if done > 0 {
        let effects = Effects::quiet(ctx, name);
        drop(key);
        effects.tell(ctx, name, [F::VERBS.drop_ready.event]);
    }
    more
}
