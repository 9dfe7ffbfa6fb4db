//! The queued entries of one group behind its head, in order of their places.
//!
//! Most lines are short, and the entry that leaves is nearly always the first: one handle needs no memory of its own, and up to [`FEW`] handles
//! stand in a ring, which moves at most 1 KiB when one comes or goes in the middle. A longer line is an [`Order`], until it is short again.

use crate::entries::{Entries, Handle};
use crate::order::Order;
use std::collections::VecDeque;

/// The longest line in a ring.
const FEW: usize = 512;
/// A line that is an order becomes a ring again at this length.
const FEW_AGAIN: usize = 128;

/// Handles in order.
#[derive(Default)]
pub(super) enum Line {
    #[default]
    Empty,
    One(Handle),
    /// At least one.
    Few(VecDeque<Handle>),
    Many(Box<Order>),
}

/// Keeps the capacity, so that the copy counts its memory as the original does.
impl Clone for Line {
    fn clone(&self) -> Self {
        match self {
            Line::Empty => Line::Empty,
            Line::One(one) => Line::One(*one),
            Line::Few(ring) => {
                let mut copy = VecDeque::with_capacity(ring.capacity());
                copy.extend(ring.iter().copied());
                Line::Few(copy)
            }
            Line::Many(order) => Line::Many(order.clone()),
        }
    }
}

impl Line {
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Line::Empty)
    }

    /// The first. O(log n).
    pub(super) fn first(&self) -> Option<Handle> {
        match self {
            Line::Empty => None,
            Line::One(one) => Some(*one),
            Line::Few(ring) => ring.front().copied(),
            Line::Many(order) => order.first(),
        }
    }

    /// Whether there are more than can be had in a short time ([`Line::handles`]).
    pub(super) const fn is_long(&self) -> bool {
        matches!(self, Line::Many(_))
    }

    /// All, in order. O(1) a handle: at most [`FEW`], unless the line is long.
    pub(super) fn handles(&self) -> Vec<Handle> {
        match self {
            Line::Empty => Vec::new(),
            Line::One(one) => vec![*one],
            Line::Few(ring) => ring.iter().copied().collect(),
            Line::Many(order) => order.iter().collect(),
        }
    }

    /// Bytes of heap.
    pub(super) fn memory(&self) -> usize {
        match self {
            Line::Empty | Line::One(_) => 0,
            Line::Few(ring) => ring.capacity() * size_of::<Handle>(),
            Line::Many(order) => size_of::<Order>() + order.memory(),
        }
    }

    /// Adds an entry. O(log n), now and then O([`FEW`]).
    pub(super) fn insert(&mut self, entries: &Entries, handle: Handle) {
        match self {
            Line::Empty => *self = Line::One(handle),
            Line::One(one) => {
                let mut ring = VecDeque::with_capacity(4);
                ring.push_back(*one);
                ring.insert(rank(&ring, entries, handle), handle);
                *self = Line::Few(ring);
            }
            Line::Many(order) => order.insert(entries, handle),
            Line::Few(ring) if ring.len() < FEW => {
                let at = rank(ring, entries, handle);
                ring.insert(at, handle);
            }
            Line::Few(ring) => {
                let mut order = Box::new(Order::new());
                ring.iter().for_each(|handle| order.insert(entries, *handle));
                order.insert(entries, handle);
                *self = Line::Many(order);
            }
        }
    }

    /// Takes the first out. O(log n), now and then O([`FEW`]).
    pub(super) fn pop_first(&mut self, entries: &Entries) -> Option<Handle> {
        let first = match self {
            Line::Empty => return None,
            Line::One(one) => {
                let first = *one;
                *self = Line::Empty;
                return Some(first);
            }
            Line::Few(ring) => ring.pop_front(),
            Line::Many(order) => order.first().filter(|first| order.remove(entries, *first)),
        };
        self.fit();
        first
    }

    /// Takes an entry out. O(log n), now and then O([`FEW`]).
    pub(super) fn remove(&mut self, entries: &Entries, handle: Handle) {
        match self {
            Line::One(one) if *one == handle => *self = Line::Empty,
            Line::Empty | Line::One(_) => {}
            Line::Few(ring) => {
                let at = rank(ring, entries, handle);
                if ring.get(at) == Some(&handle) {
                    ring.remove(at);
                }
            }
            Line::Many(order) => {
                order.remove(entries, handle);
            }
        }
        self.fit();
    }

    /// Gives an entry its new handle; it can be read by both. O(log n).
    pub(super) fn replace(&mut self, entries: &Entries, old: Handle, new: Handle) {
        match self {
            Line::One(one) if *one == old => *one = new,
            Line::Empty | Line::One(_) => {}
            Line::Few(ring) => {
                let at = rank(ring, entries, old);
                if let Some(handle) = ring.get_mut(at).filter(|handle| **handle == old) {
                    *handle = new;
                }
            }
            Line::Many(order) => {
                order.replace(entries, old, new);
            }
        }
    }

    fn fit(&mut self) {
        match self {
            Line::Few(ring) if ring.is_empty() => *self = Line::Empty,
            Line::Few(ring) if ring.capacity() > 4 * ring.len() + 8 => ring.shrink_to(2 * ring.len()),
            Line::Empty | Line::One(_) | Line::Few(_) => {}
            Line::Many(order) if order.len() > FEW_AGAIN => {}
            Line::Many(order) => *self = Line::Few(order.iter().collect()),
        }
    }
}

/// How many handles of the ring are in front of this one.
fn rank(ring: &VecDeque<Handle>, entries: &Entries, handle: Handle) -> usize {
    let place = entries.place(handle);
    // A new handle is nearly always the last.
    match ring.back() {
        Some(last) if entries.place(*last) < place => ring.len(),
        _ => ring.partition_point(|other| entries.place(*other) < place),
    }
}

#[cfg(test)]
mod tests;
