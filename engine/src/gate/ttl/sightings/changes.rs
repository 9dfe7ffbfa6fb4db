//! The last change of each key, in the order in which the first change of each was noted.
//!
//! Whoever changes watched keys, maybe very many in one command, pays for noting that. So a note costs one search in a hash table, and
//! memory grows at its end by a chunk, in which names stand one behind the other. Names stay there until all changes have been taken.

use super::super::judge::Change;
use super::{of_db, ChangedKey};
use crate::rubbish::Rubbish;
use crate::shards::Shards;

/// Up to this many keys are searched one by one.
const FEW: usize = 8;
/// More chunks than these are not freed at once: some 0.1 ms.
const MANY: usize = 16;
/// Names in a chunk.
const CHUNK: usize = 1024;

pub(super) struct Changes {
    /// Each has [`CHUNK`] names, except the last.
    chunks: Vec<Chunk>,
    /// How many keys were noted.
    count: usize,
    /// Whether the noted keys are in `index`: once these are more than [`FEW`].
    is_indexed: bool,
    /// The numbers of the noted keys by hash.
    index: Shards<Slot>,
    /// The changes of all keys before this number have been taken.
    first: usize,
    /// How many changes have not been taken.
    len: usize,
    /// The database of all noted keys, if they are of one.
    only_db: Option<i32>,
    /// What held very many changes that have all been taken.
    rubbish: Option<Rubbish>,
}

#[derive(Default)]
struct Chunk {
    names: Vec<u8>,
    noted: Vec<Noted>,
}

impl Chunk {
    /// An empty chunk with the memory that this one has taken: where there are many names, those to come are like those before.
    fn like(&self) -> Self {
        Chunk { names: Vec::with_capacity(self.names.len()), noted: Vec::with_capacity(CHUNK) }
    }
}

struct Noted {
    /// Where its name ends, which starts where the one before it ends.
    end: u32,
    hash: u32,
    db: i32,
    /// None if the change was taken.
    change: Option<Change>,
}

#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    hash: u32,
}

/// A key with the hash of its name.
#[derive(Clone, Copy)]
pub(super) struct Hashed<'a> {
    pub db: i32,
    pub name: &'a [u8],
    pub hash: u32,
}

impl Default for Changes {
    fn default() -> Self {
        Changes {
            chunks: Vec::new(),
            count: 0,
            is_indexed: false,
            index: Shards::new(),
            first: 0,
            len: 0,
            only_db: None,
            rubbish: None,
        }
    }
}

impl Changes {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Something was done to a key. O(1).
    pub(super) fn note(&mut self, key: Hashed<'_>, change: Change) {
        if let Some(number) = self.find(key) {
            let known = self.at(number).change.replace(change);
            self.len += usize::from(known.is_none());
            return;
        }
        let Hashed { db, name, hash } = key;
        if self.count == self.chunks.len() * CHUNK {
            self.chunks.push(self.chunks.last().map(Chunk::like).unwrap_or_default());
        }
        let chunk = &mut self.chunks[self.count / CHUNK];
        chunk.names.extend_from_slice(name);
        chunk.noted.push(Noted { end: chunk.names.len() as u32, hash, db, change: Some(change) });
        self.only_db = if self.count == 0 { Some(db) } else { self.only_db.filter(|only| *only == db) };
        self.count += 1;
        self.len += 1;
        self.enter_last();
    }

    /// Like [`Changes::note`] if the key has a change that was not taken; else does nothing and returns false. O(1).
    pub(super) fn note_again(&mut self, key: Hashed<'_>, change: Change) -> bool {
        let known = self.find(key).and_then(|number| self.at(number).change.as_mut());
        known.map(|known| *known = change).is_some()
    }

    /// Takes the change of a key. O(1).
    pub(super) fn take(&mut self, key: Hashed<'_>) -> Option<Change> {
        let number = self.find(key)?;
        let change = self.at(number).change.take()?;
        self.took(1);
        Some(change)
    }

    /// Takes the first change, and writes the name of its key into `name`. O(1), and O(1) for each change in front of it that was taken already.
    pub(super) fn take_first(&mut self, name: &mut Vec<u8>) -> Option<(i32, Change)> {
        while self.first < self.count {
            let number = self.first;
            self.first += 1;
            if let Some(change) = self.at(number).change.take() {
                let db = self.at(number).db;
                name.clear();
                name.extend_from_slice(self.name(number));
                self.took(1);
                return Some((db, change));
            }
        }
        None
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = ChangedKey<'_>> {
        (self.first..self.count).filter_map(|number| {
            let noted = &self.chunks[number / CHUNK].noted[number % CHUNK];
            Some(ChangedKey { db: noted.db, name: self.name(number), change: noted.change? })
        })
    }

    /// The keys of this database are gone. O(1) if no others were noted, else O(n).
    pub(super) fn forget(&mut self, db: i32) {
        if self.only_db == Some(db) {
            self.len = 0;
            return self.clear();
        }
        let noted = self.chunks.iter_mut().flat_map(|chunk| &mut chunk.noted);
        let gone = noted.filter(|noted| noted.db == db).filter_map(|noted| noted.change.take()).count();
        self.took(gone);
    }

    /// Moves the keys of each database, all together, to the database that `to` tells. O(n).
    pub(super) fn change_dbs(&mut self, to: impl Fn(i32) -> i32) {
        for noted in self.chunks.iter_mut().flat_map(|chunk| &mut chunk.noted) {
            let db = to(noted.db);
            noted.hash ^= of_db(noted.db) ^ of_db(db);
            noted.db = db;
        }
        self.only_db = self.only_db.map(to);
        self.is_indexed = false;
        self.index.clear();
        self.enter_last();
    }

    /// Counts so many changes as taken. Once all are, nothing is held of them, whether or not others ever come.
    fn took(&mut self, count: usize) {
        self.len -= count;
        if self.len == 0 {
            self.clear();
        }
    }

    /// What held very many changes that have all been taken; only the last of it is kept.
    pub(super) fn take_rubbish(&mut self) -> Option<Rubbish> {
        self.rubbish.take()
    }

    /// Forgets all; the first chunk and a small index are used again. Very many chunks become rubbish.
    fn clear(&mut self) {
        if self.chunks.len() > MANY {
            let others = self.chunks.split_off(1);
            self.rubbish = Some(Box::new((others, std::mem::replace(&mut self.index, Shards::new()))));
        }
        self.chunks.truncate(1);
        for chunk in &mut self.chunks {
            chunk.noted.clear();
            chunk.names.clear();
            chunk.names.shrink_to(CHUNK * 64);
        }
        self.index.clear();
        (self.is_indexed, self.count, self.first) = (false, 0, 0);
    }

    fn at(&mut self, number: usize) -> &mut Noted {
        &mut self.chunks[number / CHUNK].noted[number % CHUNK]
    }

    fn name(&self, number: usize) -> &[u8] {
        let Chunk { names, noted } = &self.chunks[number / CHUNK];
        let nth = number % CHUNK;
        let start = if nth == 0 { 0 } else { noted[nth - 1].end };
        &names[start as usize..noted[nth].end as usize]
    }

    fn is(&self, number: usize, key: Hashed<'_>) -> bool {
        let noted = &self.chunks[number / CHUNK].noted[number % CHUNK];
        noted.hash == key.hash && noted.db == key.db && self.name(number) == key.name
    }

    fn find(&self, key: Hashed<'_>) -> Option<usize> {
        if !self.is_indexed {
            return (0..self.count).find(|number| self.is(*number, key));
        }
        let slot = self.index.find(key.hash, |slot| slot.hash == key.hash && self.is(slot.number as usize, key));
        slot.map(|slot| slot.number as usize)
    }

    /// Enters the key that was noted last into the index; all keys, once they are no longer few.
    fn enter_last(&mut self) {
        let from = match self.count {
            count if self.is_indexed => count - 1,
            count if count <= FEW => return,
            _ => 0,
        };
        self.is_indexed = true;
        for number in from..self.count {
            let hash = self.at(number).hash;
            self.index.insert(hash, Slot { number: number as u32, hash }, |slot| slot.hash);
        }
    }
}
