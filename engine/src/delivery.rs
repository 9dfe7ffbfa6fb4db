//! ready -> leased -> gone or dead. The operations that are the same for every family.
//!
//! This half knows an entry by its place, name and body, and learns from the gate's horizon whether the entry is ready.
//! It knows nothing of watermarks, DEBOUNCE's groups, watched keys or windows.
//!
//! Time-dependent operations first *sweep*: they end what time has ended. How much they sweep is bounded, and a function of
//! state, operation and `now` alone, because a replica repeats it; the bounds belong to the wire format.

mod alter;
mod claim;
mod dead;
mod peek;
mod promote;
mod round;
mod settle;
mod stats;
mod sweep;
mod view;

pub use claim::{Claim, ClaimTerms, Delivered, Ready, ReadyBatch, Sunk, CLAIM_BYTES, SINK_BATCH};
pub use dead::Which;
pub use peek::{Cursor, Listing, PeekPage, Peeked, PeekedAt};
pub use round::Round;
pub use settle::Nack;
pub use stats::Stats;
pub use sweep::SWEEP_AT_MOST;
pub use view::{DeadLetter, Delayed, Pending};

pub(crate) use view::Standing;

#[cfg(test)]
mod tests;
