//! The operations of DEBOUNCE itself: items pushed to groups, and groups that are looked at, flushed or cancelled.

use super::items::{cost, size_at, Items, Reader, HEADER, MAX_COLLECTED};
use super::rules::Deadline;
use super::{Head, Idle, IdleRules, Key, Reason, FIRST, SORT_AT_MOST};
use crate::entries::Place;
use crate::error::Error;
use crate::gate::Gate;
use crate::hashing::Hashing;
use crate::options::DeliveryOptions;
use crate::queue::{Queue, Settled};
use crate::time::UnixMs;
use std::collections::HashSet;

/// What a push did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// How many items the group collects now.
    pub collecting: usize,
    /// How many entries it made by filling groups.
    pub filled: usize,
    /// When the group fires, if it collects anything.
    pub fires_at: Option<UnixMs>,
}

/// How long a group waits already, and its size.
struct Waiting {
    /// Since when it waits.
    since: UnixMs,
    /// Bytes of its items, told from that time on.
    size: usize,
}

/// A collecting group with its items.
#[derive(Clone, Debug)]
pub struct Collecting<'a> {
    /// When it fires if nothing more is pushed.
    pub fires_at: UnixMs,
    /// Items and when each came, in order.
    pub items: Reader<'a>,
    /// How many items these are.
    pub count: usize,
}

/// A collecting group in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// How many items it has.
    pub items: usize,
    /// When it fires if nothing more is pushed.
    pub fires_at: UnixMs,
}

impl Queue<Idle> {
    /// An empty key. `seed` keys the hashes of groups and items and shows nowhere.
    ///
    /// Errors: rules or options out of range.
    pub fn create(rules: IdleRules, options: DeliveryOptions, seed: [u64; 2]) -> Result<Self, Error> {
        Queue::with_gate(Idle::new(rules, seed)?, options, seed)
    }

    /// When its groups fire.
    pub fn rules(&self) -> &IdleRules {
        &self.gate.rules
    }

    /// Changes when groups fire, from their next push on; whether items are unique is fixed. True if anything changed.
    ///
    /// Errors: rules out of range.
    pub fn alter_rules(&mut self, rules: IdleRules) -> Result<bool, Error> {
        let before = self.gate.rules;
        let rules = IdleRules { unique: before.unique, ..rules };
        rules.check()?;
        self.gate.rules = rules;
        Ok(rules != before)
    }

    /// Adds items to a group and restarts its idle timeout. A group that is overdue fires first, and one that gets full fires at
    /// once; what is left of `items` then starts another. O(1) an item, O(log n) if a group begins or fires.
    ///
    /// Errors: [`Error::Full`], [`Error::Exhausted`].
    pub fn push<I: AsRef<[u8]>>(&mut self, name: &[u8], items: &[I], now: UnixMs) -> Result<Pushed, Error> {
        let hash = self.gate.hash(name);
        let mut head = self.gate.find(name, hash);
        let overdue = head.filter(|head| self.gate.fires_at(*head).is_due(now));
        self.check_push(head.filter(|_| overdue.is_none()), items, now)?;
        let mut pushed = Pushed::default();
        if let Some(due) = overdue {
            let handle = self.gate.fire_overdue(due, now, &mut self.entries);
            self.take_in(handle);
            head = None;
        }
        if let Some(head) = head {
            self.gate.mind_the_clock(head, items, now);
        }
        let rules = self.gate.rules;
        for item in items {
            let item = item.as_ref();
            if let Some(large) = head.filter(|head| self.gate.group(*head).items.size() + cost(item) > MAX_COLLECTED) {
                // The group was loaded so large: none gets that large here.
                self.fire_now(large, Reason::Full, now);
                pushed.filled += 1;
                head = None;
            }
            let at = match head {
                Some(head) => head,
                None => self.begin(name, hash, item.len() + 2, now),
            };
            head = Some(at);
            let count = self.gate.collect(at, item, now);
            if rules.is_full(count, self.gate.group(at).items.size()) {
                self.fire_now(at, Reason::Full, now);
                pushed.filled += 1;
                head = None;
            }
        }
        if let Some(head) = head {
            let deadline = rules.deadline(self.gate.group(head).items.waits_since(), now);
            self.gate.set_deadline(head, deadline);
            pushed.fires_at = Some(deadline.at);
            pushed.collecting = self.gate.group(head).items.len();
        }
        Ok(pushed)
    }

    fn begin(&mut self, name: &[u8], hash: u32, room: usize, now: UnixMs) -> Head {
        let Deadline { at, reason } = self.gate.rules.deadline(now, now);
        let place = Place { key: at.0, seq: self.next_seq };
        self.next_seq += 1;
        self.gate.begin(name, hash, place, Items::new(now, room), reason)
    }

    /// Fails if there is no room for this push. `head`: the group it begins with, if that collects already.
    fn check_push<I: AsRef<[u8]>>(&self, head: Option<Head>, items: &[I], now: UnixMs) -> Result<(), Error> {
        let (count, size) = match head {
            Some(head) => (self.gate.group(head).items.len(), self.gate.waiting_from(head, items, now).size),
            None => (0, 0),
        };
        let cost_of_all: usize = items.iter().map(|item| cost(item.as_ref())).sum();
        let fills = self.gate.rules.is_full(count + items.len(), size + cost_of_all + HEADER);
        // Nearly always it is this simple. Otherwise the push is simulated.
        let begun = if !fills {
            usize::from(head.is_none())
        } else if self.options.max_len == 0 {
            return self.check_room(0, items.len());
        } else {
            self.begun_by(head, items, now)
        };
        self.check_room(begun, begun)
    }

    /// How many groups a push begins, full ones included.
    fn begun_by<I: AsRef<[u8]>>(&self, head: Option<Head>, items: &[I], now: UnixMs) -> usize {
        let rules = self.gate.rules;
        let mut old = head.map(|head| &self.gate.group(head).items);
        let mut new = HashSet::with_hasher(Hashing(self.gate.hasher));
        let Waiting { since: mut waits_since, mut size } = match head {
            Some(head) => self.gate.waiting_from(head, items, now),
            None => Waiting { since: now, size: HEADER },
        };
        let mut count = old.map_or(0, Items::len);
        let mut begun = 0;
        let mut open = old.is_some();
        for item in items.iter().map(AsRef::as_ref) {
            if open && size + cost(item) > MAX_COLLECTED {
                (old, open) = (None, false);
                new.clear();
            }
            if !open {
                (count, size, waits_since) = (0, HEADER, now);
                begun += 1;
                open = true;
            }
            let is_known = rules.unique
                && (new.contains(item) || old.is_some_and(|old| old.contains(item, |item| self.gate.hash(item))));
            if !is_known {
                new.insert(item);
                count += 1;
                size += size_at(item, now, waits_since);
            }
            if rules.is_full(count, size) {
                (old, open) = (None, false);
                new.clear();
            }
        }
        begun
    }

    fn fire_now(&mut self, head: Head, reason: Reason, now: UnixMs) {
        let handle = self.gate.fire_group(head, reason, now, &mut self.entries);
        self.take_in(handle);
    }

    /// The group of this name, if it collects.
    fn find_collecting(&self, name: &[u8], now: UnixMs) -> Option<Head> {
        let head = self.gate.find(name, self.gate.hash(name))?;
        (!self.gate.fires_at(head).is_due(now)).then_some(head)
    }

    /// The group of this name, if it collects. O(1).
    pub fn collecting(&self, name: &[u8], now: UnixMs) -> Option<Collecting<'_>> {
        let head = self.find_collecting(name, now)?;
        let group = self.gate.group(head);
        Some(Collecting { fires_at: self.gate.fires_at(head), items: group.items.iter(), count: group.items.len() })
    }

    /// Up to `count` collecting groups, next to fire first, from just behind the group `after`; from the first if that
    /// does not collect (any more). O(log n) a group listed, and O(1) for each that fires before `after`.
    pub fn groups(&mut self, after: Option<&[u8]>, count: usize, now: UnixMs) -> Vec<Group<'_>> {
        let after = after.and_then(|name| self.find_collecting(name, now));
        let from = after.map_or(FIRST, |head| {
            let (at, seq) = (self.gate.fires_at(head).0, self.gate.heads.place(head.handle).seq + 1);
            Key { at, seq }
        });
        let listed = self.gate.collecting_from(from, count, now);
        self.gate.heads.warm(listed.iter().map(|(_, head)| head.handle));
        let group = |(fires_at, head): (UnixMs, Head)| {
            let items = self.gate.group(head).items.len();
            Group { name: self.gate.heads.name(head.handle), items, fires_at }
        };
        listed.into_iter().map(group).collect()
    }

    /// Fires these groups now, as far as they collect. O(log n) each.
    pub fn flush<N: AsRef<[u8]>>(&mut self, names: &[N], now: UnixMs) -> Settled {
        let mut count = 0;
        for name in names {
            if let Some(head) = self.find_collecting(name.as_ref(), now) {
                self.fire_now(head, Reason::Flush, now);
                count += 1;
            }
        }
        Settled { count, changed: count > 0 }
    }

    /// Fires up to `count` collecting groups now, next to fire first. O(log n) each.
    pub fn flush_all(&mut self, count: usize, now: UnixMs) -> Settled {
        let flushed = self.gate.collecting_from(FIRST, count, now);
        for (_, head) in &flushed {
            self.fire_now(*head, Reason::Flush, now);
        }
        Settled { count: flushed.len(), changed: !flushed.is_empty() }
    }

    /// Drops these groups with their items, as far as they collect. O(log n) each.
    pub fn cancel<N: AsRef<[u8]>>(&mut self, names: &[N], now: UnixMs) -> Settled {
        let mut count = 0;
        for name in names {
            if let Some(head) = self.find_collecting(name.as_ref(), now) {
                self.gate.end(head);
                count += 1;
            }
        }
        Settled { count, changed: count > 0 }
    }

    /// Whether the deadline of a group has passed by `now`: since `after` if the group has not fired yet, since `fired_after` if it has.
    pub fn fired_between(&mut self, after: UnixMs, fired_after: UnixMs, now: UnixMs) -> bool {
        self.gate.sort_overdue(now, SORT_AT_MOST);
        let overdue = self.gate.overdue.first_after(&self.gate.heads, after.0);
        // A group that fired before the clock stepped back was announced then.
        let fired_at = Some(self.gate.last_fired_at).filter(|at| at.is_due(now));
        overdue.is_some() || fired_at.is_some_and(|at| at > fired_after)
    }
}

impl Idle {
    /// How a group waits once it is pushed to at `now`. If the clock has stepped back behind the first push, MAXWAIT would count only from that
    /// time on; so the group waits anew from `now`, unless it and the items that are pushed would then be too many bytes. O(1), or O(its bytes)
    /// after such a step.
    fn waiting_from<I: AsRef<[u8]>>(&self, head: Head, pushed: &[I], now: UnixMs) -> Waiting {
        let items = &self.group(head).items;
        let as_it_is = Waiting { since: items.waits_since(), size: items.size() };
        if self.rules.max_wait.is_zero() || items.waits_since() <= now {
            return as_it_is;
        }
        let (size, room): (_, usize) = (items.size_since(now), pushed.iter().map(|item| cost(item.as_ref())).sum());
        if size + room < MAX_COLLECTED {
            Waiting { since: now, size }
        } else {
            as_it_is
        }
    }

    /// Makes a group wait as [`Idle::waiting_from`] tells.
    fn mind_the_clock<I: AsRef<[u8]>>(&mut self, head: Head, pushed: &[I], now: UnixMs) {
        let Waiting { since, size } = self.waiting_from(head, pushed, now);
        let items = &mut self.groups[head.number].items;
        if items.waits_since() != since {
            let before = items.memory();
            items.wait_since(since, size);
            self.held = self.held + items.memory() - before;
        }
    }

    /// Adds an item to a group, unless items must be unique and it is there already; returns how many there are.
    fn collect(&mut self, head: Head, item: &[u8], now: UnixMs) -> usize {
        let (unique, hasher) = (self.rules.unique, &self.hasher);
        let items = &mut self.groups[head.number].items;
        let before = items.memory();
        if unique {
            items.push_new(item, now, |item| hasher.hash(item) as u32);
        } else {
            items.push(item, now);
        }
        self.held = self.held + items.memory() - before;
        items.len()
    }
}
