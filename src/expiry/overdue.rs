//! Keys whose deadlines passed while nobody could look: while the server was down, and while data was loaded.

use crate::delivery::timer::deadlines;
use crate::expiry::endings::expect_owed;
use crate::expiry::lifetime::{life_of, Life};
use crate::expiry::values::{string_met, LEADS};
use crate::expiry::watcher::with_queue;
use crate::expiry::watcher_index;
use crate::redis::ctx::unix_ms;
use crate::redis::key::{shows_expired, Key, Look};
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr};
use std::collections::{HashMap, HashSet};
use tsgen_engine::{Copied, Ending, Queue, Ttl, UnixMs};

/// Data was loaded. Strings whose time is over still have their values, until somebody touches the keys; no event has told of keys that are
/// gone. If any tracked key is overdue, this may walk over all keys (before 7.2), which takes some part of the time that loading them took.
pub fn keep_overdue(ctx: &Ctx) {
    watcher_index::for_each_db(ctx, |watchers| {
        watchers.iter().for_each(|watcher| deadlines::note(ctx.db(), watcher.bytes(), UnixMs(0)));
        keep_overdue_of(ctx, watchers);
    });
}

/// Looks at the overdue tracked keys of a database, for all its watchers, before anybody touches them. Copies the values of strings, notes
/// which keys are gone, and forgets values that were copied for a file.
fn keep_overdue_of(ctx: &Ctx, watchers: &[OwnedStr]) {
    let now = UnixMs(unix_ms());
    let names = |queue: &mut Queue<Ttl>| -> Vec<Box<[u8]>> {
        let overdue = queue.ending_between(UnixMs(i64::MIN), now, usize::MAX);
        // Keys whose end was announced need no look.
        let open = overdue.iter().filter(|tracked| queue.ended(tracked.name) != Some(Ending::Expired));
        open.map(|tracked| tracked.name.into()).collect()
    };
    let overdue: HashSet<Box<[u8]>> =
        watchers.iter().flat_map(|watcher| with_queue(ctx, watcher, names).unwrap_or_default()).collect();
    if !overdue.is_empty() {
        expect_owed();
    }
    let max = watchers.iter().filter_map(|watcher| with_queue(ctx, watcher, |queue| queue.rules().max_value)).max();
    let met = meet(ctx, &overdue, |look| {
        let life = life_of(look);
        let is_due = matches!(life, Life::Until(deadline) if deadline.is_due(now));
        Met { life, copied: if is_due { string_met(look, max.unwrap_or(0)) } else { None } }
    });
    let soon = UnixMs(now.0.saturating_add(LEADS[0]));
    for watcher in watchers {
        with_queue(ctx, watcher, |queue| {
            queue.forget_values(soon);
            overdue.iter().for_each(|name| take_in(queue, name, met.get(name)));
        });
    }
}

/// A key that was looked at.
struct Met {
    life: Life,
    /// Its value, if it is a string whose time is over.
    copied: Option<Copied>,
}

/// Looks at those of these keys that are there: one by one where the server shows keys that have expired (7.2), else in one walk over all
/// keys.
fn meet(ctx: &Ctx, names: &HashSet<Box<[u8]>>, look: impl Fn(&Look) -> Met) -> HashMap<Box<[u8]>, Met> {
    let mut met = HashMap::new();
    if shows_expired() {
        let keys = names.iter().filter_map(|name| Some((name, Key::peek_expired(ctx, &OwnedStr::new(name))?)));
        keys.for_each(|(name, key)| drop(met.insert(name.clone(), look(&key.look()))));
        return met;
    }
    let (mut cursor, mut more) = (Cursor::new(), true);
    while more && met.len() < names.len() {
        more = cursor.step(ctx, |name, at| {
            if names.contains(name.bytes()) {
                met.insert(name.bytes().into(), look(at));
            }
        });
    }
    met
}

/// A watcher takes in how an overdue key was met; `None`: it is gone.
fn take_in(queue: &mut Queue<Ttl>, name: &[u8], met: Option<&Met>) {
    match met {
        None => queue.note_gone(name),
        Some(Met { life: Life::Until(deadline), copied }) => {
            if queue.tracked_until(name).is_some() {
                queue.track(name, *deadline);
            }
            if let Some(copied) = copied {
                queue.keep(name, copied.clone());
            }
        }
        Some(_) => drop(queue.untrack(name)),
    }
}
