//! What a node has seen of watched keys since it last looked, put together per key: however often something happens to one, it
//! takes the memory of one change and of the ends of its lives.
//!
//! It knows names and what was seen, and neither watchers nor how the keys stand.

use super::judge::{Change, End};
use super::{Copied, Ending};
use crate::time::UnixMs;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Bound;

/// The name of a key and its database.
pub type KeyId = (i32, Box<[u8]>);

/// How a key was when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// The last millisecond of its life.
    pub deadline: UnixMs,
    /// Of a string. Of other types there is none to be had then.
    pub value: Option<Copied>,
}

/// The end of a life that was seen, to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEnd {
    /// Whose.
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
    /// This was how it was.
    Life(Last),
    /// It is nobody's concern, whatever the event calls it: it is of our own types, or deleted by being given a deadline that has passed.
    Deletion,
}

/// Everything that was seen and not yet judged.
#[derive(Default)]
pub struct Sightings {
    /// The last thing that happened to each key, since its last end.
    changes: BTreeMap<i32, BTreeMap<Box<[u8]>, Change>>,
    ends: VecDeque<SeenEnd>,
    /// The key that is just being ended. The event that says so comes next.
    ending: Option<(KeyId, Ended)>,
    /// The change that was looked at last: the next one is that of the next key, so that each has its turn.
    looked_at: Option<KeyId>,
}

impl Sightings {
    /// Nothing yet.
    pub const fn new() -> Self {
        Sightings { changes: BTreeMap::new(), ends: VecDeque::new(), ending: None, looked_at: None }
    }

    /// Whether nothing is to be judged.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.changes.is_empty()
    }

    /// Something was done to a key. O(log n); memory only for the first of several.
    pub fn note_change(&mut self, db: i32, name: &[u8], change: Change) {
        if self.ending.as_ref().is_some_and(|(key, _)| is(key, db, name)) {
            // It was a key of another life.
            self.ending = None;
        }
        let changes = self.changes.entry(db).or_default();
        match changes.get_mut(name) {
            Some(known) => *known = change,
            None => drop(changes.insert(name.into(), change)),
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
            Some(Change::Set { after }) => Some(after),
            _ => None,
        };
        let end = End { how, deadline, set };
        if end.is_deletion() {
            return self.note_change(db, name, Change::Unset);
        }
        match self.ends.back_mut() {
            Some(before)
                if is(&before.key, db, name) && before.end == end && before.value == value && set.is_some() =>
            {
                before.times = before.times.saturating_add(1);
            }
            _ => self.ends.push_back(SeenEnd { key: (db, name.into()), end, value, times: 1 }),
        }
    }

    /// A key's life is being ended, before the event tells of it; this is how it was.
    pub fn note_last(&mut self, db: i32, name: &[u8], last: Last) {
        self.ending = Some(((db, name.into()), Ended::Life(last)));
    }

    /// A key whose end is nobody's concern is being deleted from under this name, before any event tells why.
    pub fn note_deletion(&mut self, db: i32, name: &[u8]) {
        self.ending = Some(((db, name.into()), Ended::Deletion));
    }

    /// No event comes any more of a key that was being ended.
    pub fn turn_ends(&mut self) {
        self.ending = None;
    }

    /// Takes the end that was seen first.
    pub fn take_end(&mut self) -> Option<SeenEnd> {
        self.ends.pop_front()
    }

    /// It could not be told yet.
    pub fn put_back(&mut self, end: SeenEnd) {
        self.ends.push_front(end);
    }

    /// Whether there are ends to be told.
    pub fn has_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    /// The keys whose ends are still to be told.
    pub fn ended(&self) -> HashSet<KeyId> {
        self.ends.iter().map(|seen| seen.key.clone()).collect()
    }

    /// A key that was changed, and how; of another key each time, as long as there are others. O(log n).
    pub fn next_change(&mut self) -> Option<(KeyId, Change)> {
        let (db, name) = self.behind_last()?;
        let change = *self.changes.get(&db)?.get(&name)?;
        self.looked_at = Some((db, name.clone()));
        Some(((db, name), change))
    }

    /// The change of a key is judged now.
    pub fn take_change(&mut self, db: i32, name: &[u8]) -> Option<Change> {
        let names = self.changes.get_mut(&db)?;
        let change = names.remove(name);
        if names.is_empty() {
            self.changes.remove(&db);
        }
        change
    }

    /// How many changes there are.
    pub fn changes(&self) -> usize {
        self.changes.values().map(BTreeMap::len).sum()
    }

    /// All that were changed, and how.
    pub fn each_change(&self) -> impl Iterator<Item = (i32, &[u8], Change)> {
        self.changes.iter().flat_map(|(db, names)| names.iter().map(|(name, change)| (*db, &**name, *change)))
    }

    fn behind_last(&self) -> Option<KeyId> {
        let first_of =
            |(db, names): (&i32, &BTreeMap<Box<[u8]>, Change>)| Some((*db, names.first_key_value()?.0.clone()));
        let behind = self.looked_at.as_ref().and_then(|(db, name)| {
            let range = (Bound::Excluded(&**name), Bound::Unbounded);
            let next = self.changes.get(db).and_then(|names| names.range::<[u8], _>(range).next());
            match next {
                Some((name, _)) => Some((*db, name.clone())),
                None => first_of(self.changes.range((Bound::Excluded(*db), Bound::Unbounded)).next()?),
            }
        });
        behind.or_else(|| first_of(self.changes.first_key_value()?))
    }

    /// The keys of this database, or of all, are gone.
    pub fn forget(&mut self, db: Option<i32>) {
        match db {
            Some(db) => {
                self.changes.remove(&db);
                self.ends.retain(|seen| seen.key.0 != db);
            }
            None => *self = Sightings::new(),
        }
    }

    /// Two databases have changed places.
    pub fn swap(&mut self, one: i32, other: i32) {
        for (db, changes) in [(other, self.changes.remove(&one)), (one, self.changes.remove(&other))] {
            if let Some(changes) = changes {
                self.changes.insert(db, changes);
            }
        }
        for seen in &mut self.ends {
            seen.key.0 = match seen.key.0 {
                db if db == one => other,
                db if db == other => one,
                db => db,
            };
        }
    }
}

fn is(key: &KeyId, db: i32, name: &[u8]) -> bool {
    key.0 == db && *key.1 == *name
}

#[cfg(test)]
mod tests;
