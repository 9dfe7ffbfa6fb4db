//! Reading a snapshot. Every chunk may be hostile: a damaged one is an error, and never a panic or an allocation
//! that the chunk's own length does not pay for.

mod groups;

use super::format::PartOf0;
use super::{decode, Format, Head, Part, PartOf, SavedEntry, SavedGrant, SavedGrouping, SavedStatus, BEHAVIOUR};
use crate::entries::{Handle, Place, State, MAX_NAME, MAX_SEQ};
use crate::error::Error;
use crate::gate::{Extra, Gate};
use crate::grants::Terms;
use crate::queue::{Death, Queue, Record};
use crate::time::UnixMs;
use crate::token::{Token, MAX_TOKEN};
use groups::Told;
use std::collections::{BTreeMap, BTreeSet};

/// Builds a key from the chunks of its snapshot.
pub struct Loader<G> {
    seed: [u64; 2],
    queue: Option<Queue<G>>,
    /// The format of the first chunk: all chunks have the same.
    format: Option<Format>,
    behaviour: u32,
    /// The current tokens met so far, each with its entry.
    tokens: BTreeMap<Token, Handle>,
    grants: Vec<Run>,
    /// The place of the last queued entry: the next must be above it.
    last_queued: Option<Place>,
    /// The places of all other entries.
    elsewhere: BTreeSet<Place>,
    /// The sequence numbers of what is being collected: no entry has one of them.
    collected: BTreeSet<u64>,
    /// How many things that are being collected were read.
    adopted: u64,
    /// How many parts were read that not every key has, and how many there should be.
    extras: (u64, u64),
    /// What was told of groups, if the key has any.
    groups: Option<Told>,
    ended: bool,
    /// Set if the key is to stand in another keyspace than the one it was saved in.
    elsewhere_at: Option<UnixMs>,
}

struct Run {
    first: Token,
    count: u64,
    terms: Terms,
}

fn require(holds: bool, what: &'static str) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::Damaged(what))
    }
}

/// Takes in a token that no grant covers: it is stale, and only names a delayed entry.
fn nacked<G: Gate>(queue: &mut Queue<G>, token: Token, handle: Handle) -> Result<(), Error> {
    require(queue.entries.state(handle) == State::Delayed, "a token without a grant")?;
    require(!queue.dead.contains_key(&token), "a token stands twice")?;
    queue.nacked.insert(token, handle);
    Ok(())
}

impl<G: Gate> Loader<G> {
    /// A loader that has read nothing. `seed` keys the hashes of the new key.
    pub fn new(seed: [u64; 2]) -> Self {
        Loader {
            seed,
            queue: None,
            format: None,
            behaviour: BEHAVIOUR,
            tokens: BTreeMap::new(),
            grants: Vec::new(),
            last_queued: None,
            elsewhere: BTreeSet::new(),
            collected: BTreeSet::new(),
            adopted: 0,
            extras: (0, 0),
            groups: None,
            ended: false,
            elsewhere_at: None,
        }
    }

    /// Like [`Loader::new`], for a key that is to stand in another keyspace than the one it was saved in, from `now` on. What only that node had
    /// seen, and is still to come, is read and left behind.
    pub fn elsewhere(seed: [u64; 2], now: UnixMs) -> Self {
        Loader { elsewhere_at: Some(now), ..Loader::new(seed) }
    }

    /// Reads the next chunk. After an error the loader is good for nothing but being dropped.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let (format, rest) = Format::of(chunk)?;
        let part: PartOf<'_, G> = match format {
            Format::Unmarked => decode::<PartOf0<'_, G>>(rest)?.renewed(),
            Format::One => decode(rest)?,
        };
        require(*self.format.get_or_insert(format) == format, "chunks of two formats")?;
        require(!self.ended, "a chunk after the last")?;
        match part {
            Part::Head(head) => {
                format.check_behaviour(head.behaviour)?;
                self.head(head)
            }
            Part::Collected(collected) => collected.into_iter().try_for_each(|one| self.collected(one)),
            Part::Entries(entries) => entries.into_iter().try_for_each(|entry| self.entry(entry)),
            Part::Grants(grants) => grants.into_iter().try_for_each(|grant| self.grant(grant)),
            Part::End { collected, entries } => self.end(collected, entries),
            Part::Paused => self.paused(),
            Part::Extra(extra) => self.extra(extra),
            Part::Extras(count) => {
                require(count > 0 && self.extras.1 == 0, "impossible counters")?;
                self.extras.1 = count;
                Ok(())
            }
            Part::Grouping(grouping) => self.grouping(grouping),
            Part::Groups(groups) => groups.into_iter().try_for_each(|group| self.told()?.group(group)),
            Part::Members(members) => members.into_iter().try_for_each(|run| self.told()?.members(run)),
        }
    }

    fn head(&mut self, head: Head<G::Saved>) -> Result<(), Error> {
        require(self.queue.is_none(), "two heads")?;
        self.behaviour = head.behaviour;
        require(head.next_seq <= MAX_SEQ, "impossible counters")?;
        require(head.last_token <= MAX_TOKEN, "impossible counters")?;
        let gate = G::load(head.gate, self.seed)?;
        let mut queue =
            Queue::with_gate(gate, head.options, self.seed).map_err(|_| Error::Damaged("impossible options"))?;
        queue.totals = head.totals.bounded();
        queue.next_seq = head.next_seq;
        queue.last_token = head.last_token;
        self.queue = Some(queue);
        Ok(())
    }

    fn paused(&mut self) -> Result<(), Error> {
        let queue = self.queue.as_mut().ok_or(Error::Damaged("no head"))?;
        require(!queue.options.paused, "paused twice")?;
        queue.options.paused = true;
        self.extras.0 += 1;
        Ok(())
    }

    fn extra(&mut self, extra: Extra<'_>) -> Result<(), Error> {
        let queue = self.queue.as_mut().ok_or(Error::Damaged("no head"))?;
        require(queue.entries.is_empty(), "an option after entries")?;
        self.extras.0 += 1;
        queue.gate.adopt_extra(extra)
    }

    fn grouping(&mut self, grouping: SavedGrouping) -> Result<(), Error> {
        let read = self.adopted + self.grants.len() as u64;
        let queue = self.queue.as_mut().ok_or(Error::Damaged("no head"))?;
        require(self.groups.is_none() && queue.entries.is_empty() && read == 0, "groups after entries")?;
        self.extras.0 += 1;
        self.groups = Some(Told::new(grouping, queue, self.seed)?);
        Ok(())
    }

    fn told(&mut self) -> Result<&mut Told, Error> {
        self.groups.as_mut().ok_or(Error::Damaged("groups of a key that has none"))
    }

    fn collected(&mut self, collected: G::Collected<'_>) -> Result<(), Error> {
        let queue = self.queue.as_mut().ok_or(Error::Damaged("no head"))?;
        require(queue.entries.is_empty(), "something collected after entries")?;
        self.adopted += 1;
        if let Some(now) = self.elsewhere_at {
            if queue.gate.leaves_behind(&collected, now)? {
                return Ok(());
            }
        }
        let Some(seq) = queue.gate.adopt_collected(collected)? else { return Ok(()) };
        require(seq < queue.next_seq, "impossible place")?;
        require(self.collected.last() < Some(&seq), "places out of order")?;
        self.collected.insert(seq);
        Ok(())
    }

    fn entry(&mut self, entry: SavedEntry<'_>) -> Result<(), Error> {
        let queue = self.queue.as_mut().ok_or(Error::Damaged("no head"))?;
        let place = Place { key: entry.key, seq: entry.seq };
        require(entry.name.len() <= MAX_NAME, "a name too long")?;
        require(place.seq < queue.next_seq, "impossible place")?;
        require(!self.collected.contains(&place.seq), "a place stands twice")?;
        let tag = queue.gate.tag(entry.name);
        let queued = matches!(entry.status, SavedStatus::Fresh | SavedStatus::Queued { .. });
        if queued {
            require(self.last_queued < Some(place), "places out of order")?;
            self.last_queued = Some(place);
        } else {
            require(self.elsewhere.insert(place), "a place stands twice")?;
        }
        let handle = queue.entries.insert(place, entry.name, entry.body, tag);
        if !matches!(entry.status, SavedStatus::Leased { superseded: true, .. }) {
            queue.gate.adopt(&queue.entries, handle)?;
        }
        self.status(handle, entry.status)
    }

    fn status(&mut self, handle: Handle, status: SavedStatus<'_>) -> Result<(), Error> {
        match status {
            SavedStatus::Fresh => self.queued(handle),
            SavedStatus::Queued { deliveries, token } => {
                self.delivered(handle, deliveries, token)?;
                self.current(handle, token)?;
                self.queued(handle)
            }
            SavedStatus::Delayed { deliveries, token, until } => {
                self.delivered(handle, deliveries, token)?;
                self.current(handle, token)?;
                self.queue_mut()?.rest(handle, until);
                Ok(())
            }
            SavedStatus::Leased { deliveries, token, superseded } => {
                self.delivered(handle, deliveries, token)?;
                require(token != 0, "a lease without a token")?;
                self.current(handle, token)?;
                let queue = self.queue_mut()?;
                queue.entries.set_state(handle, State::Leased);
                queue.entries.set_superseded(handle, superseded);
                queue.superseded += usize::from(superseded);
                Ok(())
            }
            SavedStatus::Dead { deliveries, token, died_at, by_lease_end, reason } => {
                self.delivered(handle, deliveries, token)?;
                require(token != 0, "a dead letter without a token")?;
                let queue = self.queue_mut()?;
                let comes_again = queue.gate.comes_again(&queue.entries, handle, died_at).is_some();
                require(!comes_again, "a dead letter that comes again")?;
                let died = queue.totals.died;
                require(!queue.dead.contains_key(&token), "a token stands twice")?;
                queue.die(handle, token, Death { handle, died_at, by_lease_end, reason: reason.into() });
                queue.totals.died = died;
                Ok(())
            }
        }
    }

    fn queue_mut(&mut self) -> Result<&mut Queue<G>, Error> {
        self.queue.as_mut().ok_or(Error::Damaged("no head"))
    }

    fn queued(&mut self, handle: Handle) -> Result<(), Error> {
        self.queue_mut()?.queue_up(handle);
        Ok(())
    }

    fn delivered(&mut self, handle: Handle, deliveries: u32, token: Token) -> Result<(), Error> {
        require(deliveries > 0, "a delivery that never was")?;
        let queue = self.queue_mut()?;
        require(token <= queue.last_token, "a token that was never issued")?;
        let tag = queue.entries.aux(handle);
        let record = queue.records.insert(Record { token, deliveries, delayed_until: UnixMs::NEVER, tag });
        queue.entries.set_delivered(handle, true);
        queue.entries.set_aux(handle, record);
        Ok(())
    }

    /// Takes in the token that an entry has, if it has one.
    fn current(&mut self, handle: Handle, token: Token) -> Result<(), Error> {
        if token == 0 {
            return Ok(());
        }
        require(self.tokens.insert(token, handle).is_none(), "a token stands twice")
    }

    fn grant(&mut self, grant: SavedGrant<'_>) -> Result<(), Error> {
        let last_token = self.queue_mut()?.last_token;
        let above = self.grants.last().map_or(0, |before| before.first + before.count - 1);
        let last = grant.first.checked_add(grant.count.wrapping_sub(1));
        require(grant.first > above && grant.count > 0, "grants out of order")?;
        require(last.is_some_and(|last| last <= last_token), "a token that was never issued")?;
        require(grant.count <= self.tokens.len() as u64, "a grant without entries")?;
        require(grant.consumer.len() <= MAX_NAME, "a name too long")?;
        let terms = Terms {
            consumer: grant.consumer.into(),
            deadline: grant.deadline,
            claimed_at: grant.claimed_at,
            lapsed: grant.lapsed,
        };
        self.grants.push(Run { first: grant.first, count: grant.count, terms });
        Ok(())
    }

    fn end(&mut self, collected: u64, entries: u64) -> Result<(), Error> {
        self.ended = true;
        let queue = self.queue.as_mut().ok_or(Error::Damaged("no head"))?;
        require(self.adopted == collected, "something collected is missing")?;
        require(self.extras.0 == self.extras.1, "an option is missing")?;
        queue.gate.adopted()?;
        require(queue.entries.len() as u64 == entries, "entries are missing")?;
        for place in &self.elsewhere {
            require(!queue.order.contains(&queue.entries, *place), "a place stands twice")?;
        }
        let mut tokens = std::mem::take(&mut self.tokens).into_iter().peekable();
        for run in std::mem::take(&mut self.grants) {
            while let Some((token, handle)) = tokens.next_if(|(token, _)| *token < run.first) {
                nacked(queue, token, handle)?;
            }
            let mut members = Vec::new();
            for (expected, (token, handle)) in (run.first..run.first + run.count).zip(&mut tokens) {
                let leased = queue.entries.state(handle) == State::Leased;
                require(token == expected, "a token without a grant")?;
                require(leased != run.terms.lapsed, "a lease that is none")?;
                require(!queue.dead.contains_key(&token), "a token stands twice")?;
                members.push(handle);
            }
            require(members.len() as u64 == run.count, "a grant without entries")?;
            queue.grants.issue(run.first, members, run.terms);
        }
        tokens.try_for_each(|(token, handle)| nacked(queue, token, handle))?;
        match self.groups.take() {
            Some(told) => told.put_into(queue),
            None => Ok(()),
        }
    }

    /// The behaviour of the version that saved the key, once its head has been read. Whoever repeats what that version does next must
    /// check that it is one of those that are [repeated](super::REPEATED).
    pub fn behaviour(&self) -> u32 {
        self.behaviour
    }

    /// The key, once every chunk has been read.
    pub fn finish(self) -> Result<Queue<G>, Error> {
        require(self.ended, "the end is missing")?;
        self.queue.ok_or(Error::Damaged("no head"))
    }
}
