//! What was seen of watched keys, put together per key, until it is judged.

use crate::expiry::watcher_index;
use lazy_static::lazy_static;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Change, KeyId, Last, Sightings, UnixMs};

/// What has happened to a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyEvent {
    /// It has got, or may have got, a deadline.
    Set,
    /// It was deleted, moved away or made to live for ever.
    Unset,
    Expired,
    Evicted,
}

#[derive(Default)]
pub struct State {
    pub sightings: Sightings,
    /// When the turn of the server's loop began.
    pub turn_began: Option<UnixMs>,
    /// Ends are told when the present unit is over.
    pub is_asked_for: bool,
    /// Watchers with entries that nobody was told of yet.
    pub fired: BTreeSet<KeyId>,
    /// On a replica: the key that is deleted next, as its master has announced.
    pub announced: Option<KeyId>,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}

/// Never held while Redis is called.
pub fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The master has announced that a key is going to be deleted: what it is told of that, it has been told.
pub fn deletion_comes(db: i32, name: &[u8]) {
    state().announced = Some((db, name.into()));
}

/// A key whose end is nobody's concern is being deleted from under this name, before any event tells why.
pub fn deleted(db: i32, name: &[u8]) {
    if watcher_index::anybody() {
        state().sightings.note_deletion(db, name);
    }
}

/// A key's life is being ended, before the event tells of it.
pub fn ended(db: i32, name: &[u8], last: Last) {
    state().sightings.note_last(db, name, last);
}

/// The keys of this database, or of all, are gone.
pub fn forget(db: Option<i32>) {
    let mut state = state();
    state.sightings.forget(db);
    state.announced = None;
}

/// Two databases have changed places.
pub fn swap(one: i32, other: i32) {
    state().sightings.swap(one, other);
}

/// Keys that were changed and not looked at yet, of one database.
pub fn unlooked(db: i32) -> Vec<(Box<[u8]>, Change)> {
    let state = state();
    let of_db = state.sightings.each_change().filter(|(of, ..)| *of == db);
    of_db.map(|(_, name, change)| (name.into(), change)).collect()
}
