//! How many clients wait for which key, so that the timer wakes clients only at keys where one is blocked.

use crate::delivery::timer::tick;
use lazy_static::lazy_static;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::UnixMs;

type Waiters = HashMap<i32, HashMap<Box<[u8]>, usize>>;

lazy_static! {
    static ref WAITERS: Mutex<Waiters> = Mutex::default();
}
static TOTAL: AtomicUsize = AtomicUsize::new(0);

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
    waiters().get(&db).and_then(|keys| keys.get(name)).copied().unwrap_or(0)
}

/// All data has been loaded: every client that waits is asked again, because signals went unheard during the loading.
pub fn data_is_there() {
    let all: Vec<(i32, Box<[u8]>)> =
        waiters().iter().flat_map(|(db, keys)| keys.keys().map(|name| (*db, name.clone()))).collect();
    for (db, name) in all {
        tick::note(db, &name, UnixMs(0));
    }
}

/// The keys of a database that clients wait for.
pub fn names(db: i32) -> Vec<Box<[u8]>> {
    waiters().get(&db).map_or_else(Vec::new, |keys| keys.keys().cloned().collect())
}

/// One client that waits. It is counted until this is dropped.
pub struct Waiter {
    pub db: i32,
    name: Box<[u8]>,
}

impl Waiter {
    pub fn new(db: i32, name: &[u8]) -> Self {
        TOTAL.fetch_add(1, Ordering::Relaxed);
        *waiters().entry(db).or_default().entry(name.into()).or_default() += 1;
        Waiter { db, name: name.into() }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        TOTAL.fetch_sub(1, Ordering::Relaxed);
        let mut all = waiters();
        let Some(keys) = all.get_mut(&self.db) else { return };
        if let Some(count) = keys.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                keys.remove(&self.name);
            }
        }
        if keys.is_empty() {
            all.remove(&self.db);
        }
    }
}
