//! The operations of EXPIRY itself: what a node sees of watched keys, and expiries.
//!
//! The body of an entry: how the key ended (1), whether its type is known (1), its type (1), whether there is a value (1), the value.

use super::{Known, Scope, Ttl, Watched};
use crate::entries::{Handle, Place, MAX_NAME};
use crate::error::Error;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::time::UnixMs;

/// A copy of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The type of the key, as whoever made the copy numbers types.
    pub kind: u8,
    /// The value; none if it is larger than the scope allows.
    pub bytes: Option<Box<[u8]>>,
}

impl Copied {
    /// Without its bytes if these are more than this.
    fn within(self, max: u64) -> Self {
        Copied { bytes: self.bytes.filter(|bytes| bytes.len() as u64 <= max), ..self }
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

/// How a watched key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its time to live ran out.
    Expired,
    /// It was evicted before that.
    Evicted,
}

/// An expiry as its worker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired<'a> {
    /// How the key ended.
    pub ending: Ending,
    /// The type of its value, if it was seen in time.
    pub kind: Option<u8>,
    /// Its value, if that was kept.
    pub value: Option<&'a [u8]>,
}

/// A tracked key in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last millisecond of its life.
    pub deadline: UnixMs,
}

/// How many types of keys there are.
pub const KINDS: u8 = 7;

/// A place between two tracked keys: behind those of earlier deadlines, and some of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(UnixMs, u64);

impl Mark {
    /// Before all keys with this deadline.
    pub fn at(deadline: UnixMs) -> Self {
        Mark(deadline, 0)
    }
}

const HEADER: usize = 4;

/// What the body of an entry says; it must have passed the check of a snapshot.
pub fn expired(body: &[u8]) -> Expired<'_> {
    let (ending, kind, value) = match body {
        [ending, 1, kind, 1, value @ ..] => (*ending, Some(*kind), Some(value)),
        [ending, 1, kind, ..] => (*ending, Some(*kind), None),
        [ending, ..] => (*ending, None, None),
        [] => (0, None, None),
    };
    Expired { ending: if ending == 1 { Ending::Evicted } else { Ending::Expired }, kind, value }
}

/// Fails unless this is the body of an expiry.
pub fn check_expired(body: &[u8]) -> Result<(), Error> {
    match body {
        [0 | 1, 1, kind, 1, ..] | [0 | 1, 1, kind, 0] if *kind < KINDS => Ok(()),
        [0 | 1, 0, 0, 0] => Ok(()),
        _ => Err(Error::Damaged("an impossible expiry")),
    }
}

impl Queue<Ttl> {
    /// An empty key. `seed` keys the hashes of names and shows nowhere.
    ///
    /// Errors: prefixes missing, repeated or too many; options out of range.
    pub fn create(scope: Scope, options: DeliveryOptions, seed: [u64; 2]) -> Result<Self, Error> {
        Queue::with_gate(Ttl::new(scope, seed)?, options)
    }

    /// Which keys are watched.
    pub fn scope(&self) -> &Scope {
        &self.gate.scope
    }

    /// This node has seen that a key lives until `deadline`. Its value, as far as it was known, is kept. O(log n). A name longer than
    /// an entry can have is not tracked. A deadline before 1970 is as good as one then.
    pub fn track(&mut self, name: &[u8], deadline: UnixMs) {
        let deadline = deadline.max(UnixMs(0));
        if name.len() > MAX_NAME {
            return;
        }
        match self.gate.find(name) {
            Some(head) => {
                let number = self.gate.number(head);
                let watched = &mut self.gate.watched[number];
                (watched.evicted, watched.gone) = (false, false);
                if self.gate.deadline(head) != deadline {
                    self.gate.move_to(head, deadline);
                }
            }
            None => self.gate.begin(name, deadline, Watched::default()),
        }
    }

    /// This node has seen that a key is gone, or lives for ever. True if it was tracked. O(log n).
    pub fn untrack(&mut self, name: &[u8]) -> bool {
        let head = self.gate.find(name);
        head.is_some_and(|head| {
            self.gate.end(head);
            true
        })
    }

    /// Keeps the value of a tracked key, without its bytes if these are more than the scope allows. O(its bytes).
    pub fn keep(&mut self, name: &[u8], value: Copied) {
        let Some(head) = self.gate.find(name) else { return };
        let number = self.gate.number(head);
        let watched = &mut self.gate.watched[number];
        let before = watched.size();
        let max = self.gate.scope.max_value;
        watched.value = Some(value.within(max));
        self.gate.held = self.gate.held + watched.size() - before;
    }

    /// The value kept of a tracked key is not its value any more.
    pub fn forget_value(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            let number = self.gate.number(head);
            let watched = &mut self.gate.watched[number];
            self.gate.held -= watched.size();
            watched.value = None;
        }
    }

    /// This node has seen a tracked key thrown out for want of memory: it is delivered at its deadline all the same.
    pub fn note_evicted(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            let number = self.gate.number(head);
            self.gate.watched[number].evicted = true;
        }
    }

    /// The life of a tracked key is over: its master says so; or this node has seen that its deadline is over and it is not there any
    /// more. It is told once this node may.
    pub fn note_gone(&mut self, name: &[u8]) {
        if let Some(head) = self.gate.find(name) {
            let number = self.gate.number(head);
            self.gate.watched[number].gone = true;
        }
    }

    /// How a tracked key has ended that is still to be told, if it has. O(1).
    pub fn ended(&self, name: &[u8]) -> Option<Ending> {
        self.known(name)?.ended
    }

    /// What is known of a tracked key. O(1).
    pub fn known(&self, name: &[u8]) -> Option<Known> {
        let head = self.gate.find(name)?;
        let watched = self.gate.watched(head);
        let ended = if watched.evicted { Some(Ending::Evicted) } else { watched.gone.then_some(Ending::Expired) };
        Some(Known { deadline: self.gate.deadline(head), ended })
    }

    /// The deadline of a tracked key, and whether it was evicted. O(1).
    pub fn tracked_until(&self, name: &[u8]) -> Option<(UnixMs, bool)> {
        self.gate.find(name).map(|head| (self.gate.deadline(head), self.gate.watched(head).evicted))
    }

    /// The value kept of a tracked key. O(1).
    pub fn kept(&self, name: &[u8]) -> Option<&Copied> {
        self.gate.find(name).and_then(|head| self.gate.watched(head).value.as_ref())
    }

    /// What is tracked under deadlines from `now` on is forgotten: these keys were seen in another keyspace.
    pub fn forget_to_come(&mut self, now: UnixMs) {
        let from = Place { key: now.0, seq: 0 };
        let to_come: Vec<Handle> = self.gate.deadlines.iter_from_place(&self.gate.heads, from).collect();
        for head in to_come {
            self.gate.end(head);
        }
    }

    /// The values kept of keys with deadlines after `after` are forgotten.
    pub fn forget_values(&mut self, after: UnixMs) {
        let from = Place { key: after.0.saturating_add(1), seq: 0 };
        let later: Vec<Handle> = self.gate.deadlines.iter_from_place(&self.gate.heads, from).collect();
        for head in later {
            let number = self.gate.number(head);
            let watched = &mut self.gate.watched[number];
            if !watched.evicted {
                self.gate.held -= watched.size();
                watched.value = None;
            }
        }
    }

    /// Up to `count` tracked keys behind `mark` whose deadlines lie not after `until`, next first, each with the mark to go on from.
    /// O(log n) and O(1) each.
    pub fn ending_behind(&self, mark: Mark, until: UnixMs, count: usize) -> Vec<(Tracked<'_>, Mark)> {
        let heads = self.gate.deadlines.iter_from_place(&self.gate.heads, Place { key: mark.0 .0, seq: mark.1 });
        let marked = |head: Handle| {
            let place = self.gate.heads.place(head);
            let tracked = Tracked { name: self.gate.heads.name(head), deadline: UnixMs(place.key) };
            (tracked, Mark(tracked.deadline, place.seq + 1))
        };
        heads.take(count).map(marked).take_while(|(tracked, _)| tracked.deadline <= until).collect()
    }

    /// Up to `count` tracked keys whose deadlines lie after `after` (from the first on, if that is the least there is) and not after `until`, next first. O(log n) and O(1) each.
    pub fn ending_between(&self, after: UnixMs, until: UnixMs, count: usize) -> Vec<Tracked<'_>> {
        let from = if after.0 == i64::MIN { i64::MIN } else { after.0.saturating_add(1) };
        self.listing(Place { key: from, seq: 0 }).take(count).take_while(|tracked| tracked.deadline <= until).collect()
    }

    /// Up to `count` tracked keys, next first, from just behind the key `after`; from the first if that is not tracked (any more).
    pub fn tracked(&self, after: Option<&[u8]>, count: usize) -> Vec<Tracked<'_>> {
        let after = after.and_then(|name| self.gate.find(name)).map(|head| self.gate.heads.place(head));
        let from = after.map_or(Place { key: i64::MIN, seq: 0 }, |place| Place { seq: place.seq + 1, ..place });
        self.listing(from).take(count).collect()
    }

    fn listing(&self, from: Place) -> impl Iterator<Item = Tracked<'_>> {
        let tracked = |head: Handle| Tracked { name: self.gate.heads.name(head), deadline: self.gate.deadline(head) };
        self.gate.deadlines.iter_from_place(&self.gate.heads, from).map(tracked)
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
        value: Option<(u8, Option<&[u8]>)>,
    ) -> Result<(), Error> {
        self.check_room(0, 1)?;
        self.untrack_until(name, deadline);
        self.enter_expiry(name, deadline, ending, value);
        Ok(())
    }

    /// The same as this node has it: with `last`, the value that the key ended with, or else what is kept. Tells that. `anew`: what is
    /// tracked under this name is of an earlier life, whatever its deadline.
    ///
    /// Errors: [`Error::Exhausted`]; the key is not tracked any more even then.
    pub fn end_life(
        &mut self,
        name: &[u8],
        deadline: UnixMs,
        ending: Ending,
        last: Option<Copied>,
        anew: bool,
    ) -> Result<Option<Copied>, Error> {
        let watched = self.untrack_until(name, if anew { UnixMs::NEVER } else { deadline });
        self.check_room(0, 1)?;
        let max = self.gate.scope.max_value;
        let last = last.map(|last| last.within(max));
        let value = last.or_else(|| watched.filter(|_| !anew).and_then(|watched| watched.value));
        let told = value.as_ref().map(|value| (value.kind, value.bytes.as_deref()));
        self.enter_expiry(name, deadline, ending, told);
        Ok(value)
    }

    fn untrack_until(&mut self, name: &[u8], deadline: UnixMs) -> Option<Watched> {
        let head = self.gate.find(name).filter(|head| self.gate.deadline(*head) <= deadline)?;
        Some(self.gate.end(head))
    }

    fn enter_expiry(&mut self, name: &[u8], deadline: UnixMs, ending: Ending, value: Option<(u8, Option<&[u8]>)>) {
        let (kind, bytes) = value.map_or((None, None), |(kind, bytes)| (Some(kind), bytes));
        let mut body = Vec::with_capacity(HEADER + bytes.map_or(0, <[u8]>::len));
        body.extend([ending as u8, u8::from(kind.is_some()), kind.unwrap_or(0), u8::from(bytes.is_some())]);
        body.extend_from_slice(bytes.unwrap_or_default());
        self.enter(deadline.0, name, &body, 0);
    }
}
