//! Which of many things comes first: a tournament over numbered leaves.
//!
//! Each node knows the least key of eight children; the leaves are the things themselves, which their owner keeps. A key that
//! changes costs a look at the nodes above it, as far up as it was or becomes the least: mostly one. So a deadline that moves
//! with every push costs little, where an ordered tree would take it out and put it back. The price: what comes *after* some
//! key is found by looking at all that come before it, some 20 to 30 ns each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A deadline and, to order equal deadlines, the number of the thing in order of creation.
pub(super) type Key = (i64, u64);

/// The key of a leaf without a thing.
pub(super) const NONE: Key = (i64::MAX, u64::MAX);

const CHILDREN: usize = 8;

/// The nodes. Some 2.3 bytes a leaf, beside the leaf itself.
#[derive(Clone, Default)]
pub(super) struct Soonest {
    /// From just above the leaves to the root, which is alone on its level.
    levels: Vec<Vec<Key>>,
}

fn least(keys: impl Iterator<Item = Key>) -> Key {
    keys.min().unwrap_or(NONE)
}

impl Soonest {
    /// No leaves.
    pub(super) const fn new() -> Self {
        Soonest { levels: Vec::new() }
    }

    /// The key of a leaf has changed from `old` to what `leaf` tells now: a thing has come, moved or gone. O(log n), mostly O(1).
    pub(super) fn changed(&mut self, number: u32, old: Key, leaf: impl Fn(u32) -> Key) {
        let (mut index, mut old, mut new) = (number as usize, old, leaf(number));
        self.make_room(index / CHILDREN);
        for level in 0..self.levels.len() {
            let node = index / CHILDREN;
            let before = self.levels[level][node];
            let after = if new <= before {
                new
            } else if before == old {
                self.least_below(level, node, &leaf)
            } else {
                return;
            };
            if before == after {
                return;
            }
            self.levels[level][node] = after;
            (index, old, new) = (node, before, after);
        }
    }

    /// Forgets all leaves, once none has a thing.
    pub(super) fn clear(&mut self) {
        self.levels = Vec::new();
    }

    /// The least key of all; [`NONE`] if there is no thing. O(1).
    pub(super) fn first(&self) -> Key {
        self.levels.last().map_or(NONE, |root| root[0])
    }

    /// The number of the thing with the least key. O(log n).
    pub(super) fn first_number(&self, leaf: impl Fn(u32) -> Key) -> Option<u32> {
        let first = self.first();
        if first == NONE {
            return None;
        }
        let mut index = 0;
        for level in (0..self.levels.len()).rev() {
            index = children(index).find(|child| self.key(level, *child, &leaf) == first)?;
        }
        Some(index as u32)
    }

    /// The numbers of up to `count` things, in order of their keys, from the first that is at least `from`. O(log n) each, and O(1) for each
    /// thing before `from`: all of these are passed, because a later one may stand beside them. Never holds more than `count`.
    pub(super) fn from(&self, from: Key, count: usize, leaf: impl Fn(u32) -> Key) -> Vec<u32> {
        let mut found = Found { least: BinaryHeap::new(), count };
        // Nodes whose least key comes before `from` are only passed through, in any order. Height 0 is a leaf.
        let mut before = Vec::new();
        // The other nodes, in order, as long as they may have a key below the greatest that was found.
        let mut behind = BinaryHeap::new();
        let first = self.first();
        if first < from {
            before.push((self.levels.len(), 0));
        } else if first != NONE && count > 0 {
            behind.push(Reverse((first, self.levels.len(), 0)));
        }
        while let Some((height, index)) = before.pop() {
            for child in children(index) {
                let key = self.key(height - 1, child, &leaf);
                if key < from {
                    if height > 1 {
                        before.push((height - 1, child));
                    }
                } else if height == 1 {
                    found.offer(key, child);
                } else if found.has_room_for(key) {
                    behind.push(Reverse((key, height - 1, child)));
                }
            }
        }
        while let Some(Reverse((key, height, index))) = behind.pop() {
            if !found.has_room_for(key) {
                break;
            }
            for child in children(index) {
                let key = self.key(height - 1, child, &leaf);
                if height == 1 {
                    found.offer(key, child);
                } else if found.has_room_for(key) {
                    behind.push(Reverse((key, height - 1, child)));
                }
            }
        }
        found.in_order()
    }

    /// Bytes that [`Soonest::fit`] might give back if there are this many things, all with low numbers. O(1).
    pub(super) fn waste(&self, things: usize) -> usize {
        let leaves = self.levels.first().map_or(0, |level| level.len() * CHILDREN);
        leaves.saturating_sub(5 * things + 5 * 1024) / CHILDREN * size_of::<Key>()
    }

    /// Drops the nodes above leaves from this number on, none of which has a thing. O(`leaves` / 8).
    pub(super) fn fit(&mut self, leaves: usize) {
        let Some(mut lowest) = std::mem::take(&mut self.levels).into_iter().next() else { return };
        lowest.truncate(leaves.div_ceil(CHILDREN).max(1));
        lowest.shrink_to_fit();
        self.levels.push(lowest);
        while let Some(below) = self.levels.last().filter(|below| below.len() > 1) {
            let above = below.chunks(CHILDREN).map(|keys| least(keys.iter().copied())).collect();
            self.levels.push(above);
        }
    }

    /// Bytes of heap.
    pub(super) fn memory(&self) -> usize {
        self.levels.iter().map(|level| level.capacity() * size_of::<Key>()).sum()
    }

    /// The key of a child of a node of this level: the child is a leaf if the level is the lowest, else a node.
    fn key(&self, level: usize, child: usize, leaf: &impl Fn(u32) -> Key) -> Key {
        match level.checked_sub(1) {
            None => leaf(child as u32),
            Some(below) => self.levels[below].get(child).copied().unwrap_or(NONE),
        }
    }

    fn least_below(&self, level: usize, node: usize, leaf: &impl Fn(u32) -> Key) -> Key {
        least(children(node).map(|child| self.key(level, child, leaf)))
    }

    /// Makes nodes up to this one of the lowest level, and a root above them.
    fn make_room(&mut self, last: usize) {
        let mut last = last;
        for level in 0.. {
            if level == self.levels.len() {
                let below = level.checked_sub(1).map(|below| &self.levels[below][..]).unwrap_or_default();
                self.levels.push(below.chunks(CHILDREN).map(|keys| least(keys.iter().copied())).collect());
            } else if self.levels[level].len() > last {
                return;
            }
            if self.levels[level].len() <= last {
                self.levels[level].resize(last + 1, NONE);
            }
            if self.levels[level].len() == 1 {
                return;
            }
            last /= CHILDREN;
        }
    }
}

/// The least keys found so far, and the numbers of their things.
struct Found {
    /// The greatest key is on top.
    least: BinaryHeap<(Key, usize)>,
    /// The most that it keeps.
    count: usize,
}

impl Found {
    /// Whether this key would be among them.
    fn has_room_for(&self, key: Key) -> bool {
        key != NONE && (self.least.len() < self.count || self.least.peek().is_some_and(|(greatest, _)| key < *greatest))
    }

    fn offer(&mut self, key: Key, number: usize) {
        if self.has_room_for(key) {
            self.least.push((key, number));
            if self.least.len() > self.count {
                self.least.pop();
            }
        }
    }

    fn in_order(self) -> Vec<u32> {
        self.least.into_sorted_vec().into_iter().map(|(_, number)| number as u32).collect()
    }
}

fn children(node: usize) -> std::ops::Range<usize> {
    node * CHILDREN..(node + 1) * CHILDREN
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Leaves(Vec<Key>, Soonest);

    impl Leaves {
        fn set(&mut self, number: usize, key: Key) {
            if self.0.len() <= number {
                self.0.resize(number + 1, NONE);
            }
            let old = std::mem::replace(&mut self.0[number], key);
            let keys = &self.0;
            self.1.changed(number as u32, old, |leaf| keys.get(leaf as usize).copied().unwrap_or(NONE));
        }

        fn check(&self, from: Key) {
            let leaf = |number: u32| self.0.get(number as usize).copied().unwrap_or(NONE);
            let mut sorted: Vec<(Key, u32)> = (0..).zip(&self.0).map(|(number, key)| (*key, number)).collect();
            sorted.retain(|(key, _)| *key != NONE);
            sorted.sort_unstable();
            assert_eq!(self.1.first(), sorted.first().map_or(NONE, |(key, _)| *key));
            assert_eq!(self.1.first_number(leaf), sorted.first().map(|(_, number)| *number));
            let after: Vec<u32> = sorted.iter().filter(|(key, _)| *key >= from).map(|(_, number)| *number).collect();
            for count in [0, 1, 5, usize::MAX] {
                assert_eq!(self.1.from(from, count, leaf), after[..after.len().min(count)]);
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
        for leaves in [1, 8, 9, 64, 65, 700] {
            let (mut all, mut state) = (Leaves(Vec::new(), Soonest::new()), leaves);
            for seq in 0..3_000 {
                let number = random(&mut state, leaves) as usize;
                let key = if random(&mut state, 4) == 0 { NONE } else { (random(&mut state, 50) as i64 - 10, seq) };
                all.set(number, key);
                if seq % 7 == 0 {
                    all.check((random(&mut state, 50) as i64 - 10, random(&mut state, 3_000)));
                    all.check((i64::MIN, 0));
                }
            }
        }
    }

    #[test]
    fn leaves_may_be_numbered_with_gaps() {
        let mut all = Leaves(Vec::new(), Soonest::new());
        for number in [5, 1_000, 0, 70_000, 64] {
            all.set(number, (number as i64, 1));
            all.check((3, 0));
        }
        all.1.clear();
        assert_eq!(all.1.first(), NONE);
    }
}
