//! What the delivery queue needs to know about the gate in front of it, and no more.

pub(crate) mod idle;
pub(crate) mod ttl;
pub(crate) mod watermark;
pub(crate) mod window;

mod extra;

pub(crate) use extra::{Extra, SavedDone, SavedRun};

use crate::entries::{Entries, Handle, Place};
use crate::error::Error;
use crate::mover::Mover;
use crate::order::Order;
use crate::pass::{Cursor, Step};
use crate::time::UnixMs;
use serde::{de::DeserializeOwned, Deserialize, Deserializer, Serialize};

/// A collected thing that is due and has not fired yet, for a reader who must not fire it.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The place of the entry that it will be.
    pub place: Place,
    /// Bytes of the body of that entry.
    pub size: usize,
    /// The number by which the gate knows it.
    pub number: u32,
}

/// What is due, as far as one look goes.
#[derive(Default)]
pub struct AllDue {
    /// In order of places.
    pub things: Vec<Due>,
    /// From this place on there may be more things than these; each further look gets further.
    pub unknown_from: Option<Place>,
}

/// How much of the body of an entry is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Only what stands before its content, which is too large to be copied.
    Beginning,
}

/// An entry that something due will be.
#[derive(Default)]
pub struct Foretold<'a> {
    /// Its name; empty where that is chosen only when the thing fires.
    pub name: &'a [u8],
    /// Its body, as far as it was asked for.
    pub body: Vec<u8>,
}

/// The gate of one key.
///
/// Entries that are neither leased nor resting nor dead stand in one order of *places*. The gate's whole influence
/// on delivery is the *horizon*: an entry whose place key is at or below it is ready, one above it waits.
/// So opening a gate moves nothing, however many entries it lets through.
///
/// A gate may also *collect*: hold things that are not entries yet. One of them becomes an entry when it *fires*. Those whose
/// deadline has passed are fired by the sweep, like a lease that has ended.
///
/// A method without a default is one that no gate may forget: what is saved, counted, freed and given back, and when the gate opens next. The
/// others are for gates that do such a thing at all. A gate whose things the sweep fires has five of them, which belong together:
/// [`Gate::overdue`], [`Gate::first_due`] and [`Gate::fire`]; and for those who only look, [`Gate::due_from`] and [`Gate::foretell`].
pub trait Gate: Clone + Sized {
    /// What a snapshot keeps of the gate.
    type Saved: Serialize + DeserializeOwned;
    /// What a snapshot keeps of one thing that is being collected.
    type Collected<'a>: Serialize + Deserialize<'a>
    where
        Self: 'a;

    /// Whether what is collected is only what this node has seen: it is saved, but not compared with other nodes.
    const COLLECTED_IS_LOCAL: bool = false;

    /// The highest place key that is ready at `now`; `None` if none is. By default all are: in a gate that only collects, what waits is no entry
    /// yet, and what has fired stays ready even if the clock steps back.
    fn horizon(&self, _now: UnixMs) -> Option<i64> {
        Some(i64::MAX)
    }

    /// When time alone lets an entry with this place key through; `None` where time does not.
    fn opens_at(&self, _key: i64) -> Option<UnixMs> {
        None
    }

    /// Whether a clock that steps back would make something wait again that is ready or due. By default whatever is being collected would: its
    /// deadline lies ahead again.
    fn closes_again(&self, _order: &Order) -> bool {
        self.collecting() > 0
    }

    /// Since when entries with this place key have been ready, as far as is known.
    fn open_since(&self, key: i64) -> Option<UnixMs> {
        Some(UnixMs(key))
    }

    /// When time alone opens the gate next, after `now`.
    fn next_opening(&mut self, order: &Order, entries: &Entries, now: UnixMs) -> Option<UnixMs>;

    /// The word kept with an entry that has never been delivered.
    fn tag(&self, _name: &[u8]) -> u32 {
        0
    }

    /// An entry is about to leave the key for good.
    fn forget(&mut self, _entries: &Entries, _handle: Handle) {}

    /// An entry is about to leave the key for good, for its work is done.
    fn done(&mut self, entries: &Entries, handle: Handle, _now: UnixMs) {
        self.forget(entries, handle);
    }

    /// Whether [`Gate::done`] depends on the time.
    fn remembers(&self) -> bool {
        false
    }

    /// Whether anything comes again, so that the time at which work is done counts.
    fn recurs(&self) -> bool {
        false
    }

    /// The place key at which the work of this entry comes again if it is settled at `at`; `None`: it does not.
    fn comes_again(&self, _entries: &Entries, _handle: Handle, _at: UnixMs) -> Option<i64> {
        None
    }

    /// An entry that [comes again](Gate::comes_again) is settled. `next`, which was never delivered, takes its place; `None`: its work ends here.
    fn follow(&mut self, _entries: &Entries, _settled: Handle, _next: Option<Handle>) {}

    /// Forgets notes of [`Gate::done`] whose time is over, in about `most` steps. True if there were any.
    fn forget_over(&mut self, _now: UnixMs, _most: usize) -> bool {
        false
    }

    /// When the time of the first of these notes is over.
    fn forgets_at(&self) -> Option<UnixMs> {
        None
    }

    /// An entry was read from a snapshot. Fails if it cannot be one of this gate's.
    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error>;

    /// How many things are being collected, overdue ones included.
    fn collecting(&self) -> usize;

    /// Sorts out up to `most` collected things as overdue, or as overdue no longer, so that they can be counted. False if
    /// some are left. Changes nothing that shows. By default there is nothing to sort: what is overdue can be counted as it is.
    fn sort_overdue(&mut self, _now: UnixMs, _most: usize) -> bool {
        true
    }

    /// How many collected things are overdue. By default none ever is: the sweep fires nothing.
    fn overdue(&mut self, _now: UnixMs) -> usize {
        0
    }

    /// The earliest deadline of a collected thing, if it has come. What is due fires: see [`Gate::fire`].
    fn first_due(&mut self, _now: UnixMs) -> Option<UnixMs> {
        None
    }

    /// Up to `most` collected things that are due, from this place on. O(log n + those), and some milliseconds where very many have come due at
    /// once. Changes nothing that shows.
    fn due_from(&mut self, _from: Place, _most: usize, _now: UnixMs) -> AllDue {
        AllDue::default()
    }

    /// The entry that a due thing will be.
    fn foretell(&self, _due: &Due, _extent: Extent) -> Foretold<'_> {
        Foretold::default()
    }

    /// Whether making an entry of what is due is a long piece of work, not to be done in one go with others.
    fn fires_long(&self, _now: UnixMs) -> bool {
        false
    }

    /// Makes an entry of the collected thing with the earliest deadline, if that has come. O(log n), and O(what it is made of).
    fn fire(&mut self, _now: UnixMs, _entries: &mut Entries) -> Option<Handle> {
        None
    }

    /// Notes that an entry has a new handle; it can be read by both. The entry is not superseded.
    fn moved(&mut self, _entries: &Entries, _old: Handle, _new: Handle) {}

    /// Bytes that [`Gate::compact`] would give back, beyond the slack that is tolerated. O(1).
    fn waste(&self) -> usize;

    /// Does about `most` steps of giving back memory that is no longer needed, in the `stage`-th part of the gate. Changes nothing that shows.
    fn compact(&mut self, stage: usize, cursor: &mut Cursor, most: usize) -> Step;

    /// Shows the buffers of the `part`-th part of the gate to `mover`.
    fn show_buffers(&mut self, part: usize, cursor: &mut Cursor, mover: &mut impl Mover) -> Step;

    /// What a snapshot must keep.
    fn save(&self) -> Self::Saved;

    /// What a snapshot must keep of all that is being collected, in order of sequence numbers, each with about how many bytes it takes.
    fn collected(&self) -> impl Iterator<Item = (usize, Self::Collected<'_>)>;

    /// Reads what format 0 kept of the gate. Only a gate that was kept otherwise then than it is today has to say how.
    fn read_format_0<'de, D: Deserializer<'de>>(from: D) -> Result<Self::Saved, D::Error> {
        Self::Saved::deserialize(from)
    }

    /// The gate of a snapshot. Fails on a state that no gate can be in.
    fn load(saved: Self::Saved, seed: [u64; 2]) -> Result<Self, Error>;

    /// Takes in a thing that was being collected when the snapshot was taken; returns its sequence number, if it has one of the
    /// queue's. Fails on what cannot have been collected.
    fn adopt_collected(&mut self, collected: Self::Collected<'_>) -> Result<Option<u64>, Error>;

    /// Whether a collected thing is only what the node that saved it had seen in its own keyspace, and is not taken in elsewhere at `now`. Fails
    /// on what cannot have been collected.
    fn leaves_behind(&self, _collected: &Self::Collected<'_>, _now: UnixMs) -> Result<bool, Error> {
        Ok(false)
    }

    /// Tells what a snapshot must keep of options that few keys have.
    fn extras(&self, _tell: &mut dyn FnMut(Extra<'_>)) {}

    /// Takes in what [`Gate::extras`] told. Fails on what this gate cannot have told.
    fn adopt_extra(&mut self, _extra: Extra<'_>) -> Result<(), Error> {
        Err(Error::Damaged("an option of another family"))
    }

    /// Called once all collected things have been taken in. Fails if something must be missing.
    fn adopted(&self) -> Result<(), Error> {
        Ok(())
    }

    /// About how many bytes of heap this takes.
    fn memory(&self) -> usize;

    /// Roughly how much work it is to free what is being collected, in allocations.
    fn free_effort(&self) -> usize;
}
