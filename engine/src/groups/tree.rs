//! Trees of groups, ordered by the places of their heads, each node with the lowest turn below it.
//!
//! They are treaps: search trees by place, and heaps by a number that is as good as random, so that they are balanced whatever comes in
//! which order (Seidel and Aragon, *Randomized search trees*, 1996). That number is mixed from the number of the group: a tree has the same shape for
//! the same groups, and the shape shows nowhere. The nodes are the groups themselves. While a group stands in a tree, its head and its
//! turn do not change.

use super::{Group, Table, NONE};
use crate::entries::{Entries, Handle, Place};
use std::borrow::Borrow;

/// The nodes, and where their places are read from.
pub(super) struct Forest<T, E> {
    pub table: T,
    pub entries: E,
    /// Whether turns matter.
    pub is_fair: bool,
}

/// The rank of a group in the heap: different for each number.
fn rank(number: u32) -> u32 {
    let mixed = number.wrapping_mul(0x9e37_79b1);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b)
}

impl<T: Borrow<Table>, E: Borrow<Entries>> Forest<T, E> {
    fn group(&self, number: u32) -> &Group {
        &self.table.borrow()[number]
    }

    fn place(&self, number: u32) -> Place {
        let head: Handle = self.group(number).first;
        self.entries.borrow().place(head)
    }

    /// The group to be served next, among those of a tree whose heads are within the horizon. O(log n).
    pub fn next(&self, root: u32, horizon: i64) -> Option<u32> {
        if !self.is_fair {
            let mut first = root;
            while self.group(first).left != NONE {
                first = self.group(first).left;
            }
            return Some(first).filter(|first| self.place(*first).key <= horizon);
        }
        if horizon == i64::MAX {
            return Some(self.group(root).best);
        }
        let (mut best, mut node) = (NONE, root);
        while node != NONE {
            let group = self.group(node);
            if self.place(node).key > horizon {
                node = group.left;
                continue;
            }
            // All that is on the left is within the horizon too.
            best = self.sooner(self.sooner(best, node), self.best(group.left));
            node = group.right;
        }
        (best != NONE).then_some(best)
    }

    /// `left` less the number of groups whose heads are within the horizon, at least 0. O(`left` + log n).
    pub fn count_down(&self, root: u32, horizon: i64, left: usize) -> usize {
        if root == NONE || left == 0 {
            return left;
        }
        let group = self.group(root);
        let left = self.count_down(group.left, horizon, left);
        if left == 0 || self.place(root).key > horizon {
            return left;
        }
        self.count_down(group.right, horizon, left - 1)
    }

    fn best(&self, number: u32) -> u32 {
        if number == NONE {
            NONE
        } else {
            self.group(number).best
        }
    }

    fn sooner(&self, one: u32, other: u32) -> u32 {
        if one == NONE || (other != NONE && self.group(other).turn() < self.group(one).turn()) {
            other
        } else {
            one
        }
    }
}

impl Forest<&mut Table, &Entries> {
    /// Adds a group to a tree; returns the new root. O(log n).
    pub fn insert(&mut self, root: u32, new: u32) -> u32 {
        let place = self.place(new);
        self.insert_at(root, new, place)
    }

    fn insert_at(&mut self, root: u32, new: u32, place: Place) -> u32 {
        if root == NONE || rank(new) > rank(root) {
            let (left, right) = self.split(root, place);
            (self.table[new].left, self.table[new].right) = (left, right);
            self.refresh(new);
            return new;
        }
        if place < self.place(root) {
            self.table[root].left = self.insert_at(self.table[root].left, new, place);
        } else {
            self.table[root].right = self.insert_at(self.table[root].right, new, place);
        }
        self.refresh(root);
        root
    }

    /// Takes a group out of a tree, in which it is; returns the new root. O(log n).
    pub fn remove(&mut self, root: u32, gone: u32) -> u32 {
        let place = self.place(gone);
        self.remove_at(root, gone, place)
    }

    fn remove_at(&mut self, root: u32, gone: u32, place: Place) -> u32 {
        if root == gone {
            return self.merge(self.table[root].left, self.table[root].right);
        }
        if place < self.place(root) {
            self.table[root].left = self.remove_at(self.table[root].left, gone, place);
        } else {
            self.table[root].right = self.remove_at(self.table[root].right, gone, place);
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
            let (before, behind) = self.split(self.table[root].left, place);
            self.table[root].left = behind;
            self.refresh(root);
            (before, root)
        } else {
            let (before, behind) = self.split(self.table[root].right, place);
            self.table[root].right = before;
            self.refresh(root);
            (root, behind)
        }
    }

    /// One tree of two, the first of which is before the other.
    fn merge(&mut self, one: u32, other: u32) -> u32 {
        match (one, other) {
            (NONE, root) | (root, NONE) => root,
            _ if rank(one) > rank(other) => {
                self.table[one].right = self.merge(self.table[one].right, other);
                self.refresh(one);
                one
            }
            _ => {
                self.table[other].left = self.merge(one, self.table[other].left);
                self.refresh(other);
                other
            }
        }
    }

    fn refresh(&mut self, node: u32) {
        if self.is_fair {
            let (left, right) = (self.table[node].left, self.table[node].right);
            let best = self.sooner(self.sooner(node, self.best(left)), self.best(right));
            self.table[node].best = best;
        }
    }
}
