//! Which keys are watched, and what this node sees of them.
//!
//! Keyspace events only say that something happened to a key; what it means is looked at later, when no other code is in the
//! middle of changing it. So the handlers note names, and before the server's loop sleeps (and so before the AOF is
//! flushed and clients get their replies) each name is looked at once. While data is loaded nothing expires, and it is looked at at once.
//!
//! The index of watchers stands beside the keyspace and is not trusted: a watcher that is not there any more is dropped from it.

use crate::redis::ctx::must_not_write;
use crate::redis::event::{before_sleep, listen_to_keys, Events};
use crate::redis::key::{Key, Kind, Look};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::{expiry, last_values, timer, tracking};
use lazy_static::lazy_static;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tsgen_engine::{Ending, Scope, UnixMs, MAX_NAME};

/// The watchers of one database, by name.
type Watchers = BTreeMap<Box<[u8]>, Arc<Scope>>;

#[derive(Default)]
struct State {
    dbs: BTreeMap<i32, Watchers>,
    seen: VecDeque<Seen>,
    /// The watcher that left last: it may be on its way to another name.
    left: Option<(Box<[u8]>, Arc<Scope>)>,
    /// The key of our own types that was deleted last: should it have expired, that is nobody's concern.
    ours: Option<(i32, Box<[u8]>)>,
    /// Watchers that have come from another database, and know the keys of that.
    moved: BTreeSet<(i32, Box<[u8]>)>,
}

/// Something happened to a watched key.
struct Seen {
    db: i32,
    name: Box<[u8]>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// It has got, or may have got, a deadline.
    Set,
    /// It was deleted, moved away or made to live for ever.
    Ended,
    Expired,
    Evicted,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}
/// So that events cost next to nothing while nobody watches.
static WATCHERS: AtomicUsize = AtomicUsize::new(0);

/// Never held while Redis is called.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn count(&self) {
        WATCHERS.store(self.dbs.values().map(BTreeMap::len).sum(), Ordering::Relaxed);
    }

    fn was_ours(&self, db: i32, name: &[u8]) -> bool {
        self.ours.as_ref().is_some_and(|(of, ours)| *of == db && **ours == *name)
    }

    /// The names of the watchers that cover a key.
    fn covering(&self, db: i32, key: &[u8]) -> Vec<Box<[u8]>> {
        let watchers = self.dbs.get(&db).into_iter().flatten();
        watchers.filter(|(_, scope)| scope.covers(key)).map(|(name, _)| name.clone()).collect()
    }
}

/// How many bytes of the value of a key any watcher wants; `None` if nobody watches it.
pub fn max_value(db: i32, key: &[u8]) -> Option<u64> {
    if !anybody() {
        return None;
    }
    let state = state();
    let watchers = state.dbs.get(&db).into_iter().flatten();
    watchers.filter(|(_, scope)| scope.covers(key)).map(|(_, scope)| scope.max_value).max()
}

fn anybody() -> bool {
    WATCHERS.load(Ordering::Relaxed) != 0
}

/// A watcher stands under this name. The first one subscribes to the events of keys, for good.
pub fn add(db: i32, name: &[u8], scope: &Scope) {
    {
        let mut state = state();
        let watchers = state.dbs.entry(db).or_default();
        if watchers.get(name).is_some_and(|known| **known == *scope) {
            return;
        }
        watchers.insert(name.into(), Arc::new(scope.clone()));
        state.count();
    }
    crate::events::follow_names();
    listen_to_keys(Events::Ends, saw);
    last_values::follow();
    before_sleep(|ctx| {
        look_at_seen(ctx, true);
        if state().seen.is_empty() {
            last_values::clear();
        }
    });
}

/// No watcher stands under this name any more.
pub fn remove(db: i32, name: &[u8]) {
    if !anybody() {
        return;
    }
    let mut state = state();
    if let Some(scope) = state.dbs.get_mut(&db).and_then(|watchers| watchers.remove(name)) {
        state.left = Some((name.into(), scope));
    }
    state.count();
}

/// A key of our own types is being deleted from under this name, before any event tells why.
pub fn ours_left(db: i32, name: &[u8]) {
    if anybody() {
        state().ours = Some((db, name.into()));
    }
}

/// The keys of this database, or of all, are gone, watchers included.
pub fn forget(db: Option<i32>) {
    let mut state = state();
    match db {
        Some(db) => {
            state.dbs.remove(&db);
            state.seen.retain(|seen| seen.db != db);
            state.moved.retain(|(of, _)| *of != db);
        }
        None => *state = State::default(),
    }
    state.count();
}

/// Two databases have changed places, with the watchers in them.
pub fn swap(one: i32, other: i32) {
    let mut state = state();
    for (db, watchers) in [(other, state.dbs.remove(&one)), (one, state.dbs.remove(&other))] {
        if let Some(watchers) = watchers {
            state.dbs.insert(db, watchers);
        }
    }
    let swapped = |db: i32| match db {
        db if db == one => other,
        db if db == other => one,
        db => db,
    };
    for seen in &mut state.seen {
        seen.db = swapped(seen.db);
    }
    state.moved = std::mem::take(&mut state.moved).into_iter().map(|(db, name)| (swapped(db), name)).collect();
}

/// Whether a watcher has just come from another database; asked once.
pub fn has_moved(db: i32, name: &[u8]) -> bool {
    state().moved.remove(&(db, Box::from(name)))
}

fn all() -> Vec<(i32, Box<[u8]>)> {
    let state = state();
    state.dbs.iter().flat_map(|(db, watchers)| watchers.keys().map(|name| (*db, name.clone()))).collect()
}

/// Does something for each watcher.
fn for_each(ctx: &Ctx, what: impl Fn(&Str)) {
    if !anybody() {
        return;
    }
    let selected = ctx.db();
    for (db, watcher) in all() {
        if ctx.select_db(db) {
            what(&OwnedStr::new(&watcher));
        }
    }
    ctx.select_db(selected);
}

/// A watcher has got this name, by RENAME or MOVE: it goes on watching at once.
fn follow(db: i32, name: &[u8], from_elsewhere: bool) {
    let mut state = state();
    let Some((_, scope)) = state.left.take() else { return };
    // Should it be something else that was renamed, this is found out when it is looked for.
    state.dbs.entry(db).or_default().insert(name.into(), scope);
    if from_elsewhere {
        state.moved.insert((db, name.into()));
    }
    state.count();
}

/// An event of a key, of whatever class.
pub fn saw(ctx: &Ctx, event: &CStr, key: &Str) {
    let (db, name) = (ctx.db(), key.bytes());
    match event.to_bytes() {
        b"rename_to" => follow(db, name, false),
        b"move_to" => follow(db, name, true),
        b"rename_from" | b"move_from" => {}
        _ if anybody() => state().left = None,
        _ => {}
    }
    if !anybody() || name.len() > MAX_NAME {
        return;
    }
    let what = match event.to_bytes() {
        b"expired" | b"evicted" if state().was_ours(db, name) => What::Ended,
        b"expired" => What::Expired,
        b"evicted" => What::Evicted,
        b"expire" | b"restore" | b"rename_to" | b"move_to" | b"copy_to" => What::Set,
        b"persist" | b"del" | b"rename_from" | b"move_from" => What::Ended,
        _ => return,
    };
    let watchers = {
        let mut state = state();
        let watchers = state.covering(db, name);
        if watchers.is_empty() {
            return;
        }
        state.seen.push_back(Seen { db, name: name.into(), what });
        // Another key may have taken its place, and this one's time may be over in the same turn.
        if what == What::Set && state.was_ours(db, name) {
            state.ours = None;
        }
        watchers
    };
    let flags = ctx.flags();
    if flags.is_loading() || !flags.is_master() {
        // Nothing expires here by being looked at: it can be done at once, and must, for a replica's clock may be ahead.
        look_at_seen(ctx, false);
        return;
    }
    // What the look before the next sleep asks of the timer comes too late for that sleep, so the timer comes now.
    for watcher in watchers {
        timer::note(db, &watcher, UnixMs(0));
    }
}

/// Looks at what was seen, in the order in which it was. What has expired or was evicted is told only if it may be, else kept.
pub fn look_at_seen(ctx: &Ctx, may_tell: bool) {
    if !anybody() {
        return;
    }
    let seen = Vec::from(std::mem::take(&mut state().seen));
    if seen.is_empty() {
        return;
    }
    let flags = ctx.flags();
    let may_tell = may_tell && flags.is_master() && !must_not_write();
    let must_keep_ended = !may_tell && flags.is_master() && !flags.is_loading();
    let next = next_of_each(&seen);
    let selected = ctx.db();
    let (mut kept, mut waiting, mut fired) = (Vec::new(), HashSet::new(), BTreeSet::new());
    for (nth, one) in seen.iter().enumerate() {
        let next = next[nth].map(|later| seen[later].what);
        let told = matches!(one.what, What::Expired | What::Evicted);
        if (told && !may_tell) || waiting.contains(&(one.db, &*one.name)) {
            waiting.insert((one.db, &*one.name));
            kept.push(nth);
            continue;
        }
        // Of several changes the last one counts.
        if !told && matches!(next, Some(What::Set | What::Ended)) {
            continue;
        }
        let watchers = state().covering(one.db, &one.name);
        if watchers.is_empty() || !ctx.select_db(one.db) {
            continue;
        }
        let key = OwnedStr::new(&one.name);
        if one.what == What::Set && next.is_none() && must_keep_ended && life(ctx, &key) == Life::Absent {
            // It has come and gone; that must be told.
            waiting.insert((one.db, &*one.name));
            kept.push(nth);
            continue;
        }
        for name in watchers {
            let watcher = OwnedStr::new(&name);
            match look(ctx, one.db, &watcher, &key, one.what, next, may_tell) {
                None => remove(one.db, &name),
                Some(true) => drop(fired.insert((one.db, name))),
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
    state().ours = None;
    if !kept.is_empty() {
        let mut all: Vec<Option<Seen>> = seen.into_iter().map(Some).collect();
        let mut state = state();
        for one in kept.into_iter().rev().filter_map(|nth| all[nth].take()) {
            state.seen.push_front(one);
        }
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
fn look(ctx: &Ctx, db: i32, watcher: &Str, key: &Str, what: What, next: Option<What>, may_tell: bool) -> Option<bool> {
    match what {
        What::Expired => match tracking::tracked_until(ctx, watcher, key)? {
            Some(deadline) => Some(tracking::fire(ctx, watcher, key, deadline, Ending::Expired)),
            // It was there before the watcher, which had not come across it yet, or was told of already.
            None => Some(false),
        },
        What::Evicted => {
            let deadline = tracking::tracked_until(ctx, watcher, key)?;
            if let Some(deadline) = deadline {
                tracking::was_evicted(ctx, watcher, key, deadline);
            }
            Some(false)
        }
        // It had got a deadline, which cannot be seen any more, and has ended since: a moment ago.
        What::Set if next == Some(What::Expired) => {
            tracking::track_unseen(ctx, watcher, key)?;
            Some(false)
        }
        // When it would have expired nobody can tell.
        What::Set if next == Some(What::Evicted) => {
            tracking::untrack(ctx, watcher, key)?;
            Some(false)
        }
        What::Set | What::Ended => match life(ctx, key) {
            Life::Until(deadline) => {
                tracking::track(ctx, db, watcher, key, deadline)?;
                Some(false)
            }
            // It has come and gone while nobody could look: its time was over at once.
            Life::Absent if what == What::Set && may_tell && !state().was_ours(db, key.bytes()) => {
                let fired = tracking::fire_unknown(ctx, watcher, key);
                tracking::untrack(ctx, watcher, key)?;
                Some(fired)
            }
            Life::Absent | Life::Endless => {
                tracking::untrack(ctx, watcher, key)?;
                Some(false)
            }
        },
    }
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// There is nothing under the name.
    Absent,
    /// It lives for ever, or it is one of ours, which we do not watch.
    Endless,
    /// It lives up to and with this millisecond.
    Until(UnixMs),
}

/// How a key stands that was met in a scan or opened.
pub fn life_of(look: &Look) -> Life {
    match (look.kind(), look.deadline()) {
        (None, _) => Life::Absent,
        (Some(Kind::Module(of)), _) if expiry::is_ours(of) => Life::Endless,
        (_, None) => Life::Endless,
        (_, Some(at)) => Life::Until(UnixMs(at)),
    }
}

/// How a key stands. Looking at one that has expired deletes it, as Redis does.
pub fn life(ctx: &Ctx, name: &Str) -> Life {
    Key::open_read(ctx, name).map_or(Life::Absent, |key| life_of(&key.look()))
}

/// The values of strings whose time is over are still there, until somebody touches the keys: after loading, and on a replica that
/// becomes a master.
pub fn keep_overdue(ctx: &Ctx) {
    if !anybody() {
        return;
    }
    let selected = ctx.db();
    let mut dbs: BTreeMap<i32, Vec<OwnedStr>> = BTreeMap::new();
    for (db, watcher) in all() {
        timer::note(db, &watcher, UnixMs(0));
        dbs.entry(db).or_default().push(OwnedStr::new(&watcher));
    }
    for (db, watchers) in dbs {
        if ctx.select_db(db) {
            tracking::keep_overdue(ctx, &watchers);
        }
    }
    ctx.select_db(selected);
}

/// The event of a key that has just been deleted by being looked at, which is told of already.
pub fn swallow_expired(db: i32, key: &[u8]) {
    let mut state = state();
    if state.seen.back().is_some_and(|last| last.db == db && *last.name == *key && last.what == What::Expired) {
        state.seen.pop_back();
    }
}

/// A file is about to be written: it shall hold the values of watched strings as they are now. Often in a child process, which
/// tells nobody anything.
pub fn saving(ctx: &Ctx) {
    look_at_seen(ctx, false);
    for_each(ctx, |watcher| tracking::keep_strings(ctx, watcher));
}

/// The file was written by this process: the values are not needed any more.
pub fn saved(ctx: &Ctx) {
    for_each(ctx, |watcher| tracking::forget_values(ctx, watcher));
}

/// While nothing may be written, deadlines come near all the same.
pub fn copy_values(ctx: &Ctx, now: UnixMs, until: Instant) {
    for_each(ctx, |watcher| {
        tracking::copy_all_values(ctx, watcher, now, until);
    });
}
