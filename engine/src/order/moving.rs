//! Handles that change, and nodes that move so that sparse chunks of them can be given back.

use super::Order;
use crate::entries::{Entries, Handle, Place};
use crate::mover::Mover;

impl Order {
    /// Bytes that moving nodes would give back, beyond the slack that is tolerated. O(1).
    pub fn waste(&self) -> usize {
        self.leaves.waste() + self.inners.waste()
    }

    /// Shows the chunk of leaves and that of inner nodes with this number; false if there is neither.
    pub fn show_chunk(&mut self, number: usize, mover: &mut impl Mover) -> bool {
        let leaves = self.leaves.show_chunk(number, mover, |_, _| {});
        leaves | self.inners.show_chunk(number, mover, |_, _| {})
    }

    /// Gives an entry its new handle; both handles show its place. O(log n), reading no other entry. False if the old handle is not there.
    pub fn replace(&mut self, entries: &Entries, old: Handle, new: Handle) -> bool {
        if self.len == 0 {
            return false;
        }
        let place = entries.place(old);
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node];
            node = inner.children[inner.child_for(place)];
        }
        let leaf = &mut self.leaves[node];
        let Some(at) = leaf.handles().iter().position(|&other| other == old.0) else { return false };
        leaf.handles[at] = new.0;
        true
    }

    /// Moves the nodes on the way to a place, and all leaves below the last of them, out of sparse chunks; returns the place to go on from,
    /// if there are more. O(log n), and O(1) for each of up to 63 leaves.
    pub fn compact(&mut self, from: Place) -> Option<Place> {
        if self.len == 0 {
            return None;
        }
        if self.height == 0 {
            self.root = self.leaves.relocate(self.root).unwrap_or(self.root);
            return None;
        }
        self.root = self.inners.relocate(self.root).unwrap_or(self.root);
        let (mut node, mut next) = (self.root, None);
        for _ in 1..self.height {
            let inner = &self.inners[node];
            let index = inner.child_for(from);
            if index + 1 < inner.len() {
                next = Some(inner.bounds[index + 1]);
            }
            let child = inner.children[index];
            let moved = self.inners.relocate(child).unwrap_or(child);
            self.inners[node].children[index] = moved;
            node = moved;
        }
        for index in 0..self.inners[node].len() {
            let leaf = self.inners[node].children[index];
            if let Some(moved) = self.leaves.relocate(leaf) {
                self.inners[node].children[index] = moved;
            }
        }
        next
    }
}
