//! What every test against a real server stands on: servers and applications that cannot outlive their test, a small RESP client,
//! transcripts, and the replication stream as a replica sees it.
//!
//! It knows nothing of this module's commands. Waiting is always for a condition with a deadline ([`wait_until`]), never
//! for a length of time.

#![allow(dead_code, unused_imports)] // each test binary uses its own part

pub mod aof;
mod app;
mod client;
mod clock;
mod cluster;
mod doing;
mod dump;
mod events;
mod example;
mod feed;
pub mod library;
mod network;
pub mod pipe;
mod planted;
mod port;
pub mod probe;
mod process;
mod programs;
mod random;
mod replication;
mod resp;
mod router;
pub mod sched;
mod scope;
mod sentinel;
mod server;
mod terminal;
mod transcript;

pub use app::App;
pub use client::{request, Blocked, Client};
pub use clock::{build_shim, Clock};
pub use cluster::{slot_of, tags, wait_long, AtomicMove, Cluster};
pub use doing::{doing, Deadline};
pub use dump::{reseal, unseal};
pub use events::Events;
pub use example::Example;
pub use feed::Feed;
pub use network::{Network, Networks};
pub use planted::{plant, planted};
pub use process::{mortal, signal, Process};
pub use programs::programs;
pub use random::Random;
pub use replication::same_data;
pub use resp::Reply;
pub use router::Router;
pub use scope::scope;
pub use sentinel::Sentinels;
pub use server::{module, Server, Stop};
pub use transcript::{fill, matches, words, Bindings, Form};

use std::path::Path;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once before it gives up. Generous, because CI machines stall.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls `condition` every few milliseconds until it holds; panics with `what` after [`PATIENCE`].
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_to_hold(what, condition), "gave up waiting until {what}");
}

/// The same for a test that has more to say if it does not: whether it holds in the end.
pub fn comes_to_hold(what: &str, mut condition: impl FnMut() -> bool) -> bool {
    let _at = doing(format!("waits until {what}"));
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    true
}

/// The folder of the workspace, of which the package under test may be only a part.
pub fn workspace() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("tests/harness/mod.rs").exists()).expect("the folder of the workspace")
}

/// The clock of this machine, which is also the servers', in Unix milliseconds.
pub fn now_ms() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since_epoch.as_millis()).expect("a clock before the year 292 million")
}

/// One command with arguments of any kind that are bytes or print as such: `cmd!(client, "SET", key, 5, &payload[..])`.
#[macro_export]
macro_rules! cmd {
    ($client:expr, $($arg:expr),+ $(,)?) => {
        $client.call(&[$($crate::harness::Arg::from($arg).bytes()),+])
    };
}

/// An argument of [`cmd!`].
pub struct Arg(Vec<u8>);

impl Arg {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Arg {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&Vec<u8>> for Arg {
    fn from(bytes: &Vec<u8>) -> Self {
        Self(bytes.clone())
    }
}

macro_rules! arg_from_display {
    ($($t:ty),+) => { $(impl From<$t> for Arg { fn from(value: $t) -> Self { Self(value.to_string().into_bytes()) } })+ };
}
arg_from_display!(&str, &String, String, i32, i64, u16, u64, usize);
