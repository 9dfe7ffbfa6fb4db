//! The idle gate: everything pushed to one group is delivered together, once the group has been quiet.
//!
//! A group *collects* until it *fires*: when nothing was pushed for the idle timeout, at the latest when it has waited for
//! the max wait, at once when it is full or is told to. Firing makes it an entry of the delivery queue, ready, in the
//! place of the time at which it fired. The group of that name that collects next is another one.
//!
//! A group whose deadline has passed fires lazily, in the next operation that needs it, but always at its deadline: its
//! place is the same whenever that is.
//!
//! **Lazy deadlines.** A push to a collecting group writes its new deadline into the group and nothing else. Its head stands in
//! `deadlines` at the deadline it had at some time before, so a head may be early, never late; whoever meets one that is early
//! moves it on, once for however many pushes. Heads whose deadline has passed stand in `overdue`, so that they can be counted. Where
//! a head stands is a cache: it depends on who looked when, and shows nowhere.

mod groups;
mod items;

pub use groups::{Collecting, Group, Pushed};
pub use items::{fired, Reader, Reason};

use super::Gate;
use crate::entries::{Entries, Handle, Place};
use crate::error::Error;
use crate::order::Order;
use crate::shards::Shards;
use crate::slab::Slab;
use crate::time::{Millis, UnixMs};
use items::Items;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// When groups fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// After so long without a push. 1 ms to 10 years.
    pub idle: Millis,
    /// So long after its first push at the latest; 0: whenever it is quiet.
    pub max_wait: Millis,
    /// With so many items; 0: however many.
    pub max_items: u64,
    /// An item that a group has already is not added again.
    pub unique: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { idle: Millis(60_000), max_wait: Millis::ZERO, max_items: 0, unique: true }
    }
}

impl Rules {
    fn check(&self) -> Result<(), Error> {
        if self.idle.is_zero() || self.idle > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("IDLE must be an integer between 1 and 315360000000"));
        }
        if self.max_wait > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("MAXWAIT must be an integer between 0 and 315360000000"));
        }
        Ok(())
    }

    /// When a group that waits since then and is pushed to at `now` fires, and why then.
    fn deadline(&self, waits_since: UnixMs, now: UnixMs) -> (UnixMs, Reason) {
        let quiet = now.after(self.idle);
        // A max wait that was shortened meanwhile may be over already: the group fires now, not in the past.
        let latest = waits_since.after(self.max_wait).max(now);
        if !self.max_wait.is_zero() && latest < quiet {
            (latest, Reason::MaxWait)
        } else {
            (quiet, Reason::Idle)
        }
    }
}

/// The gate of a DEBOUNCE key.
#[derive(Clone)]
pub struct Idle {
    rules: Rules,
    hasher: SipHasher13,
    names: Shards<Slot>,
    /// One block for each collecting group. Its place is where its head stands and the group's number in order of creation, its
    /// name the group's, its body the number in `groups`.
    heads: Entries,
    /// Heads at or before their deadlines.
    deadlines: Order,
    /// Heads at their deadlines, which were over when somebody looked.
    overdue: Order,
    groups: Slab<Collected>,
    /// Bytes of heap behind `groups`.
    held: usize,
    /// The latest deadline at which a group fired. Only for who announces it; not part of the state.
    last_fired_at: UnixMs,
}

/// A collecting group: its head, and its number in `groups`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    handle: Handle,
    number: u32,
}

/// A group under its name. The number stands here although the head knows it: so a push reads head and group at the same time, and does
/// not wait for the one to find the other.
#[derive(Clone, Copy)]
struct Slot {
    head: Head,
    hash: u32,
}

/// A group that collects.
#[derive(Clone)]
struct Collected {
    items: Items,
    fires_at: UnixMs,
    /// Why, then.
    reason: Reason,
    is_overdue: bool,
}

/// A collecting group in a snapshot.
#[derive(Serialize, Deserialize)]
pub struct SavedGroup<'a> {
    seq: u64,
    #[serde(borrow, with = "serde_bytes")]
    name: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    items: &'a [u8],
    fires_at: UnixMs,
    by_max_wait: bool,
}

impl Idle {
    fn new(rules: Rules, seed: [u64; 2]) -> Result<Self, Error> {
        rules.check()?;
        Ok(Idle {
            rules,
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
            names: Shards::new(),
            heads: Entries::new(),
            deadlines: Order::new(),
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

    /// A group begins to collect: its head stands at `fires_at`.
    fn begin(&mut self, name: &[u8], hash: u32, seq: u64, group: Collected) -> Head {
        self.held += group.items.memory();
        let place = Place { key: group.fires_at.0, seq };
        let number = self.groups.insert(group);
        let handle = self.heads.insert(place, name, &number.to_le_bytes(), hash);
        let head = Head { handle, number };
        self.names.insert(hash, Slot { head, hash }, |slot| slot.hash);
        self.deadlines.insert(&self.heads, handle);
        head
    }

    /// A group has ended; the head is gone.
    fn end(&mut self, head: Head) {
        let group = self.groups.remove(head.number);
        self.held -= group.items.memory();
        self.stands_in(group.is_overdue).remove_head(head.handle);
        self.names.remove(self.heads.aux(head.handle), |slot| slot.head == head);
        self.heads.remove(head.handle);
    }

    fn stands_in(&mut self, is_overdue: bool) -> Standing<'_> {
        let order = if is_overdue { &mut self.overdue } else { &mut self.deadlines };
        Standing { order, heads: &mut self.heads }
    }

    /// Moves a head to where its group's deadline is: among the overdue, or not.
    fn move_head(&mut self, head: Head, is_overdue: bool) {
        let group = &mut self.groups[head.number];
        let was_overdue = std::mem::replace(&mut group.is_overdue, is_overdue);
        let fires_at = group.fires_at;
        self.stands_in(was_overdue).remove_head(head.handle);
        self.stands_in(is_overdue).insert_head(head.handle, fires_at);
    }

    /// A group has a new deadline. The head stays where it is, unless it would be late there, or among the overdue.
    fn set_deadline(&mut self, head: Head, (fires_at, reason): (UnixMs, Reason)) {
        let stands_at = self.heads.place(head.handle).key;
        let group = &mut self.groups[head.number];
        (group.fires_at, group.reason) = (fires_at, reason);
        if group.is_overdue || fires_at.0 < stands_at {
            self.move_head(head, false);
        }
    }

    /// The head that stands first at or after `from` in `deadlines`, once it stands where it should.
    fn first_settled(&mut self, from: Place) -> Option<(Head, Place)> {
        loop {
            let head = self.head(self.deadlines.first_from(&self.heads, from)?);
            let place = self.heads.place(head.handle);
            if self.group(head).fires_at.0 == place.key {
                return Some((head, place));
            }
            self.move_head(head, false);
        }
    }

    /// Moves heads that stand before `from` to where they should: some may belong behind it.
    fn settle_before(&mut self, from: Place) {
        let before = self.deadlines.iter().map(|handle| (self.heads.place(handle), self.head(handle)));
        let before = before.take_while(|(place, _)| *place < from);
        let early: Vec<Head> =
            before.filter(|(place, head)| self.group(*head).fires_at.0 != place.key).map(|(_, head)| head).collect();
        for head in early {
            self.move_head(head, false);
        }
    }

    /// The group that fires first, if its deadline has come.
    fn first_due(&mut self, now: UnixMs) -> Option<(Head, UnixMs)> {
        let overdue = self.overdue.first().map(|handle| (self.heads.place(handle), self.head(handle)));
        let settled = loop {
            let handle = self.deadlines.first().filter(|handle| self.heads.place(*handle).key <= now.0);
            let Some(handle) = handle else { break None };
            let (place, head) = (self.heads.place(handle), self.head(handle));
            if self.group(head).fires_at.0 == place.key {
                break Some((place, head));
            }
            self.move_head(head, false);
        };
        let (place, head) = overdue.into_iter().chain(settled).min()?;
        (place.key <= now.0).then_some((head, UnixMs(place.key)))
    }

    /// Makes an entry of a group whose deadline has passed: it fires at that.
    fn fire_overdue(&mut self, head: Head, now: UnixMs, entries: &mut Entries) -> Handle {
        let (at, reason) = (self.group(head).fires_at, self.group(head).reason);
        // One that lies ahead is of a clock that has stepped back since.
        self.last_fired_at = Some(self.last_fired_at).filter(|last| last.is_due(now)).map_or(at, |last| last.max(at));
        self.fire_group(head, reason, at, entries)
    }

    /// Makes an entry of a group that fires at `at`.
    fn fire_group(&mut self, head: Head, reason: Reason, at: UnixMs, entries: &mut Entries) -> Handle {
        let seq = self.heads.place(head.handle).seq;
        let body = self.groups[head.number].items.fired(reason);
        let entry = entries.insert(Place { key: at.0, seq }, self.heads.name(head.handle), body, 0);
        self.end(head);
        entry
    }
}

/// One of the two orders of heads.
struct Standing<'a> {
    order: &'a mut Order,
    heads: &'a mut Entries,
}

impl Standing<'_> {
    fn remove_head(&mut self, head: Handle) {
        self.order.remove(self.heads, head);
    }

    fn insert_head(&mut self, head: Handle, at: UnixMs) {
        self.heads.set_key(head, at.0);
        self.order.insert(self.heads, head);
    }
}

impl Gate for Idle {
    type Saved = Rules;
    type Saved0 = Rules;
    type Collected<'a> = SavedGroup<'a>;

    fn next_opening(&mut self, _: &Order, _: &Entries, now: UnixMs) -> Option<UnixMs> {
        self.settle(now, usize::MAX);
        self.first_settled(Place { key: i64::MIN, seq: 0 }).map(|(_, place)| UnixMs(place.key))
    }

    fn closes_again(&self, _: &Order) -> bool {
        !self.heads.is_empty()
    }

    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error> {
        items::check_fired(entries.body(handle))
    }

    fn collecting(&self) -> usize {
        self.heads.len()
    }

    fn settle(&mut self, now: UnixMs, most: usize) -> bool {
        for _ in 0..most {
            // After a step back of the clock, what was overdue may be so no longer.
            if let Some(handle) = self.overdue.first_after(&self.heads, now.0) {
                self.move_head(self.head(handle), false);
                continue;
            }
            let early = self.deadlines.first().filter(|handle| self.heads.place(*handle).key <= now.0);
            let Some(head) = early.map(|handle| self.head(handle)) else { return true };
            self.move_head(head, self.group(head).fires_at.is_due(now));
        }
        false
    }

    fn overdue(&mut self, now: UnixMs) -> usize {
        self.settle(now, usize::MAX);
        self.overdue.len()
    }

    fn first_due(&mut self, now: UnixMs) -> Option<UnixMs> {
        Idle::first_due(self, now).map(|(_, at)| at)
    }

    fn fire(&mut self, now: UnixMs, entries: &mut Entries) -> Option<Handle> {
        let (head, _) = Idle::first_due(self, now)?;
        Some(self.fire_overdue(head, now, entries))
    }

    fn save(&self) -> Rules {
        self.rules
    }

    fn collected(&self) -> impl Iterator<Item = (usize, SavedGroup<'_>)> {
        let mut heads: Vec<Handle> = self.deadlines.iter().chain(self.overdue.iter()).collect();
        heads.sort_unstable_by_key(|head| self.heads.place(*head).seq);
        heads.into_iter().map(|head| {
            let (name, group) = (self.heads.name(head), self.group(self.head(head)));
            let saved = SavedGroup {
                seq: self.heads.place(head).seq,
                name,
                items: group.items.as_bytes(),
                fires_at: group.fires_at,
                by_max_wait: group.reason == Reason::MaxWait,
            };
            (name.len() + group.items.size(), saved)
        })
    }

    fn load(rules: Rules, seed: [u64; 2]) -> Result<Self, Error> {
        Idle::new(rules, seed).map_err(|_| Error::Damaged("impossible rules"))
    }

    fn adopt_collected(&mut self, saved: SavedGroup<'_>) -> Result<Option<u64>, Error> {
        let hash = self.hash(saved.name);
        if saved.name.len() > crate::entries::MAX_NAME {
            return Err(Error::Damaged("a name too long"));
        }
        if self.find(saved.name, hash).is_some() {
            return Err(Error::Damaged("a group stands twice"));
        }
        let hash_item = |item: &[u8]| self.hash(item);
        let unique: Option<items::Hash<'_>> = if self.rules.unique { Some(&hash_item) } else { None };
        let items = Items::load(saved.items, unique)?;
        let reason = if saved.by_max_wait { Reason::MaxWait } else { Reason::Idle };
        let group = Collected { items, fires_at: saved.fires_at, reason, is_overdue: false };
        self.begin(saved.name, hash, saved.seq, group);
        Ok(Some(saved.seq))
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
