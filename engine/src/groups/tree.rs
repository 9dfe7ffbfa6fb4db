//! Trees of groups, ordered by the places of their heads, each node with the lowest turn below it.
//!
//! They are treaps: search trees by place, and heaps by a number that is as good as random, so that they are balanced whatever comes in
//! which order (Seidel and Aragon, *Randomized search trees*, 1996). That number is mixed from the number of the group: a tree has the same shape for
//! the same groups, and the shape shows nowhere. The nodes are the groups themselves. While a group stands in a tree, its head and its
//! turn do not change.

use super::{Node, Nodes, Table, NONE};
use crate::entries::{Entries, Place};
use std::borrow::Borrow;

/// The nodes, and where their places are read from.
pub(super) struct Forest<'a, N> {
    pub table: &'a Table,
    pub nodes: N,
    pub entries: &'a Entries,
}

/// The rank of a group in the heap: different for each number.
fn rank(number: u32) -> u32 {
    let mixed = number.wrapping_mul(0x9e37_79b1);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b)
}

impl<N: Borrow<Nodes>> Forest<'_, N> {
    fn node(&self, number: u32) -> &Node {
        &self.nodes.borrow()[number]
    }

    fn place(&self, number: u32) -> Place {
        self.entries.place(self.table[number].first)
    }

    /// The group to be served next, among those of a tree whose heads are within the horizon. O(log n).
    pub(super) fn next(&self, root: u32, horizon: i64) -> Option<u32> {
        if root == NONE {
            return None;
        }
        if horizon == i64::MAX {
            return Some(self.node(root).best);
        }
        let (mut best, mut number) = (NONE, root);
        while number != NONE {
            let node = self.node(number);
            if self.place(number).key > horizon {
                number = node.left;
                continue;
            }
            // All that is on the left is within the horizon too.
            best = self.sooner(self.sooner(best, number), self.best(node.left));
            number = node.right;
        }
        (best != NONE).then_some(best)
    }

    /// `left` less the number of groups whose heads are within the horizon, at least 0. O(`left` + log n).
    pub(super) fn count_down(&self, root: u32, horizon: i64, left: usize) -> usize {
        if root == NONE || left == 0 {
            return left;
        }
        let node = self.node(root);
        let left = self.count_down(node.left, horizon, left);
        if left == 0 || self.place(root).key > horizon {
            return left;
        }
        self.count_down(node.right, horizon, left - 1)
    }

    fn best(&self, number: u32) -> u32 {
        if number == NONE {
            NONE
        } else {
            self.node(number).best
        }
    }

    fn sooner(&self, one: u32, other: u32) -> u32 {
        if one == NONE || (other != NONE && self.node(other).turn() < self.node(one).turn()) {
            other
        } else {
            one
        }
    }
}

impl Forest<'_, &mut Nodes> {
    /// Adds a group to a tree; returns the new root. O(log n).
    pub(super) fn insert(&mut self, root: u32, new: u32) -> u32 {
        let place = self.place(new);
        self.insert_at(root, new, place)
    }

    fn insert_at(&mut self, root: u32, new: u32, place: Place) -> u32 {
        if root == NONE || rank(new) > rank(root) {
            let (left, right) = self.split(root, place);
            (self.nodes[new].left, self.nodes[new].right) = (left, right);
            self.refresh(new);
            return new;
        }
        if place < self.place(root) {
            self.nodes[root].left = self.insert_at(self.nodes[root].left, new, place);
        } else {
            self.nodes[root].right = self.insert_at(self.nodes[root].right, new, place);
        }
        self.refresh(root);
        root
    }

    /// Takes a group out of a tree, in which it is; returns the new root. O(log n).
    pub(super) fn remove(&mut self, root: u32, gone: u32) -> u32 {
        let place = self.place(gone);
        self.remove_at(root, gone, place)
    }

    fn remove_at(&mut self, root: u32, gone: u32, place: Place) -> u32 {
        if root == gone {
            return self.merge(self.nodes[root].left, self.nodes[root].right);
        }
        if place < self.place(root) {
            self.nodes[root].left = self.remove_at(self.nodes[root].left, gone, place);
        } else {
            self.nodes[root].right = self.remove_at(self.nodes[root].right, gone, place);
        }
        self.refresh(root);
        root
    }

    /// The trees of what is before a place, and of what is behind it.
    fn split(&mut self, root: u32, place: Place) -> (u32, u32) {
        if root == NONE {
            return (NONE, NONE);
        }
        if place < self.place(root) {
            let (before, behind) = self.split(self.nodes[root].left, place);
            self.nodes[root].left = behind;
            self.refresh(root);
            (before, root)
        } else {
            let (before, behind) = self.split(self.nodes[root].right, place);
            self.nodes[root].right = before;
            self.refresh(root);
            (root, behind)
        }
    }

    /// One tree of two, the first of which is before the other.
    fn merge(&mut self, one: u32, other: u32) -> u32 {
        match (one, other) {
            (NONE, root) | (root, NONE) => root,
            _ if rank(one) > rank(other) => {
                self.nodes[one].right = self.merge(self.nodes[one].right, other);
                self.refresh(one);
                one
            }
            _ => {
                self.nodes[other].left = self.merge(one, self.nodes[other].left);
                self.refresh(other);
                other
            }
        }
    }

    fn refresh(&mut self, node: u32) {
        let (left, right) = (self.nodes[node].left, self.nodes[node].right);
        let best = self.sooner(self.sooner(node, self.best(left)), self.best(right));
        self.nodes[node].best = best;
    }
}
