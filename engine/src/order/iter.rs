//! Walking along the leaves.

use super::Order;
use crate::entries::{Entries, Handle, Place};

/// Handles in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    order: &'a Order,
    /// The inner nodes from the root down to the leaf, each with the number of the child that is entered.
    path: Vec<(u32, usize)>,
    leaf: std::slice::Iter<'a, u32>,
}

impl<'a> Iter<'a> {
    pub(super) fn all(order: &'a Order) -> Self {
        let mut iter = Iter { order, path: Vec::new(), leaf: [].iter() };
        if order.len > 0 {
            iter.enter(order.root);
        }
        iter
    }

    pub(super) fn from(order: &'a Order, entries: &Entries, place: Place) -> Self {
        let mut iter = Iter { order, path: Vec::new(), leaf: [].iter() };
        if order.len > 0 {
            let mut node = order.root;
            for _ in 0..order.height {
                let index = order.inners[node].child_for(place);
                iter.path.push((node, index));
                node = order.inners[node].children[index];
            }
            let leaf = &order.leaves[node];
            iter.leaf = leaf.handles()[leaf.rank(entries, place)..].iter();
        }
        iter
    }

    fn enter(&mut self, mut node: u32) {
        while self.path.len() < self.order.height {
            self.path.push((node, 0));
            node = self.order.inners[node].children[0];
        }
        self.leaf = self.order.leaves[node].handles().iter();
    }
}

impl Iterator for Iter<'_> {
    type Item = Handle;

    fn next(&mut self) -> Option<Handle> {
        while self.leaf.len() == 0 {
            let (node, index) = self.path.last_mut()?;
            let inner = &self.order.inners[*node];
            *index += 1;
            if *index < inner.len() {
                let child = inner.children[*index];
                self.enter(child);
            } else {
                self.path.pop();
            }
        }
        self.leaf.next().map(|&handle| Handle(handle))
    }
}
