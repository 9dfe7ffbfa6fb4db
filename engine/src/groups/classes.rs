//! The classes: groups by how many of their entries are in hand, each class with the order in which its groups are looked for.
//!
//! Class 0 is always there, and beside the others: without a limit all groups are in it, and with one those that have nothing in hand. So most
//! steps search for no class. Another one is there as long as any group is counted in it.

use super::turns::Turns;
use crate::order::Order;
use crate::pass::{more, Cursor, Step, LEAVES};
use std::collections::BTreeMap;

/// Groups with equally many entries in hand.
#[derive(Clone)]
pub(super) struct Class {
    /// Those with a head.
    pub heads: Heads,
    pub groups: usize,
}

/// The order in which groups with a head are looked for.
#[derive(Clone)]
pub(super) enum Heads {
    /// By the places of their heads.
    ByPlace(Order),
    /// By their turns, with FAIR.
    ByTurn(Turns),
}

/// All classes of a key.
#[derive(Clone)]
pub(super) struct Classes {
    fair: bool,
    /// Class 0.
    idle: Class,
    /// The others, by their numbers.
    busy: BTreeMap<u32, Class>,
}

impl Class {
    const fn new(fair: bool) -> Self {
        let heads = if fair { Heads::ByTurn(Turns::new()) } else { Heads::ByPlace(Order::new()) };
        Class { heads, groups: 0 }
    }
}

impl Classes {
    pub(super) const fn new(fair: bool) -> Self {
        Classes { fair, idle: Class::new(fair), busy: BTreeMap::new() }
    }

    /// Whether no group is counted in any class.
    pub(super) fn is_empty(&self) -> bool {
        self.idle.groups == 0 && self.busy.is_empty()
    }

    /// The class of this number: that of 0 always, another one if any group is in it.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Class> {
        match number {
            0 => Some(&mut self.idle),
            _ => self.busy.get_mut(&number),
        }
    }

    /// The class of this number, which is made if it is not there yet.
    pub(super) fn of(&mut self, number: u32) -> &mut Class {
        match number {
            0 => &mut self.idle,
            _ => self.busy.entry(number).or_insert_with(|| Class::new(self.fair)),
        }
    }

    /// One group less is in the class of this number.
    pub(super) fn uncount(&mut self, number: u32) {
        let Some(class) = self.get_mut(number) else { return };
        class.groups -= 1;
        if number != 0 && class.groups == 0 {
            self.busy.remove(&number);
        }
    }

    /// The classes below this number, which is at least 1, with their numbers.
    pub(super) fn below(&self, number: u32) -> impl Iterator<Item = (u32, &Class)> {
        let busy = self.busy.range(1..number.max(1));
        std::iter::once((0, &self.idle)).chain(busy.map(|(number, class)| (*number, class)))
    }

    /// How many groups are in the classes from this number on, which is at least 1.
    pub(super) fn groups_from(&self, number: u32) -> usize {
        self.busy.range(number..).map(|(_, class)| class.groups).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Class> {
        std::iter::once(&self.idle).chain(self.busy.values())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Class> {
        std::iter::once(&mut self.idle).chain(self.busy.values_mut())
    }

    /// Those from this number on, with their numbers.
    pub(super) fn rest_mut(&mut self, number: u32) -> impl Iterator<Item = (u32, &mut Class)> {
        let busy = self.busy.range_mut(number.max(1)..);
        let idle = (number == 0).then_some((0, &mut self.idle));
        idle.into_iter().chain(busy.map(|(number, class)| (*number, class)))
    }

    /// Bytes of heap. O(classes).
    pub(super) fn memory(&self) -> usize {
        const PER_CLASS: usize = 2 * size_of::<(u32, Class)>();
        self.busy.len() * PER_CLASS + self.iter().map(|class| class.heads.memory()).sum::<usize>()
    }
}

impl Heads {
    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Heads::ByPlace(order) => order.is_empty(),
            Heads::ByTurn(turns) => turns.is_empty(),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Heads::ByPlace(order) => order.memory(),
            Heads::ByTurn(turns) => turns.memory(),
        }
    }

    /// Bytes that [`Heads::compact`] would give back. O(1).
    pub(super) fn waste(&self) -> usize {
        match self {
            Heads::ByPlace(order) => order.waste(),
            Heads::ByTurn(turns) => turns.waste(),
        }
    }

    /// Goes on with moving nodes out of sparse chunks, for about `most` of them.
    pub(super) fn compact(&mut self, cursor: &mut Cursor, most: usize) -> Step {
        match self {
            Heads::ByPlace(order) => cursor.along(order, most),
            Heads::ByTurn(turns) => {
                let mut done = 0;
                while done < most.max(1) && turns.waste() > 0 {
                    match turns.compact(cursor.token) {
                        Some(next) => cursor.token = next,
                        None => return Step::Done,
                    }
                    done += LEAVES;
                }
                more(done)
            }
        }
    }

    pub(super) fn show_chunk(&mut self, number: usize, mover: &mut impl crate::mover::Mover) -> bool {
        match self {
            Heads::ByPlace(order) => order.show_chunk(number, mover),
            Heads::ByTurn(turns) => turns.show_chunk(number, mover),
        }
    }
}
