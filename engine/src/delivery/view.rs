//! What can be seen from outside: listings, as if everything due by now had been swept. Stores nothing. Counts: `stats`.
//!
//! Where nothing is due, counts cost O(log n). Counts and listings walk what is due and not yet swept, up to [`UNSWEPT`]; a claim sweeps it,
//! and so does the timer if there is much of it. What is beyond [`UNSWEPT`] shows in them as if it were not due yet. An entry that is asked for
//! by name ([`Queue::standing`]) shows as it stands: to find out whether a listing gets that far would cost [`UNSWEPT`] looks for one entry.

use super::sweep::LEASE_ENDED;
use crate::entries::{Handle, Place, State};
use crate::gate::Gate;
use crate::grants::Terms;
use crate::options::LeaseEnd;
use crate::queue::{Death, Queue};
use crate::time::UnixMs;
use crate::token::Token;
use std::collections::BTreeMap;

/// The most leases, and the most delays, that a reader takes to have ended although nothing has swept them: a millisecond of work if
/// each lease is a grant of its own.
pub(super) const UNSWEPT: usize = 2_000;

/// In a key with more leases and delays than this, the timer sweeps what has ended.
const MANY: usize = 1_000;

/// A leased entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// The receipt of its delivery.
    pub token: Token,
    /// Who holds it.
    pub consumer: &'a [u8],
    /// When its lease ends.
    pub lease_ends_at: UnixMs,
    /// How often it has been delivered.
    pub deliveries: u32,
    /// Its name.
    pub name: &'a [u8],
}

/// An entry that rests after a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delayed<'a> {
    /// The token of its last delivery, by which PROMOTE names it; none if it was handed back before files kept this token.
    pub token: Option<Token>,
    /// When it comes back.
    pub until: UnixMs,
    /// How often it has been delivered.
    pub deliveries: u32,
    /// Its name.
    pub name: &'a [u8],
}

/// A dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// The token of its last delivery, by which REQUEUE and DISCARD name it.
    pub token: Token,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Its name.
    pub name: &'a [u8],
    /// When it died.
    pub died_at: UnixMs,
    /// Why.
    pub reason: &'a [u8],
}

/// Where a sweep would leave an entry.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Leased,
    Queued,
    Delayed { until: UnixMs },
    Dead { at: UnixMs },
    Gone,
}

impl<G: Gate> Queue<G> {
    /// Where an entry stands once everything due is swept.
    pub(crate) fn standing(&self, handle: Handle, now: UnixMs) -> Standing {
        match self.entries.state(handle) {
            State::Queued => Standing::Queued,
            State::Dead => Standing::Dead { at: UnixMs::NEVER },
            State::Delayed => {
                let until = self.record(handle).map_or(now, |record| record.delayed_until);
                self.standing_at(until, now)
            }
            State::Leased => {
                let lease = self.record(handle).and_then(|record| self.grants.get(record.token));
                match lease {
                    Some((_, terms)) if terms.ended(now) => self.standing_after_lease(handle, terms, now),
                    _ => Standing::Leased,
                }
            }
        }
    }

    fn standing_at(&self, until: UnixMs, now: UnixMs) -> Standing {
        if until.is_due(now) {
            Standing::Queued
        } else {
            Standing::Delayed { until }
        }
    }

    fn standing_after_lease(&self, handle: Handle, terms: &Terms, now: UnixMs) -> Standing {
        if self.entries.superseded(handle) {
            return Standing::Gone;
        }
        match self.options.fate_at_lease_end(self.deliveries(handle), terms.deadline) {
            LeaseEnd::Dies => Standing::Dead { at: terms.deadline },
            LeaseEnd::Rests { until } => self.standing_at(until, now),
            LeaseEnd::Queues => Standing::Queued,
        }
    }

    /// The leases, then the delays, that are due and not yet swept: up to [`UNSWEPT`] of each, in the order of the sweep, with where it would
    /// leave the entry. Tokens are 0 for delays.
    pub(crate) fn unswept(&self, now: UnixMs) -> impl Iterator<Item = (Token, Handle, Standing)> + '_ {
        let leases = self.grants.due(now).take(UNSWEPT);
        let leases =
            leases.map(move |(token, handle, terms)| (token, handle, self.standing_after_lease(handle, terms, now)));
        let delays = self.delays.iter().take_while(move |((until, _), _)| until.is_due(now)).take(UNSWEPT);
        leases.chain(delays.map(|(_, handle)| (0, *handle, Standing::Queued)))
    }

    /// Whether there are so many leases and delays that the timer must sweep those that have ended, even if no worker waits.
    pub fn is_crowded(&self) -> bool {
        self.grants.leased() + self.delays.len() > MANY
    }

    /// Whether so many leases and delays have ended that they are worth a stride of the sweep. O([`MANY`]).
    pub fn has_backlog(&self, now: UnixMs) -> bool {
        if !self.is_crowded() {
            return false;
        }
        let leases = self.grants.count_due(now, MANY);
        let delays = self.delays.keys().take_while(|(until, _)| until.is_due(now)).take(MANY + 1).count();
        leases + delays > MANY
    }

    /// The earliest end of a lease or delay, even if it is past. O(log n).
    pub fn next_end(&self) -> Option<UnixMs> {
        let delay = self.delays.first_key_value().map(|((until, _), _)| *until);
        [delay, self.grants.next_deadline()].into_iter().flatten().min()
    }

    /// Whether a queued entry is ready.
    pub(crate) fn ready(&self, handle: Handle, now: UnixMs) -> bool {
        self.gate.horizon(now).is_some_and(|key| self.entries.place(handle).key <= key)
    }

    /// Running leases by token, from just after `after`, up to `count`. O(log n + those listed), and O(1) for each up to [`UNSWEPT`]
    /// that have ended since the last sweep.
    pub fn pending(
        &self,
        consumer: Option<&[u8]>,
        after: Option<Token>,
        count: usize,
        now: UnixMs,
    ) -> Vec<Pending<'_>> {
        let (after, cut) = (after.unwrap_or(0), self.grants.cut(now, UNSWEPT));
        let pending = |(token, handle, terms): (Token, Handle, &'_ Terms)| (token, handle, terms.deadline);
        let listed: Vec<_> = match consumer {
            Some(consumer) => self.grants.of_consumer(consumer, after, cut).map(pending).take(count).collect(),
            None => self.grants.running(after, cut).map(pending).take(count).collect(),
        };
        self.entries.warm(listed.iter().map(|(_, handle, ..)| *handle));
        let entry = |(token, handle, lease_ends_at)| {
            let consumer = self.grants.get(token).map_or(&[][..], |(_, terms)| &terms.consumer);
            Pending {
                token,
                consumer,
                lease_ends_at,
                deliveries: self.deliveries(handle),
                name: self.entries.name(handle),
            }
        };
        listed.into_iter().map(entry).collect()
    }

    /// Up to `count` delayed entries, next to come back first. O(log n + those listed).
    pub fn delayed(&self, count: usize, now: UnixMs) -> Vec<Delayed<'_>> {
        let first = (UnixMs(i64::MIN), Place { key: i64::MIN, seq: 0 });
        let entry = |((until, _), handle): ((UnixMs, Place), Handle)| Delayed {
            token: self.last_token_of(handle),
            until,
            deliveries: self.deliveries(handle),
            name: self.entries.name(handle),
        };
        self.delayed_from(first, count, now).into_iter().map(entry).collect()
    }

    /// Up to `count` delayed entries in the order in which they come back, from this point on.
    pub(crate) fn delayed_from(
        &self,
        from: (UnixMs, Place),
        count: usize,
        now: UnixMs,
    ) -> Vec<((UnixMs, Place), Handle)> {
        let stored = self.delays.range(from.max(self.running_delays(now))..);
        let mut delayed: Vec<_> = stored.take(count).map(|(at, handle)| (*at, *handle)).collect();
        if self.sweepable(now) {
            let unswept = self.unswept(now).filter_map(|(_, handle, standing)| match standing {
                Standing::Delayed { until } => Some(((until, self.entries.place(handle)), handle)),
                _ => None,
            });
            delayed.extend(unswept.filter(|(at, _)| *at >= from));
            delayed.sort_unstable_by_key(|(at, _)| *at);
            delayed.truncate(count);
        }
        delayed
    }

    /// Where in `delays` those begin that a reader takes to be still running: the first [`UNSWEPT`] that are over are not.
    fn running_delays(&self, now: UnixMs) -> (UnixMs, Place) {
        let any_over = self.delays.first_key_value().is_some_and(|((until, _), _)| until.is_due(now));
        let beyond = self.delays.keys().nth(UNSWEPT).filter(|(until, _)| any_over && until.is_due(now));
        beyond.copied().unwrap_or((UnixMs(now.0.saturating_add(1)), Place { key: i64::MIN, seq: 0 }))
    }

    /// The token of the last delivery, as long as it names the entry.
    pub(crate) fn last_token_of(&self, handle: Handle) -> Option<Token> {
        self.record(handle).map(|record| record.token).filter(|token| *token != 0)
    }

    /// Dead letters by token, from just after `after`, up to `count`. O(log n + those listed).
    pub fn dead(&self, after: Option<Token>, count: usize, now: UnixMs) -> Vec<DeadLetter<'_>> {
        let letter = |(token, (handle, died_at, reason))| {
            let (deliveries, name) = (self.deliveries(handle), self.entries.name(handle));
            DeadLetter { token, deliveries, name, died_at, reason }
        };
        self.dead_from(after.unwrap_or(0).saturating_add(1), count, now).into_iter().map(letter).collect()
    }

    /// Dead letters by token, from this one on, up to `count`: entry, time and reason of death of each.
    pub(crate) fn dead_from(&self, from: Token, count: usize, now: UnixMs) -> BTreeMap<Token, (Handle, UnixMs, &[u8])> {
        let mut letters: BTreeMap<Token, (Handle, UnixMs, &[u8])> = BTreeMap::new();
        for (token, Death { handle, died_at, reason, .. }) in self.dead.range(from..).take(count) {
            letters.insert(*token, (*handle, *died_at, reason));
        }
        for (token, handle, standing) in self.unswept(now) {
            if let (Standing::Dead { at }, true) = (standing, token >= from) {
                letters.insert(token, (handle, at, LEASE_ENDED));
                if letters.len() > count {
                    letters.pop_last();
                }
            }
        }
        letters
    }

    /// The next time after `now` at which a lease or delay ends, or time alone opens the gate.
    /// Times that have passed are left out: [`Queue::claimable`] tells of what is due.
    pub fn next_deadline(&mut self, now: UnixMs) -> Option<UnixMs> {
        let later = UnixMs(now.0.saturating_add(1));
        let first = Place { key: i64::MIN, seq: 0 };
        let delays = self.delays.range((later, first)..).next().map(|((until, _), _)| *until);
        [self.grants.next_deadline_after(now), delays, self.next_opening(now)].into_iter().flatten().min()
    }

    /// The next time after `now` at which time alone opens the gate.
    pub fn next_opening(&mut self, now: UnixMs) -> Option<UnixMs> {
        self.gate.next_opening(&self.order, &self.entries, now)
    }

    /// The next time after `now` at which time alone lets an entry through. Unlike [`Queue::next_opening`] it leaves out what
    /// is being collected. O(log n).
    pub fn next_release(&mut self, now: UnixMs) -> Option<UnixMs> {
        self.gate.horizon(now).filter(|key| *key < i64::MAX).and_then(|_| self.next_opening(now))
    }

    /// Whether a clock that steps back would make something wait again that is ready or due.
    pub fn closes_again(&self) -> bool {
        self.gate.closes_again(&self.order)
    }
}
