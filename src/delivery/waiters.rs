//! Which clients wait for which key, in the order in which they were blocked. The timer wakes clients only at keys where one is blocked, and a
//! client that waits for several keys leaves a key to those who wait for it longer.

use crate::delivery::timer::deadlines;
use crate::redis::block::Blocked;
use crate::redis::{OwnedStr, Str};
use lazy_static::lazy_static;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::UnixMs;

/// By database and key: the numbers of those who wait.
type Waiters = HashMap<i32, HashMap<Box<[u8]>, BTreeSet<u64>>>;

lazy_static! {
    static ref WAITERS: Mutex<Waiters> = Mutex::default();
    /// Those who wait, by their numbers.
    static ref BLOCKED: Mutex<BTreeMap<u64, Blocked>> = Mutex::default();
}
static TOTAL: AtomicUsize = AtomicUsize::new(0);
/// The number of the next client that waits.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Never held while Redis is called.
fn waiters() -> MutexGuard<'static, Waiters> {
    WAITERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many clients wait, all together.
pub fn total() -> usize {
    TOTAL.load(Ordering::Relaxed)
}

/// Whether any client waits for any key.
pub fn anybody() -> bool {
    total() != 0
}

/// How many clients wait for this key.
pub fn count(db: i32, name: &[u8]) -> usize {
    if !anybody() {
        return 0;
    }
    waiters().get(&db).and_then(|keys| keys.get(name)).map_or(0, BTreeSet::len)
}

/// All data has been loaded: every client that waits is asked again, because signals went unheard during the loading.
pub fn data_is_there() {
    let all: Vec<(i32, Box<[u8]>)> =
        waiters().iter().flat_map(|(db, keys)| keys.keys().map(|name| (*db, name.clone()))).collect();
    for (db, name) in all {
        deadlines::note(db, &name, UnixMs(0));
    }
}

/// Those who wait for this key, the one who has waited longest first.
pub fn in_order(db: i32, name: &[u8]) -> Vec<u64> {
    let all = waiters();
    all.get(&db).and_then(|keys| keys.get(name)).map_or_else(Vec::new, |numbers| numbers.iter().copied().collect())
}

/// Who waits under this number, unless that one waits no more.
pub fn blocked(number: u64) -> Option<Blocked> {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner).get(&number).copied()
}

/// Takes note of who waits under a number.
pub fn is_blocked(number: u64, blocked: Blocked) {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner).insert(number, blocked);
}

/// The keys of a database that clients wait for.
pub fn names(db: i32) -> Vec<Box<[u8]>> {
    waiters().get(&db).map_or_else(Vec::new, |keys| keys.keys().cloned().collect())
}

/// One client that waits for one key or several, all different. It is counted until this is dropped.
pub struct Waiter {
    pub db: i32,
    pub names: Vec<OwnedStr>,
    pub number: u64,
}

impl Waiter {
    pub fn new(db: i32, names: &[&Str]) -> Self {
        TOTAL.fetch_add(1, Ordering::Relaxed);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let names: Vec<OwnedStr> = names.iter().map(|name| OwnedStr::new(name.bytes())).collect();
        let mut all = waiters();
        let keys = all.entry(db).or_default();
        for name in &names {
            keys.entry(name.bytes().into()).or_default().insert(number);
        }
        Waiter { db, names, number }
    }

    /// Whether nobody waits longer for this key.
    pub fn is_first(&self, name: &Str) -> bool {
        let all = waiters();
        let first = all.get(&self.db).and_then(|keys| keys.get(name.bytes())).and_then(BTreeSet::first);
        first.is_none_or(|first| *first >= self.number)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        TOTAL.fetch_sub(1, Ordering::Relaxed);
        BLOCKED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
        let mut all = waiters();
        let Some(keys) = all.get_mut(&self.db) else { return };
        for name in &self.names {
            let Some(numbers) = keys.get_mut(name.bytes()) else { continue };
            numbers.remove(&self.number);
            if numbers.is_empty() {
                keys.remove(name.bytes());
            }
        }
        if keys.is_empty() {
            all.remove(&self.db);
        }
    }
}
