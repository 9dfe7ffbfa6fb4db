//! The order of entries: a counted B+tree of handles, by [`Place`].
//!
//! A leaf holds handles, and for each one byte of its key: which of 256 parts of the leaf's range of keys it is in. Places are read
//! from [`Entries`], because a copy of each would cost more than the rest of the tree. Each such read is likely a miss of the
//! cache; the byte makes them rare. What descending needs is copied into the inner nodes. The order does not know what a key means
//! or what state an entry is in; an entry keeps its place as long as it is in here.

use crate::entries::{Entries, Handle, Place};
use crate::slab::Slab;
use node::beyond;
use std::num::NonZeroU8;

mod iter;
mod moving;
mod node;
mod reshape;

pub(crate) use iter::Iter;

/// A leaf takes 320 bytes, and 64 of them 20 KiB: sizes that allocators have.
const LEAF: usize = 62;
/// An inner node takes 1520 bytes.
const INNER: usize = 63;
/// Handles in order. They take 5.6 bytes each if they came in order, about 7.6 if in any order.
#[derive(Clone, Debug, Default)]
pub struct Order {
    leaves: Slab<Leaf, 64>,
    inners: Slab<Inner, 16>,
    /// A leaf if `height` is 0, else an inner node; without meaning while `len` is 0.
    root: u32,
    height: usize,
    len: usize,
}

/// A leaf. Nodes are never empty: one that becomes so is removed from its slab. That also makes a slot of the slab no larger than the node.
#[derive(Clone, Debug)]
struct Leaf {
    handles: [u32; LEAF],
    /// For each handle `(key - base) >> shift`, at least 0 and at most 255; 255 where there is no handle.
    parts: [u8; LEAF],
    base: i64,
    shift: u8,
    len: NonZeroU8,
}

#[derive(Clone, Debug)]
struct Inner {
    /// For each child a bound, not above any place in it, and above all places in the child before. The first means nothing.
    bounds: [Place; INNER],
    /// Handles below the child.
    counts: [u32; INNER],
    children: [u32; INNER],
    len: NonZeroU8,
}

impl Order {
    /// No handles; allocates nothing.
    pub const fn new() -> Self {
        Order { leaves: Slab::new(), inners: Slab::new(), root: 0, height: 0, len: 0 }
    }

    /// How many handles there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of heap asked of the allocator, in O(1).
    pub fn memory(&self) -> usize {
        self.leaves.memory() + self.inners.memory()
    }

    /// Adds an entry, whose place no other has. O(log n), reading about 14 other entries, or one if it is the last in order.
    pub fn insert(&mut self, entries: &Entries, handle: Handle) {
        let place = entries.place(handle);
        self.len += 1;
        if self.len == 1 {
            self.root = self.leaves.insert(Leaf::of(entries, &[handle.0]));
            return;
        }
        self.raise_full_root(place);
        let (mut node, mut last) = (self.root, true);
        // Full nodes are split on the way down, so that there is always room for one more child.
        for level in (1..=self.height).rev() {
            let mut index = self.inners[node].child_for(place);
            last &= index + 1 == self.inners[node].len();
            if level == 1 && self.inners[node].counts[index] as usize == LEAF {
                let child = self.inners[node].children[index];
                if last && entries.place(self.leaves[child].last()) < place {
                    let leaf = self.leaves.insert(Leaf::of(entries, &[handle.0]));
                    self.inners[node].insert(index + 1, place, 1, leaf);
                    return;
                }
                self.make_room(entries, node, index, last);
                index = self.inners[node].child_for(place);
            } else if level > 1 && self.inners[self.inners[node].children[index]].len() == INNER {
                self.split_inner(node, index, place, last);
                index = self.inners[node].child_for(place);
            }
            last &= index + 1 == self.inners[node].len();
            let inner = &mut self.inners[node];
            inner.counts[index] += 1;
            node = inner.children[index];
        }
        let leaf = &mut self.leaves[node];
        if !(last && leaf.append_one(entries, place, handle.0)) {
            leaf.insert(entries, place, handle.0);
        }
    }

    /// Removes an entry, which must still be in `entries`. O(log n), reading no other. False if it is not there.
    pub fn remove(&mut self, entries: &Entries, handle: Handle) -> bool {
        if self.len == 0 || !self.remove_below(self.root, self.height, entries, handle) {
            return false;
        }
        self.len -= 1;
        self.lower_root();
        true
    }

    /// The first handle. O(log n).
    pub fn first(&self) -> Option<Handle> {
        (self.len > 0).then(|| self.first_below(self.root, self.height))
    }

    /// Whether an entry stands at this very place. O(log n), reading about 14 entries.
    pub fn contains(&self, entries: &Entries, place: Place) -> bool {
        if self.len == 0 {
            return false;
        }
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node];
            node = inner.children[inner.child_for(place)];
        }
        let leaf = &self.leaves[node];
        leaf.handles().get(leaf.rank(entries, place)).is_some_and(|&handle| entries.place(Handle(handle)) == place)
    }

    /// Takes handles from the front, as long as their key is at most `key`, and appends at most `max` of them to `out`.
    /// O(log n) and O(1) a handle; reads one entry a leaf.
    pub fn take_through(&mut self, entries: &Entries, key: i64, max: usize, out: &mut Vec<Handle>) {
        if self.len == 0 || max == 0 {
            return;
        }
        let taken = self.take_below(self.root, self.height, entries, Some(beyond(key)), max, out);
        self.len -= taken;
        self.lower_root();
    }

    /// How many have a key of at most `key`. O(log n), reading about 14 entries.
    pub fn count_through(&self, entries: &Entries, key: i64) -> usize {
        if self.len == 0 {
            return 0;
        }
        let (mut node, mut before) = (self.root, 0);
        for _ in 0..self.height {
            let inner = &self.inners[node];
            let index = inner.child_for(beyond(key));
            before += inner.counts[..index].iter().map(|&count| count as usize).sum::<usize>();
            node = inner.children[index];
        }
        before + self.leaves[node].rank(entries, beyond(key))
    }

    /// The first whose key is above `key`. O(log n), reading about 14 entries.
    pub fn first_after(&self, entries: &Entries, key: i64) -> Option<Handle> {
        self.first_from(entries, beyond(key))
    }

    /// The first at this place or after it. O(log n), reading about 14 entries.
    pub fn first_from(&self, entries: &Entries, place: Place) -> Option<Handle> {
        if self.len == 0 {
            return None;
        }
        let (mut node, mut next) = (self.root, None);
        for level in (1..=self.height).rev() {
            let inner = &self.inners[node];
            let index = inner.child_for(place);
            if index + 1 < inner.len() {
                next = Some((inner.children[index + 1], level - 1));
            }
            node = inner.children[index];
        }
        let leaf = &self.leaves[node];
        match leaf.handles().get(leaf.rank(entries, place)) {
            Some(&handle) => Some(Handle(handle)),
            None => next.map(|(node, height)| self.first_below(node, height)),
        }
    }

    /// In order, from the first whose key is at least `key`. O(log n) to begin, then O(1) a handle.
    pub fn iter_from(&self, entries: &Entries, key: i64) -> Iter<'_> {
        self.iter_from_place(entries, Place { key, seq: 0 })
    }

    /// In order, from the first at this place or after it. O(log n) to begin, then O(1) a handle.
    pub fn iter_from_place(&self, entries: &Entries, place: Place) -> Iter<'_> {
        Iter::from(self, entries, place)
    }

    /// All, in order. O(1) a handle.
    pub fn iter(&self) -> Iter<'_> {
        Iter::all(self)
    }

    fn first_below(&self, mut node: u32, height: usize) -> Handle {
        for _ in 0..height {
            node = self.inners[node].children[0];
        }
        Handle(self.leaves[node].handles[0])
    }

    fn raise_full_root(&mut self, place: Place) {
        let full = match self.height {
            0 => self.leaves[self.root].len() == LEAF,
            _ => self.inners[self.root].len() == INNER,
        };
        if full {
            let root = Inner::of(self.root, self.len as u32 - 1);
            self.root = self.inners.insert(root);
            self.height += 1;
            if self.height > 1 {
                self.split_inner(self.root, 0, place, true);
            }
        }
    }

    fn lower_root(&mut self) {
        if self.len == 0 {
            *self = Order::new();
            return;
        }
        while self.height > 0 && self.inners[self.root].len() == 1 {
            self.root = self.inners.remove(self.root).children[0];
            self.height -= 1;
        }
    }

    fn remove_below(&mut self, node: u32, level: usize, entries: &Entries, handle: Handle) -> bool {
        if level == 0 {
            let leaf = &mut self.leaves[node];
            let Some(at) = leaf.handles().iter().position(|&other| other == handle.0) else {
                return false;
            };
            if leaf.drop_range(at, at + 1) {
                self.leaves.remove(node);
            }
            return true;
        }
        let index = self.inners[node].child_for(entries.place(handle));
        let child = self.inners[node].children[index];
        if !self.remove_below(child, level - 1, entries, handle) {
            return false;
        }
        let inner = &mut self.inners[node];
        inner.counts[index] -= 1;
        if inner.counts[index] > 0 {
            self.merge(entries, node, level, index);
        } else if inner.drop_range(index, index + 1) {
            self.inners.remove(node);
        }
        true
    }

    fn take_below(
        &mut self,
        node: u32,
        level: usize,
        entries: &Entries,
        to: Option<Place>,
        max: usize,
        out: &mut Vec<Handle>,
    ) -> usize {
        if level == 0 {
            let leaf = &mut self.leaves[node];
            let most = leaf.len().min(max);
            let all = to.is_none_or(|to| entries.place(Handle(leaf.handles[most - 1])) < to);
            let taken = if all { most } else { to.map_or(most, |to| leaf.rank(entries, to)) };
            out.extend(leaf.handles[..taken].iter().map(|&handle| Handle(handle)));
            if leaf.drop_range(0, taken) {
                self.leaves.remove(node);
            }
            return taken;
        }
        let (mut taken, mut gone) = (0, 0);
        while gone < self.inners[node].len() && taken < max {
            let inner = &self.inners[node];
            // All places in this child are below the bound of the next one. If `to` is not below that, none need be compared with it.
            let all = gone + 1 < inner.len() && to.is_some_and(|to| inner.bounds[gone + 1] <= to);
            let got = self.take_below(inner.children[gone], level - 1, entries, to.filter(|_| !all), max - taken, out);
            taken += got;
            let inner = &mut self.inners[node];
            inner.counts[gone] -= got as u32;
            if inner.counts[gone] > 0 {
                break;
            }
            gone += 1;
        }
        if self.inners[node].drop_range(0, gone) {
            self.inners.remove(node);
        }
        taken
    }
}

#[cfg(test)]
mod tests;
