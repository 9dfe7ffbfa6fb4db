//! ready -> leased -> gone or dead. The operations that are the same for every family.
//!
//! It knows entries by their place, their name and their body, and when they are ready by the gate's horizon.
//! It knows nothing of watermarks, groups, keys or windows.
//!
//! Time-dependent operations first *sweep*: they let what time has ended end. How much they sweep is bounded and a
//! function of state, operation and `now` alone, for a replica repeats it; the bounds belong to the wire format.

mod alter;
mod claim;
mod dead;
mod promote;
mod settle;
mod sweep;
mod view;

pub use claim::{Claim, Delivered, Ready, Sunk, SINK_BATCH};
pub use dead::Which;
pub use settle::Nack;
pub use view::{DeadLetter, Delayed, Pending, Stats};

pub(crate) use view::Standing;

#[cfg(test)]
mod tests;
