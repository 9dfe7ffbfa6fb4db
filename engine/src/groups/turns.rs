//! Groups in order of their turns, each with the key of its head: who is next within a horizon.
//!
//! A B+tree of groups by turn, each node of which knows the lowest key below each child. Turns only rise, so a group that has been served goes to
//! the very end, and what is served next is nearly always at the very beginning: both are in the cache, however many groups there are. Only a
//! group that keeps its turn, because its head or the number of its entries in hand has changed, goes to the middle.
//!
//! Rejected: a tree by place, each node of which knows the lowest turn. Who has been served stands somewhere in it, and each step down reads
//! a cold node, a cold group and a cold entry.
//!
//! While a group stands in here, its turn and the key of its head do not change. How the nodes are cut shows nowhere.

use super::NONE;
use crate::slab::Slab;

mod moving;
mod node;
mod take;
mod turn;

use node::{Inner, Leaf, Sibling, INNER, LEAF};
pub(super) use take::Wanted;
pub(super) use turn::{Given, Turn};
pub(crate) use turn::{LAST_CALL, MAX_TURN};

/// Nodes this small look for a neighbour to merge with, and merge when the result leaves a quarter free.
const SMALL: usize = 12;
const MERGED: usize = 31;

/// A group that stands in here.
#[derive(Clone, Copy)]
pub(super) struct Stand {
    pub number: u32,
    /// The place key of its head.
    pub key: i64,
}

/// The tree. It takes about 12 bytes a group if they came in order, about 16 if in any order.
#[derive(Clone)]
pub(super) struct Turns {
    leaves: Slab<Leaf, 64>,
    inners: Slab<Inner, 16>,
    /// A leaf if `height` is 0, else an inner node; `NONE` if there is no group.
    root: u32,
    height: usize,
    /// The very end, if a group has just come there and none has left the tree since.
    end: Option<End>,
}

/// The last leaf. A group that goes behind all others, and whose key is not the lowest there, changes nothing above this leaf.
#[derive(Clone, Copy)]
struct End {
    leaf: u32,
    /// The lowest key in it.
    lowest: i64,
    /// The turn of the last group in it.
    turn: u64,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Turns { leaves: Slab::new(), inners: Slab::new(), root: NONE, height: 0, end: None }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.root == NONE
    }

    /// Bytes of heap, in O(1).
    pub(super) fn memory(&self) -> usize {
        self.leaves.memory() + self.inners.memory()
    }

    /// The group with the lowest turn among those whose heads are within the horizon. O(log n).
    pub(super) fn next(&self, horizon: i64) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        let within = |key: &i64| *key <= horizon;
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node];
            node = inner.children[inner.lowest[..inner.len()].iter().position(within)?];
        }
        let leaf = &self.leaves[node];
        leaf.keys[..leaf.len()].iter().position(within).map(|at| leaf.numbers[at])
    }

    /// `left` less the number of groups whose heads are within the horizon, at least 0. O(`left` log n).
    pub(super) fn count_down(&self, horizon: i64, left: usize) -> usize {
        if self.is_empty() {
            return left;
        }
        self.count_below(self.root, self.height, horizon, left)
    }

    fn count_below(&self, node: u32, level: usize, horizon: i64, left: usize) -> usize {
        if level == 0 {
            let leaf = &self.leaves[node];
            return left.saturating_sub(leaf.keys[..leaf.len()].iter().filter(|key| **key <= horizon).count());
        }
        let inner = &self.inners[node];
        let within = (0..inner.len()).filter(|at| inner.lowest[*at] <= horizon);
        let mut left = left;
        for at in within {
            if left == 0 {
                break;
            }
            left = self.count_below(inner.children[at], level - 1, horizon, left);
        }
        left
    }

    /// Adds a group, which is not in here. O(log n), reading about six other groups' turns, or one or none if its turn is the last.
    pub(super) fn insert(&mut self, given: &Given, new: Stand) {
        let turn = given[new.number].number();
        if self.append(new, turn) {
            return;
        }
        self.end = None;
        if self.is_empty() {
            self.root = self.leaves.insert(Leaf::of(new));
            self.end = Some(End { leaf: self.root, lowest: new.key, turn });
            return;
        }
        if let Some(right) = self.insert_below(self.root, self.height, given, new, turn, true) {
            let mut root =
                Inner::of(&Sibling { bound: 0, lowest: self.lowest(self.root, self.height), node: self.root });
            root.insert(1, &right);
            self.root = self.inners.insert(root);
            self.height += 1;
        }
    }

    /// Adds a group at the very end, if that is known and nothing changes but its leaf. O(1), reading no other group.
    fn append(&mut self, new: Stand, turn: u64) -> bool {
        let Some(end) = self.end.as_mut().filter(|end| end.turn < turn && end.lowest <= new.key) else { return false };
        let leaf = &mut self.leaves[end.leaf];
        let len = leaf.len();
        if len == LEAF {
            return false;
        }
        leaf.insert(len, new);
        end.turn = turn;
        true
    }

    /// Adds a group below a node; returns what had to be split off the node. `last`: no node is behind this one.
    fn insert_below(
        &mut self,
        node: u32,
        level: usize,
        given: &Given,
        new: Stand,
        turn: u64,
        last: bool,
    ) -> Option<Sibling> {
        if level == 0 {
            return self.insert_leaf(node, given, new, turn, last);
        }
        let inner = &mut self.inners[node];
        let at = inner.child_for(turn);
        inner.lowest[at] = inner.lowest[at].min(new.key);
        let (child, last) = (inner.children[at], last && at + 1 == inner.len());
        let right = self.insert_below(child, level - 1, given, new, turn, last)?;
        let lowest = self.lowest(child, level - 1);
        let inner = &mut self.inners[node];
        inner.lowest[at] = lowest;
        if inner.len() < INNER {
            inner.insert(at + 1, &right);
            return None;
        }
        // A node at the very end stays full: later turns go behind it, and none comes back to it.
        if last {
            return Some(Sibling { node: self.inners.insert(Inner::of(&right)), ..right });
        }
        let mut upper = inner.split_off(INNER / 2);
        if at < INNER / 2 {
            inner.insert(at + 1, &right);
        } else {
            upper.insert(at + 1 - INNER / 2, &right);
        }
        let (bound, lowest) = (upper.bounds[0], upper.lowest());
        Some(Sibling { bound, lowest, node: self.inners.insert(upper) })
    }

    fn insert_leaf(&mut self, node: u32, given: &Given, new: Stand, turn: u64, last: bool) -> Option<Sibling> {
        let leaf = &mut self.leaves[node];
        let len = leaf.len();
        let before = |number: &u32| given[*number].number() < turn;
        let at = match before(&leaf.numbers[len - 1]) {
            true => len,
            false => leaf.numbers[..len].partition_point(before),
        };
        let is_end = last && at == len;
        if len < LEAF {
            leaf.insert(at, new);
            if is_end {
                self.end = Some(End { leaf: node, lowest: leaf.lowest(), turn });
            }
            return None;
        }
        if is_end {
            let node = self.leaves.insert(Leaf::of(new));
            self.end = Some(End { leaf: node, lowest: new.key, turn });
            return Some(Sibling { bound: turn, lowest: new.key, node });
        }
        let mut upper = leaf.split_off(LEAF / 2);
        if at <= LEAF / 2 {
            leaf.insert(at, new);
        } else {
            upper.insert(at - LEAF / 2, new);
        }
        let (bound, lowest) = (given[upper.numbers[0]].number(), upper.lowest());
        Some(Sibling { bound, lowest, node: self.leaves.insert(upper) })
    }

    /// Takes out a group, which is in here. O(log n), reading no other group.
    pub(super) fn remove(&mut self, given: &Given, number: u32) {
        let turn = given[number].number();
        self.end = None;
        if self.remove_below(self.root, self.height, turn, number).is_none() {
            *self = Turns::new();
        }
        self.lower_root();
    }

    fn lower_root(&mut self) {
        while self.height > 0 && self.inners[self.root].len() == 1 {
            self.root = self.inners.remove(self.root).children[0];
            self.height -= 1;
        }
    }

    /// The lowest key that is left below a node; `None` if there is none, and then the node is gone.
    fn remove_below(&mut self, node: u32, level: usize, turn: u64, number: u32) -> Option<i64> {
        if level == 0 {
            let leaf = &mut self.leaves[node];
            let at = leaf.numbers[..leaf.len()].iter().position(|other| *other == number);
            let at = at.expect("a group stands where its turn is");
            if leaf.len() == 1 {
                self.leaves.remove(node);
                return None;
            }
            leaf.drop_at(at);
            return Some(leaf.lowest());
        }
        let inner = &self.inners[node];
        let at = inner.child_for(turn);
        let below = self.remove_below(inner.children[at], level - 1, turn, number);
        let inner = &mut self.inners[node];
        match below {
            Some(lowest) => {
                inner.lowest[at] = lowest;
                self.merge(node, level - 1, at);
            }
            None if inner.len() == 1 => {
                self.inners.remove(node);
                return None;
            }
            None => inner.drop_at(at),
        }
        Some(self.inners[node].lowest())
    }

    /// Merges a child that has become small with a neighbour, if the two fit into one.
    fn merge(&mut self, parent: u32, level: usize, at: usize) {
        let inner = &self.inners[parent];
        let size = |at: usize| match level {
            0 => self.leaves[inner.children[at]].len(),
            _ => self.inners[inner.children[at]].len(),
        };
        if size(at) > SMALL {
            return;
        }
        let fits = |left: usize| size(left) + size(left + 1) <= MERGED;
        let left = match () {
            () if at > 0 && fits(at - 1) => at - 1,
            () if at + 1 < inner.len() && fits(at) => at,
            () => return,
        };
        let (one, other, bound) = (inner.children[left], inner.children[left + 1], inner.bounds[left + 1]);
        if level == 0 {
            let other = self.leaves.remove(other);
            self.leaves[one].append(&other);
        } else {
            let mut other = self.inners.remove(other);
            other.bounds[0] = bound;
            self.inners[one].append(&other);
        }
        let inner = &mut self.inners[parent];
        inner.lowest[left] = inner.lowest[left].min(inner.lowest[left + 1]);
        inner.drop_at(left + 1);
    }

    fn lowest(&self, node: u32, level: usize) -> i64 {
        match level {
            0 => self.leaves[node].lowest(),
            _ => self.inners[node].lowest(),
        }
    }
}

#[cfg(test)]
mod tests;
