//! The engine of tsgen: one key's value as a deterministic state machine.
//!
//! A key is a gate in front of a delivery queue ([`queue::Queue`]), or a rate limit ([`throttle::Throttle`]), which has neither.
//! What holds at any time:
//!
//! 1. The same operations with the same `now` lead to the same state and the same replies. No clock, randomness or
//!    hash-table order reaches either; the hash seed shows nowhere.
//! 2. An entry is in exactly one of: waiting, ready, leased, delayed, dead.
//! 3. Nothing is handed out before its gate opens: the place key of a claimed entry is at or below the horizon, and what is
//!    being collected is no entry yet.
//! 4. Nothing leaves except by ACK, DISCARD, an explicit removal or replacement, or into the sink.
//! 5. A token is issued once, and tokens rise.
//! 6. Operations check first and then change state without failing: an `Err` has changed nothing.
//! 7. A deadline at or before `now` is due. What time alone has ended takes effect in the next time-dependent
//!    operation (the *sweep*), and reads answer as if it had already.
//! 8. A loaded snapshot behaves as the key that was saved.
//!
//! It does not know Redis, sockets, threads or files, and has no unsafe code.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::too_many_lines)]
// What is `pub` is for the module; all else says how far it goes.
#![warn(unreachable_pub)]

mod buffers;
mod compact;
mod delivery;
mod duration;
mod entries;
mod error;
mod gate;
mod grants;
mod groups;
mod hashing;
mod mover;
mod names;
mod options;
mod order;
mod pass;
mod prefixes;
mod queue;
mod rubbish;
mod schedule;
mod shards;
mod slab;
mod snapshot;
mod throttle;
mod time;
mod token;

pub use delivery::{
    Claim, ClaimTerms, Cursor, DeadLetter, Delayed, Delivered, Listing, Nack, PeekPage, Peeked, PeekedAt, Pending,
    Ready, ReadyBatch, Round, Stats, Sunk, Which,
};
pub use delivery::{CLAIM_BYTES, SINK_BATCH, SWEEP_AT_MOST};
pub use duration::{duration, Duration};
pub use entries::{Place, MAX_NAME};
pub use error::Error;
pub use gate::idle::{fired, Collecting, Fired, Group, Idle, IdleRules, Pushed, Reader, Reason, MAX_ITEMS};
pub use gate::ttl::{expired, Copied, Ending, Expired, LastValue, Mark, Prefix, Tracked, Ttl, TtlRules, Update};
pub use gate::ttl::{judge_change, judge_end, Change, End, Known, Life, OfLife, Owed, Then, Verdict, Voice};
pub use gate::ttl::{ChangedKey, KeyId, Last, SeenEnd, Sightings};
pub use gate::watermark::{
    Added, Addition, Advanced, Element, Guard, Kind, Late, RememberRules, Source, SourceChange, Watermark,
    WatermarkRules, WatermarkSettings, DEFAULT_REMEMBER_MAX, MAX_SOURCES,
};
pub use gate::window::{
    batch_number, Batch, Counted, FieldKind, Incremented, OpenWindow, Window, WindowRules, MAX_FIELDS,
};
pub use gate::{AllDue, Due, Extent, Foretold, Gate};
pub use groups::GroupCounts;
pub use mover::Mover;
pub use options::{DeliveryOptions, Sink, MAX_COUNT, MAX_GROUP_LIMIT};
pub use prefixes::Prefixes;
pub use queue::{Queue, Settled, Totals};
pub use rubbish::Rubbish;
pub use schedule::{DueKey, Schedule};
pub use snapshot::{Loader, BEHAVIOUR, REPEATED};
pub use throttle::{Moment, Rate, SavedThrottle, Taken, Throttle, MAX_LIMIT};
pub use time::{Millis, UnixMs};
pub use token::{coalesce, Token, TokenRange, MAX_TOKEN};

/// One TSGEN key.
pub type Tsgen = Queue<Watermark>;

/// One EXPIRY key.
pub type Expiry = Queue<Ttl>;

/// One DEBOUNCE key.
pub type Debounce = Queue<Idle>;

/// One TALLY key.
pub type Tally = Queue<Window>;
