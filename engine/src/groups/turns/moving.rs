//! Numbers that change, and nodes that move so that sparse chunks of them can be given back.

use super::Turns;
use crate::mover::Mover;

impl Turns {
    /// Bytes that moving nodes would give back, beyond the slack that is tolerated. O(1).
    pub(in crate::groups) fn waste(&self) -> usize {
        self.leaves.waste() + self.inners.waste()
    }

    /// Shows the chunk of leaves and that of inner nodes with this number; false if there is neither.
    pub(in crate::groups) fn show_chunk(&mut self, number: usize, mover: &mut impl Mover) -> bool {
        let leaves = self.leaves.show_chunk(number, mover, |_, _| {});
        leaves | self.inners.show_chunk(number, mover, |_, _| {})
    }

    /// Gives the group with this turn, which is in here, its new number. O(log n), reading no other group.
    pub(in crate::groups) fn replace(&mut self, turn: u64, old: u32, new: u32) {
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node];
            node = inner.children[inner.child_for(turn)];
        }
        let leaf = &mut self.leaves[node];
        let len = leaf.len();
        let number = leaf.numbers[..len].iter_mut().find(|number| **number == old);
        *number.expect("a group stands where its turn is") = new;
    }

    /// Moves the nodes on the way to a turn, and all leaves below the last of them, out of sparse chunks; returns the turn to go on from,
    /// if there are more. O(log n), and O(1) for each of up to 63 leaves.
    pub(in crate::groups) fn compact(&mut self, from: u64) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        if self.height == 0 {
            self.root = self.moved_leaf(self.root);
            return None;
        }
        self.root = self.inners.relocate(self.root).unwrap_or(self.root);
        let (mut node, mut next) = (self.root, None);
        for _ in 1..self.height {
            let inner = &self.inners[node];
            let at = inner.child_for(from);
            if at + 1 < inner.len() {
                next = Some(inner.bounds[at + 1]);
            }
            let child = inner.children[at];
            let moved = self.inners.relocate(child).unwrap_or(child);
            self.inners[node].children[at] = moved;
            node = moved;
        }
        for at in 0..self.inners[node].len() {
            let moved = self.moved_leaf(self.inners[node].children[at]);
            self.inners[node].children[at] = moved;
        }
        next
    }

    /// Moves a leaf out of a sparse chunk, if it is in one; its number.
    fn moved_leaf(&mut self, leaf: u32) -> u32 {
        let moved = self.leaves.relocate(leaf).unwrap_or(leaf);
        if let Some(end) = self.end.as_mut().filter(|end| end.leaf == leaf) {
            end.leaf = moved;
        }
        moved
    }
}
