//! Copies of the values of watched keys, made before they end: afterwards there is nothing left to read.

use crate::command::args::is;
use crate::delivery::keyspace;
use crate::expiry::lifetime::{life_of, Life};
use crate::expiry::scan;
use crate::expiry::sightings;
use crate::expiry::watcher::{with_queue, BATCH};
use crate::expiry::watcher_index;
use crate::expiry::Expiry;
use crate::redis::call::{memory_usage, read};
use crate::redis::ctx::unix_ms;
use crate::redis::key::{shows_expired, Key, Kind, Look};
use crate::redis::key_events::shows_ends;
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr, Str};
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::ops::Range;
use std::time::Instant;
use tsgen_engine::{judge_change, Change, Copied, Mark, Queue, Role, Then, Ttl, UnixMs};

/// So long before its deadline a value is copied: early, to have something should the server be held up; in good time; and at the last
/// moment, to have what was written last.
pub const LEADS: [i64; 3] = [500, 20, 2];
/// The first copies are made so much earlier at most, where very many keys end together: else there is no time for all of them.
pub const MOST_EARLY: i64 = 2_500;
/// Keys of which copies can be made in a millisecond, along with all else.
const A_MS: usize = 50;

/// How much earlier the first copies are made of keys that end after `after` and not after `until`. Where the server shows values at their
/// ends, few are needed.
pub fn early(queue: &Queue<Ttl>, after: UnixMs, until: UnixMs) -> i64 {
    if shows_ends() {
        return 0;
    }
    i64::try_from(queue.count_between(after, until) / A_MS).unwrap_or(MOST_EARLY).min(MOST_EARLY)
}

/// The types of keys, as an entry names them.
const TYPES: [&CStr; 7] = [c"string", c"list", c"hash", c"set", c"zset", c"stream", c"module"];

pub fn type_number(kind: Kind) -> u8 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Hash => 2,
        Kind::Set => 3,
        Kind::SortedSet => 4,
        Kind::Stream => 5,
        Kind::Ours(_) | Kind::Module => 6,
    }
}

/// The number of a type from its name.
pub fn type_of(name: &Str) -> Option<u8> {
    (0..TYPES.len() as u8).find(|number| is(name, type_name(*number)))
}

pub fn type_name(number: u8) -> &'static str {
    type_word(number).to_str().unwrap_or_default()
}

/// The same, as it is replicated.
pub fn type_word(number: u8) -> &'static CStr {
    TYPES.get(usize::from(number)).copied().unwrap_or(c"module")
}

/// What a look at a key to copy it comes to.
enum Copy {
    Made(Copied),
    /// It is a string, whose value the server shows at its end.
    NotNeeded,
}

/// A copy of the value of a key, as far as it is not longer than `max`. Of a string only `if_string`.
fn copy_of(ctx: &Ctx, name: &Str, max: u64, if_string: bool) -> Option<Copy> {
    let (kind, length) = {
        let key = Key::open_silently(ctx, name)?;
        let look = key.look();
        (look.kind()?, look.length())
    };
    if kind == Kind::String && !if_string {
        return Some(Copy::NotNeeded);
    }
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
    Some(Copy::Made(Copied { kind: type_number(kind), bytes }))
}

/// A copy of the string that is met in a walk, which ends nothing. `None` if it is none.
pub fn string_met(look: &Look, max: u64) -> Option<Copied> {
    (look.kind() == Some(Kind::String)).then(|| {
        let bytes = (look.length() as u64 <= max).then(|| look.string().into());
        Copied { kind: type_number(Kind::String), bytes }
    })
}

/// The bytes of a string, without a command. A node of a cluster refuses commands on keys of slots that are only arriving, that are
/// its master's, and of all slots while the cluster is down; keys end there all the same.
fn string_of(ctx: &Ctx, name: &Str) -> Option<Vec<u8>> {
    let key = Key::open_silently(ctx, name)?;
    let look = key.look();
    (look.kind() == Some(Kind::String)).then(|| look.string().to_vec())
}

/// Copies the value of a tracked key for its entry. Not that of a string where the server shows what it is at its end.
pub fn keep(ctx: &Ctx, watcher: &Str, name: &Str) {
    keep_now(ctx, watcher, name, !shows_ends());
}

/// Copies the value of a tracked key, of a string only `if_string`.
pub fn keep_now(ctx: &Ctx, watcher: &Str, name: &Str, if_string: bool) {
    let max = watcher_index::max_value(ctx.db(), name.bytes()).unwrap_or(0);
    if let Some(copy) = copy_of(ctx, name, max, if_string) {
        with_queue(ctx, watcher, |queue| match copy {
            Copy::Made(copied) => queue.keep(name.bytes(), copied),
            Copy::NotNeeded => queue.note_shown(name.bytes()),
        });
    }
}

/// How soon a key may end that is copied for a file: those are looked at in passing, or in a walk over all keys, neither of which ends any.
const TOO_SOON: i64 = 1_000;

/// What a file is to hold of one tracked key.
struct ForFile {
    life: Life,
    value: Option<Copied>,
}

impl ForFile {
    /// Of a string whose time is over, or will soon be.
    fn at_end(look: &Look, max: u64) -> Self {
        ForFile { life: life_of(look), value: string_met(look, max) }
    }

    /// Of a key that will not end while it is looked at.
    fn in_life(ctx: &Ctx, name: &Str, max: u64) -> Option<Self> {
        let (kind, life) = {
            let key = Key::peek(ctx, name)?;
            let look = key.look();
            (look.kind(), life_of(&look))
        };
        let value = (kind == Some(Kind::String)).then(|| copy_of(ctx, name, max, true)).flatten();
        let value = if let Some(Copy::Made(copied)) = value { Some(copied) } else { None };
        Some(ForFile { life, value })
    }
}

/// Has a file hold how all tracked keys of a database are now, with the values of strings, and ends none of them: what ended now would be
/// over before the file is written, or told by a child process that nobody hears. `changed`: keys that were not looked at yet.
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
        let key = OwnedStr::new(&name);
        let found = match ends_soon {
            true if !shows_expired() => {
                ending.insert(name);
                continue;
            }
            true => Key::peek_expired(ctx, &key).map(|key| ForFile::at_end(&key.look(), max)),
            false => ForFile::in_life(ctx, &key, max),
        };
        met.extend(found.map(|found| (name, found)));
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
    for (name, change) in changes.iter().filter(|(name, _)| queue.scope().covers(name)).collect::<Vec<_>>() {
        let life = met.get(*name).map_or(Life::Absent, |found| found.life);
        // Nothing is told here: what waits for that stays as it is.
        match judge_change(*change, life, queue.known(name), Role::Waits, now).then {
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
        let mut horizon = UnixMs(now.0.saturating_add(lead));
        loop {
            let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
            let value = opened.value().ok()??;
            if nth == 0 {
                let farthest = UnixMs(now.0.saturating_add(lead + MOST_EARLY));
                horizon = UnixMs(now.0.saturating_add(lead + early(&value.queue, now, farthest)));
            }
            // A clock that has stepped back makes them end soon once more.
            let mark = value.local.copied[nth].min(Mark::at(UnixMs(horizon.0.saturating_add(1))));
            // To look at what is over would end it.
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
                // What was over has ended by that.
                sightings::tell_end_of(ctx, name);
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
