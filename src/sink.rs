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
use crate::value::SINK_REST;
use std::time::Instant;
use tsgen_engine::{Sink, UnixMs};

/// Moves ready entries until none is left, an append fails, or the time is over; then asks for another look if needed.
pub fn feed<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, until: Instant) {
    while step::<F>(ctx, db, name, now, until).unwrap_or(false) && Instant::now() < until {}
}

/// Sweeps, appends the next ready entries to the stream, and takes them out of the key. True if there is more to do at once.
fn step<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, until: Instant) -> Option<bool> {
    let (appends, swept) = appends::<F>(ctx, name, now)?;
    let (mut done, mut failed) = (0, false);
    for append in &appends {
        failed = !append_one(ctx, append);
        done += usize::from(!failed);
        if failed || Instant::now() >= until {
            break;
        }
    }
    let mut key = keyspace::open::<F>(ctx, name).ok()?;
    let value = key.value().ok()??;
    if swept || done > 0 {
        value.queue.drop_swept(done, now);
        replicate::drop_ready::<F>(ctx, name, done, now);
    }
    if failed {
        value.sink_errors += 1;
        crate::info::count_sink_error();
        value.sink_rests_until = now.after(SINK_REST);
    }
    // Asks the timer to come for what is left.
    value.schedule_drive(db, name.bytes(), now, None);
    let more = !failed && value.queue.claimable(now);
    if done > 0 {
        let effects = Effects::quiet(ctx, name);
        drop(key);
        effects.tell(ctx, name, [F::VERBS.drop_ready.event]);
    }
    Some(more)
}

/// The XADDs of the next ready entries, as strings of their own: an XADD may run other modules' code, so no value is
/// borrowed meanwhile. And whether finding them has changed the key.
fn appends<F: Family>(ctx: &Ctx, name: &Str, now: UnixMs) -> Option<(Vec<Strings>, bool)> {
    let mut key = keyspace::open::<F>(ctx, name).ok()?;
    let value = key.value().ok()??;
    let sink = value.queue.options().sink.clone()?;
    let (ready, swept) = value.queue.ready_batch(now);
    let append = |entry| {
        let mut arguments = xadd(&sink);
        F::stream_fields(&entry, &mut arguments);
        arguments
    };
    Some((ready.into_iter().map(append).collect(), swept))
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
