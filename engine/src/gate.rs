//! What the delivery queue needs to know about the gate in front of it, and no more.

pub mod watermark;

use crate::entries::{Entries, Handle};
use crate::error::Error;
use crate::order::Order;
use crate::time::UnixMs;
use serde::{de::DeserializeOwned, Serialize};

/// The gate of one key.
///
/// Entries that are neither leased nor resting nor dead stand in one order of *places*. The gate's whole influence
/// on delivery is the *horizon*: an entry whose place key is at or below it is ready, one above it waits.
/// So opening a gate moves nothing, however many entries it lets through.
pub trait Gate: Clone + Sized {
    /// What a snapshot keeps of the gate.
    type Saved: Serialize + DeserializeOwned;

    /// The highest place key that is ready at `now`; `None` if nothing is.
    fn horizon(&self, now: UnixMs) -> Option<i64>;

    /// Remembers how far time alone has opened the gate, so that a clock that steps back does not close it.
    /// Called only by operations that are replicated with their clock.
    fn commit(&mut self, now: UnixMs);

    /// Since when entries with this place key have been ready, as far as is known.
    fn open_since(&self, key: i64) -> Option<UnixMs>;

    /// When time alone opens the gate next, after `now`.
    fn next_opening(&self, order: &Order, entries: &Entries, now: UnixMs) -> Option<UnixMs>;

    /// The word kept with an entry that has never been delivered.
    fn tag(&self, name: &[u8]) -> u32;

    /// An entry is about to leave the key for good.
    fn forget(&mut self, entries: &Entries, handle: Handle);

    /// An entry was read from a snapshot. Fails if it cannot be one of this gate's.
    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error>;

    /// What a snapshot must keep.
    fn save(&self) -> Self::Saved;

    /// The gate of a snapshot. Fails on a state that no gate can be in.
    fn load(saved: Self::Saved, seed: [u64; 2]) -> Result<Self, Error>;

    /// About how many bytes of heap this takes.
    fn memory(&self) -> usize;
}
