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
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod exactly_once;
mod hands;
mod hooks;
mod info;
mod job;
mod key;
mod leases;
mod line;
mod link;
#[cfg(feature = "prometheus")]
mod metrics;
mod name;
mod options;
mod peek;
mod recurring;
pub mod reply;
mod run;
mod server;
#[cfg(feature = "otel")]
mod spans;
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
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use exactly_once::WriteError;
#[cfg(feature = "postgres")]
pub use exactly_once::{write_postgres, POSTGRES_TABLES};
#[cfg(feature = "sqlite")]
pub use exactly_once::{write_sqlite, SQLITE_TABLES};
pub use hooks::Hooks;
pub use info::{Figure, Info};
pub use job::{Claimed, Dead, Failure, Job, Retry, Undecodable, Withdrawn};
pub use key::{ClaimOptions, ClaimSeveral, DeadLetter, Key, Pending};
#[cfg(feature = "prometheus")]
pub use metrics::Metrics;
pub use name::Name;
pub use options::{Bounded, Field, Grouped, Late, Options};
pub use peek::{Page, Peeked, State};
pub use recurring::Schedule;
pub use server::Server;
#[cfg(feature = "otel")]
pub use spans::{Linked, Spans, Traced};
pub use stopper::Stopper;
pub use tokens::Tokens;
pub use tsgen::{TakeOptions, Taken, Tsgen};
pub use worker::{Handler, Health, Worker};
