//! The idle gate: everything pushed to one group is delivered together, once the group has been quiet.
//!
//! A group *collects* until it *fires*: when nothing was pushed for the idle timeout, at the latest when it has waited for
//! the max wait, and at once when it is full or told to. Firing makes it a ready entry of the delivery queue, whose place
//! is the time at which the group fired. The next group of that name is another one.
//!
//! A group whose deadline has passed fires lazily, in the next operation that needs it, but always as of its deadline: its
//! place does not depend on when that operation comes.
//!
//! **Deadlines** move with every push, so they are in a tournament (`soonest`), which makes that cheap and always knows the first.
//! Groups whose deadline has passed move from there into `overdue`, so that they can be counted: a thousand at a time by the timer,
//! and up to [`SORT_AT_MOST`] by whoever looks. Which of the two a group is in depends on who looked when. That shows only in the counts,
//! and only while more groups have come due at once than one look moves.

mod groups;
mod items;
mod moves;
mod rules;
mod saved;
mod soonest;

pub use groups::{Collecting, Group, Pushed};
pub use items::{fired, Fired, Reader, Reason, MAX_ITEMS};
pub use rules::IdleRules;
pub(crate) use saved::SavedGroup;

use super::{AllDue, Due, Extent, Foretold, Gate};
use crate::entries::{Entries, Handle, Place};
use crate::error::Error;
use crate::mover::Mover;
use crate::order::Order;
use crate::pass::{Cursor, Step};
use crate::shards::Shards;
use crate::slab::Slab;
use crate::time::UnixMs;
use items::Items;
use rules::Deadline;
use siphasher::sip::SipHasher13;
use soonest::{Key, Soonest, FIRST, NONE};

/// The most groups that one read moves when they have come due: some 2 ms.
const SORT_AT_MOST: usize = 4_000;

/// The gate of a DEBOUNCE key.
#[derive(Clone)]
pub struct Idle {
    rules: IdleRules,
    hasher: SipHasher13,
    names: Shards<Slot>,
    /// One block for each collecting group. Its place is the deadline, which is right only while the group is overdue, and the group's number
    /// in order of creation; its name is the group's, its body the number in `groups`.
    heads: Entries,
    /// The deadlines of all groups that are not in `overdue`, by their numbers in `groups`.
    deadlines: Soonest,
    /// The heads of groups whose deadlines had passed when somebody looked, in order of these deadlines.
    overdue: Order,
    groups: Slab<Collected>,
    /// Bytes of heap that the items in `groups` take.
    held: usize,
    /// The latest deadline at which a group fired. Only for announcing it; not part of the state.
    last_fired_at: UnixMs,
}

/// A collecting group: its head, and its number in `groups`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    handle: Handle,
    number: u32,
}

/// A group under its name. The number stands here although the head has it: so a push reads head and group at the same time, and does
/// not wait for the head to find the group.
#[derive(Clone, Copy)]
struct Slot {
    head: Head,
    hash: u32,
}

/// A group whose deadline has come.
struct DueGroup {
    head: Head,
    fires_at: UnixMs,
}

/// A group that collects. When it fires stands in `deadlines`, or in the place of its head if it is overdue.
#[derive(Clone)]
struct Collected {
    items: Items,
    /// The handle of its head.
    handle: Handle,
    /// Why it fires at that time.
    reason: Reason,
}

impl Idle {
    fn new(rules: IdleRules, seed: [u64; 2]) -> Result<Self, Error> {
        rules.check()?;
        Ok(Idle {
            rules,
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
            names: Shards::new(),
            heads: Entries::new(),
            deadlines: Soonest::new(),
            overdue: Order::new(),
            groups: Slab::new(),
            held: 0,
            last_fired_at: UnixMs(i64::MIN),
        })
    }

    fn hash(&self, bytes: &[u8]) -> u32 {
        self.hasher.hash(bytes) as u32
    }

    fn find(&self, name: &[u8], hash: u32) -> Option<Head> {
        let is = |slot: Slot| slot.hash == hash && self.heads.name(slot.head.handle) == name;
        self.names.find(hash, is).map(|slot| slot.head)
    }

    /// The head with this handle.
    fn head(&self, handle: Handle) -> Head {
        let number = self.heads.body(handle).first_chunk().expect("a head's body is a number");
        Head { handle, number: u32::from_le_bytes(*number) }
    }

    fn group(&self, head: Head) -> &Collected {
        &self.groups[head.number]
    }

    /// The head of the group with this number.
    fn head_of(&self, number: u32) -> Head {
        Head { handle: self.groups[number].handle, number }
    }

    /// When a group fires if nothing more is pushed to it.
    fn fires_at(&self, head: Head) -> UnixMs {
        match self.deadlines.get(head.number) {
            NONE => UnixMs(self.heads.place(head.handle).key),
            deadline => UnixMs(deadline.at),
        }
    }

    fn is_overdue(&self, head: Head) -> bool {
        self.deadlines.get(head.number) == NONE
    }

    /// A group begins to collect. `place`: its deadline, and its number in order of creation.
    fn begin(&mut self, name: &[u8], hash: u32, place: Place, items: Items, reason: Reason) -> Head {
        self.held += items.memory();
        let number = self.groups.insert(Collected { items, handle: Handle::NONE, reason });
        let handle = self.heads.insert(place, name, &number.to_le_bytes(), hash);
        self.groups[number].handle = handle;
        let head = Head { handle, number };
        self.names.insert(hash, Slot { head, hash }, |slot| slot.hash);
        self.deadlines.set(number, Key { at: place.key, seq: place.seq });
        head
    }

    /// Ends a group: its head is gone.
    fn end(&mut self, head: Head) -> Collected {
        let group = self.groups.remove(head.number);
        self.held -= group.items.memory();
        if self.deadlines.set(head.number, NONE) == NONE {
            self.overdue.remove(&self.heads, head.handle);
        }
        self.names.remove(self.heads.aux(head.handle), |slot| slot.head == head);
        self.heads.remove(head.handle);
        if self.heads.is_empty() {
            self.deadlines.clear();
        }
        group
    }

    /// Moves a group into `overdue`.
    fn set_overdue(&mut self, head: Head) {
        let deadline = self.deadlines.set(head.number, NONE);
        self.heads.set_key(head.handle, deadline.at);
        self.overdue.insert(&self.heads, head.handle);
    }

    /// Moves a group back from `overdue`: the clock has stepped back.
    fn unset_overdue(&mut self, head: Head) {
        self.overdue.remove(&self.heads, head.handle);
        let Place { key: at, seq } = self.heads.place(head.handle);
        self.deadlines.set(head.number, Key { at, seq });
    }

    /// Gives a group a new deadline. The old one has not passed: an overdue group fires before anything else happens to it.
    fn set_deadline(&mut self, head: Head, deadline: Deadline) {
        let mut key = self.deadlines.get(head.number);
        if key == NONE {
            // It was overdue before the clock stepped back.
            self.unset_overdue(head);
            key = self.deadlines.get(head.number);
        }
        self.groups[head.number].reason = deadline.reason;
        self.deadlines.set(head.number, Key { at: deadline.at.0, ..key });
    }

    /// Up to `count` groups that still collect, next to fire first, from this place on. With each its deadline.
    fn collecting_from(&mut self, from: Key, count: usize, now: UnixMs) -> Vec<(UnixMs, Head)> {
        self.sort_overdue(now, SORT_AT_MOST);
        let later = Key { at: now.0.saturating_add(1), seq: 0 };
        let mut found = self.deadlines.from(from.max(later), count);
        // After a step back of the clock, groups in `overdue` may be so no longer, and not all of them have moved back yet.
        if let Some(back) = self.overdue.first_after(&self.heads, now.0) {
            let from = self.heads.place(back).max(Place { key: from.at, seq: from.seq });
            let back = self.overdue.iter_from_place(&self.heads, from).take(count);
            found.extend(back.map(|handle| {
                let Place { key: at, seq } = self.heads.place(handle);
                (Key { at, seq }, self.head(handle).number)
            }));
            found.sort_unstable();
            found.truncate(count);
        }
        found.into_iter().map(|(deadline, number)| (UnixMs(deadline.at), self.head_of(number))).collect()
    }

    /// The group that fires first, if its deadline has come. O(log n).
    fn first_due_group(&self, now: UnixMs) -> Option<DueGroup> {
        let overdue = self.overdue.first().map(|handle| {
            let place = self.heads.place(handle);
            (Key { at: place.key, seq: place.seq }, self.head(handle))
        });
        let (key, head) = match overdue {
            Some((key, head)) if key < self.deadlines.first() => (key, head),
            _ => (self.deadlines.first(), self.head_of(self.deadlines.first_number()?)),
        };
        (key.at <= now.0).then_some(DueGroup { head, fires_at: UnixMs(key.at) })
    }

    /// Makes an entry of a group whose deadline has passed: it fires as of that deadline.
    fn fire_overdue(&mut self, head: Head, now: UnixMs, entries: &mut Entries) -> Handle {
        let (at, reason) = (self.fires_at(head), self.group(head).reason);
        // A last time that lies ahead is from before the clock stepped back.
        self.last_fired_at = Some(self.last_fired_at).filter(|last| last.is_due(now)).map_or(at, |last| last.max(at));
        self.fire_group(head, reason, at, entries)
    }

    /// Makes an entry of a group that fires at `at`.
    fn fire_group(&mut self, head: Head, reason: Reason, at: UnixMs, entries: &mut Entries) -> Handle {
        let name: Box<[u8]> = self.heads.name(head.handle).into();
        let seq = self.heads.place(head.handle).seq;
        let group = self.end(head);
        entries.insert_owned(Place { key: at.0, seq }, &name, group.items.fired(reason), 0)
    }
}

impl Gate for Idle {
    type Saved = IdleRules;
    type Collected<'a> = SavedGroup<'a>;

    fn next_opening(&mut self, _: &Order, _: &Entries, now: UnixMs) -> Option<UnixMs> {
        self.sort_overdue(now, SORT_AT_MOST);
        Some(self.deadlines.first()).filter(|first| *first != NONE).map(|first| UnixMs(first.at))
    }

    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error> {
        items::check_fired(entries.body(handle))
    }

    fn collecting(&self) -> usize {
        self.heads.len()
    }

    fn sort_overdue(&mut self, now: UnixMs, most: usize) -> bool {
        for _ in 0..most {
            // After a step back of the clock, a group in `overdue` may be so no longer.
            if let Some(handle) = self.overdue.first_after(&self.heads, now.0) {
                self.unset_overdue(self.head(handle));
                continue;
            }
            if self.deadlines.first().at > now.0 {
                return true;
            }
            let Some(number) = self.deadlines.first_number() else { return true };
            self.set_overdue(self.head_of(number));
        }
        false
    }

    fn overdue(&mut self, now: UnixMs) -> usize {
        self.sort_overdue(now, SORT_AT_MOST);
        self.overdue.len()
    }

    fn first_due(&mut self, now: UnixMs) -> Option<UnixMs> {
        self.first_due_group(now).map(|due| due.fires_at)
    }

    fn due_from(&mut self, from: Place, most: usize, now: UnixMs) -> AllDue {
        let is_sorted = self.sort_overdue(now, SORT_AT_MOST);
        let Key { at, seq } = self.deadlines.first();
        let overdue = self.overdue.iter_from_place(&self.heads, from);
        let due = overdue.map(|handle| (self.heads.place(handle), self.head(handle).number));
        let due = due.take_while(|(place, _)| place.key <= now.0).take(most);
        let things = due.map(|(place, number)| Due { place, size: self.groups[number].items.size(), number }).collect();
        AllDue { things, unknown_from: (!is_sorted).then_some(Place { key: at, seq }) }
    }

    fn foretell(&self, due: &Due, extent: Extent) -> Foretold<'_> {
        let group = &self.groups[due.number];
        Foretold { name: self.heads.name(group.handle), body: group.items.as_fired(group.reason, extent) }
    }

    fn fire(&mut self, now: UnixMs, entries: &mut Entries) -> Option<Handle> {
        let DueGroup { head, .. } = self.first_due_group(now)?;
        Some(self.fire_overdue(head, now, entries))
    }

    fn save(&self) -> IdleRules {
        self.rules
    }

    fn collected(&self) -> impl Iterator<Item = (usize, SavedGroup<'_>)> {
        self.saved_groups()
    }

    fn load(rules: IdleRules, seed: [u64; 2]) -> Result<Self, Error> {
        // Earlier versions let a group have any number of items. A group with too many fires with its next push.
        let rules = IdleRules { max_items: rules.max_items.min(MAX_ITEMS), ..rules };
        Idle::new(rules, seed).map_err(|_| Error::Damaged("impossible rules"))
    }

    fn adopt_collected(&mut self, saved: SavedGroup<'_>) -> Result<Option<u64>, Error> {
        self.adopt_group(&saved).map(Some)
    }

    fn waste(&self) -> usize {
        let orders = self.deadlines.waste(self.groups.len()) + self.overdue.waste();
        self.heads.waste() + self.groups.waste() + orders + self.names.waste()
    }

    fn compact(&mut self, stage: usize, cursor: &mut Cursor, most: usize) -> Step {
        match stage {
            // Heads are compacted twice: low numbers are free only once the first pass has left chunks empty.
            0 | 1 => self.compact_heads(cursor, most),
            2 => {
                // This is a single piece of work, so it is done only where it is worth it.
                if self.deadlines.waste(self.groups.len()) > 0 {
                    self.deadlines.fit(self.groups.fit() as usize);
                }
                Step::Done
            }
            3 => cursor.along(&mut self.overdue, most),
            4 => cursor.through(|from| self.names.fit(from, most, |slot| slot.hash)),
            _ => Step::NoPart,
        }
    }

    fn show_buffers(&mut self, part: usize, cursor: &mut Cursor, mover: &mut impl Mover) -> Step {
        match part {
            0 => cursor.show(mover, |number, mover| self.heads.show_page(number, mover)),
            1 => cursor.show(mover, |number, mover| self.heads.show_outside(number, mover)),
            2 => cursor.show(mover, |number, mover| {
                self.groups.show_chunk(number, mover, |group, mover| group.items.show(mover))
            }),
            3 => cursor.show(mover, |number, mover| self.overdue.show_chunk(number, mover)),
            4 => cursor.show(mover, |number, mover| self.deadlines.show_chunk(number, mover)),
            _ => Step::NoPart,
        }
    }

    fn memory(&self) -> usize {
        self.names.memory()
            + self.heads.memory()
            + self.deadlines.memory()
            + self.overdue.memory()
            + self.groups.memory()
            + self.held
    }

    fn free_effort(&self) -> usize {
        self.heads.len()
    }
}

#[cfg(test)]
mod tests;
