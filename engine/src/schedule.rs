//! The deadline index of all keys of one server: when to look at which key next.
//!
//! A hint beside the keyspace, rebuilt after a restart and never trusted: an entry may be stale (the key is gone,
//! or its deadline moved away), but is never late. It knows names and times, and nothing of what is due there.

use crate::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

/// `(deadline, database, key)`, earliest first, at most one per key.
#[derive(Default)]
pub struct Schedule {
    /// Databases with any key. Few, and exchanged as a whole.
    dbs: BTreeMap<i32, Keys>,
    /// While a round looks at all keys, whatever their deadlines: the key that comes next, or the first behind it if that is gone.
    round: Option<(i32, Arc<[u8]>)>,
    /// Whether the last turn was the round's: it takes turns with the keys whose time has come.
    turn: bool,
}

/// A key whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueKey {
    /// When it was due; 0 if a round has come to it.
    pub at: UnixMs,
    /// Its database.
    pub db: i32,
    /// Its name.
    pub name: Arc<[u8]>,
}

/// The keys of one database.
#[derive(Default)]
struct Keys {
    by_key: BTreeMap<Arc<[u8]>, UnixMs>,
    by_time: BTreeSet<(UnixMs, Arc<[u8]>)>,
}

impl Keys {
    fn next(&self) -> Option<UnixMs> {
        self.by_time.first().map(|first| first.0)
    }
}

impl Schedule {
    /// An empty schedule.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a look at `key` at `at`, or earlier if an earlier look is already asked for. O(log keys).
    pub fn note(&mut self, db: i32, key: &[u8], at: UnixMs) {
        let keys = self.dbs.entry(db).or_default();
        let name: Arc<[u8]> = match keys.by_key.get_key_value(key) {
            Some((_, &earlier)) if earlier <= at => return,
            Some((name, &later)) => {
                let name = name.clone();
                keys.by_time.remove(&(later, name.clone()));
                name
            }
            None => key.into(),
        };
        keys.by_time.insert((at, name.clone()));
        keys.by_key.insert(name, at);
    }

    /// Forgets a look that was asked for at exactly this time: the key is gone. O(log keys).
    pub fn forget(&mut self, db: i32, key: &[u8], at: UnixMs) {
        let Some(keys) = self.dbs.get_mut(&db) else { return };
        if keys.by_key.get(key) == Some(&at) {
            if let Some((name, _)) = keys.by_key.remove_entry(key) {
                keys.by_time.remove(&(at, name));
            }
            self.drop_if_empty(db);
        }
    }

    /// Begins a round that looks at all keys noted now, whatever their deadlines; moves none of them. O(1).
    pub fn look_at_all(&mut self) {
        let first = self.dbs.keys().next();
        self.round = first.map(|db| (*db, [].into()));
    }

    /// Takes one key whose time has come, the longest due first; in turn with these, while there is a round, the
    /// next key of the round. O(log keys + databases).
    pub fn due(&mut self, now: UnixMs) -> Option<DueKey> {
        self.turn = !self.turn;
        if self.turn {
            self.next_of_round().or_else(|| self.first_due(now))
        } else {
            self.first_due(now).or_else(|| self.next_of_round())
        }
    }

    fn next_of_round(&mut self) -> Option<DueKey> {
        loop {
            let (db, from) = self.round.take()?;
            let next = self.dbs.get(&db).and_then(|keys| {
                keys.by_key.range::<[u8], _>((Included(&*from), Unbounded)).next().map(|(name, at)| (name.clone(), *at))
            });
            if let Some((name, at)) = next {
                // A key that is noted again meanwhile has had its look: the round goes on behind it.
                self.round = Some((db, [&*name, &[0]].concat().into()));
                self.forget(db, &name, at);
                return Some(DueKey { at: UnixMs(0), db, name });
            }
            self.round = self.dbs.range((Excluded(db), Unbounded)).next().map(|(db, _)| (*db, [].into()));
        }
    }

    fn first_due(&mut self, now: UnixMs) -> Option<DueKey> {
        let (at, db) = self.first()?;
        if !at.is_due(now) {
            return None;
        }
        let keys = self.dbs.get_mut(&db)?;
        let (_, name) = keys.by_time.pop_first()?;
        keys.by_key.remove(&name);
        self.drop_if_empty(db);
        Some(DueKey { at, db, name })
    }

    fn first(&self) -> Option<(UnixMs, i32)> {
        self.dbs.iter().filter_map(|(db, keys)| Some((keys.next()?, *db))).min()
    }

    fn drop_if_empty(&mut self, db: i32) {
        if self.dbs.get(&db).is_some_and(|keys| keys.by_key.is_empty()) {
            self.dbs.remove(&db);
        }
    }

    /// When the next look is due; 0 while there is a round of all keys. O(databases).
    pub fn next(&self) -> Option<UnixMs> {
        self.first().map(|(at, _)| if self.round.is_some() { UnixMs(0) } else { at })
    }

    /// Number of keys with a look asked for. O(databases).
    pub fn len(&self) -> usize {
        self.dbs.values().map(|keys| keys.by_key.len()).sum()
    }

    /// Whether no look is asked for.
    pub fn is_empty(&self) -> bool {
        self.dbs.is_empty()
    }

    /// Forgets the keys of one database.
    pub fn forget_db(&mut self, db: i32) {
        self.dbs.remove(&db);
    }

    /// Forgets everything.
    pub fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// Exchanges two databases. O(databases), however many keys they have.
    pub fn swap_dbs(&mut self, one: i32, other: i32) {
        for (db, keys) in [(other, self.dbs.remove(&one)), (one, self.dbs.remove(&other))] {
            if let Some(keys) = keys {
                self.dbs.insert(db, keys);
            }
        }
        if self.round.is_some() {
            // Some keys have moved from before to behind the point that the round has reached, and the other way.
            self.look_at_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(schedule: &mut Schedule, now: i64) -> Vec<(i32, Vec<u8>)> {
        std::iter::from_fn(|| schedule.due(UnixMs(now))).map(|due| (due.db, due.name.to_vec())).collect()
    }

    #[test]
    fn the_earlier_of_two_notes_for_a_key_stands() {
        let mut schedule = Schedule::new();
        schedule.note(0, b"k", UnixMs(10));
        schedule.note(0, b"k", UnixMs(20));
        assert_eq!(schedule.next(), Some(UnixMs(10)));
        schedule.note(0, b"k", UnixMs(5));
        assert_eq!((schedule.len(), schedule.is_empty()), (1, false));
        assert_eq!(drain(&mut schedule, 4), []);
        assert_eq!(drain(&mut schedule, 5), [(0, b"k".to_vec())]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn a_key_that_is_gone_is_forgotten_unless_another_look_was_asked_for() {
        let mut schedule = Schedule::new();
        schedule.note(0, b"k", UnixMs(10));
        schedule.forget(0, b"k", UnixMs(20));
        schedule.forget(1, b"k", UnixMs(10));
        assert_eq!(schedule.len(), 1);
        schedule.forget(0, b"k", UnixMs(10));
        assert!(schedule.is_empty());
        assert_eq!(drain(&mut schedule, 99), []);
    }

    #[test]
    fn a_round_comes_to_every_key_once_and_to_those_that_are_due_in_between() {
        let mut schedule = Schedule::new();
        for (db, key) in [(0, "a"), (0, "b"), (3, "c"), (3, "")] {
            schedule.note(db, key.as_bytes(), UnixMs(1_000));
        }
        schedule.look_at_all();
        assert_eq!(schedule.next(), Some(UnixMs(0)));
        let mut looked_at = Vec::new();
        while let Some(DueKey { at, db, name: key }) = schedule.due(UnixMs(10)) {
            assert_eq!(at, UnixMs(0), "no deadline");
            // Whoever was looked at asks for another look later.
            schedule.note(db, &key, UnixMs(2_000));
            looked_at.push((db, key.to_vec()));
        }
        let all = [(0, b"a".to_vec()), (0, b"b".to_vec()), (3, b"".to_vec()), (3, b"c".to_vec())];
        assert_eq!(looked_at, all);
        assert_eq!((schedule.len(), schedule.next()), (4, Some(UnixMs(2_000))));

        // One that is due again and again does not hold up the round, nor the round it.
        schedule.note(0, b"busy", UnixMs(5));
        schedule.look_at_all();
        let mut busy = 0;
        let mut others = 0;
        for _ in 0..11 {
            let DueKey { db, name: key, .. } = schedule.due(UnixMs(10)).expect("there is more");
            if &*key == b"busy" {
                busy += 1;
                schedule.note(db, &key, UnixMs(5));
            } else {
                others += 1;
            }
        }
        assert!(busy >= 5 && others == 4, "{busy} {others}");
    }

    #[test]
    fn a_round_misses_nothing_when_databases_swap_and_ends_when_all_are_forgotten() {
        let mut schedule = Schedule::new();
        schedule.note(0, b"a", UnixMs(1_000));
        schedule.note(5, b"b", UnixMs(1_000));
        schedule.look_at_all();
        assert_eq!(schedule.due(UnixMs(0)).map(|due| due.db), Some(0));
        schedule.swap_dbs(0, 5);
        assert_eq!(drain(&mut schedule, 0), [(0, b"b".to_vec())]);
        schedule.note(0, b"a", UnixMs(1_000));
        schedule.look_at_all();
        schedule.forget_all();
        schedule.note(0, b"a", UnixMs(1_000));
        assert_eq!(drain(&mut schedule, 0), []);
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
