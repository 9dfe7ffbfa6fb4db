//! Which keys are watched, and what this node sees of them.
//!
//! Keyspace events only say that something happened to a key; what it means is looked at later, when no other code is in the
//! middle of changing it. So the handlers note names, and before the server's loop sleeps (and so before the AOF is
//! flushed and clients get their replies) each name is looked at once. While data is loaded nothing expires, and it is looked at at once.
//!
//! The index of watchers stands beside the keyspace and is not trusted: a watcher that is not there any more is dropped from it.

use crate::expiry::Expiry;
use crate::keyspace;
use crate::redis::event::{before_sleep, listen_to_keys, Events};
use crate::redis::key::{Key, Kind, Look};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::{expiry, timer};
use lazy_static::lazy_static;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Scope, UnixMs};

/// The watchers of one database, by name.
type Watchers = BTreeMap<Box<[u8]>, Arc<Scope>>;

#[derive(Default)]
struct State {
    dbs: BTreeMap<i32, Watchers>,
    seen: Vec<Seen>,
}

/// Something happened to a watched key.
struct Seen {
    db: i32,
    name: Box<[u8]>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Changed,
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

    /// The names of the watchers that cover a key.
    fn covering(&self, db: i32, key: &[u8]) -> Vec<Box<[u8]>> {
        let watchers = self.dbs.get(&db).into_iter().flatten();
        watchers.filter(|(_, scope)| scope.covers(key)).map(|(name, _)| name.clone()).collect()
    }
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
    before_sleep(look_at_seen);
}

/// No watcher stands under this name any more.
pub fn remove(db: i32, name: &[u8]) {
    if WATCHERS.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut state = state();
    if let Some(watchers) = state.dbs.get_mut(&db) {
        watchers.remove(name);
    }
    state.count();
}

/// The keys of this database, or of all, are gone, watchers included.
pub fn forget(db: Option<i32>) {
    let mut state = state();
    match db {
        Some(db) => {
            state.dbs.remove(&db);
            state.seen.retain(|seen| seen.db != db);
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
    for seen in &mut state.seen {
        seen.db = match seen.db {
            db if db == one => other,
            db if db == other => one,
            db => db,
        };
    }
}

/// All watchers.
pub fn all() -> Vec<(i32, Box<[u8]>)> {
    let state = state();
    state.dbs.iter().flat_map(|(db, watchers)| watchers.keys().map(|name| (*db, name.clone()))).collect()
}

/// An event of a key, of whatever class.
pub fn saw(ctx: &Ctx, event: &CStr, key: &Str) {
    if WATCHERS.load(Ordering::Relaxed) == 0 {
        return;
    }
    let what = match event.to_bytes() {
        b"expired" => What::Expired,
        b"evicted" => What::Evicted,
        b"expire" | b"persist" | b"del" | b"restore" | b"rename_from" | b"rename_to" | b"move_from" | b"move_to"
        | b"copy_to" => What::Changed,
        _ => return,
    };
    let (db, name) = (ctx.db(), key.bytes());
    {
        let mut state = state();
        if !state.dbs.get(&db).is_some_and(|watchers| watchers.values().any(|scope| scope.covers(name))) {
            return;
        }
        state.seen.push(Seen { db, name: name.into(), what });
    }
    // The loop does not sleep while data is loaded, and nothing expires, so the key can be looked at.
    if ctx.flags().is_loading() {
        look_at_seen(ctx);
    }
}

/// Looks at what was seen, in the order in which it was.
pub fn look_at_seen(ctx: &Ctx) {
    if WATCHERS.load(Ordering::Relaxed) == 0 {
        return;
    }
    let seen = std::mem::take(&mut state().seen);
    let selected = ctx.db();
    for Seen { db, name, what } in seen {
        let watchers = state().covering(db, &name);
        if watchers.is_empty() || !ctx.select_db(db) {
            continue;
        }
        let key = OwnedStr::new(&name);
        for watcher in watchers {
            let watcher = OwnedStr::new(&watcher);
            let known = match what {
                What::Changed => changed(ctx, db, &watcher, &key),
                What::Expired => expiry::has_expired(ctx, &watcher, &key),
                What::Evicted => expiry::was_evicted(ctx, &watcher, &key),
            };
            if !known {
                remove(db, watcher.bytes());
            }
        }
    }
    ctx.select_db(selected);
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

/// Something happened to `key`. False if the watcher is not there.
fn changed(ctx: &Ctx, db: i32, watcher: &Str, key: &Str) -> bool {
    let life = life(ctx, key);
    let Some(mut opened) = keyspace::peek::<Expiry>(ctx, watcher) else { return false };
    let Ok(Some(value)) = opened.value() else { return false };
    match life {
        Life::Until(deadline) => {
            value.queue.track(key.bytes(), deadline);
            value.schedule(db, watcher.bytes(), UnixMs(deadline.0.saturating_sub(expiry::LEAD)));
        }
        Life::Absent if value.queue.tracked_until(key.bytes()).is_some_and(|(_, evicted)| evicted) => {}
        Life::Absent | Life::Endless => {
            value.queue.untrack(key.bytes());
        }
    }
    true
}

/// Loading has ended: the values of keys whose time was over meanwhile are still there, until somebody touches the keys.
pub fn loaded(ctx: &Ctx) {
    for (db, watcher) in all() {
        if ctx.select_db(db) {
            expiry::keep_overdue(ctx, &OwnedStr::new(&watcher));
            timer::note(db, &watcher, UnixMs(0));
        }
    }
}

/// A file is about to be written: it shall hold the values of watched strings as they are now.
pub fn saving(ctx: &Ctx) {
    look_at_seen(ctx);
    for (db, watcher) in all() {
        if ctx.select_db(db) {
            expiry::keep_strings(ctx, &OwnedStr::new(&watcher));
        }
    }
}
