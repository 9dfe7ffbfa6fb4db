//! The nodes of the tree as plain arrays: they know their order and their size, not where they are in the tree.

use super::Stand;
use std::num::NonZeroU8;

/// A leaf takes 512 bytes, and 64 of them 32 KiB: sizes that allocators have.
pub(super) const LEAF: usize = 42;
/// An inner node takes 1272 bytes.
pub(super) const INNER: usize = 63;

/// A leaf. Nodes are never empty: one that becomes so is removed from its slab. That also makes a slot of the slab no larger than the node.
#[derive(Clone)]
pub(super) struct Leaf {
    pub keys: [i64; LEAF],
    pub numbers: [u32; LEAF],
    pub len: NonZeroU8,
}

#[derive(Clone)]
pub(super) struct Inner {
    /// For each child a bound, not above any turn in it, and above all turns in the child before. The first means nothing.
    pub bounds: [u64; INNER],
    /// The lowest key below each child.
    pub lowest: [i64; INNER],
    pub children: [u32; INNER],
    pub len: NonZeroU8,
}

/// A node that has been split off, to the right of the one that was there.
pub(super) struct Sibling {
    pub bound: u64,
    pub lowest: i64,
    pub node: u32,
}

/// Compares in four strands, since each comparison waits for the one before it.
fn lowest_of(keys: &[i64]) -> i64 {
    let mut lowest = [i64::MAX; 4];
    let fours = keys.chunks_exact(4);
    let rest = fours.remainder();
    for four in fours {
        lowest = std::array::from_fn(|strand| lowest[strand].min(four[strand]));
    }
    rest.iter().chain(&lowest).copied().fold(i64::MAX, i64::min)
}

fn length(len: usize) -> NonZeroU8 {
    NonZeroU8::new(len as u8).expect("no node is empty")
}

impl Leaf {
    pub(super) fn of(one: Stand) -> Self {
        let mut leaf = Leaf { keys: [0; LEAF], numbers: [0; LEAF], len: length(1) };
        (leaf.keys[0], leaf.numbers[0]) = (one.key, one.number);
        leaf
    }

    pub(super) fn len(&self) -> usize {
        self.len.get().into()
    }

    pub(super) fn lowest(&self) -> i64 {
        lowest_of(&self.keys[..self.len()])
    }

    /// There must be room.
    pub(super) fn insert(&mut self, at: usize, new: Stand) {
        let len = self.len();
        self.keys.copy_within(at..len, at + 1);
        self.numbers.copy_within(at..len, at + 1);
        (self.keys[at], self.numbers[at]) = (new.key, new.number);
        self.len = length(len + 1);
    }

    /// There must be another.
    pub(super) fn drop_at(&mut self, at: usize) {
        let len = self.len();
        self.keys.copy_within(at + 1..len, at);
        self.numbers.copy_within(at + 1..len, at);
        self.len = length(len - 1);
    }

    /// Drops all groups for which `drops` is true; it is asked of each, in order. If none would be left, drops nothing and returns true.
    pub(super) fn drop_all(&mut self, mut drops: impl FnMut(Stand) -> bool) -> bool {
        let mut left = 0;
        for at in 0..self.len() {
            let stand = Stand { number: self.numbers[at], key: self.keys[at] };
            if !drops(stand) {
                (self.keys[left], self.numbers[left]) = (stand.key, stand.number);
                left += 1;
            }
        }
        if left > 0 {
            self.len = length(left);
        }
        left == 0
    }

    pub(super) fn append(&mut self, right: &Leaf) {
        let (len, more) = (self.len(), right.len());
        self.keys[len..len + more].copy_from_slice(&right.keys[..more]);
        self.numbers[len..len + more].copy_from_slice(&right.numbers[..more]);
        self.len = length(len + more);
    }

    pub(super) fn split_off(&mut self, keep: usize) -> Leaf {
        let mut right = self.clone();
        let len = self.len();
        right.keys.copy_within(keep..len, 0);
        right.numbers.copy_within(keep..len, 0);
        right.len = length(len - keep);
        self.len = length(keep);
        right
    }
}

impl Inner {
    pub(super) fn of(one: &Sibling) -> Self {
        let mut inner = Inner { bounds: [0; INNER], lowest: [0; INNER], children: [0; INNER], len: length(1) };
        (inner.bounds[0], inner.lowest[0], inner.children[0]) = (one.bound, one.lowest, one.node);
        inner
    }

    pub(super) fn len(&self) -> usize {
        self.len.get().into()
    }

    pub(super) fn lowest(&self) -> i64 {
        lowest_of(&self.lowest[..self.len()])
    }

    /// The child that has or would take this turn.
    pub(super) fn child_for(&self, turn: u64) -> usize {
        let bounds = &self.bounds[1..self.len()];
        // Most searches are for the first or the last child.
        match bounds {
            [first, ..] if *first > turn => 0,
            [.., last] if *last > turn => bounds.partition_point(|bound| *bound <= turn),
            _ => bounds.len(),
        }
    }

    /// There must be room.
    pub(super) fn insert(&mut self, at: usize, new: &Sibling) {
        let len = self.len();
        self.bounds.copy_within(at..len, at + 1);
        self.lowest.copy_within(at..len, at + 1);
        self.children.copy_within(at..len, at + 1);
        (self.bounds[at], self.lowest[at], self.children[at]) = (new.bound, new.lowest, new.node);
        self.len = length(len + 1);
    }

    /// There must be another.
    pub(super) fn drop_at(&mut self, at: usize) {
        let len = self.len();
        self.bounds.copy_within(at + 1..len, at);
        self.lowest.copy_within(at + 1..len, at);
        self.children.copy_within(at + 1..len, at);
        self.len = length(len - 1);
    }

    pub(super) fn append(&mut self, right: &Inner) {
        let (len, more) = (self.len(), right.len());
        self.bounds[len..len + more].copy_from_slice(&right.bounds[..more]);
        self.lowest[len..len + more].copy_from_slice(&right.lowest[..more]);
        self.children[len..len + more].copy_from_slice(&right.children[..more]);
        self.len = length(len + more);
    }

    pub(super) fn split_off(&mut self, keep: usize) -> Inner {
        let mut right = self.clone();
        let len = self.len();
        right.bounds.copy_within(keep..len, 0);
        right.lowest.copy_within(keep..len, 0);
        right.children.copy_within(keep..len, 0);
        right.len = length(len - keep);
        self.len = length(keep);
        right
    }
}
