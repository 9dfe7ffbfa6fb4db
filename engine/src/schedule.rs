//! The deadline index of all keys of one server: when to look at which key next.
//!
//! A hint beside the keyspace, rebuilt after a restart and never trusted: an entry may be stale (the key is gone,
//! or its deadline moved away), but is never late. It knows names and times, and nothing of what is due there.

use crate::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `(deadline, database, key)`, earliest first, at most one per key.
#[derive(Default)]
pub struct Schedule {
    by_key: BTreeMap<(i32, Arc<[u8]>), UnixMs>,
    by_time: BTreeSet<(UnixMs, i32, Arc<[u8]>)>,
}

impl Schedule {
    /// An empty schedule.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a look at `key` at `at`, or earlier if an earlier look is already asked for. O(log keys).
    pub fn note(&mut self, db: i32, key: &[u8], at: UnixMs) {
        let name: Arc<[u8]> = key.into();
        let slot = (db, name.clone());
        match self.by_key.get(&slot) {
            Some(&earlier) if earlier <= at => return,
            Some(&later) => {
                self.by_time.remove(&(later, db, name.clone()));
            }
            None => {}
        }
        self.by_time.insert((at, db, name));
        self.by_key.insert(slot, at);
    }

    /// Takes one key whose time has come, the longest due first. O(log keys).
    pub fn due(&mut self, now: UnixMs) -> Option<(i32, Arc<[u8]>)> {
        if !self.by_time.first()?.0.is_due(now) {
            return None;
        }
        let (_, db, name) = self.by_time.pop_first()?;
        self.by_key.remove(&(db, name.clone()));
        Some((db, name))
    }

    /// When the next look is due.
    pub fn next(&self) -> Option<UnixMs> {
        self.by_time.first().map(|first| first.0)
    }

    /// Number of keys with a look asked for.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no look is asked for.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Forgets the keys of one database. O(keys).
    pub fn forget_db(&mut self, db: i32) {
        self.by_key.retain(|(of, _), _| *of != db);
        self.by_time.retain(|(_, of, _)| *of != db);
    }

    /// Forgets everything.
    pub fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// Exchanges two databases. O(keys).
    pub fn swap_dbs(&mut self, one: i32, other: i32) {
        let swapped = |db: i32| match db {
            db if db == one => other,
            db if db == other => one,
            db => db,
        };
        self.by_key =
            std::mem::take(&mut self.by_key).into_iter().map(|((db, key), at)| ((swapped(db), key), at)).collect();
        self.by_time = self.by_key.iter().map(|((db, key), at)| (*at, *db, key.clone())).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(schedule: &mut Schedule, now: i64) -> Vec<(i32, Vec<u8>)> {
        std::iter::from_fn(|| schedule.due(UnixMs(now))).map(|(db, key)| (db, key.to_vec())).collect()
    }

    #[test]
    fn the_earlier_of_two_notes_for_a_key_stands() {
        let mut schedule = Schedule::new();
        schedule.note(0, b"k", UnixMs(10));
        schedule.note(0, b"k", UnixMs(20));
        assert_eq!(schedule.next(), Some(UnixMs(10)));
        schedule.note(0, b"k", UnixMs(5));
        assert_eq!(schedule.len(), 1);
        assert_eq!(drain(&mut schedule, 4), []);
        assert_eq!(drain(&mut schedule, 5), [(0, b"k".to_vec())]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn databases_swap_and_are_forgotten_apart() {
        let mut schedule = Schedule::new();
        schedule.note(0, b"a", UnixMs(1));
        schedule.note(1, b"b", UnixMs(2));
        schedule.note(2, b"c", UnixMs(3));
        schedule.swap_dbs(0, 1);
        schedule.forget_db(2);
        assert_eq!(drain(&mut schedule, 9), [(1, b"a".to_vec()), (0, b"b".to_vec())]);
    }
}
