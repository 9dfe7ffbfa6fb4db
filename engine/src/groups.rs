//! Groups: which queued entry may be handed out next, where entries of one group limit or alternate with one another.
//!
//! Only keys with GROUPLIMIT or FAIR have this, beside the one order of all queued entries. Every entry is in one group, whose number it bears.
//! An entry is *in hand* while it is leased or delayed. What holds after every operation:
//!
//! 1. A group's *head* is its first queued entry, by place; a group has a head exactly if it has a queued entry. Its other queued entries are
//!    in its [`Line`].
//! 2. `in_hand` is the number of the group's entries that are leased or delayed, superseded ones included.
//! 3. A group is *in use* exactly if it has a queued entry or one in hand. Dead letters alone do not make it so.
//! 4. What is handed out is the head of a group with fewer than `limit` entries in hand, and is within the horizon: so a group never gets
//!    more than `limit` in hand, and its entries come in their order.
//! 5. Without FAIR it is the head with the lowest place among these, with FAIR that of the group with the lowest *turn*.
//! 6. A group gets a new turn, above all others, when it comes into use and whenever one of its entries is handed out. So while a group could be
//!    served and waits, no other is served twice.
//!
//! Groups with a head stand in trees, one for each number of entries in hand (the [`Class`]), so that the limit can change at any
//! time without any group being touched: a claim asks only the trees of classes below the limit. Groups at their limit are in other trees,
//! and nothing looks there. A tree orders groups by the places of their heads and knows the lowest turn below each node, so the
//! lowest turn within the horizon is found in O(log n), although ADVANCE moves nothing (`tree`).
//!
//! A group is named by its first entry as long as all its entries bear its name, and has a copy of the name only if they do not. An entry that
//! is dead and bears the name of its group forgets the group: the group may go, and is found again by the name.
//!
//! It does not know leases, time or gates.

mod coming;
mod line;
mod lining;
mod serving;
mod tree;

use crate::entries::{Entries, Handle};
use crate::shards::Shards;
use crate::slab::Slab;
use line::Line;
use siphasher::sip::SipHasher13;
use std::collections::BTreeMap;

/// No group, no details.
pub(crate) const NONE: u32 = u32::MAX;

/// Groups per chunk of their table. Numbers of groups never change, so a chunk comes back only once none of its groups is left: few to a chunk.
const CHUNK: usize = 32;

type Table = Slab<Group, CHUNK>;

/// The groups of one key. About 45 bytes a group, beside names that their entries do not bear and lines of more than one entry.
#[derive(Clone)]
pub(crate) struct Groups {
    /// Most entries of one group in hand; 0: unbounded.
    limit: u32,
    fair: bool,
    hasher: SipHasher13,
    /// The groups by the hashes of their names.
    names: Shards<u32>,
    table: Table,
    details: Slab<Details, CHUNK>,
    /// By the number of entries in hand; all in class 0 if there is no limit.
    classes: BTreeMap<u32, Class>,
    /// The turn that is given next.
    next_turn: u64,
    /// Groups that are kept only for the sake of dead letters that do not bear their names.
    unused: usize,
    /// Bytes of heap of names and lines.
    held: usize,
}

/// A group.
#[derive(Clone)]
struct Group {
    /// The head if there is one; else an entry in hand that bears the group's name, or none.
    first: Handle,
    details: u32,
    in_hand: u32,
    /// Children in the tree, and the group with the lowest turn in the tree below and with this.
    left: u32,
    right: u32,
    best: u32,
    /// In two halves, so that the whole is not aligned to 8 bytes; 0 without FAIR.
    turn: [u32; 2],
    has_head: bool,
}

/// What few groups have.
#[derive(Clone, Default)]
struct Details {
    /// Queued entries behind the head.
    line: Line,
    /// Its name, if not all its entries bear it.
    name: Option<Box<[u8]>>,
    /// Dead letters in it that do not bear its name.
    dead: u32,
}

/// Groups with equally many entries in hand.
#[derive(Clone, Copy)]
struct Class {
    /// The tree of those with a head.
    root: u32,
    groups: usize,
}

/// How many groups there are, and how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Groups that have something queued or in hand.
    pub groups: usize,
    /// Groups with as many entries in hand as the limit allows, or more.
    pub at_limit: usize,
}

impl Group {
    fn turn(&self) -> u64 {
        u64::from(self.turn[1]) << 32 | u64::from(self.turn[0])
    }

    fn set_turn(&mut self, turn: u64) {
        self.turn = [turn as u32, (turn >> 32) as u32];
    }

    fn is_used(&self) -> bool {
        self.has_head || self.in_hand > 0
    }
}

impl Groups {
    /// No groups. The seed should be secret to the process: clients choose names.
    pub fn new(limit: u32, fair: bool, seed: [u64; 2]) -> Self {
        Groups {
            limit,
            fair,
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
            names: Shards::new(),
            table: Slab::new(),
            details: Slab::new(),
            classes: BTreeMap::new(),
            next_turn: 1,
            unused: 0,
            held: 0,
        }
    }

    /// Allows so many entries of one group in hand from now on: more than 0, if it was. O(1).
    pub fn set_limit(&mut self, limit: u32) {
        debug_assert_eq!(limit == 0, self.limit == 0);
        self.limit = limit;
    }

    /// Whether a group can have as many entries in hand as it may.
    pub fn is_limited(&self) -> bool {
        self.limit != 0
    }

    /// The turn that is given next.
    pub fn next_turn(&self) -> u64 {
        self.next_turn
    }

    /// Goes on giving turns from this one.
    pub fn set_next_turn(&mut self, turn: u64) {
        self.next_turn = turn;
    }

    /// Counts. O(distinct numbers of entries in hand).
    pub fn counts(&self) -> GroupCounts {
        let full = self.classes.range(self.limit..).map(|(_, class)| class.groups).sum();
        GroupCounts { groups: self.table.len() - self.unused, at_limit: if self.limit == 0 { 0 } else { full } }
    }

    /// The name of the group that an entry is in; `None` if it is the entry's own.
    pub fn name_of<'a>(&'a self, entries: &'a Entries, handle: Handle) -> Option<&'a [u8]> {
        let number = entries.group(handle);
        let name = if number == NONE { None } else { self.detail(number).and_then(|details| details.name.as_deref()) };
        name.filter(|name| *name != entries.name(handle))
    }

    /// The turn of the group that an entry is in; 0 if that is not in use.
    pub fn turn_of(&self, entries: &Entries, handle: Handle) -> u64 {
        match entries.group(handle) {
            NONE => 0,
            number if self.table[number].is_used() => self.table[number].turn(),
            _ => 0,
        }
    }

    /// Whether the group that an entry is in, which is one that it has a number of, is in use.
    pub fn is_used(&self, entries: &Entries, handle: Handle) -> bool {
        self.table[entries.group(handle)].is_used()
    }

    /// Whether one more entry of this one's group may be in hand.
    pub fn has_room(&self, entries: &Entries, handle: Handle) -> bool {
        self.limit == 0 || self.table[entries.group(handle)].in_hand < self.limit
    }

    /// Bytes of heap asked of the allocator. O(groups / 1000).
    pub fn memory(&self) -> usize {
        let per_class = 2 * size_of::<(u32, Class)>();
        self.names.memory() + self.table.memory() + self.details.memory() + self.classes.len() * per_class + self.held
    }

    /// Bytes that [`Groups::fit`] would give back, if they are many. O(1).
    pub fn waste(&self) -> usize {
        self.names.waste()
    }

    /// Shrinks the tables of names, from the `from`-th on, to what they hold; returns where to go on, if there are more. O(`most`).
    pub fn fit(&mut self, entries: &Entries, from: usize, most: usize) -> Option<usize> {
        let (table, details) = (&self.table, &self.details);
        let hash_of = |number| self.hasher.hash(name_in(table, details, entries, number)) as u32;
        self.names.fit(from, most, hash_of)
    }

    /// Shows the chunk of groups and that of details with this number; false if there is neither.
    pub fn show_chunk(&mut self, number: usize, mover: &mut impl crate::buffers::Mover) -> bool {
        let groups = self.table.show_chunk(number, mover, |_, _| {});
        groups
            | self.details.show_chunk(number, mover, |details, mover| {
                if let Some(name) = &mut details.name {
                    crate::buffers::Mover::slice(mover, name);
                }
            })
    }
}

/// The turn of a group that is not in use.
const UNUSED: u64 = u64::MAX;

/// The name of a group.
fn name_in<'a>(table: &'a Table, details: &'a Slab<Details, CHUNK>, entries: &'a Entries, number: u32) -> &'a [u8] {
    let group = &table[number];
    let own = match group.details {
        NONE => None,
        number => details[number].name.as_deref(),
    };
    own.unwrap_or_else(|| entries.name(group.first))
}

#[cfg(test)]
mod tests;
