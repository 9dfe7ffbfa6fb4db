//! A key as bytes: in chunks, the same for equal keys, and safe to read from anybody.
//!
//! A snapshot is a sequence of chunks of about 64 KiB. Each is one byte that tells the [`Format`] and one encoded [`Part`] (serde + bincode):
//! head, what is being collected, entries, grants, end. Its order follows from the state alone, never from where things lie in memory, so
//! equal keys have equal snapshots, and a digest of the chunks is a digest of the key.
//!
//! The format says how bytes are laid out, and every format that was ever written can be read. What operations *do* is the
//! [behaviour](BEHAVIOUR), which is no matter of files.
//!
//! Reading trusts nothing: a length never makes it allocate more than is there, and whatever cannot have been written is refused.

pub(crate) mod bytes;
pub(crate) mod chunks;
mod format;
mod load;

pub(crate) use format::Format;
pub use load::Loader;

use crate::entries::{Handle, State};
use crate::error::Error;
use crate::gate::{Extra, Gate};
use crate::groups::Groups;
use crate::options::DeliveryOptions;
use crate::queue::{Queue, Totals};
use crate::time::UnixMs;
use crate::token::Token;
use chunks::chunked;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The number of what operations do, where a replica or an AOF repeats them. It rises when any of them, repeated on an equal key, leaves
/// another state than it did in the version before.
pub const BEHAVIOUR: u32 = 1;

/// The behaviours that this version can repeat.
pub const REPEATED: RangeInclusive<u32> = 1..=BEHAVIOUR;

/// Most bytes that one chunk may decode to: the largest entry, with room around it.
const DECODE_LIMIT: usize = 256 * 1024 * 1024;

type Encoding = bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<DECODE_LIMIT>,
>;

fn encoding() -> Encoding {
    bincode::config::standard().with_limit::<DECODE_LIMIT>()
}

#[derive(Serialize, Deserialize)]
enum Part<'a, S, C> {
    Head(Head<S>),
    Collected(Vec<C>),
    #[serde(borrow)]
    Entries(Vec<SavedEntry<'a>>),
    #[serde(borrow)]
    Grants(Vec<SavedGrant<'a>>),
    End {
        collected: u64,
        entries: u64,
    },
    /// The key is paused. Follows the head; told only of such a key.
    Paused,
    /// An option of the gate that few keys have. Follows the head.
    #[serde(borrow)]
    Extra(Extra<'a>),
    /// How many of the parts are there that not every key has, if there are any: so none can be missing. Stands before the end.
    Extras(u64),
    /// Told right behind the head, if the key has groups.
    Grouping(SavedGrouping),
    /// Told behind the grants: all groups if they take turns, else those whose names not all their entries bear.
    #[serde(borrow)]
    Groups(Vec<SavedGroup<'a>>),
    /// Told behind the groups: in which each entry is, in the order of the entries.
    Members(Vec<SavedMembers>),
}

#[derive(Serialize, Deserialize)]
struct Head<S> {
    /// The behaviour of the version that wrote this. Whoever goes on with its operations must check it; a file is read whatever it is.
    behaviour: u32,
    gate: S,
    options: DeliveryOptions,
    totals: Totals,
    next_seq: u64,
    last_token: Token,
}

#[derive(Serialize, Deserialize)]
struct SavedEntry<'a> {
    key: i64,
    seq: u64,
    #[serde(borrow, with = "serde_bytes")]
    name: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    body: &'a [u8],
    #[serde(borrow)]
    status: SavedStatus<'a>,
}

#[derive(Serialize, Deserialize)]
enum SavedStatus<'a> {
    /// Queued, never delivered.
    Fresh,
    Queued {
        deliveries: u32,
        token: Token,
    },
    Delayed {
        deliveries: u32,
        token: Token,
        until: UnixMs,
    },
    Leased {
        deliveries: u32,
        token: Token,
        superseded: bool,
    },
    Dead {
        deliveries: u32,
        token: Token,
        died_at: UnixMs,
        by_lease_end: bool,
        #[serde(borrow, with = "serde_bytes")]
        reason: &'a [u8],
    },
}

/// A run of consecutive current tokens on the same terms.
#[derive(Serialize, Deserialize)]
struct SavedGrant<'a> {
    first: Token,
    count: u64,
    #[serde(borrow, with = "serde_bytes")]
    consumer: &'a [u8],
    deadline: UnixMs,
    claimed_at: UnixMs,
    lapsed: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedGrouping {
    limit: u32,
    fair: bool,
    next_turn: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedGroup<'a> {
    #[serde(borrow, with = "serde_bytes")]
    name: &'a [u8],
    /// 0 if groups take no turns, or if this one is not in use.
    turn: u64,
}

/// Consecutive entries of one group.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct SavedMembers {
    count: u64,
    /// 0: each entry is in the group of its own name; n: all are in the n-th of the groups that were told.
    group: u64,
}

/// A part of the snapshot of a key with this gate.
type PartOf<'a, G> = Part<'a, <G as Gate>::Saved, <G as Gate>::Collected<'a>>;

struct Chunk(Vec<u8>);

impl bincode::enc::write::Writer for Chunk {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Emits a part as a chunk in the newest format.
pub(crate) fn encode(part: &impl Serialize, emit: &mut dyn FnMut(&[u8])) {
    let mut chunk = Chunk(vec![Format::NEWEST.mark()]);
    match bincode::serde::encode_into_writer(part, &mut chunk, encoding()) {
        Ok(()) => emit(&chunk.0),
        // Encoding into memory has no way to fail for these types.
        Err(error) => unreachable!("a snapshot did not encode: {error}"),
    }
}

/// Decodes what a chunk has behind its mark, and fails if it has anything else. Allocates no more than the chunk's length pays for.
pub(crate) fn decode<'a, T: Deserialize<'a>>(chunk: &'a [u8]) -> Result<T, Error> {
    let (part, length) = bincode::serde::borrow_decode_from_slice(chunk, encoding())
        .map_err(|_| Error::Damaged("a chunk does not decode"))?;
    if length != chunk.len() {
        return Err(Error::Damaged("bytes after the end of a chunk"));
    }
    Ok(part)
}

/// Whom the parts are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Whoever loads the key: everything.
    Loader,
    /// Whoever compares nodes: what is equal on all of them.
    Comparer,
}

impl<G: Gate> Queue<G> {
    /// Emits the key, chunk by chunk. O(n).
    pub fn save(&self, emit: &mut dyn FnMut(&[u8])) {
        self.write_parts(Reader::Loader, emit);
    }

    /// Emits what is equal on master and replica, chunk by chunk. That leaves out the stale tokens that only name delayed entries: a replica whose
    /// data come from a version without these tokens has none. O(n).
    pub fn fingerprint(&self, emit: &mut dyn FnMut(&[u8])) {
        self.write_parts(Reader::Comparer, emit);
    }

    fn write_parts(&self, reader: Reader, emit: &mut dyn FnMut(&[u8])) {
        let head = Head {
            behaviour: BEHAVIOUR,
            gate: self.gate.save(),
            options: self.options.clone(),
            totals: self.totals,
            next_seq: self.next_seq,
            last_token: self.last_token,
        };
        let mut put = |part: PartOf<'_, G>| encode(&part, emit);
        put(Part::Head(head));
        let mut extras = 0;
        if self.options.paused {
            extras += 1;
            put(Part::Paused);
        }
        self.gate.extras(&mut |extra| {
            extras += 1;
            put(Part::Extra(extra));
        });
        if let Some(groups) = &self.groups {
            let DeliveryOptions { group_limit: limit, fair, .. } = self.options;
            extras += 1;
            put(Part::Grouping(SavedGrouping { limit, fair, next_turn: groups.next_turn() }));
        }
        let mut collected = 0;
        if reader == Reader::Loader || !G::COLLECTED_IS_LOCAL {
            chunked(self.gate.collected(), |chunk| {
                collected += chunk.len() as u64;
                put(Part::Collected(chunk));
            });
        }
        chunked(self.saved_entries(reader), |chunk| put(Part::Entries(chunk)));
        chunked(self.saved_grants(), |chunk| put(Part::Grants(chunk)));
        if let Some(groups) = &self.groups {
            let (told, members) = self.saved_groups(groups);
            chunked(told.into_iter(), |chunk| put(Part::Groups(chunk)));
            chunked(members.into_iter().map(|run| (4, run)), |chunk| put(Part::Members(chunk)));
        }
        if extras > 0 {
            put(Part::Extras(extras));
        }
        put(Part::End { collected, entries: self.entries.len() as u64 });
    }

    fn saved_entries(&self, reader: Reader) -> impl Iterator<Item = (usize, SavedEntry<'_>)> {
        self.saved_handles().map(move |handle| {
            let entry = self.saved(handle, reader);
            (entry.name.len() + entry.body.len() + size_of::<SavedEntry<'_>>() / 2, entry)
        })
    }

    /// The entries in the order in which they are saved.
    fn saved_handles(&self) -> impl Iterator<Item = Handle> + '_ {
        let queued = self.order.iter();
        let delayed = self.delays.values().copied();
        let leased = self
            .grants
            .iter_after(0)
            .map(|(_, handle, _)| handle)
            .filter(|handle| self.entries.state(*handle) == State::Leased);
        let dead = self.dead.values().map(|death| death.handle);
        queued.chain(delayed).chain(leased).chain(dead)
    }

    /// The groups to tell of, in the order of their first entries, each with about how many bytes it takes; and who is in which. O(n).
    fn saved_groups<'a>(&'a self, groups: &'a Groups) -> (Vec<(usize, SavedGroup<'a>)>, Vec<SavedMembers>) {
        let (mut told, mut numbers) = (Vec::new(), HashMap::new());
        let mut members: Vec<SavedMembers> = Vec::new();
        for handle in self.saved_handles() {
            let (name, turn) = (groups.name_of(&self.entries, handle), groups.turn_of(&self.entries, handle));
            let mut group = 0;
            if name.is_some() || turn != 0 {
                let name_told = name.unwrap_or_else(|| self.entries.name(handle));
                let number = *numbers.entry(self.entries.group(handle)).or_insert_with(|| {
                    told.push((name_told.len() + 8, SavedGroup { name: name_told, turn }));
                    told.len() as u64
                });
                group = if name.is_some() { number } else { 0 };
            }
            match members.last_mut().filter(|run| run.group == group) {
                Some(run) => run.count += 1,
                None => members.push(SavedMembers { count: 1, group }),
            }
        }
        (told, members)
    }

    fn saved(&self, handle: Handle, reader: Reader) -> SavedEntry<'_> {
        let place = self.entries.place(handle);
        let (name, body) = self.entries.name_and_body(handle);
        SavedEntry { key: place.key, seq: place.seq, name, body, status: self.saved_status(handle, reader) }
    }

    fn saved_status(&self, handle: Handle, reader: Reader) -> SavedStatus<'_> {
        let Some(record) = self.record(handle) else { return SavedStatus::Fresh };
        let (deliveries, token) = (record.deliveries, record.token);
        match self.entries.state(handle) {
            State::Queued => SavedStatus::Queued { deliveries, token },
            State::Delayed => {
                let is_told = reader == Reader::Loader || !self.nacked.contains_key(&token);
                let token = if is_told { token } else { 0 };
                SavedStatus::Delayed { deliveries, token, until: record.delayed_until }
            }
            State::Leased => SavedStatus::Leased { deliveries, token, superseded: self.entries.superseded(handle) },
            State::Dead => {
                let (died_at, by_lease_end, reason) = self
                    .dead
                    .get(&token)
                    .map_or((UnixMs(0), false, &[][..]), |death| (death.died_at, death.by_lease_end, &*death.reason));
                SavedStatus::Dead { deliveries, token, died_at, by_lease_end, reason }
            }
        }
    }

    fn saved_grants(&self) -> impl Iterator<Item = (usize, SavedGrant<'_>)> {
        self.grants.runs().map(|(run, terms)| {
            let grant = SavedGrant {
                first: run.first,
                count: run.last - run.first + 1,
                consumer: &terms.consumer,
                deadline: terms.deadline,
                claimed_at: terms.claimed_at,
                lapsed: terms.lapsed,
            };
            (terms.consumer.len() + size_of::<SavedGrant<'_>>() / 2, grant)
        })
    }
}
