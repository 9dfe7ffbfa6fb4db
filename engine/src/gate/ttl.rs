//! The TTL gate: a watched Redis key is delivered, with its value, once its time to live has run out.
//!
//! The gate knows which keys are watched, and until when each lives. It learns that from outside: `track`, `untrack` and `keep` say
//! what a node has seen in its own keyspace. They are not replicated, because every node sees for itself. So what is tracked is *local*:
//! saved, but no part of what master and replica are compared by. An expiry makes the entry: the master decides on it
//! ([`Queue::end_life`]), and replicas repeat it with everything it needs ([`Queue::expire`]).
//!
//! A key lives up to and with the millisecond of its deadline: as Redis sees it, it has expired when `now > deadline`.

mod body;
mod judge;
mod listing;
mod rules;
mod saved;
mod sightings;
mod tracking;

pub use body::{expired, Ending, Expired, LastValue};
pub use judge::{judge_change, judge_end, Change, End, Known, Life, OfLife, Owed, Then, Verdict, Voice};
pub use listing::{Mark, Tracked};
pub use rules::{Prefix, TtlRules};
pub use sightings::{ChangedKey, KeyId, Last, SeenEnd, Sightings};
pub use tracking::{Copied, Update};

use super::Gate;
use crate::entries::{Entries, Handle, Place};
use crate::error::Error;
use crate::mover::Mover;
use crate::names::Names;
use crate::order::Order;
use crate::pass::{more, Cursor, Step};
use crate::rubbish::Rubbish;
use crate::slab::Slab;
use crate::time::UnixMs;
use rules::TtlRules0;
use saved::SavedKey;
use serde::{Deserialize, Deserializer};

/// The gate of an EXPIRY key.
#[derive(Clone)]
pub struct Ttl {
    rules: TtlRules,
    names: Names,
    /// One block for each tracked key. Its place is its deadline and a number, its name the key's, its body the number in `watched`, or
    /// [`NO_NUMBER`].
    heads: Entries,
    deadlines: Order,
    watched: Slab<Watched>,
    /// Bytes of the values in `watched`.
    held: usize,
    /// Bytes of the values in entries, whatever their state.
    in_entries: usize,
    /// Entries that came without their values because too much was held. Not saved: it counts what this node has seen.
    dropped: u64,
    next_head: u64,
}

/// The number of a tracked key of which nothing is known beside its deadline, as of most keys that do not end soon. No slab gives it.
const NO_NUMBER: u32 = u32::MAX;

/// What is known of a tracked key without a number.
static NOTHING: Watched = Watched { value: None, evicted: false, gone: false, dropped: false, shown: false };

/// What is known of a tracked key beside its deadline.
#[derive(Clone, Default, PartialEq, Eq)]
struct Watched {
    value: Option<Copied>,
    /// Whether Redis has evicted it; its deadline stands.
    evicted: bool,
    /// Whether its life is over, and no further event will say so: the master has said that the key expires, or the key was gone
    /// after its deadline. Not saved: a node that loads finds out anew.
    gone: bool,
    /// Whether its value was not kept because too much was held. Not saved, because it serves only to count.
    dropped: bool,
    /// Whether its value is shown when it ends, so that no copies are made. Not saved.
    shown: bool,
}

/// A value as far as it may be held.
struct Admitted {
    value: Copied,
    /// Its bytes were dropped for want of room.
    dropped: bool,
}

impl Ttl {
    fn new(rules: TtlRules, seed: [u64; 2]) -> Result<Self, Error> {
        rules.check()?;
        Ok(Ttl {
            rules,
            names: Names::new(seed),
            heads: Entries::new(),
            deadlines: Order::new(),
            watched: Slab::new(),
            held: 0,
            in_entries: 0,
            dropped: 0,
            next_head: 0,
        })
    }

    fn find(&self, name: &[u8]) -> Option<Handle> {
        self.names.get(&self.heads, name)
    }

    fn number(&self, head: Handle) -> Option<u32> {
        let body = self.heads.body(head);
        let number = u32::from_le_bytes(*body.first_chunk().expect("a head's body is a number"));
        (number != NO_NUMBER).then_some(number)
    }

    fn watched(&self, head: Handle) -> &Watched {
        self.number(head).map_or(&NOTHING, |number| &self.watched[number])
    }

    /// What is known of a tracked key, if there is anything to be changed in it.
    fn watched_if_any(&mut self, head: Handle) -> Option<&mut Watched> {
        let number = self.number(head)?;
        Some(&mut self.watched[number])
    }

    /// What is known of a tracked key, to be added to.
    fn watched_mut(&mut self, head: Handle) -> &mut Watched {
        let number = self.number(head).unwrap_or_else(|| {
            let number = self.watched.insert(Watched::default());
            self.heads.set_body(head, &number.to_le_bytes());
            number
        });
        &mut self.watched[number]
    }

    fn forget_value(&mut self, head: Handle) {
        if let Some(watched) = self.watched_if_any(head) {
            let size = watched.size();
            (watched.value, watched.dropped) = (None, false);
            self.held -= size;
        }
    }

    /// Forgets what is known of a tracked key beside its deadline.
    fn forget_watched(&mut self, head: Handle) {
        if let Some(number) = self.number(head) {
            self.held -= self.watched.remove(number).size();
            self.heads.set_body(head, &NO_NUMBER.to_le_bytes());
        }
    }

    fn deadline(&self, head: Handle) -> UnixMs {
        UnixMs(self.heads.place(head).key)
    }

    fn known(&self, head: Handle) -> Known {
        let watched = self.watched(head);
        let ended = if watched.evicted { Some(Ending::Evicted) } else { watched.gone.then_some(Ending::Expired) };
        Known { deadline: self.deadline(head), ended }
    }

    fn begin(&mut self, name: &[u8], deadline: UnixMs, watched: Watched) {
        let hash = self.names.hash(name);
        self.held += watched.size();
        let number = if watched == NOTHING { NO_NUMBER } else { self.watched.insert(watched) };
        self.begin_hashed(name, hash, deadline, number);
    }

    fn begin_hashed(&mut self, name: &[u8], hash: u32, deadline: UnixMs, number: u32) {
        let place = Place { key: deadline.0, seq: self.next_head };
        self.next_head += 1;
        let head = self.heads.insert(place, name, &number.to_le_bytes(), hash);
        self.names.insert(head, hash);
        self.deadlines.insert(&self.heads, head);
    }

    fn end(&mut self, head: Handle) -> Watched {
        let watched = self.number(head).map(|number| self.watched.remove(number)).unwrap_or_default();
        self.held -= watched.size();
        self.deadlines.remove(&self.heads, head);
        self.names.remove(&self.heads, head);
        self.heads.remove(head);
        watched
    }

    /// Goes on with the `count` tracked keys that have the first deadlines, and with no others. Returns the memory that held all of them.
    fn keep_first(&mut self, count: usize) -> Rubbish {
        let names = self.names.emptied();
        let all = (
            std::mem::replace(&mut self.names, names),
            std::mem::take(&mut self.heads),
            std::mem::take(&mut self.deadlines),
            std::mem::take(&mut self.watched),
        );
        let (names, heads, deadlines, mut watched) = all;
        self.held = 0;
        for head in deadlines.iter().take(count) {
            let number = u32::from_le_bytes(*heads.body(head).first_chunk().expect("a head's body is a number"));
            let known = if number == NO_NUMBER { Watched::default() } else { watched.remove(number) };
            self.begin(heads.name(head), UnixMs(heads.place(head).key), known);
        }
        Box::new((names, heads, deadlines, watched))
    }

    /// The value, without its bytes if values of its size are not kept.
    fn within(&self, value: Copied) -> Copied {
        if value.size() as u64 > self.rules.max_value {
            return value.without_bytes();
        }
        value
    }

    /// The value, without its bytes if it may not be held in place of `instead_of` bytes.
    fn admit(&self, value: Copied, instead_of: usize) -> Admitted {
        let value = self.within(value);
        let size = value.size();
        let others = (self.held + self.in_entries - instead_of) as u64;
        if self.rules.max_held != 0 && size > 0 && others.saturating_add(size as u64) > self.rules.max_held {
            return Admitted { value: value.without_bytes(), dropped: true };
        }
        Admitted { value, dropped: false }
    }

    fn compact_heads(&mut self, cursor: &mut Cursor, most: usize) -> Step {
        let mut done = 0;
        while done < most.max(1) && self.heads.waste() + self.watched.waste() > 0 {
            let Some(page) = cursor.walk.next(&self.heads) else { return Step::Done };
            done += page.handles.len() + 1;
            for head in page.handles {
                self.heads.renumber_outside(head);
                if let Some(number) = self.number(head).and_then(|number| self.watched.relocate(number)) {
                    self.heads.set_body(head, &number.to_le_bytes());
                }
                if page.is_sparse {
                    let new = self.heads.relocate(head);
                    self.names.moved(&self.heads, head, new);
                    self.deadlines.replace(&self.heads, head, new);
                    self.heads.leave(head);
                }
            }
        }
        more(done)
    }

    fn move_to(&mut self, head: Handle, deadline: UnixMs) {
        if self.deadline(head) == deadline {
            return;
        }
        self.deadlines.remove(&self.heads, head);
        self.heads.set_key(head, deadline.0);
        self.deadlines.insert(&self.heads, head);
    }
}

impl Watched {
    fn size(&self) -> usize {
        self.value.as_ref().map_or(0, Copied::size)
    }
}

/// The sweep fires nothing: an overdue key waits for the node that can tell whether it has really expired.
impl Gate for Ttl {
    type Saved = TtlRules;
    type Collected<'a> = SavedKey<'a>;

    const COLLECTED_IS_LOCAL: bool = true;

    /// An expiry is made from outside, but not before this time.
    fn next_opening(&mut self, _: &Order, _: &Entries, now: UnixMs) -> Option<UnixMs> {
        let first = self.deadlines.first()?;
        Some(UnixMs(self.deadline(first).0.max(now.0).saturating_add(1)))
    }

    /// A tracked key has a deadline of its own, which the timer minds.
    fn closes_again(&self, _: &Order) -> bool {
        false
    }

    fn forget(&mut self, entries: &Entries, handle: Handle) {
        self.in_entries -= body::value_size(entries.body(handle));
    }

    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error> {
        let body = entries.body(handle);
        body::check_expired(body)?;
        self.in_entries += body::value_size(body);
        Ok(())
    }

    fn collecting(&self) -> usize {
        self.heads.len()
    }

    fn save(&self) -> TtlRules {
        self.rules.clone()
    }

    fn collected(&self) -> impl Iterator<Item = (usize, SavedKey<'_>)> {
        self.saved_keys()
    }

    fn read_format_0<'de, D: Deserializer<'de>>(from: D) -> Result<TtlRules, D::Error> {
        TtlRules0::deserialize(from).map(TtlRules::from)
    }

    fn load(rules: TtlRules, seed: [u64; 2]) -> Result<Self, Error> {
        Ttl::new(rules, seed).map_err(|_| Error::Damaged("impossible prefixes"))
    }

    /// A key that was to end only after `now` is another key in another keyspace, or none. What is over by then is told by whoever gets the
    /// snapshot.
    fn leaves_behind(&self, saved: &SavedKey<'_>, now: UnixMs) -> Result<bool, Error> {
        self.check_saved(saved)?;
        Ok(saved.deadline >= now)
    }

    fn adopt_collected(&mut self, saved: SavedKey<'_>) -> Result<Option<u64>, Error> {
        self.adopt_key(saved)?;
        Ok(None)
    }

    fn waste(&self) -> usize {
        self.heads.waste() + self.watched.waste() + self.deadlines.waste() + self.names.waste()
    }

    fn compact(&mut self, stage: usize, cursor: &mut Cursor, most: usize) -> Step {
        match stage {
            0 => self.compact_heads(cursor, most),
            1 => cursor.along(&mut self.deadlines, most),
            2 => cursor.through(|from| self.names.fit(from, most)),
            _ => Step::NoPart,
        }
    }

    fn show_buffers(&mut self, part: usize, cursor: &mut Cursor, mover: &mut impl Mover) -> Step {
        let value = |watched: &mut Watched, mover: &mut _| {
            if let Some(bytes) = watched.value.as_mut().and_then(|value| value.bytes.as_mut()) {
                Mover::slice(mover, bytes);
            }
        };
        match part {
            0 => cursor.show(mover, |number, mover| self.heads.show_page(number, mover)),
            1 => cursor.show(mover, |number, mover| self.heads.show_outside(number, mover)),
            2 => cursor.show(mover, |number, mover| self.watched.show_chunk(number, mover, value)),
            3 => cursor.show(mover, |number, mover| self.deadlines.show_chunk(number, mover)),
            _ => Step::NoPart,
        }
    }

    fn memory(&self) -> usize {
        self.names.memory() + self.heads.memory() + self.deadlines.memory() + self.watched.memory() + self.held
    }

    fn free_effort(&self) -> usize {
        self.heads.len() / 8
    }
}

#[cfg(test)]
mod tests;
