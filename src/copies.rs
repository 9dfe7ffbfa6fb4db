//! Copies of the values of watched keys, made before they end: afterwards there is nothing left to read.

use crate::args::is;
use crate::expiry::Expiry;
use crate::keyspace;
use crate::redis::call::{memory_usage, read};
use crate::redis::ctx::unix_ms;
use crate::redis::key::{Key, Kind};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tracking::{with_queue, BATCH};
use std::ops::Range;
use std::time::Instant;
use tsgen_engine::{Copied, Mark, Queue, Ttl, UnixMs};

/// So long before its deadline a value is copied: early, to have something should the server be held up; in good time; and at the last
/// moment, to have what was written last.
pub const LEADS: [i64; 3] = [500, 20, 2];

/// The types of keys, as an entry names them.
const TYPES: [&str; 7] = ["string", "list", "hash", "set", "zset", "stream", "module"];

pub fn type_number(kind: Kind) -> u8 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Hash => 2,
        Kind::Set => 3,
        Kind::SortedSet => 4,
        Kind::Stream => 5,
        Kind::Module(_) => 6,
    }
}

/// The number of a type from its name.
pub fn type_of(name: &Str) -> Option<u8> {
    TYPES.iter().position(|known| is(name, known)).map(|number| number as u8)
}

pub fn type_name(number: u8) -> &'static str {
    TYPES.get(usize::from(number)).copied().unwrap_or("module")
}

/// A copy of the value of a key, as far as it is not longer than `max`.
fn copy_of(ctx: &Ctx, name: &Str, max: u64) -> Option<Copied> {
    let (kind, length) = {
        let key = Key::open_read(ctx, name)?;
        let look = key.look();
        (look.kind()?, look.length())
    };
    // Elements are at least a byte each, and what takes very much more memory than allowed need not be dumped to see that.
    let is_small = length as u64 <= max
        && (kind == Kind::String
            || memory_usage(ctx, name).is_some_and(|bytes| bytes.unsigned_abs() / 16 <= max + 4096));
    // It may end between the one look and the other: then there is no copy, which is not the same as a value too large.
    let bytes = match kind {
        _ if !is_small => None,
        Kind::String => Some(read(ctx, c"GET", name).or_else(|| string_of(ctx, name))?.into()),
        _ => Some(read(ctx, c"DUMP", name)?.into()),
    };
    Some(Copied { kind: type_number(kind), bytes })
}

/// The bytes of a string, without a command. A node of a cluster refuses commands on keys of slots that are only arriving, that are
/// its master's, and of all slots while the cluster is down; keys end there all the same.
fn string_of(ctx: &Ctx, name: &Str) -> Option<Vec<u8>> {
    let key = Key::open_read(ctx, name)?;
    let look = key.look();
    (look.kind() == Some(Kind::String)).then(|| look.string().to_vec())
}

/// Copies the value of a tracked key.
pub fn keep(ctx: &Ctx, watcher: &Str, name: &Str) {
    let max = with_queue(ctx, watcher, |queue| queue.scope().max_value).unwrap_or(0);
    if let Some(copied) = copy_of(ctx, name, max) {
        with_queue(ctx, watcher, |queue| queue.keep(name.bytes(), copied));
    }
}

/// Copies the values of all tracked strings.
pub fn keep_strings(ctx: &Ctx, watcher: &Str) {
    let names = |queue: &mut Queue<Ttl>| -> Vec<Box<[u8]>> {
        queue.tracked(None, usize::MAX).iter().map(|tracked| tracked.name.into()).collect()
    };
    for name in with_queue(ctx, watcher, names).unwrap_or_default() {
        let name = OwnedStr::new(&name);
        let is_string = Key::open_read(ctx, &name).is_some_and(|key| key.look().kind() == Some(Kind::String));
        if is_string {
            keep(ctx, watcher, &name);
        }
    }
}

/// The values that were copied for a file are not needed any more.
pub fn forget_values(ctx: &Ctx, watcher: &Str) {
    let soon = UnixMs(unix_ms().saturating_add(LEADS[0]));
    with_queue(ctx, watcher, |queue| queue.forget_values(soon));
}

/// Copies values of keys that end soon, at every lead.
pub fn copy_all_values(ctx: &Ctx, watcher: &Str, now: UnixMs, until: Instant) {
    copy_values(ctx, watcher, now, until, 0..LEADS.len());
}

/// Copies values of keys that end soon, at these leads and as far as the time reaches. True if there are more.
pub fn copy_values(ctx: &Ctx, watcher: &Str, now: UnixMs, until: Instant, leads: Range<usize>) -> Option<bool> {
    for nth in leads.rev() {
        let lead = LEADS[nth];
        let horizon = UnixMs(now.0.saturating_add(lead));
        loop {
            let mut opened = keyspace::peek::<Expiry>(ctx, watcher)?;
            let value = opened.value().ok()??;
            // A clock that has stepped back makes them end soon once more.
            let mark = value.local.copied[nth].min(Mark::at(UnixMs(horizon.0.saturating_add(1))));
            let ending = value.queue.ending_behind(mark, horizon, BATCH);
            let names: Vec<OwnedStr> = ending.iter().map(|(tracked, _)| OwnedStr::new(tracked.name)).collect();
            let next = ending.last().map_or(mark, |(_, mark)| *mark);
            value.local.copied[nth] = next;
            drop(opened);
            for name in &names {
                keep(ctx, watcher, name);
            }
            if names.len() < BATCH {
                break;
            }
            if Instant::now() >= until {
                return Some(true);
            }
        }
    }
    Some(false)
}
