//! The index of watchers: which there are, and which of them cover a key. It stands beside the keyspace and is not trusted: a watcher that
//! is found to be gone is dropped from it.
//!
//! An event costs one search for the name of its key among all prefixes of the database, however many watchers there are, because all
//! writers pay for it; and not even that, nor a lock, if no prefix begins with the first byte of the name.

use crate::delivery::timer::slots;
use crate::redis::key;
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use lazy_static::lazy_static;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Prefixes, TtlRules};

/// A watcher, as far as events of keys concern it.
struct Watcher {
    name: Box<[u8]>,
    rules: TtlRules,
}

/// A watcher that is listed under each of its prefixes; equal only to itself.
#[derive(Clone)]
struct Known(Arc<Watcher>);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The watchers of one database.
#[derive(Default)]
struct Watchers {
    by_name: BTreeMap<Box<[u8]>, Known>,
    by_prefix: Prefixes<Known>,
}

impl Watchers {
    fn insert(&mut self, name: &[u8], rules: TtlRules) {
        self.remove(name);
        let known = Known(Arc::new(Watcher { name: name.into(), rules }));
        for prefix in &known.0.rules.prefixes {
            self.by_prefix.insert(&prefix.0, known.clone());
        }
        self.by_name.insert(name.into(), known);
    }

    fn remove(&mut self, name: &[u8]) -> Option<TtlRules> {
        let known = self.by_name.remove(name)?;
        for prefix in &known.0.rules.prefixes {
            self.by_prefix.remove(&prefix.0, &known);
        }
        Some(known.0.rules.clone())
    }

    /// The watchers that cover a key, ordered by name.
    fn covering<'a>(&'a self, key: &'a [u8]) -> Vec<&'a Watcher> {
        let mut covering: Vec<&Watcher> = self.by_prefix.owners_of(key).map(|known| &*known.0).collect();
        if covering.len() > 1 {
            covering.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            covering.dedup_by(|one, other| one.name == other.name);
        }
        covering
    }
}

#[derive(Default)]
struct State {
    dbs: BTreeMap<i32, Watchers>,
    /// The watcher that left last: it may be on its way to another name.
    left: Option<TtlRules>,
    /// Watchers that have come from another database, and still know the keys of that database.
    moved: BTreeSet<(i32, Box<[u8]>)>,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}
/// The number of watchers, so that events cost next to nothing while there are none.
static WATCHERS: AtomicUsize = AtomicUsize::new(0);
/// Whether `left` may hold a watcher.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

/// The first bytes of all prefixes, in all databases: one bit each.
static FIRST_BYTES: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Where the bit of a byte is.
const fn bit_of(byte: u8) -> (usize, u64) {
    (byte as usize / 64, 1 << (byte % 64))
}

/// Never held while Redis is called.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The watcher that left last stands under this name now. False if none has left.
    fn follow(&mut self, db: i32, name: &[u8]) -> bool {
        let Some(rules) = self.left.take() else { return false };
        // If another key was renamed, the wrong entry is dropped when no watcher is found there.
        self.dbs.entry(db).or_default().insert(name, rules);
        self.count();
        true
    }

    /// Notes what is read without the lock. Must be called after each change.
    fn count(&self) {
        WATCHERS.store(self.dbs.values().map(|watchers| watchers.by_name.len()).sum(), Ordering::Relaxed);
        let mut bits = [0; 4];
        for first in self.dbs.values().flat_map(|watchers| watchers.by_prefix.first_bytes()) {
            let (word, bit) = bit_of(first);
            bits[word] |= bit;
        }
        for (word, bits) in FIRST_BYTES.iter().zip(bits) {
            word.store(bits, Ordering::Relaxed);
        }
    }
}

/// The watchers that cover a key.
pub fn watchers_of(db: i32, key: &[u8]) -> Vec<OwnedStr> {
    names_of(db, key, OwnedStr::new)
}

/// The results of `what` for the name of each watcher that covers a key, in order of names.
pub fn names_of<R>(db: i32, key: &[u8], what: impl Fn(&[u8]) -> R) -> Vec<R> {
    // The end of a key that is not ours is told by another node.
    if !slots::are_ours(key) {
        return Vec::new();
    }
    let state = state();
    let Some(watchers) = state.dbs.get(&db) else { return Vec::new() };
    // A watcher that is on its way with its slot still works on the node that it comes from.
    let covering = watchers.covering(key).into_iter().filter(|watcher| slots::are_ours(&watcher.name));
    covering.map(|watcher| what(&watcher.name)).collect()
}

/// Whether a key is covered by exactly these watchers, given in order of names. Also false if they are none or very many: to find out would
/// cost as much as to ask for their names.
pub fn are_watchers_of(db: i32, key: &[u8], watchers: &[OwnedStr]) -> bool {
    if watchers.is_empty() || watchers.len() > u64::BITS as usize || !slots::are_ours(key) {
        return false;
    }
    let state = state();
    let Some(of_db) = state.dbs.get(&db) else { return false };
    let mut met = 0u64;
    for owner in of_db.by_prefix.owners_of(key).map(|known| &*known.0.name).filter(|name| slots::are_ours(name)) {
        let Ok(nth) = watchers.binary_search_by(|watcher| watcher.bytes().cmp(owner)) else { return false };
        met |= 1 << nth;
    }
    met.count_ones() as usize == watchers.len()
}

/// Whether a key is watched. Writers of all other keys pay for this, too.
pub fn is_watched(db: i32, key: &[u8]) -> bool {
    let may_be = |first: &u8| {
        let (word, bit) = bit_of(*first);
        FIRST_BYTES[word].load(Ordering::Relaxed) & bit != 0
    };
    key.first().is_none_or(may_be) && state().dbs.get(&db).is_some_and(|watchers| watchers.by_prefix.cover(key))
}

/// How many bytes of the value of a key any watcher wants; `None` if nobody watches it.
pub fn max_value(db: i32, key: &[u8]) -> Option<u64> {
    most_wanted(db, key, |rules| rules.max_value)
}

/// How many bytes of the value of a key any watcher wants if the key is being evicted; `None` if nobody watches it.
pub fn max_value_of_evicted(db: i32, key: &[u8]) -> Option<u64> {
    most_wanted(db, key, |rules| if rules.keep_evicted { rules.max_value } else { 0 })
}

fn most_wanted(db: i32, key: &[u8], wanted: impl Fn(&TtlRules) -> u64) -> Option<u64> {
    if !anybody() {
        return None;
    }
    let state = state();
    state.dbs.get(&db)?.by_prefix.owners_of(key).map(|known| wanted(&known.0.rules)).max()
}

/// Whether there is any watcher.
pub fn anybody() -> bool {
    count() != 0
}

/// How many watchers the events of keys are compared with.
pub fn count() -> usize {
    WATCHERS.load(Ordering::Relaxed)
}

/// A watcher stands under this name. True if the watcher, or what it covers, is news.
pub fn add(db: i32, name: &[u8], rules: &TtlRules) -> bool {
    let mut state = state();
    let watchers = state.dbs.entry(db).or_default();
    if watchers.by_name.get(name).is_some_and(|known| known.0.rules == *rules) {
        return false;
    }
    watchers.insert(name, rules.clone());
    state.count();
    true
}

/// No watcher stands under this name any more.
pub fn remove(db: i32, name: &[u8]) {
    if !anybody() {
        return;
    }
    let mut state = state();
    if let Some(rules) = state.dbs.get_mut(&db).and_then(|watchers| watchers.remove(name)) {
        state.left = Some(rules);
        HAS_LEFT.store(true, Ordering::Relaxed);
    }
    state.count();
}

/// The keys of this database, or of all, are gone, watchers included.
pub fn forget(db: Option<i32>) {
    let mut state = state();
    match db {
        Some(db) => {
            state.dbs.remove(&db);
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
    state.moved =
        std::mem::take(&mut state.moved).into_iter().map(|(db, name)| (swapped(db, one, other), name)).collect();
}

/// The number of a database once these two have changed places.
pub fn swapped(db: i32, one: i32, other: i32) -> i32 {
    match db {
        db if db == one => other,
        db if db == other => one,
        db => db,
    }
}

/// Whether a watcher has just come from another database. True only once.
pub fn has_moved(db: i32, name: &[u8]) -> bool {
    state().moved.remove(&(db, Box::from(name)))
}

/// All watchers.
pub fn all() -> Vec<(i32, Box<[u8]>)> {
    let state = state();
    let names =
        |(db, watchers): (&i32, &Watchers)| watchers.by_name.keys().map(|name| (*db, name.clone())).collect::<Vec<_>>();
    state.dbs.iter().flat_map(names).collect()
}

/// Calls `what` for each database that has watchers, with the database selected and its watchers. A panic leaves the other databases alone.
pub fn for_each_db(ctx: &Ctx, what: impl Fn(&[OwnedStr])) {
    if !anybody() {
        return;
    }
    let mut dbs: BTreeMap<i32, Vec<OwnedStr>> = BTreeMap::new();
    for (db, watcher) in all() {
        dbs.entry(db).or_default().push(OwnedStr::new(&watcher));
    }
    let selected = ctx.db();
    for (db, watchers) in dbs {
        if ctx.select_db(db) {
            panics::catch("the watchers of a database", || what(&watchers));
        }
    }
    ctx.select_db(selected);
}

/// Calls `what` for each watcher, with its database selected. A panic damages that watcher only.
pub fn for_each(ctx: &Ctx, what: impl Fn(&Str)) {
    for_each_db(ctx, |watchers| {
        for watcher in watchers {
            key::fenced(ctx, watcher, "a watcher", || what(watcher));
        }
    });
}

/// A watcher has got this name, by RENAME: it goes on watching at once.
pub fn renamed(db: i32, name: &[u8]) {
    state().follow(db, name);
}

/// A watcher has come into this database, by MOVE: it goes on watching at once, and must forget the keys of the other database.
pub fn moved(db: i32, name: &[u8]) {
    let mut state = state();
    if state.follow(db, name) {
        state.moved.insert((db, name.into()));
    }
}

/// Whether a watcher stands under this name.
pub fn is_watcher(db: i32, name: &[u8]) -> bool {
    state().dbs.get(&db).is_some_and(|watchers| watchers.by_name.contains_key(name))
}

/// Forgets the watcher that left last: it is not on its way to another name, because another event has come since.
pub fn forget_left() {
    if HAS_LEFT.load(Ordering::Relaxed) {
        state().left = None;
        HAS_LEFT.store(false, Ordering::Relaxed);
    }
}
