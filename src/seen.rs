//! What was seen of watched keys, and what it means.
//!
//! Keyspace events only say that something happened to a key. Handlers note its name, and before the server's loop sleeps (and so before the
//! AOF is flushed and clients get their replies) each name is looked at once.

use crate::last_values::Last;
use crate::life::{life, Life};
use crate::redis::ctx::{command_ms, must_not_write};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::{tracking, watch};
use lazy_static::lazy_static;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Ending, UnixMs};

/// Something happened to a watched key.
struct Seen {
    db: i32,
    name: Box<[u8]>,
    what: What,
    /// If it has ended: how it was then, where the server shows it.
    last: Option<Last>,
    /// A time of the server's clock before the command that did it; `None` where the server does not tell. The time of the command itself
    /// would not do: that by which a script sets deadlines stands still, while this goes on.
    after: Option<UnixMs>,
}

impl Seen {
    fn is_expiry_of(&self, db: i32, name: &[u8]) -> bool {
        self.what == What::Expired && self.db == db && *self.name == *name
    }

    /// The deadline that it had when it ended.
    fn deadline(&self) -> Option<UnixMs> {
        self.last.as_ref().map(|last| last.deadline)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It has got, or may have got, a deadline.
    Set,
    /// It was deleted, moved away or made to live for ever.
    Ended,
    Expired,
    Evicted,
}

impl What {
    /// Whether replicas are told of it.
    fn is_told(self) -> bool {
        matches!(self, What::Expired | What::Evicted)
    }
}

#[derive(Default)]
struct State {
    seen: VecDeque<Seen>,
    /// The key that was deleted last of those whose end is nobody's concern, whatever the event calls it: of our own types, or given a
    /// deadline in the past.
    deleted: Option<(i32, Box<[u8]>)>,
    /// The key that ended last otherwise, and how it was. The event that says so comes next.
    ended: Option<(i32, Box<[u8]>, Last)>,
    /// When the turn of the server's loop began.
    turn_began: Option<UnixMs>,
}

impl State {
    fn was_deleted(&self, db: i32, name: &[u8]) -> bool {
        self.deleted.as_ref().is_some_and(|(of, deleted)| *of == db && **deleted == *name)
    }
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}

/// Never held while Redis is called.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something has happened to a key that is watched.
pub fn note(db: i32, name: &[u8], what: What) {
    let mut state = state();
    let was_deleted = state.was_deleted(db, name);
    let ended = if what.is_told() { state.ended.take() } else { None };
    let last = ended.filter(|(of, ended, _)| *of == db && **ended == *name).map(|(_, _, last)| last);
    let what = if was_deleted && what.is_told() { What::Ended } else { what };
    let after = state.turn_began;
    state.seen.push_back(Seen { db, name: name.into(), what, last, after });
    // Another key may have taken its place, and this one's time may be over in the same turn.
    if what == What::Set && was_deleted {
        state.deleted = None;
    }
}

/// The server's loop is about to sleep, and all that could be looked at has been.
pub fn turn_ends() {
    state().turn_began = command_ms().map(UnixMs);
}

/// A key whose end is nobody's concern is being deleted from under this name, before any event tells why.
pub fn deleted(db: i32, name: &[u8]) {
    if watch::anybody() {
        state().deleted = Some((db, name.into()));
    }
}

/// A key's life is being ended, before the event tells of it.
pub fn ended(db: i32, name: &[u8], last: Last) {
    state().ended = Some((db, name.into(), last));
}

/// The keys of this database, or of all, are gone.
pub fn forget(db: Option<i32>) {
    state().seen.retain(|seen| db.is_some_and(|db| seen.db != db));
}

/// Two databases have changed places.
pub fn swap(one: i32, other: i32) {
    for seen in &mut state().seen {
        seen.db = watch::swapped(seen.db, one, other);
    }
}

/// The event of a key that has just been deleted by being looked at is not to be looked at any more; how the key was.
pub fn swallow_expired(db: i32, key: &[u8]) -> Option<Last> {
    let mut state = state();
    if state.seen.back()?.is_expiry_of(db, key) {
        state.seen.pop_back()?.last
    } else {
        None
    }
}

/// Looks at what was seen, in the order in which it was. What has expired or was evicted is told only if it may be, else kept.
pub fn look(ctx: &Ctx, may_tell: bool) {
    let seen = Vec::from(std::mem::take(&mut state().seen));
    if seen.is_empty() {
        return;
    }
    let flags = ctx.flags();
    let decides = flags.is_master() && !flags.is_loading();
    let may_tell = may_tell && decides && !must_not_write();
    let must_keep_ended = decides && !may_tell;
    let next = next_of_each(&seen);
    let selected = ctx.db();
    let (mut kept, mut waiting, mut fired) = (Vec::new(), HashSet::new(), BTreeSet::new());
    for (nth, one) in seen.iter().enumerate() {
        let next = next[nth].map(|later| &seen[later]);
        let watchers = watch::watchers_of(one.db, &one.name);
        if watchers.is_empty() || !ctx.select_db(one.db) {
            continue;
        }
        let key = OwnedStr::new(&one.name);
        if one.what.is_told() && !decides {
            // The master's are told by it; what this node has thrown out by itself is only noted.
            if one.what == What::Evicted {
                watchers.iter().for_each(|watcher| tracking::note_evicted(ctx, watcher, &key));
            }
            continue;
        }
        let owes = |watcher: &OwnedStr| tracking::owed(ctx, watcher, &key).is_some();
        let told = one.what.is_told() || (decides && watchers.iter().any(owes));
        if (told && !may_tell) || waiting.contains(&(one.db, &*one.name)) {
            waiting.insert((one.db, &*one.name));
            kept.push(nth);
            continue;
        }
        // Of several changes the last one counts.
        if !told && next.is_some_and(|next| !next.what.is_told()) {
            continue;
        }
        if one.what == What::Set && next.is_none() && must_keep_ended && life(ctx, &key) == Life::Absent {
            // It has come and gone; that must be told.
            waiting.insert((one.db, &*one.name));
            kept.push(nth);
            continue;
        }
        if one.what.is_told() {
            tracking::hand_out(ctx, &watchers, &key, one.last.as_ref());
        }
        for watcher in &watchers {
            match look_at(ctx, watcher, &key, one, next, may_tell) {
                None => watch::remove(one.db, watcher.bytes()),
                Some(true) => drop(fired.insert((one.db, Box::<[u8]>::from(watcher.bytes())))),
                Some(false) => {}
            }
        }
    }
    for (db, watcher) in fired {
        if ctx.select_db(db) {
            tracking::tell_ready(ctx, &OwnedStr::new(&watcher));
        }
    }
    ctx.select_db(selected);
    state().deleted = None;
    if !kept.is_empty() {
        let mut all: Vec<Option<Seen>> = seen.into_iter().map(Some).collect();
        let mut state = state();
        for one in kept.into_iter().rev().filter_map(|nth| all[nth].take()) {
            state.seen.push_front(one);
        }
    } else if may_tell && !state().seen.is_empty() {
        // What ended by being looked at is told before anything else, above all before the AOF is written.
        look(ctx, true);
    }
}

/// For each event, the next one of the same key.
fn next_of_each(seen: &[Seen]) -> Vec<Option<usize>> {
    let mut later = HashMap::with_capacity(seen.len());
    let mut next: Vec<_> =
        seen.iter().enumerate().rev().map(|(nth, one)| later.insert((one.db, &*one.name), nth)).collect();
    next.reverse();
    next
}

/// What one watcher makes of one event, after which comes `next`. True if it fired; `None` if it is not there.
fn look_at(ctx: &Ctx, watcher: &Str, key: &Str, one: &Seen, next: Option<&Seen>, may_tell: bool) -> Option<bool> {
    let what = one.what;
    let owed = if may_tell && !what.is_told() { tracking::owed(ctx, watcher, key) } else { None };
    let fired = owed.is_some_and(|(deadline, ending)| tracking::fire(ctx, watcher, key, deadline, ending));
    match (what, next.map(|next| next.what)) {
        (What::Expired, _) => match tracking::tracked_until(ctx, watcher, key)? {
            Some(deadline) => Some(tracking::fire(ctx, watcher, key, deadline, Ending::Expired)),
            // It was there before the watcher, which had not come across it yet, or was told of already.
            None => Some(false),
        },
        (What::Evicted, _) => {
            let deadline = tracking::tracked_until(ctx, watcher, key)?;
            if let Some(deadline) = deadline {
                tracking::was_evicted(ctx, watcher, key, deadline);
            }
            Some(false)
        }
        (What::Set, Some(What::Expired)) => {
            track_ended(ctx, watcher, key, one, next.and_then(Seen::deadline))?;
            Some(fired)
        }
        (What::Set, Some(What::Evicted)) => {
            match next.and_then(Seen::deadline) {
                deadline @ Some(_) => tracking::track_ended(ctx, watcher, key, deadline)?,
                // When it would have expired nobody can tell.
                None => tracking::untrack_unless_evicted(ctx, watcher, key)?,
            }
            Some(fired)
        }
        (What::Set | What::Ended, _) => match life(ctx, key) {
            Life::Until(deadline) => {
                tracking::track(ctx, one.db, watcher, key, deadline)?;
                Some(fired)
            }
            // It has come and gone while nobody could look. Looking has ended it, and that event is still to be looked at; or it ends later,
            // where expired keys are only hidden.
            Life::Absent if what == What::Set && may_tell && !state().was_deleted(one.db, key.bytes()) => {
                track_ended(ctx, watcher, key, one, deadline_seen_since(one))?;
                Some(fired)
            }
            Life::Absent if what == What::Set => {
                tracking::untrack_unless_evicted(ctx, watcher, key)?;
                Some(fired)
            }
            Life::Absent | Life::Endless => {
                tracking::untrack(ctx, watcher, key)?;
                Some(fired)
            }
        },
    }
}

/// Tracks a key that was set and has expired since, so that the event of that finds it. But if its deadline had passed when it was set, that
/// was a way to delete it (SET … PXAT 1).
fn track_ended(ctx: &Ctx, watcher: &Str, key: &Str, set: &Seen, deadline: Option<UnixMs>) -> Option<()> {
    match (deadline, set.after) {
        (Some(deadline), Some(after)) if deadline < after => tracking::untrack(ctx, watcher, key),
        _ => tracking::track_ended(ctx, watcher, key, deadline),
    }
}

/// The deadline that a key had when it expired, if that was seen meanwhile.
fn deadline_seen_since(one: &Seen) -> Option<UnixMs> {
    let state = state();
    let expired = state.seen.iter().rev().find(|later| later.is_expiry_of(one.db, &one.name));
    expired.and_then(Seen::deadline)
}
