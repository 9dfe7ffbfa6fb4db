//! From a name to the handle of the entry that bears it.
//!
//! Extendible hashing: a directory of small hash tables ("shards"). Only one shard is rebuilt at a time, so that no insert
//! stops a server for as long as a table of millions takes to grow. It keeps 32-bit handles and reads names and
//! hashes from [`Entries`]; it does not know what an entry is for, and no order of it is ever visible.

use crate::entries::{Entries, Handle};
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// Buckets of a full-grown shard, and the names it then takes: it splits, never grows further.
const SHARD_BUCKETS: usize = 2048;
const SHARD_NAMES: usize = SHARD_BUCKETS / 8 * 7;
/// The directory is at most this much larger than the number of shards. Only equal hashes could make it so; a shard that
/// must not split grows instead.
const MAX_SPARSENESS: usize = 64;
const MAX_DEPTH: u32 = 26;

/// Names of entries, each at most once. About 8 bytes a name.
#[derive(Clone)]
pub struct Names {
    hasher: SipHasher13,
    seed: [u64; 2],
    /// By the first `depth` bits of a skewed hash, the number of the shard. Always a power of two long.
    directory: Vec<u32>,
    depth: u32,
    shards: Vec<Shard>,
    len: usize,
}

#[derive(Clone)]
struct Shard {
    handles: HashTable<u32>,
    /// How many of the first bits its hashes have in common.
    depth: u32,
}

impl Names {
    /// No names. The seed should be secret to the process: clients choose names.
    pub fn new(seed: [u64; 2]) -> Self {
        Names {
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
            seed,
            directory: vec![0],
            depth: 0,
            shards: vec![Shard { handles: HashTable::new(), depth: 0 }],
            len: 0,
        }
    }

    /// How many names there are.
    #[cfg(test)]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[cfg(test)]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of heap asked of the allocator. O(shards), that is names / 1250.
    pub fn memory(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.shards.capacity() * size_of::<Shard>()
            + self.shards.iter().map(|shard| shard.handles.allocation_size()).sum::<usize>()
    }

    /// The hash of a name: to be the `aux` of its entry until that is delivered, and for the methods below.
    #[inline]
    pub fn hash(&self, name: &[u8]) -> u32 {
        self.hasher.hash(name) as u32
    }

    /// The entry with this name. O(1).
    pub fn get(&self, entries: &Entries, name: &[u8]) -> Option<Handle> {
        self.get_hashed(entries, name, self.hash(name))
    }

    /// Like [`Names::get`] for who knows the hash already.
    pub fn get_hashed(&self, entries: &Entries, name: &[u8], hash: u32) -> Option<Handle> {
        let shard = &self.shards[self.shard_of(hash)];
        shard.handles.find(mixed(hash), |&handle| entries.name(Handle(handle)) == name).map(|&handle| Handle(handle))
    }

    /// Adds an entry whose name is not there yet. O(1), now and then O(1792) to split a shard; all entries named here must be
    /// in `entries`.
    pub fn insert(&mut self, entries: &Entries, handle: Handle, hash: u32) {
        debug_assert_eq!(hash, self.hash_of(entries, handle.0));
        let mut number = self.shard_of(hash);
        while self.is_full(number) {
            if !self.make_room(entries, number, hash) {
                break;
            }
            number = self.shard_of(hash);
        }
        let hasher = &self.hasher;
        let rehash = |&handle: &u32| mixed(hash_of(hasher, entries, handle));
        self.shards[number].handles.insert_unique(mixed(hash), handle.0, rehash);
        self.len += 1;
    }

    /// Lets the name of `old` mean `new`, which bears the same name. O(1). False if `old` is not there.
    pub fn replace(&mut self, old: Handle, new: Handle, hash: u32) -> bool {
        let number = self.shard_of(hash);
        match self.shards[number].handles.find_mut(mixed(hash), |&handle| handle == old.0) {
            Some(handle) => *handle = new.0,
            None => return false,
        }
        true
    }

    /// Takes the name of this very entry out, which must still be in `entries`. O(1). False if it is not there (any more).
    pub fn remove(&mut self, entries: &Entries, handle: Handle) -> bool {
        let hash = self.hash_of(entries, handle.0);
        let number = self.shard_of(hash);
        let handles = &mut self.shards[number].handles;
        let Ok(found) = handles.find_entry(mixed(hash), |&other| other == handle.0) else {
            return false;
        };
        found.remove();
        if handles.is_empty() {
            *handles = HashTable::new();
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Names::new(self.seed);
        }
        true
    }

    #[inline]
    fn shard_of(&self, hash: u32) -> usize {
        self.directory[prefix(hash, self.depth)] as usize
    }

    #[inline]
    fn hash_of(&self, entries: &Entries, handle: u32) -> u32 {
        hash_of(&self.hasher, entries, handle)
    }

    /// Whether one more name would make the table larger than a shard shall be.
    #[inline]
    fn is_full(&self, number: usize) -> bool {
        let handles = &self.shards[number].handles;
        handles.len() == handles.capacity() && handles.num_buckets() >= SHARD_BUCKETS
    }

    /// Splits the shard of this hash; or only rebuilds it, if it is full of what removed names left behind. False if neither helps.
    #[cold]
    fn make_room(&mut self, entries: &Entries, number: usize, hash: u32) -> bool {
        let shard = &self.shards[number];
        let names = shard.handles.len();
        let split = names > SHARD_NAMES / 4 * 3;
        let sparse = self.directory.len() >= self.shards.len() * MAX_SPARSENESS || self.depth == MAX_DEPTH;
        if names > SHARD_NAMES || (split && shard.depth == self.depth && sparse) {
            return false;
        }
        let depth = shard.depth;
        // The hashes first, in a loop of its own: reading cold entries is what this costs, and so the reads overlap.
        let hashed: Vec<(u32, u32)> =
            shard.handles.iter().map(|&handle| (hash_of(&self.hasher, entries, handle), handle)).collect();
        let empty = || HashTable::with_capacity(SHARD_NAMES);
        let (mut low, mut high) = (empty(), if split { empty() } else { HashTable::new() });
        for (hash, handle) in hashed {
            let half = if split && prefix(hash, depth + 1) & 1 == 1 { &mut high } else { &mut low };
            half.insert_unique(mixed(hash), handle, |&handle| mixed(hash_of(&self.hasher, entries, handle)));
        }
        self.shards[number].handles = low;
        if split {
            self.shards[number].depth += 1;
            self.enter_sibling(Shard { handles: high, depth: depth + 1 }, hash);
        }
        true
    }

    /// Lets the upper half of the directory's items for the shard of this hash mean its new sibling.
    fn enter_sibling(&mut self, sibling: Shard, hash: u32) {
        let (depth, number) = (sibling.depth, self.shards.len() as u32);
        self.shards.push(sibling);
        if depth > self.depth {
            self.directory = self.directory.iter().flat_map(|&number| [number; 2]).collect();
            self.depth += 1;
        }
        let upper = prefix(hash, depth) | 1;
        let items = self.depth - depth;
        self.directory[upper << items..(upper + 1) << items].fill(number);
    }
}

#[inline]
fn hash_of(hasher: &SipHasher13, entries: &Entries, handle: u32) -> u32 {
    let handle = Handle(handle);
    if entries.delivered(handle) {
        hasher.hash(entries.name(handle)) as u32
    } else {
        entries.aux(handle)
    }
}

/// The first bits of the skewed hash. With x = hash / 2^32 it is (x * x + 2 * x) / 3: twice as dense at one end as at the other. So the shards
/// are at any time in all phases between just split and about to, and the memory per name does not swing between 6 and 12 bytes.
#[inline]
fn prefix(hash: u32, depth: u32) -> usize {
    let x = u64::from(hash);
    let y = (((x * x) >> 32) + 2 * x) / 3;
    (y >> (32 - depth)) as usize
}

/// The hash inside a shard, whose names agree in the first bits of theirs: the table needs seven good bits at the top and eleven at the bottom.
#[inline]
fn mixed(hash: u32) -> u64 {
    let product = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests;
