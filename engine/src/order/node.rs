//! The nodes of the tree as plain arrays: they know their order and their size, not where they are in the tree.

use super::{Inner, Leaf, INNER, LEAF};
use crate::entries::{Entries, Handle, Place};
use std::num::NonZeroU8;

/// A search first probes one handle of every so many, then those between two of these.
const STRIDE: usize = 8;

/// The place behind every entry with this key. No entry has it: its `seq` is above `MAX_SEQ`.
pub(super) const fn beyond(key: i64) -> Place {
    Place { key, seq: u64::MAX }
}

fn length(len: usize) -> NonZeroU8 {
    NonZeroU8::new(len as u8).expect("no node is empty")
}

/// The base and the shift that map the keys from first to last to a byte, as finely as shifting allows.
fn scale(entries: &Entries, first: u32, last: u32) -> (i64, u8) {
    let (base, top) = (entries.place(Handle(first)).key, entries.place(Handle(last)).key);
    let range = top.wrapping_sub(base) as u64;
    (base, (u64::BITS - range.leading_zeros()).saturating_sub(8) as u8)
}

impl Leaf {
    /// A leaf with these handles. Reads all their entries. Panics if there are none, or more than fit.
    pub(super) fn of(entries: &Entries, handles: &[u32]) -> Self {
        let (base, shift) = scale(entries, handles[0], handles[handles.len() - 1]);
        let mut leaf = Leaf { handles: [0; LEAF], parts: [u8::MAX; LEAF], base, shift, len: length(handles.len()) };
        leaf.handles[..handles.len()].copy_from_slice(handles);
        for (at, &handle) in handles.iter().enumerate() {
            leaf.parts[at] = leaf.part(entries.place(Handle(handle)).key);
        }
        leaf
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.get() as usize
    }

    #[inline]
    pub(super) fn handles(&self) -> &[u32] {
        &self.handles[..self.len()]
    }

    #[inline]
    pub(super) fn last(&self) -> Handle {
        Handle(self.handles[self.len() - 1])
    }

    /// How many of its handles are in front of `place`.
    #[inline]
    pub(super) fn rank(&self, entries: &Entries, place: Place) -> usize {
        let (from, to) = self.unclear(place);
        self.rank_within(entries, place, from, to)
    }

    /// There must be room.
    pub(super) fn insert(&mut self, entries: &Entries, place: Place, handle: u32) {
        let (mut from, mut to) = self.unclear(place);
        let len = self.len();
        // The scale may have been made when the leaf was smaller, and be useless now. An entry that goes to the end needs no scale.
        if to - from > STRIDE && (to < len || entries.place(self.last()) > place) {
            let scale = scale(entries, self.handles[0], self.handles[len - 1]);
            if scale != (self.base, self.shift) {
                *self = Leaf::of(entries, &self.handles[..len]);
                (from, to) = self.unclear(place);
            }
        }
        let at = self.rank_within(entries, place, from, to);
        self.handles.copy_within(at..len, at + 1);
        self.parts.copy_within(at..len, at + 1);
        (self.handles[at], self.parts[at]) = (handle, self.part(place.key));
        self.len = length(len + 1);
    }

    /// Like [`Leaf::insert`], if the entry goes to the end; else does nothing, and returns false. Reads one entry.
    #[inline]
    pub(super) fn append_one(&mut self, entries: &Entries, place: Place, handle: u32) -> bool {
        let len = self.len();
        if entries.place(self.last()) > place {
            return false;
        }
        (self.handles[len], self.parts[len]) = (handle, self.part(place.key));
        self.len = length(len + 1);
        true
    }

    pub(super) fn append(&mut self, entries: &Entries, right: &Leaf) {
        *self = Leaf::of(entries, &[self.handles(), right.handles()].concat());
    }

    pub(super) fn split_off(&mut self, entries: &Entries, keep: usize) -> Leaf {
        let right = Leaf::of(entries, &self.handles()[keep..]);
        *self = Leaf::of(entries, &self.handles[..keep]);
        right
    }

    /// Drops a range of its handles. If none would be left, drops nothing and returns true.
    pub(super) fn drop_range(&mut self, from: usize, to: usize) -> bool {
        let len = self.len();
        let left = len - (to - from);
        if left > 0 {
            self.handles.copy_within(to..len, from);
            self.parts.copy_within(to..len, from);
            self.parts[left..len].fill(u8::MAX);
            self.len = length(left);
        }
        left == 0
    }

    #[inline]
    fn part(&self, key: i64) -> u8 {
        // A key may also be below `base`, or too far above it for a byte: the order is kept, only precision is lost.
        if key < self.base {
            0
        } else {
            (key.wrapping_sub(self.base) as u64 >> self.shift).min(255) as u8
        }
    }

    /// The range of its handles that are in the same part as `place`: only their entries must be read.
    #[inline]
    fn unclear(&self, place: Place) -> (usize, usize) {
        let part = self.part(place.key);
        let (mut below, mut through) = (0u8, 0u8);
        for &other in &self.parts {
            below += u8::from(other < part);
            through += u8::from(other <= part);
        }
        (below as usize, (through as usize).min(self.len()))
    }

    /// How many of its handles are in front of `place`: the first `from` are known to be, and those from `to` on known not to be.
    ///
    /// Where keys are equal or very unevenly spread, many entries must be read. A binary search would wait for six reads, one after the other.
    /// This one makes up to 15 reads, but those of one step do not depend on each other, and so overlap.
    #[inline]
    fn rank_within(&self, entries: &Entries, place: Place, from: usize, to: usize) -> usize {
        let in_front = |&handle: &u32| {
            let other = entries.place(Handle(handle));
            usize::from((other.key < place.key) | ((other.key == place.key) & (other.seq < place.seq)))
        };
        let handles = &self.handles[from..to];
        match handles.last() {
            None => return from,
            Some(last) if in_front(last) == 1 => return to,
            _ => {}
        }
        let strides: usize = handles.iter().skip(STRIDE - 1).step_by(STRIDE).map(in_front).sum();
        let rest = &handles[strides * STRIDE..];
        from + strides * STRIDE + rest.iter().take(STRIDE - 1).map(in_front).sum::<usize>()
    }
}

impl Inner {
    pub(super) fn of(child: u32, count: u32) -> Self {
        let bounds = [Place { key: i64::MIN, seq: 0 }; INNER];
        let mut inner = Inner { bounds, counts: [0; INNER], children: [0; INNER], len: length(1) };
        (inner.counts[0], inner.children[0]) = (count, child);
        inner
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.get() as usize
    }

    /// How many handles are below it.
    pub(super) fn count(&self) -> u32 {
        self.counts[..self.len()].iter().sum()
    }

    /// The child that has or would take this place.
    #[inline]
    pub(super) fn child_for(&self, place: Place) -> usize {
        let bounds = &self.bounds[1..self.len()];
        // Most searches are for the first or the last child.
        match bounds {
            [first, ..] if *first > place => 0,
            [.., last] if *last > place => bounds.partition_point(|&bound| bound <= place),
            _ => bounds.len(),
        }
    }

    /// There must be room.
    pub(super) fn insert(&mut self, at: usize, bound: Place, count: u32, child: u32) {
        let len = self.len();
        self.bounds.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.children.copy_within(at..len, at + 1);
        (self.bounds[at], self.counts[at], self.children[at]) = (bound, count, child);
        self.len = length(len + 1);
    }

    pub(super) fn append(&mut self, right: &Inner) {
        let (len, more) = (self.len(), right.len());
        self.bounds[len..len + more].copy_from_slice(&right.bounds[..more]);
        self.counts[len..len + more].copy_from_slice(&right.counts[..more]);
        self.children[len..len + more].copy_from_slice(&right.children[..more]);
        self.len = length(len + more);
    }

    pub(super) fn split_off(&mut self, keep: usize) -> Inner {
        let mut right = self.clone();
        right.drop_range(0, keep);
        self.len = length(keep);
        right
    }

    /// Drops a range of its children. If none would be left, drops nothing and returns true.
    pub(super) fn drop_range(&mut self, from: usize, to: usize) -> bool {
        let len = self.len();
        let left = len - (to - from);
        if left > 0 {
            self.bounds.copy_within(to..len, from);
            self.counts.copy_within(to..len, from);
            self.children.copy_within(to..len, from);
            self.len = length(left);
        }
        left == 0
    }
}
