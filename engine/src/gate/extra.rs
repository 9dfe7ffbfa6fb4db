//! What a snapshot keeps of options that few keys have. A key without them has none of this in its snapshot.

use crate::time::{Millis, UnixMs};
use serde::{Deserialize, Serialize};

/// One of these options, with what there is to know of it. New ones stand at the end.
#[derive(Serialize, Deserialize)]
pub enum Extra<'a> {
    /// SOURCEIDLE, and which sources are idle, by their places in the list.
    SourceIdle {
        /// After how long.
        after: Millis,
        /// Rising.
        idle: Vec<u32>,
    },
    /// MAXJUMP.
    MaxJump(u64),
    /// REMEMBER.
    Remember {
        /// For how long.
        keep: Millis,
        /// How many.
        max: u64,
    },
    /// Ids that are remembered, oldest first. Behind REMEMBER.
    #[serde(borrow)]
    Remembered(Vec<SavedDone<'a>>),
    /// EVERY: runs that come again, by rising sequence numbers.
    Recurring(Vec<SavedRun>),
    /// Runs of recurring elements that have died, and what has become of them, by rising sequence numbers.
    Past(Vec<u64>),
}

/// A run of a recurring element.
#[derive(Serialize, Deserialize)]
pub struct SavedRun {
    pub seq: u64,
    pub period: Millis,
}

/// An id that is remembered.
#[derive(Serialize, Deserialize)]
pub struct SavedDone<'a> {
    #[serde(borrow, with = "serde_bytes")]
    pub id: &'a [u8],
    pub at: UnixMs,
}
