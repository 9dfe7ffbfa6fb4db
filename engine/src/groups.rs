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
//! Groups with a head stand in order of their heads' places, in one order for each number of entries in hand (the [`classes`]), so that the
//! limit can change at any time without any group being touched: a claim asks only the classes below the limit. Groups at their limit are in
//! others, and nothing looks there. With FAIR they stand in order of their turns instead, in a tree that knows the lowest key below each node: so the
//! lowest turn within the horizon is found in O(log n), although ADVANCE moves nothing (`turns`).
//!
//! A group is named by its first entry as long as all its entries bear its name, and has a copy of the name only if they do not. An entry that
//! is dead and bears the name of its group forgets the group: the group may go, and is found again by the name.
//!
//! This module does not know leases, time or gates.

mod classes;
mod coming;
mod line;
mod lining;
mod renumbering;
mod serving;
mod turns;

use crate::entries::{Entries, Handle};
use crate::shards::Shards;
use crate::slab::Slab;
use classes::Classes;
use line::Line;
use renumbering::Stuck;
use siphasher::sip::SipHasher13;
use std::num::NonZeroU32;
use turns::Given;

pub(crate) use turns::{LAST_CALL, MAX_TURN};

/// No group, no node.
pub(crate) const NONE: u32 = u32::MAX;

/// Groups per chunk of their table. A chunk comes back once none of its groups is left, or each has a new number (`renumbering`): few to a chunk.
/// With fewer, the chunks' own 40 bytes, and the slack of the list of them, would be more than a byte a group.
const CHUNK: usize = 128;

type Table = Slab<Group, CHUNK>;

/// The groups of one key. About 40 bytes a group with FAIR and 26 without, and 3 more once as many have gone as are there; beside names that their
/// entries do not bear and lines of more than one entry.
#[derive(Clone)]
pub(crate) struct Groups {
    /// Most entries of one group in hand; 0: unbounded.
    limit: u32,
    fair: bool,
    hasher: SipHasher13,
    /// The groups by the hashes of their names.
    names: Shards<u32>,
    table: Table,
    /// With FAIR, one for each group, under its number: both tables get and lose their things at the same times.
    turns: Given,
    details: Slab<Details, CHUNK>,
    /// The classes by their numbers of entries in hand; without a limit all groups are in class 0.
    classes: Classes,
    /// The turn that is given next.
    next_turn: u64,
    /// Groups that are kept only for the sake of dead letters that do not bear their names.
    unused: usize,
    /// Bytes of heap of names and lines.
    held: usize,
    /// What the last walk could not give back.
    stuck: Stuck,
}

/// A group.
#[derive(Clone)]
struct Group {
    /// The head if there is one; else an entry in hand that bears the group's name, or none.
    first: Handle,
    /// The hash of its name.
    hash: u32,
    /// Its role, at least 1, in the lowest two bits; above these [`HAS_DETAILS`], and what is said of [`Rest`].
    standing: NonZeroU32,
}

const HAS_DETAILS: u32 = 1 << 2;
const REST_SHIFT: u32 = 3;
/// The greatest number in a [`Rest`].
const MOST: u32 = u32::MAX >> REST_SHIFT;

/// What a group has beside its role: few have details, which then know the rest.
#[derive(Clone, Copy)]
enum Rest {
    /// No details. So many of its entries are in hand, at most [`MOST`].
    InHand(u32),
    /// The number of its details, at most [`MOST`].
    Details(u32),
}

/// What a group is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Role {
    /// It has a queued entry: `first` is its head.
    Queued = 1,
    /// It has nothing queued.
    Idle = 2,
    /// It is kept only for the sake of dead letters that do not bear its name, and not counted.
    Unused = 3,
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
    /// How many of its entries are in hand.
    in_hand: u32,
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
    /// A group with nothing queued and nothing in hand.
    fn of(first: Handle, hash: u32) -> Self {
        let mut group = Group { first, hash, standing: NonZeroU32::MIN };
        group.set_role(Role::Idle);
        group
    }

    fn is(&self, role: Role) -> bool {
        self.standing.get() & 3 == role as u32
    }

    fn set_role(&mut self, role: Role) {
        self.standing = NonZeroU32::new(self.standing.get() & !3 | role as u32).expect("no role is 0");
    }

    fn has_head(&self) -> bool {
        self.is(Role::Queued)
    }

    fn rest(&self) -> Rest {
        let rest = self.standing.get() >> REST_SHIFT;
        if self.standing.get() & HAS_DETAILS == 0 {
            Rest::InHand(rest)
        } else {
            Rest::Details(rest)
        }
    }

    fn set_rest(&mut self, rest: Rest) {
        let (rest, has_details) = match rest {
            Rest::InHand(count) => (count, 0),
            Rest::Details(number) => (number, HAS_DETAILS),
        };
        assert!(rest <= MOST, "no key has so many groups of several entries");
        self.standing =
            NonZeroU32::new(rest << REST_SHIFT | has_details | self.standing.get() & 3).expect("no role is 0");
    }

    fn details(&self) -> Option<u32> {
        match self.rest() {
            Rest::InHand(_) => None,
            Rest::Details(number) => Some(number),
        }
    }
}

impl Details {
    /// Whether nothing is left in them that the group cannot tell by itself; then they hold no memory either.
    fn is_empty(&self) -> bool {
        self.line.is_empty() && self.name.is_none() && self.dead == 0 && self.in_hand <= MOST
    }
}

impl Groups {
    /// No groups. The seed should be secret to the process: clients choose names.
    pub(crate) fn new(limit: u32, fair: bool, seed: [u64; 2]) -> Self {
        Groups {
            limit,
            fair,
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
            names: Shards::new(),
            table: Slab::new(),
            turns: Slab::new(),
            details: Slab::new(),
            classes: Classes::new(fair),
            next_turn: 1,
            unused: 0,
            held: 0,
            stuck: Stuck::default(),
        }
    }

    /// Allows this many entries of one group in hand from now on. A limit stays above 0, and no limit stays 0. O(1).
    pub(crate) fn set_limit(&mut self, limit: u32) {
        debug_assert_eq!(limit == 0, self.limit == 0);
        self.limit = limit;
    }

    /// Whether there is a limit, so that groups can be held back.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit != 0
    }

    /// The turn that is given next.
    pub(crate) fn next_turn(&self) -> u64 {
        self.next_turn
    }

    /// Whether there are turns left for what can be refused.
    pub(crate) fn has_turns(&self) -> bool {
        self.next_turn < LAST_CALL
    }

    /// Goes on giving turns from this one.
    pub(crate) fn set_next_turn(&mut self, turn: u64) {
        self.next_turn = turn;
    }

    /// Counts. O(distinct numbers of entries in hand).
    pub(crate) fn counts(&self) -> GroupCounts {
        GroupCounts {
            groups: self.table.len() - self.unused,
            at_limit: if self.limit == 0 { 0 } else { self.classes.groups_from(self.limit) },
        }
    }

    /// The name of the group that an entry is in; `None` if it is the entry's own.
    pub(crate) fn name_of<'a>(&'a self, entries: &'a Entries, handle: Handle) -> Option<&'a [u8]> {
        let number = entries.group(handle);
        let name = if number == NONE { None } else { self.detail(number).and_then(|details| details.name.as_deref()) };
        name.filter(|name| *name != entries.name(handle))
    }

    /// The turn of the group that an entry is in; 0 if that is not in use.
    pub(crate) fn turn_of(&self, entries: &Entries, handle: Handle) -> u64 {
        match entries.group(handle) {
            NONE => 0,
            number if self.fair && self.is_in_use(number) => self.turns[number].number(),
            _ => 0,
        }
    }

    /// Whether the group of an entry is in use. The entry must have the number of its group.
    pub(crate) fn is_used(&self, entries: &Entries, handle: Handle) -> bool {
        self.is_in_use(entries.group(handle))
    }

    /// The number of the group of this name, if there is one. O(1).
    pub(crate) fn number_of(&self, entries: &Entries, name: &[u8]) -> u32 {
        let hash = self.hasher.hash(name) as u32;
        let is = |number: u32| {
            self.table[number].hash == hash && name_in(&self.table, &self.details, entries, number) == name
        };
        self.names.find(hash, is).unwrap_or(NONE)
    }

    /// Whether one more entry of this group may be in hand, once `ended` of its entries no longer are.
    pub(crate) fn has_room_for(&self, number: u32, ended: u32) -> bool {
        self.limit == 0 || self.in_hand(number).saturating_sub(ended) < self.limit
    }

    /// Whether one more entry of the group of this entry may be in hand.
    pub(crate) fn has_room(&self, entries: &Entries, handle: Handle) -> bool {
        self.limit == 0 || self.in_hand(entries.group(handle)) < self.limit
    }

    /// Bytes of heap asked of the allocator. O(groups / 1000).
    pub(crate) fn memory(&self) -> usize {
        self.names.memory()
            + self.table.memory()
            + self.turns.memory()
            + self.details.memory()
            + self.classes.memory()
            + self.held
    }

    /// Reads something of the group of each of these entries, and of the group's head, which may have to go to another class, so that the caller
    /// then finds them in the cache: in loops of their own the reads of cold memory overlap. Only worth it for several.
    pub(crate) fn warm(&self, entries: &Entries, handles: impl ExactSizeIterator<Item = Handle>) {
        const SEVERAL: usize = 4;
        if handles.len() < SEVERAL {
            return;
        }
        let numbers: Vec<u32> = handles.map(|handle| entries.group(handle)).collect();
        let groups = || numbers.iter().filter_map(|number| self.table.get(*number));
        let heads = groups().filter(|group| group.has_head() && self.is_limited()).map(|group| group.first);
        let read = heads.fold(0, |sum, head| sum ^ entries.aux(head));
        let details = groups().filter_map(|group| self.details.get(group.details()?));
        std::hint::black_box(details.fold(read, |sum, details| sum ^ details.dead));
    }

    /// Like [`Groups::warm`], for groups whose heads are about to be handed out: reads something of the entries that will be heads then.
    fn warm_next(&self, entries: &Entries, numbers: &[u32]) {
        let groups = numbers.iter().map(|number| &self.table[*number]);
        let next = groups.filter_map(|group| self.details.get(group.details()?)?.line.first());
        std::hint::black_box(next.fold(0, |sum, next| sum ^ entries.aux(next)));
    }

    /// Shows the chunks of groups, turns, heads and details with this number; false if there is none.
    pub(crate) fn show_chunk(&mut self, number: usize, mover: &mut impl crate::mover::Mover) -> bool {
        let groups = self.table.show_chunk(number, mover, |_, _| {}) | self.turns.show_chunk(number, mover, |_, _| {});
        let classes = self.classes.iter_mut();
        groups
            | classes.fold(false, |any, class| any | class.heads.show_chunk(number, mover))
            | self.details.show_chunk(number, mover, |details, mover| {
                if let Some(name) = &mut details.name {
                    crate::mover::Mover::slice(mover, name);
                }
            })
    }
}

/// The name of a group.
fn name_in<'a>(table: &'a Table, details: &'a Slab<Details, CHUNK>, entries: &'a Entries, number: u32) -> &'a [u8] {
    let group = &table[number];
    let own = group.details().and_then(|number| details[number].name.as_deref());
    own.unwrap_or_else(|| entries.name(group.first))
}

#[cfg(test)]
mod tests;
