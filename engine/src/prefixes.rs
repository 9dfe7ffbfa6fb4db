//! Which of many prefixes a name begins with, and whose they are.
//!
//! A radix tree: each step down passes a run of bytes at whose end prefixes part. So a name that begins with none of them costs a step or two,
//! whether there is one prefix or a hundred thousand, and a name that begins with some costs no more than its own bytes. Nodes stand in a slab
//! and name each other by numbers: dropping prefixes that extend one another thousands of times must not overflow the stack.
//!
//! The tree does not know what an owner is.

use crate::slab::Slab;
use std::iter::successors;

/// Prefixes, each with those who want to know of names that begin with it.
pub struct Prefixes<T> {
    nodes: Slab<Node<T>, 64>,
    root: u32,
}

struct Node<T> {
    /// The bytes that lead here from the node above; empty only at the root.
    label: Box<[u8]>,
    /// Who owns the prefix that ends here.
    owners: Vec<T>,
    /// The nodes below, in order of the first bytes of their labels.
    below: Vec<(u8, u32)>,
}

impl<T> Node<T> {
    fn new(label: &[u8]) -> Self {
        Node { label: label.into(), owners: Vec::new(), below: Vec::new() }
    }

    fn position(&self, first: u8) -> Result<usize, usize> {
        self.below.binary_search_by_key(&first, |(first, _)| *first)
    }

    /// The node below whose label begins with this byte.
    fn below(&self, first: u8) -> Option<u32> {
        Some(self.below[self.position(first).ok()?].1)
    }
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::new(&[]));
        Prefixes { nodes, root }
    }
}

impl<T> Prefixes<T> {
    /// The nodes on the way to the longest prefix of `name`.
    fn along<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Node<T>> {
        let root = (&self.nodes[self.root], name);
        let way = successors(Some(root), |(node, rest)| {
            let below = &self.nodes[node.below(*rest.first()?)?];
            Some((below, rest.strip_prefix(&*below.label)?))
        });
        way.map(|(node, _)| node)
    }

    /// Whether `name` begins with any of the prefixes. O(its bytes) at most.
    pub fn cover(&self, name: &[u8]) -> bool {
        self.along(name).any(|node| !node.owners.is_empty())
    }

    /// The first bytes of all names that may begin with one of the prefixes. O(1).
    pub fn first_bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let root = &self.nodes[self.root];
        (0..=u8::MAX).filter(|first| !root.owners.is_empty() || root.below(*first).is_some())
    }

    /// The owners of all prefixes that `name` begins with, those of shorter ones first; an owner of several comes several times.
    /// O(its bytes) at most, and O(1) each.
    pub fn owners_of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a T> {
        self.along(name).flat_map(|node| &node.owners)
    }
}

impl<T: PartialEq> Prefixes<T> {
    /// Adds `owner` to those who want to know of names that begin with `prefix`. O(bytes of the prefix).
    pub fn insert(&mut self, prefix: &[u8], owner: T) {
        let (mut at, mut rest) = (self.root, prefix);
        while let Some(first) = rest.first() {
            let below = match self.nodes[at].position(*first) {
                Ok(position) => self.nodes[at].below[position].1,
                Err(position) => {
                    let leaf = self.nodes.insert(Node::new(rest));
                    self.nodes[at].below.insert(position, (*first, leaf));
                    leaf
                }
            };
            let label = &self.nodes[below].label;
            let common = label.iter().zip(rest).take_while(|(one, other)| one == other).count();
            at = if common < label.len() { self.split(at, below, common) } else { below };
            rest = &rest[common..];
        }
        self.nodes[at].owners.push(owner);
    }

    /// Puts a node between two, `length` bytes into the label of the lower one; returns its number.
    fn split(&mut self, above: u32, below: u32, length: usize) -> u32 {
        let label = std::mem::take(&mut self.nodes[below].label);
        let (upper, lower) = label.split_at(length);
        let mut between = Node::new(upper);
        between.below.push((lower[0], below));
        self.nodes[below].label = lower.into();
        let between = self.nodes.insert(between);
        self.relink(above, upper[0], between);
        between
    }

    fn relink(&mut self, above: u32, first: u8, to: u32) {
        let above = &mut self.nodes[above];
        if let Ok(position) = above.position(first) {
            above.below[position].1 = to;
        }
    }

    /// Takes `owner` from `prefix`; true if it was there. O(bytes of the prefix), and O(owners of the same prefix).
    pub fn remove(&mut self, prefix: &[u8], owner: &T) -> bool {
        let (mut way, mut at, mut rest) = (Vec::new(), self.root, prefix);
        while let Some(first) = rest.first() {
            let Some(below) = self.nodes[at].below(*first) else { return false };
            let Some(left) = rest.strip_prefix(&*self.nodes[below].label) else { return false };
            way.push(at);
            (at, rest) = (below, left);
        }
        let owners = &mut self.nodes[at].owners;
        let Some(position) = owners.iter().position(|one| one == owner) else { return false };
        owners.remove(position);
        let Some(above) = way.pop() else { return true };
        if self.nodes[at].owners.is_empty() && self.nodes[at].below.is_empty() {
            let gone = self.nodes.remove(at);
            if let Ok(position) = self.nodes[above].position(gone.label[0]) {
                self.nodes[above].below.remove(position);
            }
            if let Some(over) = way.pop() {
                self.join(over, above);
            }
        } else {
            self.join(above, at);
        }
        true
    }

    /// Joins a node with the only one below it: no prefix ends there any more, and none part.
    fn join(&mut self, above: u32, at: u32) {
        let node = &self.nodes[at];
        let (true, &[(_, below)]) = (node.owners.is_empty(), &node.below[..]) else { return };
        let upper = self.nodes.remove(at).label;
        let lower = &mut self.nodes[below].label;
        *lower = [&*upper, &**lower].concat().into();
        self.relink(above, upper[0], below);
    }
}

#[cfg(test)]
mod tests;
