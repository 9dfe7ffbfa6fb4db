//! Which of many things comes first: a tournament over their numbers.
//!
//! The lowest level has the key of each thing; each node above knows the least key of eight below it. A key that changes costs a look at the
//! nodes above it, as far up as it was or becomes the least: mostly one. So a deadline that moves with every push costs little, where an
//! ordered tree would take it out and put it back. The price: what comes *after* some key is found by looking at all that come before it, which
//! lie one after the other in memory: some 2 ns each.
//!
//! The keys stand here and nowhere else. (Rejected: keys in the records of the things. Eight of them are eight lines of memory and not two, so
//! that passing a million took 11 to 14 ms, and a push read more as well.)

mod level;

use crate::mover::Mover;
use level::Level;
use std::cmp::Ordering;

/// A deadline and, to order equal deadlines, the number of the thing in order of creation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) at: i64,
    pub(super) seq: u64,
}

/// The key where there is no thing.
pub(super) const NONE: Key = Key { at: i64::MAX, seq: u64::MAX };

/// The least key.
pub(super) const FIRST: Key = Key { at: i64::MIN, seq: 0 };

const CHILDREN: usize = 8;

impl Key {
    /// In the order of keys. One number is compared without a branch, and which way a comparison goes cannot be foretold here.
    #[inline]
    const fn rank(self) -> i128 {
        (self.at as i128) << 64 | self.seq as i128
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The keys and the nodes: 16 bytes a thing, and some 2.3 for the nodes.
#[derive(Clone, Default)]
pub(super) struct Soonest {
    /// From the things to the root, which is alone on its level.
    levels: Vec<Level>,
    /// All things have numbers below this one.
    numbers: usize,
}

fn least(keys: &[Key]) -> Key {
    keys.iter().copied().min().unwrap_or(NONE)
}

impl Soonest {
    /// No things.
    pub(super) const fn new() -> Self {
        Soonest { levels: Vec::new(), numbers: 0 }
    }

    /// The key of the thing with this number; [`NONE`] if there is none. O(1).
    #[inline]
    pub(super) fn get(&self, number: u32) -> Key {
        self.levels.first().map_or(NONE, |things| things.get(number as usize))
    }

    /// Gives the thing with this number another key: it has come, moved or, with [`NONE`], gone. Returns the key that it had. O(log n), mostly
    /// O(1).
    pub(super) fn set(&mut self, number: u32, key: Key) -> Key {
        let (mut index, mut new) = (number as usize, key);
        self.make_room(index);
        let old = self.levels[0].set(index, new);
        let mut before = old;
        for level in 1..self.levels.len() {
            if before == new {
                break;
            }
            index /= CHILDREN;
            let known = self.levels[level].get(index);
            let after = if new <= known {
                new
            } else if known == before {
                least(self.levels[level - 1].below(index))
            } else {
                break;
            };
            self.levels[level].set(index, after);
            (before, new) = (known, after);
        }
        old
    }

    /// Forgets all numbers, once there is no thing.
    pub(super) fn clear(&mut self) {
        *self = Soonest::new();
    }

    /// The least key of all; [`NONE`] if there is no thing. O(1).
    pub(super) fn first(&self) -> Key {
        self.levels.last().map_or(NONE, |root| root.get(0))
    }

    /// The number of the thing with the least key. O(log n).
    pub(super) fn first_number(&self) -> Option<u32> {
        let first = self.first();
        if first == NONE {
            return None;
        }
        let mut index = 0;
        for level in self.levels.iter().rev().skip(1) {
            index = index * CHILDREN + level.below(index).iter().position(|key| *key == first)?;
        }
        Some(index as u32)
    }

    /// Up to `count` things with their keys, in order of these, from the first that is at least `from`. O(log n) each, and O(1) for each thing
    /// before `from`: all of these are passed, because a later one may stand beside them. Never holds more than three times `count`.
    ///
    /// (Rejected: to open always the node with the least key, in a heap. That opens a few nodes less, and waits for each of them: where the
    /// order of the keys is not that of the numbers, ten thousand took 6 ms.)
    pub(super) fn from(&self, from: Key, count: usize) -> Vec<(Key, u32)> {
        let Some(height) = self.levels.len().checked_sub(1).filter(|_| count > 0) else { return Vec::new() };
        let mut found = Found { least: Vec::new(), count, from, from_rank: from.rank(), room: 0 };
        found.wants_below(NONE);
        let root = Node { least: self.first(), height: height as u32, index: 0 };
        if height > 0 && root.least < from {
            self.pass(root, &mut found);
        } else {
            found.offer(root);
        }
        found.cut();
        while found.least.iter().any(|node| node.height > 0) {
            for node in std::mem::take(&mut found.least) {
                match node.height {
                    0 => found.offer(node),
                    _ => self.below(node).for_each(|child| found.offer(child)),
                }
            }
            found.cut();
        }
        found.least.sort_unstable_by_key(|thing| thing.least);
        found.least.into_iter().map(|thing| (thing.least, thing.index)).collect()
    }

    /// Goes through all below a node whose least key comes before those that are wanted. Of the nodes without such a key it does not look at
    /// what is below.
    fn pass(&self, node: Node, found: &mut Found) {
        for child in self.below(node) {
            if child.least >= found.from {
                found.offer(child);
            } else if child.height > 1 {
                self.pass(child, found);
            } else if child.height == 1 {
                found.offer_things(child.index * CHILDREN as u32, self.levels[0].below(child.index as usize));
            }
        }
    }

    /// The nodes, or the things, just below a node.
    #[inline]
    fn below(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let height = node.height - 1;
        let keys = self.levels[height as usize].below(node.index as usize);
        (node.index * CHILDREN as u32..).zip(keys).map(move |(index, least)| Node { least: *least, height, index })
    }

    /// Bytes that [`Soonest::fit`] might give back if there are this many things, all with low numbers. O(1).
    pub(super) fn waste(&self, things: usize) -> usize {
        self.numbers.saturating_sub(5 * things + 5 * 1024) / CHILDREN * size_of::<Key>()
    }

    /// Forgets the numbers from this one on, none of which has a thing. O(`numbers` / 1024).
    pub(super) fn fit(&mut self, numbers: usize) {
        self.numbers = self.numbers.min(numbers.max(1));
        let mut len = self.numbers;
        for height in 0..self.levels.len() {
            self.levels[height].truncate(len);
            if len <= 1 {
                self.levels.truncate(height + 1);
                self.levels.shrink_to_fit();
                return;
            }
            len = len.div_ceil(CHILDREN);
        }
    }

    /// Shows the keys of one chunk, of whatever level; false if there are no more.
    pub(super) fn show_chunk(&mut self, number: usize, mover: &mut impl Mover) -> bool {
        let mut number = number;
        for level in &mut self.levels {
            if level.show_chunk(number, mover) {
                return true;
            }
            number -= level.chunks();
        }
        false
    }

    /// Bytes of heap.
    pub(super) fn memory(&self) -> usize {
        self.levels.iter().map(Level::memory).sum::<usize>() + self.levels.capacity() * size_of::<Level>()
    }

    /// Makes levels up to a root above this number.
    fn make_room(&mut self, number: usize) {
        if number < self.numbers {
            return;
        }
        let before = std::mem::replace(&mut self.numbers, number + 1);
        let (mut len, mut old) = (self.numbers, before);
        for height in 0.. {
            if height == self.levels.len() {
                let mut level = Level::default();
                if let Some(below) = self.levels.last() {
                    for node in 0..old {
                        level.set(node, least(below.below(node)));
                    }
                }
                self.levels.reserve_exact(1);
                self.levels.push(level);
            }
            if len == 1 {
                return;
            }
            (len, old) = (len.div_ceil(CHILDREN), old.div_ceil(CHILDREN));
        }
    }
}

/// A node, or a thing.
#[derive(Clone, Copy)]
struct Node {
    /// The least key below it, or its own.
    least: Key,
    /// Levels below it.
    height: u32,
    index: u32,
}

/// Where the things with the least keys are, as far as is known. A node stands for the thing with its least key, which may be any below it; no
/// two stand for the same. So beyond the `count` least of them there is none that is wanted.
struct Found {
    /// In any order: up to twice `count`.
    least: Vec<Node>,
    /// How many things are wanted; at least one.
    count: usize,
    /// From which key on.
    from: Key,
    from_rank: i128,
    /// How far behind `from` a key that is wanted may be: so one comparison sees to both ends.
    room: u128,
}

impl Found {
    /// Keys from this one on are not wanted.
    fn wants_below(&mut self, end: Key) {
        self.room = end.rank().wrapping_sub(self.from_rank) as u128;
    }

    #[inline]
    fn offer(&mut self, node: Node) {
        if (node.least.rank().wrapping_sub(self.from_rank) as u128) < self.room {
            self.take(node);
        }
    }

    /// Things numbered from `first` on. Once `count` are found hardly any is wanted, so there is one branch for all and not one for each.
    #[inline]
    fn offer_things(&mut self, first: u32, keys: &[Key]) {
        let (from, room) = (self.from_rank, self.room);
        let is_wanted = |key: &Key| (key.rank().wrapping_sub(from) as u128) < room;
        if keys.iter().fold(false, |any, key| any | is_wanted(key)) {
            (first..).zip(keys).for_each(|(index, least)| self.offer(Node { least: *least, height: 0, index }));
        }
    }

    #[inline(never)]
    fn take(&mut self, node: Node) {
        self.least.push(node);
        if self.least.len() >= self.count.saturating_mul(2) {
            self.cut();
        }
    }

    /// Leaves only the `count` least. O(1) for each that was taken since.
    fn cut(&mut self) {
        if self.count < self.least.len() {
            let end = self.least.select_nth_unstable_by_key(self.count, |node| node.least).1.least;
            self.wants_below(end);
            self.least.truncate(self.count);
        }
    }
}

#[cfg(test)]
mod tests;
