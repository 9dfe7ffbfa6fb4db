//! How nodes are split, spread anew and merged. It knows one parent and its children at a time; who counts and descends is [`Order`].

use super::{Leaf, Order, INNER, LEAF};
use crate::entries::{Entries, Handle, Place};

/// A full leaf hands handles to a neighbour that has at least this much room, instead of splitting.
const WORTH_SHIFTING: usize = 24;
/// Nodes this small look for a neighbour to merge with, and merge when the result leaves a quarter free.
const SMALL: usize = 20;
const MERGED: usize = 47;

impl Order {
    /// Splits a full inner node. One at the very end keeps nearly all, since entries that come in order never come back to it.
    pub(super) fn split_inner(&mut self, parent: u32, index: usize, place: Place, last: bool) {
        let child = self.inners[parent].children[index];
        let at_end = last && self.inners[child].child_for(place) + 1 == INNER;
        let keep = if at_end { INNER - 1 } else { INNER / 2 };
        let right = self.inners[child].split_off(keep);
        let (bound, count) = (right.bounds[0], right.count());
        let right = self.inners.insert(right);
        let parent = &mut self.inners[parent];
        parent.counts[index] -= count;
        parent.insert(index + 1, bound, count, right);
    }

    /// Shifts handles of a full leaf to a neighbour below the same parent, or else splits the leaf. Without shifting, leaves that fill in random order
    /// would be 69 % full.
    pub(super) fn make_room(&mut self, entries: &Entries, parent: u32, index: usize, last: bool) {
        let inner = &self.inners[parent];
        let room = |index: usize| LEAF - inner.counts[index] as usize;
        let room_left = if index > 0 { room(index - 1) } else { 0 };
        let room_right = if index + 1 < inner.len() { room(index + 1) } else { 0 };
        if room_left >= WORTH_SHIFTING {
            // Entries that come nearly in order leave full leaves behind; only those in any order need room on both sides. Room for one
            // handle must remain, since the new one may belong to the left.
            let shifted = if last { (room_left - 1).min(LEAF / 2) } else { room_left / 2 };
            self.respread(entries, parent, index - 1, LEAF - room_left + shifted);
        } else if room_right >= WORTH_SHIFTING {
            self.respread(entries, parent, index, LEAF - room_right / 2);
        } else {
            let right = self.leaves[inner.children[index]].split_off(entries, LEAF / 2);
            let (bound, count) = (entries.place(Handle(right.handles[0])), right.len() as u32);
            let right = self.leaves.insert(right);
            let inner = &mut self.inners[parent];
            inner.counts[index] -= count;
            inner.insert(index + 1, bound, count, right);
        }
    }

    /// Spreads the handles of two neighbouring leaves anew, so that the left one has `left` of them.
    fn respread(&mut self, entries: &Entries, parent: u32, index: usize, left: usize) {
        let inner = &mut self.inners[parent];
        let (a, b) = (inner.children[index], inner.children[index + 1]);
        let mut all = [0; 2 * LEAF];
        let (len_a, len_b) = (self.leaves[a].len(), self.leaves[b].len());
        all[..len_a].copy_from_slice(self.leaves[a].handles());
        all[len_a..len_a + len_b].copy_from_slice(self.leaves[b].handles());
        let right = &all[left..len_a + len_b];
        self.leaves[a] = Leaf::of(entries, &all[..left]);
        self.leaves[b] = Leaf::of(entries, right);
        inner.bounds[index + 1] = entries.place(Handle(right[0]));
        inner.counts[index] = left as u32;
        inner.counts[index + 1] = right.len() as u32;
    }

    /// Merges a child that has become small with a neighbour, if the two fit into one.
    pub(super) fn merge(&mut self, entries: &Entries, parent: u32, level: usize, index: usize) {
        let inner = &self.inners[parent];
        let size = |index: usize| match level {
            1 => inner.counts[index] as usize,
            _ => self.inners[inner.children[index]].len(),
        };
        if size(index) > SMALL {
            return;
        }
        let fits = |left: usize| size(left) + size(left + 1) <= MERGED;
        let left = if index > 0 && fits(index - 1) {
            index - 1
        } else if index + 1 < inner.len() && fits(index) {
            index
        } else {
            return;
        };
        let (a, b, bound, count) =
            (inner.children[left], inner.children[left + 1], inner.bounds[left + 1], inner.counts[left + 1]);
        if level == 1 {
            let b = self.leaves.remove(b);
            self.leaves[a].append(entries, &b);
        } else {
            let mut b = self.inners.remove(b);
            b.bounds[0] = bound;
            self.inners[a].append(&b);
        }
        let inner = &mut self.inners[parent];
        inner.counts[left] += count;
        inner.drop_range(left + 1, left + 2);
    }
}
