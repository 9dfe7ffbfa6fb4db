//! From a name to the handle of the entry that bears it.
//!
//! A slot may also tell that the entry of a name is gone and its work done: then it has a position in a log of such names.
//!
//! The table keeps 32-bit handles and the hashes beside them: without the hashes, growing and most lookups would have to read entries,
//! which are cold. It does not know what an entry is for.

use crate::entries::{Entries, Handle};
use crate::hashing::Hashing;
use crate::shards::{Likely, Shards};
use siphasher::sip::SipHasher13;

/// Names of entries, each at most once. About 14 bytes a name.
#[derive(Clone)]
pub(crate) struct Names {
    hasher: SipHasher13,
    handles: Shards<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    handle: Handle,
    hash: u32,
}

/// A bit of a handle that says: this is a position in the log of names that are done. No key has so many entries that a handle needs the bit.
const DONE: u32 = 1 << 31;

fn is_done(slot: Slot) -> bool {
    slot.handle.0 & DONE != 0
}

fn done_at(position: u32) -> Handle {
    Handle(DONE | position)
}

impl Names {
    /// No names. The seed should be secret to the process: clients choose names.
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        Names { hasher: SipHasher13::new_with_keys(seed[0], seed[1]), handles: Shards::new() }
    }

    /// How names are hashed, for tables that are made for a while.
    pub(crate) fn hashing(&self) -> Hashing {
        Hashing(self.hasher)
    }

    /// No names; the hashes are the same.
    pub(crate) fn emptied(&self) -> Self {
        Names { hasher: self.hasher, handles: Shards::new() }
    }

    /// The work of an entry is done, and the entry is about to leave: from now on its name means this position in the log. O(1). False if the name
    /// is not there, or is another entry's now.
    pub(crate) fn finish(&mut self, entries: &Entries, handle: Handle, position: u32) -> bool {
        let hash = self.hash_of(entries, handle);
        let slot = self.handles.find_mut(hash, |slot| slot.handle == handle);
        slot.map(|slot| slot.handle = done_at(position)).is_some()
    }

    /// The position of a name that is done: of those with this hash, the one for which `is` is true. O(1).
    #[inline]
    pub(crate) fn done(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let found = self.handles.find(hash, |slot| slot.hash == hash && is_done(slot) && is(slot.handle.0 & !DONE));
        found.map(|slot| slot.handle.0 & !DONE)
    }

    /// Adds a name that is done and not there yet. O(1).
    pub(crate) fn insert_done(&mut self, hash: u32, position: u32) {
        self.insert(done_at(position), hash);
    }

    /// Gives a name that is done its new position. O(1).
    pub(crate) fn move_done(&mut self, hash: u32, old: u32, new: u32) {
        self.replace(done_at(old), done_at(new), hash);
    }

    /// Removes a name that is done. O(1).
    pub(crate) fn remove_done(&mut self, hash: u32, position: u32) {
        self.handles.remove(hash, |slot| slot.handle == done_at(position));
    }

    /// How many names there are.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.handles.len()
    }

    /// Bytes of heap asked of the allocator. O(names / 1250).
    pub(crate) fn memory(&self) -> usize {
        self.handles.memory()
    }

    /// The hash of a name. It is the `aux` of the entry until the entry is delivered, and the methods below take it.
    #[inline]
    pub(crate) fn hash(&self, name: &[u8]) -> u32 {
        self.hasher.hash(name) as u32
    }

    /// The entry with this name. O(1).
    pub(crate) fn get(&self, entries: &Entries, name: &[u8]) -> Option<Handle> {
        self.get_hashed(entries, name, self.hash(name))
    }

    /// Like [`Names::get`], for a caller that knows the hash already.
    #[inline]
    pub(crate) fn get_hashed(&self, entries: &Entries, name: &[u8], hash: u32) -> Option<Handle> {
        self.handles
            .find(hash, |slot| slot.hash == hash && !is_done(slot) && entries.name(slot.handle) == name)
            .map(|slot| slot.handle)
    }

    /// Where the entry whose name has this hash most likely is; `None` if there is no such entry. For [`Names::at`], before any name is added
    /// or removed. O(1).
    #[inline]
    pub(crate) fn likely(&self, hash: u32) -> Option<Likely> {
        self.handles.likely(hash)
    }

    /// The entry there, if its name has this hash. Reads no entry. O(1).
    #[inline]
    pub(crate) fn at(&self, likely: Likely, hash: u32) -> Option<Handle> {
        self.handles.at(likely).filter(|slot| slot.hash == hash && !is_done(*slot)).map(|slot| slot.handle)
    }

    /// Adds an entry whose name is not there yet. O(1), now and then O(1792) to split a shard.
    #[inline]
    pub(crate) fn insert(&mut self, handle: Handle, hash: u32) {
        self.handles.insert(hash, Slot { handle, hash }, |slot| slot.hash);
    }

    /// Lets the name of `old` mean `new`, which bears the same name. O(1). False if `old` is not there.
    pub(crate) fn replace(&mut self, old: Handle, new: Handle, hash: u32) -> bool {
        match self.handles.find_mut(hash, |slot| slot.handle == old) {
            Some(slot) => slot.handle = new,
            None => return false,
        }
        true
    }

    /// Bytes that [`Names::fit`] would give back, if they are many. O(1).
    pub(crate) fn waste(&self) -> usize {
        self.handles.waste()
    }

    /// Shrinks the tables, from the `from`-th on, to what they hold; returns where to go on, if there are more. O(`most`).
    pub(crate) fn fit(&mut self, from: usize, most: usize) -> Option<usize> {
        self.handles.fit(from, most, |slot| slot.hash)
    }

    /// Gives an entry its new handle; it can be read by both handles now. O(1). Does nothing if the old one is not there.
    pub(crate) fn moved(&mut self, entries: &Entries, old: Handle, new: Handle) {
        self.replace(old, new, self.hash_of(entries, new));
    }

    fn hash_of(&self, entries: &Entries, handle: Handle) -> u32 {
        if entries.delivered(handle) {
            self.hash(entries.name(handle))
        } else {
            entries.aux(handle)
        }
    }

    /// Removes the name of this very entry, which must still be in `entries`. O(1). False if the name is not there, or is another entry's now.
    pub(crate) fn remove(&mut self, entries: &Entries, handle: Handle) -> bool {
        let hash = self.hash_of(entries, handle);
        self.handles.remove(hash, |slot| slot.handle == handle)
    }
}

#[cfg(test)]
mod tests;
