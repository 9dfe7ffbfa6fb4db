//! Judges histories: from what clients sent and got, and from how the servers were disturbed, it says what went wrong.
//!
//! It asks neither a server nor the engine, and knows no command by name. The simulation and the torture of real servers record the same
//! [`History`]; [`judge`] tells what each call was owed by the durability that it had when the disturbance came. A finding is never
//! a guess: where a call may or may not have taken effect (no reply, or a reply that a crash was allowed to take back), whatever it may explain is excused, and
//! excused losses are counted.

mod certainty;
mod checks;
mod report;

pub use report::{Durability, Finding, Kind, Report};

use std::collections::{BTreeMap, BTreeSet};

/// What was observed. Times (`begin`, `end`, `at`) are of one monotonic clock of the observer, in any unit.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// By the name of the key.
    pub terms: BTreeMap<String, Terms>,
    /// In any order.
    pub calls: Vec<Call>,
    pub losses: Vec<Loss>,
    /// When somebody set the server's time of day, and to what.
    pub steps: Vec<(u64, i64)>,
    /// What the servers still hold at the end, as listings show it: units by key.
    pub left: BTreeSet<(String, String)>,
}

/// What a key was created to do.
#[derive(Clone, Debug)]
pub struct Terms {
    pub gate: Gate,
    /// Of a group no two may be in hand.
    pub one_at_a_time: bool,
    /// For so many milliseconds an acknowledged unit may not be written again; 0: it may at once.
    pub remember_ms: i64,
    /// A reply means that the write is in a file that a power cut leaves.
    pub always_synced: bool,
    /// What was settled comes again, one at a time.
    pub comes_again: bool,
    /// How much may be taken.
    pub limit: Option<Limit>,
}

/// At most `burst` at once, and one more each so many milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub burst: u64,
    pub each_ms: f64,
}

impl Terms {
    /// Those of a key with no options, where a power cut may take what was replied.
    pub fn under(gate: Gate) -> Self {
        Terms { gate, one_at_a_time: false, remember_ms: 0, always_synced: false, comes_again: false, limit: None }
    }
}

/// What says that a unit may be handed out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gate {
    /// A number that clients advance.
    Watermark,
    /// The server's time of day as it is now.
    Clock,
    /// The server's time of day once it got there, wherever it was set afterwards.
    ClockOnce,
}

/// One command of one client.
#[derive(Clone, Debug)]
pub struct Call {
    pub client: u32,
    pub key: String,
    pub begin: u64,
    /// When the reply had come, or when the client gave up.
    pub end: u64,
    /// The lowest and the highest time of day, in Unix ms, that the server may have seen meanwhile, as far as nobody set it.
    pub clock: (i64, i64),
    pub act: Act,
    pub answer: Answer,
    /// When it was known that a replica had it (WAIT).
    pub replicated: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Units that must be delivered from now on: an element, items of a group, a key that will expire. A name that is there already is replaced.
    Write(Vec<Unit>),
    /// Units that need not be delivered any more.
    Remove(Vec<String>),
    /// Increments, by field.
    Count(Vec<(String, i64)>),
    Advance(i64),
    /// One was taken from a limit.
    Take,
    /// Leases for so many milliseconds.
    Claim {
        lease_ms: i64,
        deliveries: Vec<Delivery>,
    },
    /// By tokens, here and below.
    Ack(Vec<u64>),
    /// Dead letters were removed.
    Discard(Vec<u64>),
    /// NACK, RELEASE: the lease is over.
    HandBack(Vec<u64>),
    Extend {
        tokens: Vec<u64>,
        lease_ms: i64,
    },
}

/// What the reply said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// All of it was done.
    Done,
    /// None of it was.
    Refused,
    /// There was no reply, or it did not say which part was done.
    Unclear,
}

/// Something with a name that must be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    pub name: String,
    /// From when on: a timestamp under the watermark, or Unix ms; `i64::MIN`: at once.
    pub due: i64,
}

/// An entry as a worker got it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub token: u64,
    /// What it has: an id, the items of a group in their order, a key, the number of a batch.
    pub units: Vec<String>,
    pub group: Option<String>,
    /// Sums by field, in a batch.
    pub sums: Vec<(String, i64)>,
    /// What the entry itself says of when it became ready.
    pub ready_at: Option<i64>,
}

/// Servers were disturbed in a way that may take back what had been answered.
#[derive(Clone, Debug)]
pub struct Loss {
    /// When it may have begun.
    pub at: u64,
    /// From when on everybody spoke to the server that has what is left.
    pub until: u64,
    pub kept: Kept,
}

/// Which calls outlive a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kept {
    /// All that were answered.
    Answered,
    /// Those answered before this time.
    Before(u64),
    /// Those that a replica was known to have before the loss began.
    Replicated,
}

/// Judges a history that has come to its end: everything that could be delivered was claimed and acknowledged, or is in `left`.
pub fn judge(history: &History) -> Report {
    let mut report = Report::default();
    for (key, terms) in &history.terms {
        checks::check(&checks::View::new(history, key, terms), &mut report);
    }
    report
}
