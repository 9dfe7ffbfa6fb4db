//! Tracked keys, listed by their deadlines or their names.

use super::Ttl;
use crate::entries::{Handle, Place};
use crate::queue::Queue;
use crate::time::UnixMs;

/// A tracked key in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last millisecond of its life.
    pub deadline: UnixMs,
    /// Whether its value is shown when it ends ([`Queue::note_shown`]).
    pub is_shown: bool,
}

/// A place between two tracked keys: behind those with earlier deadlines, and some of those with this deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(UnixMs, u64);

impl Mark {
    /// Before all keys with this deadline.
    pub fn at(deadline: UnixMs) -> Self {
        Mark(deadline, 0)
    }
}

impl Queue<Ttl> {
    /// Up to `count` tracked keys behind `mark` whose deadlines are not after `until`, next first, each with the mark to go on from.
    /// O(log n) and O(1) each.
    pub fn ending_behind(&self, mark: Mark, until: UnixMs, count: usize) -> Vec<(Tracked<'_>, Mark)> {
        let heads = self.gate.deadlines.iter_from_place(&self.gate.heads, Place { key: mark.0 .0, seq: mark.1 });
        let marked = |head: Handle| {
            let place = self.gate.heads.place(head);
            (self.listed(head), Mark(UnixMs(place.key), place.seq + 1))
        };
        heads.take(count).map(marked).take_while(|(tracked, _)| tracked.deadline <= until).collect()
    }

    /// Up to `count` tracked keys whose deadlines are after `after` and not after `until`, next first; all of
    /// those up to `until` if `after` is the least time there is. O(log n) and O(1) each.
    pub fn ending_between(&self, after: UnixMs, until: UnixMs, count: usize) -> Vec<Tracked<'_>> {
        let from = if after.0 == i64::MIN { i64::MIN } else { after.0.saturating_add(1) };
        self.listing(Place { key: from, seq: 0 }).take(count).take_while(|tracked| tracked.deadline <= until).collect()
    }

    /// How many tracked keys have deadlines after `after` and not after `until`. O(log n).
    pub fn count_between(&self, after: UnixMs, until: UnixMs) -> usize {
        let through = |at: UnixMs| self.gate.deadlines.count_through(&self.gate.heads, at.0);
        through(until).saturating_sub(through(after))
    }

    /// Up to `count` tracked keys, next first, from just behind the key `after`; from the first if that is not tracked (any more).
    pub fn tracked(&self, after: Option<&[u8]>, count: usize) -> Vec<Tracked<'_>> {
        let after = after.and_then(|name| self.gate.find(name)).map(|head| self.gate.heads.place(head));
        let from = after.map_or(Place { key: i64::MIN, seq: 0 }, |place| Place { seq: place.seq + 1, ..place });
        self.listing(from).take(count).collect()
    }

    fn listing(&self, from: Place) -> impl Iterator<Item = Tracked<'_>> {
        self.gate.deadlines.iter_from_place(&self.gate.heads, from).map(|head| self.listed(head))
    }

    fn listed(&self, head: Handle) -> Tracked<'_> {
        let (name, deadline) = (self.gate.heads.name(head), self.gate.deadline(head));
        Tracked { name, deadline, is_shown: self.gate.watched(head).shown }
    }
}
