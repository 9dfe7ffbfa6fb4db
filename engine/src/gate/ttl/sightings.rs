//! What a node has seen of watched keys since it last looked, put together per key: however often something happens to a key, it
//! takes the memory of one change and of the ends of its lives.
//!
//! It knows names and what was seen, and neither watchers nor how the keys stand.

use super::judge::{Change, End};
use super::{Copied, Ending};
use crate::rubbish::Rubbish;
use crate::time::UnixMs;
use changes::{Changes, Hashed};
use siphasher::sip::SipHasher13;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

mod changes;

/// The name of a key and its database.
pub type KeyId = (i32, Box<[u8]>);

/// A key that was changed, and its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedKey<'a> {
    /// The database of the key.
    pub db: i32,
    /// Its name.
    pub name: &'a [u8],
    /// What was done to it last.
    pub change: Change,
}

/// How a key was when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// The last millisecond of its life.
    pub deadline: UnixMs,
    /// Its value, if it was a string. Of other types none can be had then.
    pub value: Option<Copied>,
}

/// The end of a life that was seen, to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEnd {
    /// The key.
    pub key: KeyId,
    /// How it ended.
    pub end: End,
    /// The value it ended with, if that was shown.
    pub value: Option<Copied>,
    /// How many lives of this key ended like this, one after the other.
    pub times: u32,
}

/// What was said of a key that is just being ended, before the event that tells how.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    /// How it was.
    Life(Last),
    /// Its end is nobody's concern, whatever the event calls it: the key is of our own types, or deleted by a deadline that has passed.
    Deletion,
}

/// Something of each key, in order of databases and names.
type PerKey<T> = BTreeMap<i32, BTreeMap<Box<[u8]>, T>>;

/// Everything that was seen and not yet judged.
pub struct Sightings {
    /// The last change of each key since its last end, for the keys that are looked at next.
    changes: Changes,
    /// The last change of each key that was changed since those in `changes` began to be looked at: so each key has its turn.
    later: Changes,
    /// Hashes the names in both; see [`of_db`].
    hasher: SipHasher13,
    /// The database and the change of the key that is being looked at.
    looked_at: Option<(i32, Change)>,
    /// The name of that key.
    looked_at_name: Vec<u8>,
    /// The ends of each key, in the order in which they were seen.
    ends: PerKey<VecDeque<SeenEnd>>,
    /// The key that is just being ended. The event that says so comes next.
    ending: Option<(KeyId, Ended)>,
    /// The memory of ends that were forgotten; `changes` and `later` keep their own.
    rubbish: Option<Rubbish>,
}

impl Default for Sightings {
    fn default() -> Self {
        // Clients choose names.
        let seed = RandomState::new();
        Sightings {
            changes: Changes::default(),
            later: Changes::default(),
            hasher: SipHasher13::new_with_keys(seed.hash_one(0), seed.hash_one(1)),
            looked_at: None,
            looked_at_name: Vec::new(),
            ends: PerKey::new(),
            ending: None,
            rubbish: None,
        }
    }
}

impl Sightings {
    /// Nothing yet.
    pub fn new() -> Self {
        Sightings::default()
    }

    /// Whether nothing is to be judged.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.changes() == 0
    }

    /// Something was done to a key. O(1); memory only for the first of several.
    pub fn note_change(&mut self, db: i32, name: &[u8], change: Change) {
        if self.ending.as_ref().is_some_and(|(key, _)| is(key, db, name)) {
            // What was said of its end is of another life.
            self.ending = None;
        }
        let key = self.hashed(db, name);
        if self.changes.len() == 0 || !self.changes.note_again(key, change) {
            self.later.note(key, change);
        }
    }

    /// The life of a key has ended, as an event says.
    pub fn note_end(&mut self, db: i32, name: &[u8], how: Ending) {
        let shown = self.ending.take().filter(|(key, _)| is(key, db, name)).map(|(_, ended)| ended);
        let (deadline, value) = match shown {
            Some(Ended::Deletion) => return self.note_change(db, name, Change::Unset),
            Some(Ended::Life(last)) => (Some(last.deadline), last.value),
            None => (None, None),
        };
        let change = self.take_change(db, name);
        let set = match change {
            Some(Change::Set { after, .. }) => Some(after),
            _ => None,
        };
        let end = End { how, deadline, set };
        if end.is_deletion() {
            return self.note_change(db, name, Change::Unset);
        }
        let ends = self.ends.entry(db).or_default();
        let seen = SeenEnd { key: (db, name.into()), end, value, times: 1 };
        match ends.get_mut(name) {
            None => drop(ends.insert(name.into(), VecDeque::from([seen]))),
            Some(before) => match before.back_mut() {
                Some(last) if last.end == seen.end && last.value == seen.value && set.is_some() => {
                    last.times = last.times.saturating_add(1);
                }
                _ => before.push_back(seen),
            },
        }
    }

    /// A key's life is being ended, and the event that tells of it comes next; `last` is how the key was.
    pub fn note_last(&mut self, db: i32, name: &[u8], last: Last) {
        self.ending = Some(((db, name.into()), Ended::Life(last)));
    }

    /// A key whose end is nobody's concern is being deleted from under this name, before any event tells why.
    pub fn note_deletion(&mut self, db: i32, name: &[u8]) {
        self.ending = Some(((db, name.into()), Ended::Deletion));
    }

    /// No event will come of the key that was being ended.
    pub fn turn_ends(&mut self) {
        self.ending = None;
    }

    /// Takes all ends of a key, the first one first. O(log n).
    pub fn take_ends(&mut self) -> Option<VecDeque<SeenEnd>> {
        let mut first = self.ends.first_entry()?;
        let (_, ends) = first.get_mut().pop_first()?;
        if first.get().is_empty() {
            first.remove();
        }
        Some(ends)
    }

    /// Takes all ends of this key, if there are any. O(log n).
    pub fn take_ends_of(&mut self, db: i32, name: &[u8]) -> Option<VecDeque<SeenEnd>> {
        take(&mut self.ends, db, name)
    }

    /// Whether an end of this key is still to be told. O(log n).
    pub fn has_end_of(&self, db: i32, name: &[u8]) -> bool {
        self.ends.get(&db).is_some_and(|ends| ends.contains_key(name))
    }

    /// Whether there are ends to be told.
    pub fn has_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Takes a key that was changed, to be looked at now: another key each time, as long as there are others. If looking ends the key, that
    /// is noted like any other end, and comes of this change. O(1).
    pub fn look_at_next(&mut self) -> Option<ChangedKey<'_>> {
        if self.changes.len() == 0 {
            std::mem::swap(&mut self.changes, &mut self.later);
        }
        let (db, change) = self.changes.take_first(&mut self.looked_at_name)?;
        self.looked_at = Some((db, change));
        Some(ChangedKey { db, name: &self.looked_at_name, change })
    }

    /// Whether the key that is looked at next may be one that was looked at lately.
    pub fn begins_round(&self) -> bool {
        self.changes.len() == 0
    }

    /// Takes the change of the key that was looked at, to be judged now; none if the change has turned out to be an end.
    pub fn looked(&mut self) -> Option<Change> {
        self.looked_at.take().map(|(_, change)| change)
    }

    fn take_change(&mut self, db: i32, name: &[u8]) -> Option<Change> {
        let is_it = |(of, _): &mut (i32, Change)| *of == db && self.looked_at_name == name;
        let looked_at = self.looked_at.take_if(is_it).map(|(_, change)| change);
        let key = self.hashed(db, name);
        let later = self.later.take(key);
        self.changes.take(key).or(later).or(looked_at)
    }

    fn hashed<'a>(&self, db: i32, name: &'a [u8]) -> Hashed<'a> {
        Hashed { db, name, hash: self.hasher.hash(name) as u32 ^ of_db(db) }
    }

    /// How many changes there are.
    pub fn changes(&self) -> usize {
        self.changes.len() + self.later.len()
    }

    /// All keys that were changed, and how.
    pub fn each_change(&self) -> impl Iterator<Item = ChangedKey<'_>> {
        self.changes.iter().chain(self.later.iter())
    }

    /// The keys of this database, or of all, are gone.
    pub fn forget(&mut self, db: Option<i32>) {
        match db {
            Some(db) => {
                self.changes.forget(db);
                self.later.forget(db);
                self.rubbish = self.ends.remove(&db).map(|ends| Box::new(ends) as Rubbish);
            }
            None => {
                let all = std::mem::take(self);
                self.rubbish = Some(Box::new(all));
            }
        }
    }

    /// Memory that is of no use any more: that of very many changes which have been taken, or of what [`Sightings::forget`] has forgotten. Of each
    /// only the last is kept for whoever asks.
    pub fn take_rubbish(&mut self) -> impl Iterator<Item = Rubbish> {
        [self.rubbish.take(), self.changes.take_rubbish(), self.later.take_rubbish()].into_iter().flatten()
    }

    /// Two databases have changed places.
    pub fn swap(&mut self, one: i32, other: i32) {
        let swapped = |db| match db {
            _ if db == one => other,
            _ if db == other => one,
            _ => db,
        };
        self.changes.change_dbs(swapped);
        self.later.change_dbs(swapped);
        self.ends = std::mem::take(&mut self.ends).into_iter().map(|(db, ends)| (swapped(db), ends)).collect();
        for (db, ends) in &mut self.ends {
            ends.values_mut().flatten().for_each(|seen| seen.key.0 = *db);
        }
    }
}

/// What the number of a database adds to the hash of a name: the same name may be in all of them.
fn of_db(db: i32) -> u32 {
    (db as u32).wrapping_mul(0x9e37_79b9)
}

fn take<T>(all: &mut PerKey<T>, db: i32, name: &[u8]) -> Option<T> {
    let names = all.get_mut(&db)?;
    let taken = names.remove(name);
    if names.is_empty() {
        all.remove(&db);
    }
    taken
}

fn is(key: &KeyId, db: i32, name: &[u8]) -> bool {
    key.0 == db && *key.1 == *name
}

#[cfg(test)]
mod tests;
