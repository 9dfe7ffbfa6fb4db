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

use crate::buffers::Mover;
use level::Level;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

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
    const fn rank(self) -> u128 {
        ((self.at as u64 ^ (1 << 63)) as u128) << 64 | self.seq as u128
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
    /// before `from`: all of these are passed, because a later one may stand beside them. Never holds more than twice `count`.
    pub(super) fn from(&self, from: Key, count: usize) -> Vec<(Key, u32)> {
        let mut found = Found { least: Vec::new(), count, from, end: NONE };
        let mut behind = BinaryHeap::new();
        let Some(height) = self.levels.len().checked_sub(1).filter(|_| count > 0) else { return Vec::new() };
        let root = Node { least: self.first(), height: height as u32, index: 0 };
        if height == 0 {
            found.offer(root.least, 0);
        } else if root.least < from {
            self.pass(root, &mut found, &mut behind);
        } else {
            behind.push(Reverse(root));
        }
        while let Some(Reverse(node)) = behind.pop() {
            if !found.has_room_for(node.least) {
                break;
            }
            self.open(node, &mut found, |_, found, child| {
                if found.has_room_for(child.least) {
                    behind.push(Reverse(child));
                }
            });
        }
        found.in_order()
    }

    /// Goes through all below a node whose least key comes before those that are wanted. Nodes with no such key are left for later: in order they
    /// are opened only as long as they may have a key below the greatest that was found.
    fn pass(&self, node: Node, found: &mut Found, behind: &mut BinaryHeap<Reverse<Node>>) {
        self.open(node, found, |tournament, found, child| {
            if child.least < found.from {
                tournament.pass(child, found, behind);
            } else if found.has_room_for(child.least) {
                behind.push(Reverse(child));
            }
        });
    }

    /// Offers the things below a node, or hands over the nodes below it.
    #[inline]
    fn open(&self, node: Node, found: &mut Found, mut child: impl FnMut(&Self, &mut Found, Node)) {
        let height = node.height - 1;
        let first = node.index * CHILDREN as u32;
        let keys = self.levels[height as usize].below(node.index as usize);
        for (index, key) in (first..).zip(keys) {
            match height {
                0 => found.offer(*key, index),
                _ => child(self, found, Node { least: *key, height, index }),
            }
        }
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

/// A node, in order of its least key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    least: Key,
    /// Levels below it.
    height: u32,
    index: u32,
}

/// The least keys found so far, and the numbers of their things.
struct Found {
    /// In any order: up to `count`, which are these, and as many that may not be.
    least: Vec<(Key, u32)>,
    /// How many are wanted; at least one.
    count: usize,
    /// From which key on.
    from: Key,
    /// Keys from this one on are not among them.
    end: Key,
}

impl Found {
    /// Whether this key, which is not below `from`, may be among them.
    #[inline]
    fn has_room_for(&self, key: Key) -> bool {
        key < self.end
    }

    #[inline]
    fn offer(&mut self, key: Key, number: u32) {
        // Both ends in one comparison, which nearly always goes the same way once `count` are found.
        let from = self.from.rank();
        if key.rank().wrapping_sub(from) < self.end.rank().wrapping_sub(from) {
            self.take(key, number);
        }
    }

    #[cold]
    fn take(&mut self, key: Key, number: u32) {
        self.least.push((key, number));
        if self.least.len() >= self.count.saturating_mul(2) {
            self.cut();
        }
    }

    /// Leaves only the `count` least. O(1) for each that was taken since.
    fn cut(&mut self) {
        if self.count < self.least.len() {
            self.end = self.least.select_nth_unstable(self.count).1 .0;
            self.least.truncate(self.count);
        }
    }

    fn in_order(mut self) -> Vec<(Key, u32)> {
        self.cut();
        self.least.sort_unstable();
        self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Naive(Vec<Key>, Soonest);

    fn key(at: i64, seq: u64) -> Key {
        Key { at, seq }
    }

    impl Naive {
        fn set(&mut self, number: usize, key: Key) {
            if self.0.len() <= number {
                self.0.resize(number + 1, NONE);
            }
            let old = std::mem::replace(&mut self.0[number], key);
            assert_eq!(self.1.get(number as u32), old);
            assert_eq!(self.1.set(number as u32, key), old);
            assert_eq!(self.1.get(number as u32), key);
        }

        fn fit(&mut self) {
            let things = self.0.iter().rposition(|key| *key != NONE).map_or(0, |last| last + 1);
            self.0.truncate(things);
            self.1.fit(things);
        }

        fn check(&self, from: Key) {
            let mut sorted: Vec<(Key, u32)> = (0..).zip(&self.0).map(|(number, key)| (*key, number)).collect();
            sorted.retain(|(key, _)| *key != NONE);
            sorted.sort_unstable();
            assert_eq!(self.1.first(), sorted.first().map_or(NONE, |(key, _)| *key));
            assert_eq!(self.1.first_number(), sorted.first().map(|(_, number)| *number));
            let after: Vec<(Key, u32)> = sorted.iter().copied().filter(|(key, _)| *key >= from).collect();
            for count in [0, 1, 5, usize::MAX] {
                assert_eq!(self.1.from(from, count), after[..after.len().min(count)]);
            }
        }
    }

    /// Numbers that look random and are the same in each run.
    fn random(state: &mut u64, below: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    }

    #[test]
    fn whatever_comes_moves_and_goes_the_first_and_those_behind_it_are_found() {
        for things in [1, 8, 9, 64, 65, 700, 1_500] {
            let (mut all, mut state) = (Naive(Vec::new(), Soonest::new()), things);
            for seq in 0..3_000 {
                let number = random(&mut state, things) as usize;
                let new = if random(&mut state, 4) == 0 { NONE } else { key(random(&mut state, 50) as i64 - 10, seq) };
                all.set(number, new);
                if seq % 500 == 0 {
                    all.fit();
                }
                if seq % 7 == 0 {
                    all.check(key(random(&mut state, 50) as i64 - 10, random(&mut state, 3_000)));
                    all.check(FIRST);
                }
            }
        }
    }

    #[test]
    fn things_may_be_numbered_with_gaps() {
        let mut all = Naive(Vec::new(), Soonest::new());
        for number in [5, 1_000, 0, 70_000, 64] {
            all.set(number, key(number as i64, 1));
            all.check(key(3, 0));
        }
        all.1.clear();
        assert_eq!(all.1.first(), NONE);
    }

    /// The chunks of the slab that gives out the numbers come back at once when they are empty; so must what stands beside them.
    #[test]
    fn a_chunk_without_things_gives_its_bytes_back() {
        let mut all = Naive(Vec::new(), Soonest::new());
        for number in 0..20_000 {
            all.set(number, key(20_000 - number as i64, 1));
        }
        let full = all.1.memory();
        assert!(full < 20_000 * 19 + 20_000, "{full} bytes");
        assert_eq!(all.1.clone().memory(), full);
        (1_024..20_000).for_each(|number| all.set(number, NONE));
        assert!(all.1.memory() < full / 8, "{} of {full} bytes", all.1.memory());
        all.check(key(19_500, 0));
        let before = all.1.memory();
        all.fit();
        assert!(all.1.memory() < before);
        all.check(key(19_500, 0));
        all.set(9_000, key(7, 7));
        all.check(FIRST);
        (0..20_000).for_each(|number| all.set(number, NONE));
        assert!(all.1.memory() < 1_000, "{} bytes", all.1.memory());
        all.check(FIRST);
    }

    #[test]
    fn one_thing_takes_little() {
        let mut all = Naive(Vec::new(), Soonest::new());
        all.set(0, key(5, 1));
        all.check(FIRST);
        assert!(all.1.memory() <= 100, "{} bytes", all.1.memory());
    }
}
