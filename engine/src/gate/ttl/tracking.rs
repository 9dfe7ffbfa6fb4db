//! The operations of EXPIRY itself: what a node sees of watched keys, and expiries.

use super::{body, Admitted, Ending, Known, LastValue, OfLife, Owed, Ttl, TtlRules, Watched, NO_NUMBER};
use crate::entries::{Handle, Place, MAX_NAME};
use crate::error::Error;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::rubbish::Rubbish;
use crate::shards::Likely;
use crate::time::UnixMs;

/// A copy of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The type of the key, as whoever made the copy numbers types.
    pub kind: u8,
    /// The value; none if the rules do not allow keeping it.
    pub bytes: Option<Box<[u8]>>,
}

impl Copied {
    /// The copy, as the value that its key ended with.
    pub fn as_last(&self) -> LastValue<'_> {
        LastValue { kind: self.kind, bytes: self.bytes.as_deref() }
    }

    pub(super) fn without_bytes(self) -> Self {
        Copied { bytes: None, ..self }
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

/// What is done with one of many keys ([`Queue::update_each`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Nothing.
    None,
    /// The key is tracked up to this deadline, as by [`Queue::track_anew`].
    Track(UnixMs),
    /// The key is not tracked any more.
    Untrack,
}

/// A key on its way through [`Queue::update_each`].
struct Met {
    hash: u32,
    likely: Option<Likely>,
    head: Option<Handle>,
    known: Option<Known>,
}

impl Queue<Ttl> {
    /// An empty key. `seed` keys the hashes of names and shows nowhere.
    ///
    /// Errors: prefixes missing, repeated or too many; options out of range.
    pub fn create(rules: TtlRules, options: DeliveryOptions, seed: [u64; 2]) -> Result<Self, Error> {
        Queue::with_gate(Ttl::new(rules, seed)?, options, seed)
    }

    /// Which keys are watched.
    pub fn rules(&self) -> &TtlRules {
        &self.gate.rules
    }

    /// Goes on with these rules of what is held: `keep_evicted` and `max_held`; the others are fixed. What is held already stays. True if
    /// they differ from the old ones.
    pub fn alter_rules(&mut self, to: TtlRules) -> bool {
        let rules = &mut self.gate.rules;
        let before = (rules.keep_evicted, rules.max_held);
        (rules.keep_evicted, rules.max_held) = (to.keep_evicted, to.max_held);
        before != (rules.keep_evicted, rules.max_held)
    }

    /// Bytes of values that are held: of tracked keys, and in entries that are not acknowledged.
    pub fn held_bytes(&self) -> u64 {
        (self.gate.held + self.gate.in_entries) as u64
    }

    /// How many entries came without their values because too much was held, as far as this node has seen.
    pub fn values_dropped(&self) -> u64 {
        self.gate.dropped
    }

    /// This node has seen that a key lives until `deadline`. Its value, as far as it was known, is kept. O(log n). A name longer than
    /// an entry can have is not tracked. A deadline before 1970 counts as 1970.
    pub fn track(&mut self, name: &[u8], deadline: UnixMs) {
        let deadline = deadline.max(UnixMs(0));
        if name.len() > MAX_NAME {
            return;
        }
        match self.gate.find(name) {
            Some(head) => {
                if let Some(watched) = self.gate.watched_if_any(head) {
                    (watched.evicted, watched.gone, watched.shown) = (false, false, false);
                }
                self.gate.move_to(head, deadline);
            }
            None => self.gate.begin(name, deadline, Watched::default()),
        }
    }

    /// Like [`Queue::track`], for a key that may have another value now: what is kept of it is forgotten. O(log n).
    pub fn track_anew(&mut self, name: &[u8], deadline: UnixMs) {
        let deadline = deadline.max(UnixMs(0));
        let Some(head) = self.gate.find(name) else { return self.track(name, deadline) };
        self.gate.forget_watched(head);
        self.gate.move_to(head, deadline);
    }

    /// This node has seen that a key is gone, or lives for ever. True if it was tracked. O(log n).
    pub fn untrack(&mut self, name: &[u8]) -> bool {
        let head = self.gate.find(name);
        head.is_some_and(|head| {
            self.gate.end(head);
            true
        })
    }

    /// Keeps the value of a tracked key, without its bytes if the rules do not allow these: they are too many, or too many with all
    /// others, or of a key that was evicted. O(its bytes).
    pub fn keep(&mut self, name: &[u8], value: Copied) {
        self.keep_as(name, value, Ttl::admit);
    }

    /// Like [`Queue::keep`], however much is held: for a file that is being written, and as long as that takes, since what is in no file
    /// cannot be told after a restart.
    pub fn keep_for_file(&mut self, name: &[u8], value: Copied) {
        self.keep_as(name, value, |gate, value, _| Admitted { value: gate.within(value), dropped: false });
    }

    fn keep_as(&mut self, name: &[u8], value: Copied, admit: impl FnOnce(&Ttl, Copied, usize) -> Admitted) {
        let Some(head) = self.gate.find(name) else { return };
        let before = self.gate.watched(head).size();
        let is_unwanted = self.gate.watched(head).evicted && !self.gate.rules.keep_evicted;
        let Admitted { value, dropped } = match is_unwanted {
            true => Admitted { value: value.without_bytes(), dropped: false },
            false => admit(&self.gate, value, before),
        };
        self.gate.held = self.gate.held - before + value.size();
        let watched = self.gate.watched_mut(head);
        (watched.value, watched.dropped) = (Some(value), dropped);
    }

    /// Forgets the value kept of a tracked key, because it is not its value any more.
    pub fn forget_value(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            self.gate.forget_value(head);
        }
    }

    /// This node has seen a tracked key evicted: the key is delivered at its deadline all the same. Its value is dropped, unless
    /// the rules say otherwise, because it would take the room that the eviction was to make.
    pub fn note_evicted(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            let watched = self.gate.watched_mut(head);
            watched.evicted = true;
            let size = watched.size();
            if !self.gate.rules.keep_evicted {
                let watched = self.gate.watched_mut(head);
                watched.value = watched.value.take().map(Copied::without_bytes);
                self.gate.held -= size;
            }
        }
    }

    /// This node will be shown the value of a tracked key when the key ends, so copies are not needed until the key is set again.
    pub fn note_shown(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            self.gate.watched_mut(head).shown = true;
        }
    }

    /// The life of a tracked key is over: its master says so, or this node has seen that its deadline is over and the key is not there
    /// any more. The end is told once this node may tell it.
    pub fn note_gone(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            self.gate.watched_mut(head).gone = true;
        }
    }

    /// How a tracked key has ended, if it has and that is still to be told. O(1).
    pub fn ended(&self, name: &[u8]) -> Option<Ending> {
        self.known(name)?.ended
    }

    /// What is known of a tracked key. O(1).
    pub fn known(&self, name: &[u8]) -> Option<Known> {
        self.gate.find(name).map(|head| self.gate.known(head))
    }

    /// Does with each of these keys what `decide` says, which learns the key's number in the list and what is known of it. The names must
    /// differ. O(log n) each.
    ///
    /// For a single key most of that time goes into three reads of memory that no cache has, one after the other. Here each of the three is
    /// done for all keys before the next, in loops so short that a processor does several reads at once.
    pub fn update_each(&mut self, names: &[&[u8]], mut decide: impl FnMut(usize, Option<Known>) -> Update) {
        let gate = &self.gate;
        let start = |name: &&[u8]| Met { hash: gate.names.hash(name), likely: None, head: None, known: None };
        let mut met: Vec<Met> = names.iter().map(start).collect();
        met.iter_mut().for_each(|met| met.likely = gate.names.likely(met.hash));
        met.iter_mut().for_each(|met| met.head = met.likely.and_then(|likely| gate.names.at(likely, met.hash)));
        for (met, name) in met.iter_mut().zip(names) {
            let is_it = |head: &Handle| gate.heads.name(*head) == *name;
            met.known = met.head.filter(is_it).map(|head| gate.known(head));
        }
        for (nth, (mut met, name)) in met.into_iter().zip(names).enumerate() {
            if met.likely.is_some() && met.known.is_none() {
                // Another key has this hash, or a part of it.
                met.head = self.gate.names.get_hashed(&self.gate.heads, name, met.hash);
                met.known = met.head.map(|head| self.gate.known(head));
            }
            match (decide(nth, met.known), met.head) {
                (Update::None, _) | (Update::Untrack, None) => {}
                (Update::Untrack, Some(head)) => drop(self.gate.end(head)),
                (Update::Track(deadline), Some(head)) => {
                    self.gate.forget_watched(head);
                    self.gate.move_to(head, deadline.max(UnixMs(0)));
                }
                (Update::Track(_), None) if name.len() > MAX_NAME => {}
                (Update::Track(deadline), None) => {
                    self.gate.begin_hashed(name, met.hash, deadline.max(UnixMs(0)), NO_NUMBER);
                }
            }
        }
    }

    /// The deadline of a tracked key. O(1).
    pub fn tracked_until(&self, name: &[u8]) -> Option<UnixMs> {
        self.gate.find(name).map(|head| self.gate.deadline(head))
    }

    /// Whether a key is tracked, and this node has seen it evicted. O(1).
    pub fn was_evicted(&self, name: &[u8]) -> bool {
        self.gate.find(name).is_some_and(|head| self.gate.watched(head).evicted)
    }

    /// The value kept of a tracked key. O(1).
    pub fn kept(&self, name: &[u8]) -> Option<&Copied> {
        self.gate.find(name).and_then(|head| self.gate.watched(head).value.as_ref())
    }

    /// Forgets what is tracked under deadlines from `now` on: these keys were seen in another keyspace. O(log n) for each key that goes, or
    /// that stays, whichever are fewer. If those that stay are fewer, they alone are tracked anew, and the caller gets all else to drop.
    pub fn forget_to_come(&mut self, now: UnixMs) -> Option<Rubbish> {
        let count = self.gate.deadlines.len();
        let staying = now.0.checked_sub(1).map_or(0, |key| self.gate.deadlines.count_through(&self.gate.heads, key));
        if staying < count - staying {
            // A pass has gone through what is not there any more.
            self.pass = None;
            return Some(self.gate.keep_first(staying));
        }
        let from = Place { key: now.0, seq: 0 };
        let to_come: Vec<Handle> = self.gate.deadlines.iter_from_place(&self.gate.heads, from).collect();
        for head in to_come {
            self.gate.end(head);
        }
        None
    }

    /// Forgets the values kept of keys with deadlines after `after`, except those of evicted keys.
    pub fn forget_values(&mut self, after: UnixMs) {
        let from = Place { key: after.0.saturating_add(1), seq: 0 };
        let later: Vec<Handle> = self.gate.deadlines.iter_from_place(&self.gate.heads, from).collect();
        for head in later {
            if !self.gate.watched(head).evicted {
                self.gate.forget_value(head);
            }
        }
    }

    /// The life of a key has ended at `deadline`: its entry is ready. The key is not tracked any more, unless for a later deadline.
    /// O(log n) and O(bytes).
    ///
    /// Errors: [`Error::Exhausted`].
    pub fn expire(
        &mut self,
        name: &[u8],
        deadline: UnixMs,
        ending: Ending,
        value: Option<LastValue<'_>>,
    ) -> Result<(), Error> {
        self.check_room(0, 1)?;
        if let Some(watched) = self.untrack_until(name, deadline) {
            let comes_without = value.is_none_or(|value| value.bytes.is_none());
            self.gate.dropped += u64::from(watched.dropped && comes_without);
        }
        self.enter_expiry(name, deadline, ending, value);
        Ok(())
    }

    /// Like [`Queue::expire`], on the node that decides it: the entry has `last`, the value that the key ended with, or else the value that
    /// is kept of this life; returns the value that it has. `known`: of which life is what is tracked under this name.
    ///
    /// Errors: [`Error::Exhausted`]; the key is not tracked any more even then.
    pub fn end_life(
        &mut self,
        name: &[u8],
        end: Owed,
        last: Option<Copied>,
        known: OfLife,
    ) -> Result<Option<Copied>, Error> {
        let until = match known {
            OfLife::This => end.deadline,
            OfLife::Earlier => UnixMs::NEVER,
        };
        let watched = self.untrack_until(name, until);
        self.check_room(0, 1)?;
        let kept = watched.filter(|_| known == OfLife::This);
        let (value, dropped) = match (last, kept) {
            // The value that was kept has just made room for this one.
            (Some(last), _) => {
                let Admitted { value, dropped } = self.gate.admit(last, 0);
                (Some(value), dropped)
            }
            (None, Some(kept)) => (kept.value, kept.dropped),
            (None, None) => (None, false),
        };
        self.gate.dropped += u64::from(dropped);
        self.enter_expiry(name, end.deadline, end.ending, value.as_ref().map(Copied::as_last));
        Ok(value)
    }

    fn untrack_until(&mut self, name: &[u8], deadline: UnixMs) -> Option<Watched> {
        let head = self.gate.find(name).filter(|head| self.gate.deadline(*head) <= deadline)?;
        Some(self.gate.end(head))
    }

    fn enter_expiry(&mut self, name: &[u8], deadline: UnixMs, ending: Ending, value: Option<LastValue<'_>>) {
        let body = body::of(ending, value);
        self.gate.in_entries += body::value_size(&body);
        self.enter(deadline.0, name, &body, 0);
    }
}
