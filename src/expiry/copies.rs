//! Copies of the values of watched keys, made before they end: afterwards there is nothing left to read.

use crate::delivery::keyspace;
use crate::delivery::timer::tick::Visit;
use crate::expiry::ends;
use crate::expiry::lifetime::{life_of, Life};
use crate::expiry::scan;
use crate::expiry::values::{copy_of, string_met, Copy, Strings, LEADS, MOST_EARLY};
use crate::expiry::watcher::{keep, with_queue, BATCH};
use crate::expiry::watcher_index;
use crate::expiry::Expiry;
use crate::redis::ctx::unix_ms;
use crate::redis::key::{shows_expired, Key, Kind, Look};
use crate::redis::key_events::shows_ends;
use crate::redis::panics;
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr, Str};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Instant;
use tsgen_engine::{judge_change, Change, Copied, Mark, Queue, Then, Ttl, UnixMs, Voice};

/// The number of keys that can be copied in a millisecond, beside all other work.
const A_MS: usize = 50;

/// How much earlier, in ms, the first copies are made of keys that end after `after` and up to `until`. 0 where the server shows values at
/// the ends of keys: few copies are needed there.
pub fn early(queue: &Queue<Ttl>, after: UnixMs, until: UnixMs) -> i64 {
    if shows_ends() {
        return 0;
    }
    i64::try_from(queue.count_between(after, until) / A_MS).unwrap_or(MOST_EARLY).min(MOST_EARLY)
}

/// Keys that end within this many ms are copied for a file by a peek or in a walk over all keys, because neither ends a key.
const TOO_SOON: i64 = 1_000;

/// What a file shall hold of one tracked key.
struct ForFile {
    life: Life,
    value: Option<Copied>,
}

impl ForFile {
    /// For a key whose time is over, or will soon be; only the value of a string is copied.
    fn at_end(look: &Look, max: u64) -> Self {
        ForFile { life: life_of(look), value: string_met(look, max) }
    }

    /// For a key that will not end while it is looked at.
    fn in_life(ctx: &Ctx, name: &Str, max: u64) -> Option<Self> {
        let (kind, life) = {
            let key = Key::peek(ctx, name)?;
            let look = key.look();
            (look.kind(), life_of(&look))
        };
        let value = (kind == Some(Kind::String)).then(|| copy_of(ctx, name, max, Strings::Copied)).flatten();
        let value = if let Some(Copy::Made(copied)) = value { Some(copied) } else { None };
        Some(ForFile { life, value })
    }
}

/// Prepares a file: notes how all tracked keys of a database stand now, copies the values of strings, and ends no key. A key that ended now
/// would be over before the file is written, or its end would be told by a child process that nobody hears. `changed`: keys that were
/// changed and not looked at yet.
pub fn keep_for_file(ctx: &Ctx, watchers: &[OwnedStr], changed: &[(Box<[u8]>, Change)]) {
    let soon = UnixMs(unix_ms().saturating_add(TOO_SOON));
    let mut names: HashMap<Box<[u8]>, bool> = HashMap::new();
    for watcher in watchers {
        with_queue(ctx, watcher, |queue| {
            let tracked = queue.tracked(None, usize::MAX);
            names.extend(tracked.iter().map(|tracked| (tracked.name.into(), tracked.deadline <= soon)));
        });
    }
    names.extend(changed.iter().map(|(name, _)| (name.clone(), true)));
    let mut met: HashMap<Box<[u8]>, ForFile> = HashMap::new();
    let mut ending: HashSet<Box<[u8]>> = HashSet::new();
    for (name, ends_soon) in names {
        let max = watcher_index::max_value(ctx.db(), &name).unwrap_or(0);
        if ends_soon && !shows_expired() {
            ending.insert(name);
            continue;
        }
        // A panic is the loss of the copy of this key only.
        let key = OwnedStr::new(&name);
        let found = panics::catch("a key that is copied for a file", || match ends_soon {
            true => Key::peek_expired(ctx, &key).map(|key| ForFile::at_end(&key.look(), max)),
            false => ForFile::in_life(ctx, &key, max),
        });
        met.extend(found.flatten().map(|found| (name, found)));
    }
    let (mut cursor, mut more) = (Cursor::new(), !ending.is_empty());
    while more {
        more = cursor.step(ctx, |name, look| {
            if ending.contains(name.bytes()) {
                let max = watcher_index::max_value(ctx.db(), name.bytes()).unwrap_or(0);
                met.insert(name.bytes().into(), ForFile::at_end(look, max));
            }
        });
    }
    let changes: HashMap<&[u8], Change> = changed.iter().map(|(name, change)| (&**name, *change)).collect();
    for watcher in watchers {
        with_queue(ctx, watcher, |queue| write_down(queue, &changes, &met));
    }
}

fn write_down(queue: &mut Queue<Ttl>, changes: &HashMap<&[u8], Change>, met: &HashMap<Box<[u8]>, ForFile>) {
    let now = UnixMs(unix_ms());
    for (name, change) in changes.iter().filter(|(name, _)| queue.rules().covers(name)).collect::<Vec<_>>() {
        let life = met.get(*name).map_or(Life::Absent, |found| found.life);
        // No end is told here: keys whose ends must be told stay as they are.
        match judge_change(*change, life, queue.known(name), Voice::Waits, now).then {
            Then::Track(deadline) => {
                queue.track_anew(name, deadline);
            }
            Then::Untrack => drop(queue.untrack(name)),
            _ => {}
        }
    }
    for (name, found) in met {
        if let Some(value) = &found.value {
            queue.keep_for_file(name, value.clone());
        }
    }
}

/// Forgets the values that were copied for a file; they are not needed any more.
pub fn forget_values(ctx: &Ctx, watcher: &Str) {
    let soon = UnixMs(unix_ms().saturating_add(LEADS[0]));
    with_queue(ctx, watcher, |queue| queue.forget_values(soon));
}

/// Copies values of a watcher's keys that end soon, at these leads. True if there are more to copy; `None` if there is no such watcher.
pub fn copy_values(ctx: &Ctx, visit: &Visit<'_>, leads: Range<usize>) -> Option<bool> {
    let Visit { name: watcher, now, until, .. } = *visit;
    for nth in leads.rev() {
        let lead = LEADS[nth];
        let mut horizon = UnixMs(now.0.saturating_add(lead));
        loop {
            let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
            let value = opened.value().ok()??;
            if nth == 0 {
                let farthest = UnixMs(now.0.saturating_add(lead + MOST_EARLY));
                horizon = UnixMs(now.0.saturating_add(lead + early(&value.queue, now, farthest)));
            }
            // After the clock has stepped back, keys that were copied already end soon once more: the mark steps back, too.
            let mark = value.local.copied[nth].min(Mark::at(UnixMs(horizon.0.saturating_add(1))));
            // Keys that the walk must meet first are skipped: to look at one that is over would end it.
            let mark = mark.max(Mark::at(UnixMs(scan::held(ctx.db()).0.saturating_add(1))));
            let ending = value.queue.ending_behind(mark, horizon, BATCH);
            let met = ending.len();
            let to_copy = ending.iter().filter(|(tracked, _)| !tracked.is_shown);
            let names: Vec<OwnedStr> = to_copy.map(|(tracked, _)| OwnedStr::new(tracked.name)).collect();
            let next = ending.last().map_or(mark, |(_, mark)| *mark);
            value.local.copied[nth] = next;
            drop(opened);
            for name in &names {
                keep(ctx, watcher, name);
                // A key that was over has ended by this look.
                ends::tell_end_of(ctx, name);
            }
            if met < BATCH {
                break;
            }
            if Instant::now() >= until {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// This node has become a master. What it copied as a replica may be older than the values that have come from its master since, so keys that
/// end soon are copied once more.
pub fn promoted(ctx: &Ctx) {
    let now = Mark::at(UnixMs(unix_ms()));
    watcher_index::for_each(ctx, |watcher| {
        let Some(mut opened) = keyspace::open_quietly::<Expiry>(ctx, watcher) else { return };
        if let Ok(Some(value)) = opened.value() {
            value.local.copied = value.local.copied.map(|mark| mark.min(now));
        }
    });
}

/// A file has been written, so the values that were copied for it are not needed any more.
pub fn saved(ctx: &Ctx) {
    watcher_index::for_each(ctx, |watcher| forget_values(ctx, watcher));
}

/// Copies values while nothing may be written: deadlines come near all the same.
pub fn copy_while_paused(ctx: &Ctx, now: UnixMs, until: Instant) {
    watcher_index::for_each(ctx, |watcher| {
        copy_values(ctx, &Visit { db: ctx.db(), name: watcher, now, until }, 0..LEADS.len());
    });
}
