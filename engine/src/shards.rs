//! A hash table that grows in small steps.
//!
//! Extendible hashing: a directory of small hash tables ("shards"). Only one shard is rebuilt at a time, so no insert
//! stops a server for as long as a table of millions takes to grow. The table keeps small items and asks its user for their
//! hashes and for equality. It does not know what an item means, and never shows the order in which items lie.

use hashbrown::HashTable;

/// The buckets of a full-grown shard, and the items that fit into these: such a shard splits instead of growing further.
const SHARD_BUCKETS: usize = 2048;
const SHARD_ITEMS: usize = SHARD_BUCKETS / 8 * 7;
/// The directory has at most this many slots for each shard. Only equal hashes could make it reach that; a shard that must
/// not split then grows instead.
const MAX_SPARSENESS: usize = 64;
const MAX_DEPTH: u32 = 26;

/// Items under 32-bit hashes. About 4 bytes an item beside its own, for items of 4 bytes.
#[derive(Clone)]
pub(crate) struct Shards<T> {
    /// The number of the shard, by the first `depth` bits of a skewed hash. Always a power of two long.
    directory: Vec<u32>,
    depth: u32,
    shards: Vec<Shard<T>>,
    len: usize,
    /// Most items since the tables were last fitted to what they hold.
    peak: usize,
}

/// Where an item may be ([`Shards::likely`]).
#[derive(Clone, Copy)]
pub(crate) struct Likely {
    shard: u32,
    bucket: u32,
}

#[derive(Clone)]
struct Shard<T> {
    items: HashTable<T>,
    /// How many first bits the skewed hashes of its items have in common.
    depth: u32,
}

impl<T: Copy> Shards<T> {
    /// No items.
    pub(crate) fn new() -> Self {
        Shards {
            directory: vec![0],
            depth: 0,
            shards: vec![Shard { items: HashTable::new(), depth: 0 }],
            len: 0,
            peak: 0,
        }
    }

    /// How many items there are.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of heap asked of the allocator. O(shards), that is items / 1250.
    pub(crate) fn memory(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.shards.capacity() * size_of::<Shard<T>>()
            + self.shards.iter().map(|shard| shard.items.allocation_size()).sum::<usize>()
    }

    /// The item with this hash for which `is` is true. O(1).
    #[inline]
    pub(crate) fn find(&self, hash: u32, mut is: impl FnMut(T) -> bool) -> Option<T> {
        self.shards[self.shard_of(hash)].items.find(mixed(hash), |&item| is(item)).copied()
    }

    /// Where an item with this hash may be: where the first item is that looks like it in the table's own bytes, without a read of any item.
    /// For [`Shards::at`], before anything is added or removed. O(1).
    #[inline]
    pub(crate) fn likely(&self, hash: u32) -> Option<Likely> {
        let shard = self.shard_of(hash);
        let bucket = self.shards[shard].items.find_bucket_index(mixed(hash), |_| true)?;
        Some(Likely { shard: shard as u32, bucket: bucket as u32 })
    }

    /// The item there. O(1).
    #[inline]
    pub(crate) fn at(&self, likely: Likely) -> Option<T> {
        self.shards[likely.shard as usize].items.get_bucket(likely.bucket as usize).copied()
    }

    /// Like [`Shards::find`], to replace the item by another with the same hash. O(1).
    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u32, mut is: impl FnMut(T) -> bool) -> Option<&mut T> {
        let number = self.shard_of(hash);
        self.shards[number].items.find_mut(mixed(hash), |&item| is(item))
    }

    /// Adds an item that is not there yet. O(1), now and then O(1792) to split a shard; `hash_of` tells the hash of any item
    /// that is in here.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, item: T, hash_of: impl Fn(T) -> u32) {
        let mut number = self.shard_of(hash);
        while self.is_full(number) {
            if !self.make_room(number, hash, &hash_of) {
                break;
            }
            number = self.shard_of(hash);
        }
        self.shards[number].items.insert_unique(mixed(hash), item, |&item| mixed(hash_of(item)));
        self.len += 1;
        self.peak = self.peak.max(self.len);
    }

    /// Removes the item with this hash for which `is` is true. O(1). False if there is none.
    pub(crate) fn remove(&mut self, hash: u32, mut is: impl FnMut(T) -> bool) -> bool {
        let number = self.shard_of(hash);
        let items = &mut self.shards[number].items;
        let Ok(found) = items.find_entry(mixed(hash), |&item| is(item)) else {
            return false;
        };
        found.remove();
        if items.is_empty() {
            *items = HashTable::new();
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Shards::new();
        }
        true
    }

    /// Forgets all items. The memory of a single shard stays, at most that of a full-grown one. O(shards), and O(1) for up to 2048 buckets.
    pub(crate) fn clear(&mut self) {
        match &mut self.shards[..] {
            [one] if one.items.num_buckets() <= SHARD_BUCKETS => {
                one.items.clear();
                (self.len, self.peak) = (0, 0);
            }
            _ => *self = Shards::new(),
        }
    }

    /// About how many bytes fitting the tables to what they hold would give back, if they are far larger. O(1).
    pub(crate) fn waste(&self) -> usize {
        self.peak.saturating_sub(2 * self.len) * (size_of::<T>() + 2)
    }

    /// Shrinks the tables, from the `from`-th shard on, to what they hold, until about `most` items have moved; returns the shard to go on
    /// with, if there are more. O(`most`), and O(512) for the last shard.
    pub(crate) fn fit(&mut self, from: usize, most: usize, hash_of: impl Fn(T) -> u32) -> Option<usize> {
        let mut done = 0;
        for (number, shard) in self.shards.iter_mut().enumerate().skip(from) {
            if done >= most {
                return Some(number);
            }
            done += 1;
            if shard.items.num_buckets() > 4 * (shard.items.len() + 1) {
                done += shard.items.len();
                shard.items.shrink_to_fit(|&item| mixed(hash_of(item)));
            }
        }
        self.peak = self.len;
        None
    }

    #[inline]
    fn shard_of(&self, hash: u32) -> usize {
        self.directory[prefix(hash, self.depth)] as usize
    }

    /// Whether one more item would make the table larger than a shard shall be.
    #[inline]
    fn is_full(&self, number: usize) -> bool {
        let items = &self.shards[number].items;
        items.len() == items.capacity() && items.num_buckets() >= SHARD_BUCKETS
    }

    /// Splits the shard of this hash, or only rebuilds it if it is full of what removed items left behind. False if neither helps.
    #[cold]
    fn make_room(&mut self, number: usize, hash: u32, hash_of: impl Fn(T) -> u32) -> bool {
        let shard = &self.shards[number];
        let items = shard.items.len();
        let split = items > SHARD_ITEMS / 4 * 3;
        let sparse = self.directory.len() >= self.shards.len() * MAX_SPARSENESS || self.depth == MAX_DEPTH;
        if items > SHARD_ITEMS || (split && shard.depth == self.depth && sparse) {
            return false;
        }
        let depth = shard.depth;
        // The hashes come first, in a loop of their own: cold reads are the cost of this, and in such a loop they overlap.
        let hashed: Vec<(u32, T)> = shard.items.iter().map(|&item| (hash_of(item), item)).collect();
        let empty = || HashTable::with_capacity(SHARD_ITEMS);
        let (mut low, mut high) = (empty(), if split { empty() } else { HashTable::new() });
        for (hash, item) in hashed {
            let half = if split && prefix(hash, depth + 1) & 1 == 1 { &mut high } else { &mut low };
            half.insert_unique(mixed(hash), item, |&item| mixed(hash_of(item)));
        }
        self.shards[number].items = low;
        if split {
            self.shards[number].depth += 1;
            self.enter_sibling(Shard { items: high, depth: depth + 1 }, hash);
        }
        true
    }

    /// Points the upper half of the directory's slots for the shard of this hash to its new sibling.
    fn enter_sibling(&mut self, sibling: Shard<T>, hash: u32) {
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

    /// Fails unless the directory and its shards agree.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        for (slot, &number) in self.directory.iter().enumerate() {
            let shard = &self.shards[number as usize];
            assert!(shard.depth <= self.depth);
            let items = self.depth - shard.depth;
            let first = slot >> items << items;
            assert!(self.directory[first..first + (1 << items)].iter().all(|&other| other == number));
        }
    }
}

/// The first bits of the skewed hash. With x = hash / 2^32 it is (x * x + 2 * x) / 3: twice as dense at one end as at the other. So at any time
/// there are shards in all phases between just split and about to split, and the memory per item does not swing between 6 and 12 bytes.
#[inline]
fn prefix(hash: u32, depth: u32) -> usize {
    let x = u64::from(hash);
    let y = (((x * x) >> 32) + 2 * x) / 3;
    (y >> (32 - depth)) as usize
}

/// The hash that a shard's table uses. The items of a shard agree in their first bits, but the table needs seven good bits at the top and
/// eleven at the bottom.
#[inline]
fn mixed(hash: u32) -> u64 {
    let product = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}
