//! CLAIM: ready -> leased; and the sink, which takes ready entries away for good.

use super::sweep::Goal;
use super::view::Standing;
use crate::entries::{Handle, Place, State};
use crate::error::Error;
use crate::gate::Gate;
use crate::grants::Terms;
use crate::groups::GroupCounts;
use crate::options::MAX_COUNT;
use crate::queue::{Queue, Record, Settled};
use crate::time::{Millis, UnixMs};
use crate::token::{first_token, Token, MAX_TOKEN};

/// A claim is closed once it holds this many bytes of names and bodies, which are copied. Replicas repeat this, so it is part of the format.
pub const CLAIM_BYTES: usize = 4 * 1024 * 1024;

/// The most entries that one step of the sink takes. Replicas repeat this, because it bounds the sweep.
pub const SINK_BATCH: usize = 32;
/// A batch for the sink is closed once it holds this many bytes, which are copied.
const SINK_BATCH_BYTES: usize = 64 * 1024;

/// On what terms entries are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimTerms<'a> {
    /// Who gets the entries.
    pub consumer: &'a [u8],
    /// The most entries. 1 to [`MAX_COUNT`].
    pub count: usize,
    /// The leases end this long after now.
    pub lease: Millis,
    /// On a replica: the first token that the master issued.
    pub first: Option<Token>,
}

/// What a claim did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Token of the first entry; the others follow by one.
    pub first: Token,
    /// How many entries were leased.
    pub count: usize,
    /// Whether anything changed, so that a replica must repeat it. The sweep may have, even if nothing was leased.
    pub changed: bool,
    /// Whether the terms had a first token, and another one than this node would have issued.
    pub adopted: bool,
    /// How many leases, delays and firings the sweep ended, up to [`SWEEP_AT_MOST`](crate::SWEEP_AT_MOST).
    pub swept: usize,
}

/// One leased entry, as its worker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// The receipt.
    pub token: Token,
    /// How often it has been delivered, this time included.
    pub deliveries: u32,
    /// Its place: the timestamp of a TSGEN element.
    pub key: i64,
    /// Its name: the id of a TSGEN element.
    pub name: &'a [u8],
    /// Its content: the payload of a TSGEN element.
    pub body: &'a [u8],
}

/// One ready entry, for the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready<'a> {
    /// Its place: the timestamp of a TSGEN element.
    pub key: i64,
    /// Its place among those of the same `key`. No two entries of a queue ever have the same place.
    pub seq: u64,
    /// Its name.
    pub name: &'a [u8],
    /// Its content.
    pub body: &'a [u8],
}

impl Ready<'_> {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { key: self.key, seq: self.seq }
    }
}

/// The next ready entries, for the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyBatch<'a> {
    /// The entries, oldest place first.
    pub entries: Vec<Ready<'a>>,
    /// Whether the sweep before changed anything, so that a replica must repeat it.
    pub swept: bool,
}

/// What was dropped of the entries that the sink has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sunk {
    /// How many of them were still there.
    pub count: usize,
    /// Whether these were the oldest ready entries, so that their number alone tells which they were.
    pub oldest: bool,
}

impl<G: Gate> Queue<G> {
    /// Leases ready entries on these terms, oldest place first; fewer than asked for if they hold more than 4 MiB. O(log n) an entry.
    /// A paused key hands out nothing and sweeps nothing, as if nobody had asked.
    ///
    /// Errors: [`Error::HasSink`], [`Error::Exhausted`].
    pub fn claim(&mut self, wanted: &ClaimTerms<'_>, now: UnixMs) -> Result<Claim, Error> {
        let ClaimTerms { consumer, count, lease, first } = *wanted;
        let expected = first_token(self.last_token, now);
        let token = self.check_claim(first, now)?;
        if self.options.paused {
            return Ok(Claim { first: token, count: 0, changed: false, adopted: false, swept: 0 });
        }
        let swept = self.sweep_counted(now, Goal::Ready(count));
        let mut members = Vec::new();
        if let Some(key) = self.gate.horizon(now) {
            if self.groups.is_some() {
                self.take_in_turn(key, count, &mut members);
            } else {
                self.order.take_through(&self.entries, key, count, &mut members);
                self.give_back_beyond_bytes(&mut members);
            }
        }
        let claim = Claim {
            first: token,
            count: members.len(),
            changed: swept > 0 || !members.is_empty(),
            adopted: !members.is_empty() && first.is_some_and(|given| given != expected),
            swept,
        };
        if members.is_empty() {
            return Ok(claim);
        }
        self.entries.warm(members.iter().copied());
        for (token, handle) in (claim.first..).zip(&members) {
            self.hand_out(*handle, token);
        }
        self.last_token = claim.first + members.len() as Token - 1;
        self.totals.delivered += members.len() as u64;
        let terms = Terms { consumer: consumer.into(), deadline: now.after(lease), claimed_at: now, lapsed: false };
        self.grants.issue(claim.first, members, terms);
        Ok(claim)
    }

    /// Takes up to `count` entries that groups let go, until they hold [`CLAIM_BYTES`]. O(log n) an entry.
    fn take_in_turn(&mut self, horizon: i64, count: usize, members: &mut Vec<Handle>) {
        let Some(groups) = &mut self.groups else { return };
        let (entries, mut bytes) = (&self.entries, 0);
        let fits = |last: Option<Handle>| {
            bytes += last.map_or(0, |last| entries.size(last));
            bytes < CLAIM_BYTES
        };
        *members = groups.hand_out(entries, horizon, count, fits);
        if self.order.iter().take(members.len()).eq(members.iter().copied()) {
            self.order.take_through(entries, i64::MAX, members.len(), &mut Vec::with_capacity(members.len()));
        } else {
            for handle in &*members {
                self.order.remove(entries, *handle);
            }
        }
    }

    /// The token that a claim with the same `first` would begin with. Fails exactly if [`Queue::claim`] would fail. O(1).
    ///
    /// Errors: [`Error::HasSink`], [`Error::Exhausted`].
    pub fn check_claim(&self, first: Option<Token>, now: UnixMs) -> Result<Token, Error> {
        if self.options.sink.is_some() {
            return Err(Error::HasSink);
        }
        let possible = first.filter(|given| *given > self.last_token && *given <= MAX_TOKEN);
        let token = possible.unwrap_or_else(|| first_token(self.last_token, now));
        if token > MAX_TOKEN - MAX_COUNT as Token || !self.has_turns() {
            return Err(Error::Exhausted);
        }
        Ok(token)
    }

    /// Keeps entries until they hold [`CLAIM_BYTES`], the last one whole and so at least one; puts the others back in their places.
    fn give_back_beyond_bytes(&mut self, members: &mut Vec<Handle>) {
        let mut bytes = 0;
        let fitting = members.iter().take_while(|handle| {
            let fits = bytes < CLAIM_BYTES;
            bytes += self.entries.size(**handle);
            fits
        });
        for handle in members.split_off(fitting.count()) {
            self.order.insert(&self.entries, handle);
        }
    }

    fn hand_out(&mut self, handle: Handle, token: Token) {
        // Its group counts this entry as in hand already.
        self.entries.set_state(handle, State::Leased);
        if self.entries.delivered(handle) {
            self.revoke(handle);
            self.totals.redelivered += 1;
            if let Some(record) = self.record_mut(handle) {
                record.token = token;
                record.deliveries = record.deliveries.saturating_add(1);
            }
        } else {
            let tag = self.entries.aux(handle);
            let record = Record { token, deliveries: 1, delayed_until: UnixMs::NEVER, tag };
            let record = self.records.insert(record);
            self.entries.set_delivered(handle, true);
            self.entries.set_aux(handle, record);
        }
    }

    /// The entries of a claim that has just been made, in the order of their tokens.
    pub fn delivered(&self, claim: &Claim) -> impl Iterator<Item = Delivered<'_>> {
        let members = if claim.count == 0 { &[] } else { self.grants.members(claim.first) };
        (claim.first..).zip(members).map(|(token, handle)| {
            let (name, body) = self.entries.name_and_body(*handle);
            let key = self.entries.place(*handle).key;
            Delivered { token, deliveries: self.deliveries(*handle), key, name, body }
        })
    }

    /// Whether a claim is worth trying: something is ready, or a lease or delay has ended, or something fires. Never in a paused key.
    /// O(log n); changes nothing that shows.
    pub fn claimable(&mut self, now: UnixMs) -> bool {
        !self.options.paused && (self.has_ready(now) || self.sweepable(now) || self.gate.first_due(now).is_some())
    }

    /// When [`Queue::claimable`] may become true by time alone: now if it is true already. `None` in a paused key: nothing but the end of the
    /// pause changes that, and whoever waited for the next deadline there would look again and again for nothing. O(log n).
    pub fn claimable_from(&mut self, now: UnixMs) -> Option<UnixMs> {
        match () {
            () if self.options.paused => None,
            () if self.claimable(now) => Some(now),
            () => self.next_deadline(now),
        }
    }

    /// Whether a claim is sure to get something. What is about to fire counts only while no lease or delay has ended, and groups have no limit. Never in
    /// a paused key. O(log n); changes nothing that shows.
    pub fn has_ready(&mut self, now: UnixMs) -> bool {
        if self.options.paused {
            return false;
        }
        let queued = match (self.order.first(), self.gate.horizon(now), &self.groups) {
            (Some(_), Some(key), Some(groups)) => groups.has_next(&self.entries, key),
            (Some(first), Some(key), None) => self.entries.place(first).key <= key,
            _ => false,
        };
        // What fires may stand behind more leases and delays than one sweep ends, or be held back by its group.
        let fires_for_sure = !self.groups.as_ref().is_some_and(|groups| groups.is_limited());
        queued || (fires_for_sure && self.gate.first_due(now).is_some() && !self.sweepable(now))
    }

    /// How many groups there are, and how many are at their limit; not counting what is due and not swept yet. O(distinct numbers of entries
    /// of one group in hand).
    pub fn group_counts(&self) -> GroupCounts {
        self.groups.as_ref().map_or_else(GroupCounts::default, |groups| groups.counts())
    }

    /// How many entries are ready, without what a sweep would make so. O(log n).
    pub fn ready_count(&self, now: UnixMs) -> usize {
        self.gate.horizon(now).map_or(0, |key| self.order.count_through(&self.entries, key))
    }

    /// Whether a lease or delay has ended.
    pub(crate) fn sweepable(&self, now: UnixMs) -> bool {
        let delay = self.delays.first_key_value().map(|((until, _), _)| *until);
        [delay, self.grants.next_deadline()].into_iter().flatten().any(|deadline| deadline.is_due(now))
    }

    /// The next ready entries for the sink, oldest place first, up to [`SINK_BATCH`]. Of a paused key: none.
    /// [`Queue::drop_taken`] drops those that the sink has taken; a replica repeats the sweep with [`Queue::sweep_for`].
    pub fn ready_batch(&mut self, now: UnixMs) -> ReadyBatch<'_> {
        if self.options.paused {
            return ReadyBatch { entries: Vec::new(), swept: false };
        }
        let swept = self.sweep_for(SINK_BATCH, now);
        let mut entries: Vec<Ready<'_>> = Vec::new();
        let Some(horizon) = self.gate.horizon(now) else { return ReadyBatch { entries, swept } };
        let mut bytes = 0;
        for handle in self.order.iter().take(SINK_BATCH) {
            let Place { key, seq } = self.entries.place(handle);
            if key > horizon || bytes > SINK_BATCH_BYTES {
                break;
            }
            let (name, body) = self.entries.name_and_body(handle);
            bytes += name.len() + body.len();
            entries.push(Ready { key, seq, name, body });
        }
        ReadyBatch { entries, swept }
    }

    /// Merges queued entries, given in order, with those that a sweep would queue and the next runs that it would make: up to `max` whose places
    /// are `wanted`. A run that is still to be made comes with its own place, and with the handle of the run that died.
    pub(crate) fn with_returned(
        &self,
        stored: impl Iterator<Item = Handle>,
        now: UnixMs,
        wanted: impl Fn(Place) -> bool,
        max: usize,
    ) -> Vec<(Place, Handle)> {
        let stored = stored.map(|handle| (self.entries.place(handle), handle));
        let mut merged: Vec<_> = stored.take_while(|(place, _)| wanted(*place)).take(max).collect();
        if self.sweepable(now) {
            let mut made = 0;
            let returned = self.unswept(now).filter_map(|(_, handle, standing)| match standing {
                Standing::Queued => Some((self.entries.place(handle), handle)),
                Standing::Dead { at } => {
                    let next = self.comes_again(handle, at, made)?;
                    made += 1;
                    Some((next, handle))
                }
                _ => None,
            });
            merged.extend(returned.filter(|(place, _)| wanted(*place)));
            merged.sort_unstable_by_key(|(place, _)| *place);
            merged.truncate(max);
        }
        merged
    }

    /// Drops what the sink has taken: the entries at these places ([`Ready::place`]), and no others, whatever has happened to the key
    /// meanwhile. An entry that is not queued any more is left alone. O(log n) an entry.
    pub fn drop_taken(&mut self, places: &[Place], now: UnixMs) -> Sunk {
        // No key with groups has a sink.
        let places = if self.groups.is_none() { places } else { &[] };
        let at = |place: &Place| {
            self.order.first_from(&self.entries, *place).filter(|handle| self.entries.place(*handle) == *place)
        };
        let taken: Vec<Handle> = places.iter().filter_map(at).collect();
        let are_ready = match (self.gate.horizon(now), places.iter().max()) {
            (Some(horizon), Some(last)) => last.key <= horizon,
            _ => false,
        };
        let oldest = are_ready && self.order.iter().take(taken.len()).eq(taken.iter().copied());
        for handle in &taken {
            self.order.remove(&self.entries, *handle);
        }
        self.drop_lifted(&taken, now);
        Sunk { count: taken.len(), oldest }
    }

    /// Drops the `count` oldest ready entries: the sink of the master has them. O(log n) an entry.
    pub fn drop_ready(&mut self, count: usize, now: UnixMs) -> Settled {
        // No key with groups has a sink.
        let key = self.gate.horizon(now).filter(|_| self.groups.is_none());
        let mut gone = Vec::new();
        if let Some(key) = key {
            self.order.take_through(&self.entries, key, count, &mut gone);
        }
        self.drop_lifted(&gone, now);
        Settled { count: gone.len(), changed: !gone.is_empty() }
    }

    fn drop_lifted(&mut self, gone: &[Handle], now: UnixMs) {
        for handle in gone {
            self.revoke(*handle);
            self.finish(*handle, now);
        }
        self.forget_over(now, gone.len());
    }
}
