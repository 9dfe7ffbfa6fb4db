//! ACK, NACK, EXTEND, RELEASE: what a worker says of its deliveries.
//!
//! A stale token changes nothing and is not counted. All of these depend on time, except ACK in a key that remembers no ids and has no
//! recurring elements.

use crate::entries::{Handle, State};
use crate::error::Error;
use crate::gate::Gate;
use crate::grants::Cut;
use crate::options::MAX_COUNT;
use crate::queue::{Death, Queue, Settled};
use crate::time::{Millis, UnixMs};
use crate::token::{Token, TokenRange};

/// How a delivery is handed back.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    /// How long the entry rests; by default the key's backoff.
    pub delay: Option<Millis>,
    /// Whether it is dead at once, however often it was delivered.
    pub dead: bool,
    /// Kept with the dead letter, if it becomes one.
    pub reason: &'a [u8],
}

/// What becomes of an entry whose delivery has failed.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    /// An ADD has taken its place.
    Leaves,
    Dies,
    /// It is ready at once.
    Returns,
    Rests(Millis),
}

impl<G: Gate> Queue<G> {
    pub(crate) fn check_ranges(&self, tokens: &[TokenRange]) -> Result<(), Error> {
        // Only ranges that name very many tokens must be counted.
        if tokens.iter().map(|range| (range.last - range.first).saturating_add(1)).fold(0, Token::saturating_add)
            <= MAX_COUNT as Token
        {
            return Ok(());
        }
        self.check_tokens(tokens, MAX_COUNT).map(drop)
    }

    /// What is left of `room`, the number of entries that an operation may still settle, once it settles these. O(log n) a range and O(1) an
    /// entry, up to `room`.
    ///
    /// Errors: [`Error::TooManyTokens`].
    pub fn check_tokens(&self, tokens: &[TokenRange], mut room: usize) -> Result<usize, Error> {
        for range in tokens {
            let held = self.grants.count_range(*range, room);
            let dead = self.dead.range(range.first..=range.last).take(room + 1).count();
            let nacked = self.nacked.range(range.first..=range.last).take(room + 1).count();
            room = room.checked_sub(held + dead + nacked).ok_or(Error::TooManyTokens)?;
        }
        Ok(room)
    }

    /// The work of these deliveries is done: their entries are gone. O(log n) an entry.
    ///
    /// That includes an entry whose lease has run out, or that died because of that, as long as nobody else got it.
    /// `now` matters only if [`Queue::times_acks`].
    /// Errors: [`Error::TooManyTokens`].
    pub fn ack(&mut self, tokens: &[TokenRange], now: UnixMs) -> Result<Settled, Error> {
        self.check_ranges(tokens)?;
        let mut taken = Vec::new();
        for range in tokens {
            self.grants.take_range(*range, &mut taken);
            self.take_lapsed_dead(*range, &mut taken);
        }
        self.entries.warm(taken.iter().map(|(_, handle)| *handle));
        if let Some(groups) = &self.groups {
            groups.warm(&self.entries, taken.iter().map(|(_, handle)| *handle));
        }
        for (_, handle) in &taken {
            if self.entries.state(*handle) != State::Leased {
                self.lift(*handle);
            }
            self.finish(*handle, now);
        }
        self.forget_over(now, taken.len());
        self.totals.acked += taken.len() as u64;
        Ok(Settled { count: taken.len(), changed: !taken.is_empty() })
    }

    fn take_lapsed_dead(&mut self, range: TokenRange, taken: &mut Vec<(Token, Handle)>) {
        if self.dead.is_empty() {
            return;
        }
        let died = self.dead.range(range.first..=range.last).filter(|(_, death)| death.by_lease_end);
        let died: Vec<_> = died.map(|(token, death)| (*token, death.handle)).collect();
        for (token, _) in &died {
            self.dead.remove(token);
        }
        taken.extend(died);
    }

    /// These deliveries have failed: their entries rest, or are dead. An entry whose lease has run out stays as it is if its group has as many
    /// others in hand as it may. O(log n) an entry.
    ///
    /// Errors: [`Error::TooManyTokens`].
    pub fn nack(&mut self, tokens: &[TokenRange], how: &Nack<'_>, now: UnixMs) -> Result<Settled, Error> {
        self.check_ranges(tokens)?;
        let mut settled = Settled::default();
        for range in tokens {
            settled.changed |= self.catch_up(*range, now);
        }
        let mut failed = Vec::new();
        if self.groups.is_none() {
            tokens.iter().for_each(|range| self.grants.take_range(*range, &mut failed));
        } else {
            let named = tokens.iter().flat_map(|range| self.grants.iter_range(*range));
            failed.extend(named.map(|(token, handle, _)| (token, handle)));
            failed.sort_unstable_by_key(|(token, _)| *token);
            failed.dedup_by_key(|(token, _)| *token);
        }
        self.entries.warm(failed.iter().map(|(_, handle)| *handle));
        for (token, handle) in failed {
            let outcome = self.outcome(handle, how);
            if self.groups.is_some() {
                if matches!(outcome, Outcome::Rests(_)) && self.is_held_back(handle) {
                    continue;
                }
                self.grants.take(token);
            }
            self.fail(token, handle, outcome, how, now);
            settled.count += 1;
        }
        settled.changed |= settled.count > 0;
        Ok(settled)
    }

    fn outcome(&self, handle: Handle, how: &Nack<'_>) -> Outcome {
        let deliveries = self.deliveries(handle);
        if self.entries.superseded(handle) {
            Outcome::Leaves
        } else if how.dead || self.options.exhausted(deliveries) {
            Outcome::Dies
        } else {
            match how.delay.unwrap_or_else(|| self.options.delay_after(deliveries)) {
                Millis(0) => Outcome::Returns,
                delay => Outcome::Rests(delay),
            }
        }
    }

    fn fail(&mut self, token: Token, handle: Handle, outcome: Outcome, how: &Nack<'_>, now: UnixMs) {
        if outcome != Outcome::Leaves {
            self.lift(handle);
        }
        match outcome {
            Outcome::Leaves => self.erase(handle),
            Outcome::Dies => {
                let death = Death { handle, died_at: now, by_lease_end: false, reason: how.reason.into() };
                self.die_of_failure(handle, token, death);
            }
            Outcome::Returns => {
                self.record_mut(handle).into_iter().for_each(|record| record.token = 0);
                self.queue_up(handle);
            }
            Outcome::Rests(delay) => {
                self.rest(handle, now.after(delay));
                self.nacked.insert(token, handle);
            }
        }
    }

    /// These deliveries take longer: their leases end `lease` from now. A lease that has run out is given again, unless
    /// somebody else got the entry, or its group has as many others in hand as it may. O(log n) an entry.
    ///
    /// Errors: [`Error::TooManyTokens`].
    pub fn extend(&mut self, tokens: &[TokenRange], lease: Millis, now: UnixMs) -> Result<Settled, Error> {
        self.check_ranges(tokens)?;
        let mut settled = Settled::default();
        for range in tokens {
            settled.changed |= self.catch_up(*range, now);
        }
        for range in tokens {
            let mut lapsed = Vec::new();
            for (token, handle, terms) in self.grants.iter_range(*range) {
                settled.count += 1;
                if terms.lapsed {
                    lapsed.push((token, handle));
                }
            }
            let mut first = range.first;
            for (token, handle) in lapsed {
                if self.is_held_back(handle) {
                    // Others of its group have taken its place.
                    settled.count -= 1;
                    if token > first {
                        self.grants.retime(TokenRange { first, last: token - 1 }, Some(now.after(lease)));
                    }
                    first = token + 1;
                    continue;
                }
                self.lift(handle);
                self.set_state(handle, State::Leased);
            }
            if first <= range.last {
                self.grants.retime(TokenRange { first, last: range.last }, Some(now.after(lease)));
            }
        }
        settled.changed |= settled.count > 0;
        Ok(settled)
    }

    /// Whether an entry is queued, and its group has as many entries in hand as it may.
    fn is_held_back(&self, handle: Handle) -> bool {
        let is_queued = self.entries.state(handle) == State::Queued;
        is_queued && self.groups.as_ref().is_some_and(|groups| !groups.has_room(&self.entries, handle))
    }

    /// Hands back up to [`MAX_COUNT`] running leases of a consumer, those with the lowest tokens first: ready at once and
    /// not counted as deliveries. O(log n) an entry.
    pub fn release(&mut self, consumer: &[u8], now: UnixMs) -> Settled {
        let running = self.grants.of_consumer(consumer, 0, Cut::at(now));
        let held: Vec<_> = running.take(MAX_COUNT).map(|(token, handle, _)| (token, handle)).collect();
        self.entries.warm(held.iter().map(|(_, handle)| *handle));
        for (token, handle) in &held {
            self.grants.take(*token);
            self.hand_back(*handle);
        }
        Settled { count: held.len(), changed: !held.is_empty() }
    }

    fn hand_back(&mut self, handle: Handle) {
        if self.entries.superseded(handle) {
            self.erase(handle);
            return;
        }
        let first = match self.record_mut(handle) {
            Some(record) => {
                record.token = 0;
                record.deliveries -= 1;
                record.deliveries == 0
            }
            None => false,
        };
        if first {
            self.forgive(handle);
        }
        self.queue_up(handle);
    }
}
