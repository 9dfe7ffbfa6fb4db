//! The worker library of tsgen, the Redis module that hands things out when their time has come: typed calls for every command, and the
//! loop that nobody should have to write, over redis-rs and tokio.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod call;
mod claims;
mod clock;
mod codec;
mod collectors;
mod content;
#[cfg(feature = "cron")]
mod cron;
mod elements;
mod error;
mod hands;
mod hooks;
mod info;
mod job;
mod key;
mod line;
mod link;
mod name;
mod options;
mod peek;
mod recurring;
mod reply;
mod run;
mod server;
mod stopper;
mod tokens;
mod tsgen;
mod worker;

pub use call::Call;
pub use clock::VirtualClock;
pub use codec::{Decode, Encode, Raw};
pub use collectors::{Collecting, Pushed, Tracked};
pub use content::{Batch, Content, Debounce, Elements, Entry, Expired, Expiry, Family, Group, Item, Tally};
#[cfg(feature = "cron")]
pub use cron::Cron;
pub use elements::{AddAllOptions, AddOptions, Added, AdvanceOptions, DelayQueue, Found, Ranged, Source};
pub use error::{BoxError, Error};
pub use hooks::Hooks;
pub use info::{Figure, Info};
pub use job::{Claimed, Dead, Failure, Job, Retry, Undecodable, Withdrawn};
pub use key::{ClaimOptions, ClaimSeveral, DeadLetter, Key, Pending};
pub use name::Name;
pub use options::{Field, Late, Options};
pub use peek::{Page, Peeked, State};
pub use recurring::Schedule;
pub use server::Server;
pub use stopper::Stopper;
pub use tokens::Tokens;
pub use tsgen::{TakeOptions, Taken, Tsgen};
pub use worker::{Handler, Health, Worker};
