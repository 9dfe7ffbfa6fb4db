//! The sink: ready entries move to a native stream of Redis.
//!
//! An append and the removal of its entry reach replicas in one MULTI/EXEC, because both happen in one callback.
//! An entry that cannot be appended stays ready and is tried again later. Other modules may hear of an append and change the key, even
//! replace it: only the entries that were appended are taken out, by their places.

use crate::delivery::failures::Failures;
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::replicate;
use crate::delivery::signals::Signals;
use crate::delivery::stored_queue::SINK_REST;
use crate::delivery::timer::tick::Visit;
use crate::redis::call::write;
use crate::redis::call_arguments::Arguments;
use crate::redis::{Ctx, OwnedStr, Str};
use std::time::Instant;
use tsgen_engine::{Place, Ready, ReadyBatch, Sink, UnixMs, SINK_BATCH};

/// Appends that have failed.
pub static FAILURES: Failures = Failures::of("an append to the stream of a SINK");

/// Moves ready entries until none is left, an append fails, or the time of the visit is over; then asks the timer to come again if needed.
pub fn feed<F: Family>(ctx: &Ctx, visit: &Visit<'_>) {
    while step::<F>(ctx, visit).unwrap_or(false) && Instant::now() < visit.until {}
}

/// Sweeps, appends the next ready entries to the stream, and takes them out of the key. True if there is more to do at once; `None` if the key
/// has gone.
fn step<F: Family>(ctx: &Ctx, &Visit { db, name, now, until }: &Visit<'_>) -> Option<bool> {
    let Appends { identity: of, appends } = appends::<F>(ctx, name, now)?;
    let (mut taken, mut failed) = (Vec::with_capacity(appends.len()), false);
    for append in &appends {
        match append_one(ctx, &append.arguments) {
            Ok(()) => taken.push(append.place),
            Err(why) => {
                FAILURES.note(name.bytes(), &why);
                failed = true;
                break;
            }
        }
        if Instant::now() >= until {
            break;
        }
    }
    let mut key = keyspace::open_write::<F>(ctx, name).ok()?;
    let value = key.value().ok()??;
    if value.identity != of {
        // Another value has taken the name, with entries of its own at the same places.
        return None;
    }
    let dropped = value.queue.drop_taken(&taken, now);
    if dropped.oldest && dropped.count > 0 {
        replicate::drop_ready::<F>(ctx, name, dropped.count, now);
    } else if dropped.count > 0 {
        replicate::drop_taken::<F>(ctx, name, &taken, now);
    }
    if failed {
        value.sink_errors += 1;
        value.sink_rests_until = now.after(SINK_REST);
    }
    // Asks the timer to come for what is left.
    value.schedule_drive(db, name.bytes(), now, None);
    let more = !failed && value.queue.claimable(now);
    if dropped.count > 0 {
        let signals = Signals::quiet(ctx, name);
        drop(key);
        signals.send(ctx, name, [F::VERBS.drop_ready.event]);
    }
    Some(more)
}

/// The XADD of one ready entry.
struct Append {
    /// Where in its queue the entry is.
    place: Place,
    arguments: Arguments,
}

/// What a value has for its sink.
struct Appends {
    /// The identity of the value.
    identity: u64,
    /// The XADDs of its next ready entries. They own their strings: an XADD may run other modules' code, so the value cannot stay borrowed.
    appends: Vec<Append>,
}

/// If finding the entries swept the key, the sweep is replicated at once, because other changes may be replicated next.
fn appends<F: Family>(ctx: &Ctx, name: &Str, now: UnixMs) -> Option<Appends> {
    let mut key = keyspace::open_write::<F>(ctx, name).ok()?;
    let value = key.value().ok()??;
    let sink = value.queue.options().sink.clone()?;
    let identity = value.identity;
    let ReadyBatch { entries, swept } = value.queue.ready_batch(now);
    let append = |entry: Ready<'_>| {
        let mut arguments = xadd(&sink);
        F::stream_fields(&entry, &mut arguments);
        Append { place: entry.place(), arguments }
    };
    let appends = entries.into_iter().map(append).collect();
    if swept {
        replicate::sweep_for::<F>(ctx, name, SINK_BATCH, now);
        ctx.signal_modified(name);
    }
    Some(Appends { identity, appends })
}

/// The arguments of XADD up to the fields.
fn xadd(sink: &Sink) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.push(OwnedStr::new(&sink.stream));
    if sink.max_len != 0 {
        let max_len = OwnedStr::number(i64::try_from(sink.max_len).unwrap_or(i64::MAX));
        arguments.extend([OwnedStr::new(b"MAXLEN"), OwnedStr::new(b"~"), max_len]);
    }
    arguments.push(OwnedStr::new(b"*"));
    arguments
}

fn append_one(ctx: &Ctx, arguments: &Arguments) -> Result<(), String> {
    write(ctx, c"XADD", &arguments.as_strs())
}
