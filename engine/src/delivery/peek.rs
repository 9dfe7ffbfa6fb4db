//! PEEK: entries with their content, page by page. Changes nothing.
//!
//! A cursor is where in its order a page ends: a place, a time and a place, or a token. None of these changes while an entry stays where it
//! is, so an entry that is there all the time is on one of the pages, whatever comes and goes meanwhile.

mod groups;

use super::view::UNSWEPT;
use crate::entries::{Handle, Place};
use crate::gate::{AllDue, Due, Extent, Foretold, Gate};
use crate::queue::Queue;
use crate::time::UnixMs;
use crate::token::Token;
use groups::HeldBack;
use std::borrow::Cow;
use std::fmt;

/// The most bytes of names and bodies on a page: an entry that does not fit begins the next page. A body that would never fit is left out.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Which entries are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Those that are stored and that the gate does not let through yet, in their order. What a gate collects is not among them.
    Waiting,
    /// Those that can be claimed, in the order in which they are handed out; where groups have a limit, those that are held back come last on
    /// each page.
    Ready,
    /// Those that rest after a failed delivery, in the order in which they come back.
    Delayed,
    /// Those with a running lease, by token.
    Leased,
    /// Dead letters, by token.
    Dead,
}

/// Where a page ends. Only the next call reads this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Among delayed entries, when the last one of the page comes back; else 0.
    until: UnixMs,
    /// The place of that entry, or its token as a sequence number.
    place: Place,
}

/// Some entries, and where the next page goes on.
#[derive(Debug)]
pub struct PeekPage<'a> {
    /// In the order of the listing.
    pub entries: Vec<Peeked<'a>>,
    /// None: nothing is left. A page may end early, even without an entry, and still have a next one.
    pub next: Option<Cursor>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked<'a> {
    /// The token of its last delivery, as long as it names the entry.
    pub token: Option<Token>,
    /// How often it has been delivered.
    pub deliveries: u32,
    /// Where it is, with what is known of it there.
    pub at: PeekedAt<'a>,
    /// Its place: the timestamp of a TSGEN element.
    pub key: i64,
    /// Its name; empty for a batch that is still to be sealed, because its number is made then.
    pub name: &'a [u8],
    /// The name of its group; `None` in keys without groups.
    pub group: Option<&'a [u8]>,
    /// Its body; of one that is too large, perhaps only the beginning.
    pub body: Cow<'a, [u8]>,
    /// How much of the body is there.
    pub extent: Extent,
    /// Bytes of the whole body.
    pub size: usize,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekedAt<'a> {
    /// Its place is beyond what the gate lets through.
    Waiting,
    /// It can be claimed, unless its group holds it back.
    Ready {
        /// Whether its group has as many entries in hand as it may; `None` where groups have no limit.
        held_back: Option<bool>,
    },
    /// It rests after a failed delivery.
    Delayed {
        /// When its delay is over.
        until: UnixMs,
    },
    /// Somebody holds it.
    Leased {
        /// Who.
        consumer: &'a [u8],
        /// When the lease ends.
        until: UnixMs,
    },
    /// It is dead.
    Dead {
        /// Since when.
        died_at: UnixMs,
        /// Why.
        reason: &'a [u8],
    },
}

/// An entry of a page, before it is known whether the page has room for it.
struct Found<'a> {
    cursor: Cursor,
    what: What,
    at: PeekedAt<'a>,
}

#[derive(Clone, Copy)]
enum What {
    Entry(Handle),
    /// The next run, at this place, of an entry that has died; the sweep will make it.
    NextRun(Handle, Place),
    /// A collected thing that is due. The sweep will fire it; a reader must not.
    Due(Due),
}

impl Cursor {
    const START: Cursor = Cursor { until: UnixMs(i64::MIN), place: Place { key: i64::MIN, seq: 0 } };

    fn of_place(place: Place) -> Self {
        Cursor { until: UnixMs(0), place }
    }

    fn of_token(token: Token) -> Self {
        Self::of_place(Place { key: 0, seq: token })
    }

    /// The first point behind this one.
    fn beyond(self) -> Self {
        Cursor { place: Place { seq: self.place.seq.saturating_add(1), ..self.place }, ..self }
    }

    /// Reads what `Display` has written.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.split(':');
        let until = UnixMs(parts.next()?.parse().ok()?);
        let place = Place { key: parts.next()?.parse().ok()?, seq: parts.next()?.parse().ok()? };
        let read = Cursor { until, place };
        // There is only one way to write a cursor.
        (read.to_string().as_bytes() == text).then_some(read)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}:{}", self.until.0, self.place.key, self.place.seq)
    }
}

impl<G: Gate> Queue<G> {
    /// A page of up to `count` entries behind `after`, as if everything due had been swept, within the bounds of other listings.
    /// O(log n + those listed), and O(1) for each of up to [`UNSWEPT`] leases and delays that have ended since the last sweep.
    pub fn peek(&mut self, listing: Listing, after: Option<Cursor>, count: usize, now: UnixMs) -> PeekPage<'_> {
        let from = after.map_or(Cursor::START, Cursor::beyond);
        // One more tells whether anything is left.
        let wanted = count.saturating_add(1);
        let mut is_cut = false;
        let found = match listing {
            Listing::Ready => {
                let due = self.gate.due_from(from.place, wanted, now);
                is_cut = due.unknown_from.is_some();
                self.ready_from(from.place, due, wanted, now)
            }
            Listing::Waiting => self.waiting_from(from.place, wanted, now),
            Listing::Delayed => {
                let delayed = self.delayed_from((from.until, from.place), wanted, now);
                let found = |((until, place), handle)| Found {
                    cursor: Cursor { until, place },
                    what: What::Entry(handle),
                    at: PeekedAt::Delayed { until },
                };
                delayed.into_iter().map(found).collect()
            }
            Listing::Leased => self.leased_from(from.place.seq, wanted, now),
            Listing::Dead => {
                let found = |(token, (handle, died_at, reason))| Found {
                    cursor: Cursor::of_token(token),
                    what: What::Entry(handle),
                    at: PeekedAt::Dead { died_at, reason },
                };
                self.dead_from(from.place.seq, wanted, now).into_iter().map(found).collect()
            }
        };
        self.page(found, count, after, is_cut, now)
    }

    /// What is queued beyond the horizon.
    fn waiting_from(&self, from: Place, count: usize, now: UnixMs) -> Vec<Found<'_>> {
        let from = match self.gate.horizon(now).map(|horizon| horizon.checked_add(1)) {
            // The gate has let nothing through yet.
            None => from,
            Some(Some(key)) => from.max(Place { key, seq: 0 }),
            Some(None) => return Vec::new(),
        };
        let stored = self.order.iter_from_place(&self.entries, from);
        let queued = self.with_returned(stored, now, |place| place >= from, count);
        queued.into_iter().map(|(place, handle)| self.found(place, handle, PeekedAt::Waiting)).collect()
    }

    /// A queued entry, or the next run of one, which is at this place.
    fn found<'a>(&self, place: Place, handle: Handle, at: PeekedAt<'a>) -> Found<'a> {
        let what = match self.entries.place(handle) == place {
            true => What::Entry(handle),
            false => What::NextRun(handle, place),
        };
        Found { cursor: Cursor::of_place(place), what, at }
    }

    /// Ready entries and what is due, merged.
    fn ready_from(&self, from: Place, due: AllDue, count: usize, now: UnixMs) -> Vec<Found<'_>> {
        let AllDue { things: due, unknown_from } = due;
        let Some(horizon) = self.gate.horizon(now) else { return Vec::new() };
        let known = |place: Place| unknown_from.is_none_or(|unknown| place < unknown);
        let is_wanted = |place: Place| place >= from && place.key <= horizon && known(place);
        let stored = self.order.iter_from_place(&self.entries, from);
        let queued = self.with_returned(stored, now, is_wanted, count);
        let at = PeekedAt::Ready { held_back: None };
        let queued = queued.into_iter().map(|(place, handle)| self.found(place, handle, at));
        let found = |due: Due| Found { cursor: Cursor::of_place(due.place), what: What::Due(due), at };
        let due = due.into_iter().filter(|due| known(due.place)).map(found);
        let mut all: Vec<_> = queued.chain(due).collect();
        all.sort_unstable_by_key(|found| found.cursor.place);
        all.truncate(count);
        all
    }

    fn leased_from(&self, from: Token, count: usize, now: UnixMs) -> Vec<Found<'_>> {
        let running = self.grants.running(from.saturating_sub(1), self.grants.cut(now, UNSWEPT));
        let mut found = Vec::new();
        for (token, handle, terms) in running.take(count) {
            let at = PeekedAt::Leased { consumer: &terms.consumer, until: terms.deadline };
            found.push(Found { cursor: Cursor::of_token(token), what: What::Entry(handle), at });
        }
        found
    }

    /// The first `count` of these, as far as their bytes fit. `is_cut`: there may be more than these.
    fn page<'a>(
        &'a self,
        found: Vec<Found<'a>>,
        count: usize,
        after: Option<Cursor>,
        is_cut: bool,
        now: UnixMs,
    ) -> PeekPage<'a> {
        let (mut entries, mut bytes, all) = (Vec::new(), 0, found.len());
        let mut what_is = Vec::new();
        let mut last = after;
        for Found { cursor, what, at } in found.into_iter().take(count) {
            let size = self.body_size(what);
            let extent = if size > PAGE_BYTES { Extent::Beginning } else { Extent::Whole };
            let room = if extent == Extent::Whole { size } else { 0 };
            if bytes + room > PAGE_BYTES {
                break;
            }
            let peeked = self.peeked(what, at, extent, size);
            bytes += room + peeked.name.len() + peeked.group.map_or(0, <[u8]>::len);
            entries.push(peeked);
            what_is.push(what);
            last = Some(cursor);
        }
        let is_ready = entries.first().is_some_and(|first: &Peeked<'_>| matches!(first.at, PeekedAt::Ready { .. }));
        if let Some(held_back) = HeldBack::of(self, now).filter(|_| is_ready) {
            // Only the order on the page changes: the cursor stays behind the last one in order of places.
            let mut flagged: Vec<(bool, Peeked<'_>)> =
                what_is.into_iter().map(|what| held_back.has(self, what)).zip(entries).collect();
            flagged.sort_by_key(|(is_held_back, _)| *is_held_back);
            let told =
                |(flag, peeked): (bool, Peeked<'a>)| Peeked { at: PeekedAt::Ready { held_back: Some(flag) }, ..peeked };
            entries = flagged.into_iter().map(told).collect();
        }
        let is_over = entries.len() == all && !is_cut;
        PeekPage { entries, next: (!is_over).then_some(last.unwrap_or(Cursor::START)) }
    }

    fn body_size(&self, what: What) -> usize {
        match what {
            What::Entry(handle) | What::NextRun(handle, _) => self.entries.name_and_body(handle).1.len(),
            What::Due(due) => due.size,
        }
    }

    fn peeked<'a>(&'a self, what: What, at: PeekedAt<'a>, extent: Extent, size: usize) -> Peeked<'a> {
        let groups = self.groups.as_deref();
        let group = |handle, name| groups.map(|groups| groups.name_of(&self.entries, handle).unwrap_or(name));
        match what {
            What::Entry(handle) => {
                let (name, body) = self.entries.name_and_body(handle);
                // A stale token names an entry only while the entry is delayed: the sweep that ends the delay forgets the token.
                let is_forgotten = |token: &Token| {
                    matches!(at, PeekedAt::Ready { .. } | PeekedAt::Waiting) && self.nacked.contains_key(token)
                };
                Peeked {
                    token: self.last_token_of(handle).filter(|token| !is_forgotten(token)),
                    deliveries: self.deliveries(handle),
                    at,
                    key: self.entries.place(handle).key,
                    name,
                    group: group(handle, name),
                    body: Cow::Borrowed(body),
                    extent,
                    size,
                }
            }
            What::NextRun(handle, place) => {
                let (name, body) = self.entries.name_and_body(handle);
                let (key, group) = (place.key, group(handle, name));
                Peeked { token: None, deliveries: 0, at, key, name, group, body: body.into(), extent, size }
            }
            What::Due(due) => {
                let Foretold { name, body } = self.gate.foretell(&due, extent);
                let (key, group) = (due.place.key, groups.map(|_| name));
                Peeked { token: None, deliveries: 0, at, key, name, group, body: body.into(), extent, size }
            }
        }
    }
}

#[cfg(test)]
mod tests;
