//! One key's value: a gate in front of a delivery queue.
//!
//! The state, its construction, and the few steps by which an entry changes its state. The operations that users
//! know are in `delivery/` (all families) and `gate/` (each family's own).
//!
//! An entry is in exactly one place, told by its state:
//!
//! | state                   | is in                | holds a token in `grants` |
//! |-------------------------|----------------------|---------------------------|
//! | queued (waiting, ready) | `order`              | if a lease on it ran out  |
//! | leased                  | `grants`             | yes                       |
//! | delayed                 | `delays`             | if a lease on it ran out; |
//! |                         |                      | else `nacked` has a stale |
//! |                         |                      | one, by which it is named |
//! | dead                    | `dead`, by its token | no                        |

use crate::entries::{Entries, Handle, Place, State, MAX_SEQ};
use crate::error::Error;
use crate::gate::Gate;
use crate::grants::Grants;
use crate::groups::Groups;
use crate::options::DeliveryOptions;
use crate::order::Order;
use crate::pass::Pass;
use crate::slab::Slab;
use crate::time::UnixMs;
use crate::token::Token;
use std::collections::BTreeMap;

mod size;
mod totals;

pub use totals::Totals;

/// A gate in front of a delivery queue.
#[derive(Clone)]
pub struct Queue<G> {
    pub(crate) gate: G,
    pub(crate) entries: Entries,
    pub(crate) order: Order,
    /// Which queued entry may be handed out next, if the key has groups; else it is the first in `order`.
    pub(crate) groups: Option<Box<Groups>>,
    /// One for each entry that has been delivered; its number is the entry's aux word.
    pub(crate) records: Slab<Record>,
    pub(crate) grants: Grants,
    pub(crate) delays: BTreeMap<(UnixMs, Place), Handle>,
    /// Delayed entries that were handed back, by the token of the delivery. That token is stale, and only names the entry.
    pub(crate) nacked: BTreeMap<Token, Handle>,
    pub(crate) dead: BTreeMap<Token, Death>,
    /// Leased entries that a newer one of the same name has replaced.
    pub(crate) superseded: usize,
    pub(crate) next_seq: u64,
    pub(crate) last_token: Token,
    pub(crate) totals: Totals,
    pub(crate) options: DeliveryOptions,
    /// How far the pass that tidies up memory has come.
    pub(crate) pass: Option<Pass>,
    /// How far the buffers have been shown to a `Mover`.
    pub(crate) shown: Option<Pass>,
}

/// What is known of an entry's deliveries.
#[derive(Clone)]
pub(crate) struct Record {
    /// The token of the last delivery; 0 once that is settled, unless it names a delayed entry.
    pub token: Token,
    pub deliveries: u32,
    /// Until when the entry is delayed, while it is: with its place, its key in `delays`.
    pub delayed_until: UnixMs,
    /// The word that the gate keeps with an entry. It is in the entry until the record is made, and goes back there when the record goes.
    pub tag: u32,
}

/// A dead letter.
#[derive(Clone)]
pub(crate) struct Death {
    pub handle: Handle,
    pub died_at: UnixMs,
    /// Whether it died because its lease ended, so that the worker that held it may still acknowledge it.
    pub by_lease_end: bool,
    pub reason: Box<[u8]>,
}

/// The answer of an operation that settles entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many entries it was about: the reply.
    pub count: usize,
    /// Whether anything changed, so that a replica must repeat it.
    pub changed: bool,
}

impl<G: Gate> Queue<G> {
    pub(crate) fn with_gate(gate: G, options: DeliveryOptions, seed: [u64; 2]) -> Result<Self, Error> {
        options.check()?;
        let has_groups = options.has_groups();
        Ok(Queue {
            gate,
            entries: if has_groups { Entries::grouped() } else { Entries::new() },
            order: Order::new(),
            groups: has_groups.then(|| Box::new(Groups::new(options.group_limit, options.fair, seed))),
            records: Slab::new(),
            grants: Grants::default(),
            delays: BTreeMap::new(),
            nacked: BTreeMap::new(),
            dead: BTreeMap::new(),
            superseded: 0,
            next_seq: 0,
            last_token: 0,
            totals: Totals::default(),
            options,
            pass: None,
            shown: None,
        })
    }

    /// Number of entries in all states, including what is being collected, but not leased entries that a newer one has superseded.
    pub fn len(&self) -> usize {
        self.entries.len() - self.superseded + self.gate.collecting()
    }

    /// Whether the key holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The options it works by.
    pub fn options(&self) -> &DeliveryOptions {
        &self.options
    }

    /// Does up to `most` steps of work that reads would else have to do, where very much is being collected; false if steps
    /// are left. Changes nothing that shows. The timer calls it.
    pub fn sort_overdue(&mut self, now: UnixMs, most: usize) -> bool {
        self.gate.sort_overdue(now, most)
    }

    /// Whether what is due next takes so long to fire that it needs a stride of the sweep of its own. The timer asks.
    pub fn fires_long(&self, now: UnixMs) -> bool {
        self.gate.fires_long(now)
    }

    /// Fails if there is no room for `wanted` more entries, or if there are not enough sequence numbers for `places` new places, or no more turns.
    pub(crate) fn check_room(&self, wanted: usize, places: usize) -> Result<(), Error> {
        let max = self.options.max_len;
        if max != 0 && wanted > 0 && (self.len() + wanted) as u64 > max {
            return Err(Error::Full);
        }
        if self.next_seq + places as u64 > MAX_SEQ || !self.has_turns() {
            return Err(Error::Exhausted);
        }
        Ok(())
    }

    /// Whether there are turns left, if groups take turns.
    pub(crate) fn has_turns(&self) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.has_turns())
    }

    // From here on: the steps that an entry takes. Each keeps the table above true.

    /// Adds a new entry at the last place of its place key; `tag` is the word that the gate keeps with it. It is in the group of its own name.
    pub(crate) fn enter(&mut self, key: i64, name: &[u8], body: &[u8], tag: u32) -> Handle {
        self.enter_into(key, name, body, tag, None)
    }

    /// Like [`Queue::enter`], in the group of this name, if the key has groups.
    pub(crate) fn enter_into(&mut self, key: i64, name: &[u8], body: &[u8], tag: u32, group: Option<&[u8]>) -> Handle {
        debug_assert!(self.next_seq < MAX_SEQ);
        let place = Place { key, seq: self.next_seq };
        self.next_seq += 1;
        let handle = self.entries.insert(place, name, body, tag);
        if let Some(groups) = &mut self.groups {
            groups.join(&mut self.entries, handle, group);
        }
        self.line_up(handle);
        handle
    }

    /// Takes in a new entry that the gate has made of what it collected.
    pub(crate) fn take_in(&mut self, handle: Handle) {
        if let Some(groups) = &mut self.groups {
            groups.join(&mut self.entries, handle, None);
        }
        self.line_up(handle);
    }

    /// Puts an entry at its place among the queued.
    fn line_up(&mut self, handle: Handle) {
        self.order.insert(&self.entries, handle);
        if let Some(groups) = &mut self.groups {
            groups.queue(&self.entries, handle);
        }
    }

    /// Changes the state of an entry.
    pub(crate) fn set_state(&mut self, handle: Handle, state: State) {
        if let Some(groups) = &mut self.groups {
            groups.changed(&self.entries, handle, self.entries.state(handle), state);
        }
        self.entries.set_state(handle, state);
    }

    pub(crate) fn record(&self, handle: Handle) -> Option<&Record> {
        self.entries.delivered(handle).then(|| &self.records[self.entries.aux(handle)])
    }

    pub(crate) fn record_mut(&mut self, handle: Handle) -> Option<&mut Record> {
        self.entries.delivered(handle).then(|| &mut self.records[self.entries.aux(handle)])
    }

    /// How often an entry has been delivered.
    pub(crate) fn deliveries(&self, handle: Handle) -> u32 {
        self.record(handle).map_or(0, |record| record.deliveries)
    }

    /// Puts an entry back to its place among the queued.
    pub(crate) fn queue_up(&mut self, handle: Handle) {
        if let (Some(groups), State::Dead) = (&mut self.groups, self.entries.state(handle)) {
            groups.unbury(&mut self.entries, handle);
        }
        self.set_state(handle, State::Queued);
        self.line_up(handle);
    }

    /// Puts an entry among the delayed, until `until`.
    pub(crate) fn rest(&mut self, handle: Handle, until: UnixMs) {
        self.set_state(handle, State::Delayed);
        self.delays.insert((until, self.entries.place(handle)), handle);
        if let Some(record) = self.record_mut(handle) {
            record.delayed_until = until;
        }
    }

    /// Puts an entry among the dead letters, under the token of its last delivery.
    pub(crate) fn die(&mut self, handle: Handle, token: Token, death: Death) {
        self.set_state(handle, State::Dead);
        if let Some(groups) = &mut self.groups {
            groups.bury(&mut self.entries, handle);
        }
        if let Some(record) = self.record_mut(handle) {
            record.token = token;
        }
        self.dead.insert(token, death);
        self.totals.died += 1;
    }

    /// Takes an entry out of whichever index its state puts it in; its token stays as it is.
    pub(crate) fn lift(&mut self, handle: Handle) {
        match self.entries.state(handle) {
            State::Queued => {
                self.order.remove(&self.entries, handle);
                if let Some(groups) = &mut self.groups {
                    groups.unqueue(&self.entries, handle);
                }
            }
            State::Delayed => {
                let Some(Record { token, delayed_until, .. }) = self.record(handle).cloned() else { return };
                self.delays.remove(&(delayed_until, self.entries.place(handle)));
                if self.nacked.remove(&token).is_some() {
                    self.record_mut(handle).into_iter().for_each(|record| record.token = 0);
                }
            }
            State::Dead => {
                if let Some(token) = self.record(handle).map(|record| record.token) {
                    self.dead.remove(&token);
                }
            }
            State::Leased => {}
        }
    }

    /// Makes the last token of an entry stale, if it is current.
    pub(crate) fn revoke(&mut self, handle: Handle) {
        let token = self.record_mut(handle).map_or(0, |record| std::mem::take(&mut record.token));
        if token != 0 {
            self.grants.take(token);
        }
    }

    /// Forgets the deliveries of an entry.
    pub(crate) fn forgive(&mut self, handle: Handle) {
        if self.entries.delivered(handle) {
            let Record { tag, .. } = self.records.remove(self.entries.aux(handle));
            debug_assert_eq!(tag, self.gate.tag(self.entries.name(handle)), "the word of an entry stays the same");
            self.entries.set_delivered(handle, false);
            self.entries.set_aux(handle, tag);
        }
    }

    /// Erases an entry that is in no index any more; the gate forgets it, unless a newer one has its name.
    pub(crate) fn erase(&mut self, handle: Handle) {
        if self.entries.superseded(handle) {
            self.superseded -= 1;
        } else {
            self.forgive(handle);
            self.gate.forget(&self.entries, handle);
        }
        self.erase_nameless(handle);
    }

    /// Erases an entry whose work is done, which is in no index any more.
    pub(crate) fn finish(&mut self, handle: Handle, now: UnixMs) {
        if self.entries.superseded(handle) || self.come_again(handle, now) {
            return self.erase(handle);
        }
        // The gate finds an entry by its word, without which it would have to hash the name once more.
        self.forgive(handle);
        self.gate.done(&self.entries, handle, now);
        self.erase_nameless(handle);
    }

    /// The place of the entry by which the work of this one comes again if it is settled at `at`, after so many others; `None`: it does not.
    pub(crate) fn comes_again(&self, handle: Handle, at: UnixMs, after: u64) -> Option<Place> {
        let key = self.gate.comes_again(&self.entries, handle, at)?;
        let seq = self.next_seq + after;
        // With no number left it comes no more.
        (seq < MAX_SEQ).then_some(Place { key, seq })
    }

    /// An entry is settled at `at`: makes the one by which its work comes again, if it does, and leaves the settled one to the caller. O(log n) and
    /// O(its bytes).
    pub(crate) fn come_again(&mut self, handle: Handle, at: UnixMs) -> bool {
        if !self.gate.recurs() {
            return false;
        }
        let next = self.comes_again(handle, at, 0).map(|place| {
            let (name, body) = self.entries.name_and_body(handle);
            let (name, body) = (name.to_vec(), body.to_vec());
            let group = self.groups.as_ref().and_then(|groups| groups.name_of(&self.entries, handle));
            let group = group.map(Box::<[u8]>::from);
            self.enter_into(place.key, &name, &body, self.gate.tag(&name), group.as_deref())
        });
        self.gate.follow(&self.entries, handle, next);
        next.is_some()
    }

    /// Like [`Queue::die`], of an entry that was leased; its work may come again.
    pub(crate) fn die_of_failure(&mut self, handle: Handle, token: Token, death: Death) {
        self.come_again(handle, death.died_at);
        self.die(handle, token, death);
    }

    /// Whether ACK depends on time.
    pub fn times_acks(&self) -> bool {
        self.gate.remembers() || self.gate.recurs()
    }

    /// Whether some work comes again once it is settled, at a time of its own.
    pub fn recurs(&self) -> bool {
        self.gate.recurs()
    }

    /// Whether names are remembered once their work is done.
    pub fn remembers(&self) -> bool {
        self.gate.remembers()
    }

    /// As many entries are done: forgets as many that were done before and are over, and a few more.
    pub(crate) fn forget_over(&mut self, now: UnixMs, done: usize) {
        if done > 0 {
            self.gate.forget_over(now, done + 16);
        }
    }

    /// Forgets what is over of what is done, in a thousand steps. True if anything was. The timer calls it.
    pub fn forget_stride(&mut self, now: UnixMs) -> bool {
        self.gate.forget_over(now, 1_000)
    }

    /// When there is something to forget of what is done.
    pub fn forgets_at(&self) -> Option<UnixMs> {
        self.gate.forgets_at()
    }

    /// Erases an entry whose name the gate has already given to another.
    pub(crate) fn erase_nameless(&mut self, handle: Handle) {
        self.forgive(handle);
        if let Some(groups) = &mut self.groups {
            groups.leave(&self.entries, handle);
        }
        self.entries.remove(handle);
    }
}

#[cfg(test)]
mod tests;
