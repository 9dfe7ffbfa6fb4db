//! What was seen of watched keys, put together per key, until it is judged.

use crate::expiry::watcher_index;
use crate::redis::freeing::free_elsewhere;
use lazy_static::lazy_static;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Change, KeyId, Last, Rubbish, Sightings, UnixMs};

/// What has happened to a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyEvent {
    /// The key has got, or may have got, a deadline.
    Set,
    /// The key was deleted, moved away or made to live for ever.
    Unset,
    Expired,
    Evicted,
}

#[derive(Default)]
pub struct State {
    pub sightings: Sightings,
    /// When the turn of the server's loop began.
    pub turn_began: Option<UnixMs>,
    /// A callback for the end of the present unit is asked for, which tells the ends.
    pub is_asked_for: bool,
    /// Watchers with entries that nobody was told of yet.
    pub fired: BTreeSet<KeyId>,
    /// On a replica: the key that is deleted next, as the master has announced.
    pub announced: Option<KeyId>,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}

/// Never held while Redis is called.
pub fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The master has announced that a key is going to be deleted, and why. The deletion itself says nothing new, and is not noted.
pub fn deletion_comes(db: i32, name: &[u8]) {
    state().announced = Some((db, name.into()));
}

/// A key whose end concerns no watcher is being deleted under this name, before any event tells why.
pub fn deleted(db: i32, name: &[u8]) {
    if watcher_index::anybody() {
        state().sightings.note_deletion(db, name);
    }
}

/// The life of a key is being ended, before the event tells of it; `last` is how the key stood.
pub fn ended(db: i32, name: &[u8], last: Last) {
    state().sightings.note_last(db, name, last);
}

/// The keys of this database, or of all, are gone.
pub fn forget(db: Option<i32>) {
    let mut state = state();
    state.sightings.forget(db);
    state.announced = None;
    drop(state);
    clear_away();
}

/// Frees what is of no use any more, where nobody waits for it.
pub fn clear_away() {
    let rubbish: Vec<Rubbish> = state().sightings.take_rubbish().collect();
    rubbish.into_iter().for_each(free_elsewhere);
}

/// Two databases have changed places.
pub fn swap(one: i32, other: i32) {
    state().sightings.swap(one, other);
}

/// Keys that were changed and not looked at yet, of one database.
pub fn unlooked(db: i32) -> Vec<(Box<[u8]>, Change)> {
    let state = state();
    let of_db = state.sightings.each_change().filter(|changed| changed.db == db);
    of_db.map(|changed| (changed.name.into(), changed.change)).collect()
}
