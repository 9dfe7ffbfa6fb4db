//! What goes into the model and what comes out of it.

use super::rows::{Row, Spot};
use crate::bytes::Bytes;
use crate::entries::Entry;
use crossterm::event::KeyEvent;

/// The states whose entries can be looked at.
pub use crate::args::State;

/// What becomes of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Requeue,
    Discard,
    Promote,
}

impl Fate {
    /// As a question, for what was done, and of what.
    pub fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Requeue => ("Requeue", "requeued", "dead letter"),
            Self::Discard => ("Discard", "discarded", "dead letter"),
            Self::Promote => ("End the delay of", "ended the delay of", "entry"),
        }
    }
}

/// Which entries of a state are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    /// Whose id, or reason, has these words.
    Words(String),
    /// That died of just this.
    Reason(Bytes),
}

/// What is done once it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Pause(bool),
    Settle(Fate, Vec<i64>),
}

/// How many died of a reason, and when the last of them did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub reason: Bytes,
    pub count: i64,
    pub last_at: i64,
}

/// A page of entries.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// What the view wants to know, or to be done. `serial` comes back with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Quit,
    /// Look at all keys now.
    Look,
    Info(Spot),
    Page {
        spot: Spot,
        state: State,
        after: String,
        filter: Filter,
    },
    Reasons(Spot),
    Gather {
        spot: Spot,
        fate: Fate,
        filter: Filter,
    },
    Do(Spot, Deed),
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    Info(Vec<(String, String)>),
    Page(Page),
    Reasons(Vec<Reason>),
    /// The tokens of those that are meant.
    Gathered(Vec<i64>),
    /// How many it was done to.
    Done(i64),
}

/// All keys, at one look.
#[derive(Clone, Debug, Default)]
pub struct Look {
    pub rows: Vec<Row>,
    /// Keys that were not looked at yet.
    pub unseen: usize,
    /// What could not be looked at, and why.
    pub warning: Option<String>,
}

#[derive(Debug)]
pub enum Event {
    Key(KeyEvent),
    /// So many rows of the screen.
    Height(u16),
    Looked(Result<Look, String>),
    Answered(u64, Result<Answer, String>),
}
