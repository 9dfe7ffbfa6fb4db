//! The bounds of a model.

use tsgen_engine::Millis;

/// How often each thing may happen in one history. That and nothing else bounds the states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Commands of any kind.
    pub commands: u8,
    /// Of these: writes of the family.
    pub writes: u8,
    pub claims: u8,
    /// ACK, NACK, EXTEND and RELEASE, late and repeated ones too.
    pub settles: u8,
    /// Of the claims: those that acknowledge in the same step.
    pub joint: u8,
    /// REQUEUE, DISCARD, PROMOTE, and the timer's SWEEP.
    pub operates: u8,
    /// How often an operator pauses the key, or ends that.
    pub pauses: u8,
    /// Writes of workers into the database.
    pub works: u8,
    /// How often time passes, and the clock is set back.
    pub passes: u8,
    pub backs: u8,
    /// Crashes and failovers.
    pub losses: u8,
    /// Moves of the slot.
    pub moves: u8,
}

/// The bounds of a model.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub budget: Budget,
    /// How many operations may be on the way to the replica: as many may be lost.
    pub lag: usize,
    /// By how many milliseconds time passes, and the clock is set back.
    pub pass: u64,
    pub back: i64,
    /// Of a claim.
    pub lease: Millis,
    pub counts: &'static [usize],
}

/// How the database keeps old deliveries from overwriting new ones.
#[derive(Clone, Copy, PartialEq)]
pub enum Database {
    /// A column with the token of the last write.
    Fenced,
    /// A unique number; what is there already is not written again.
    Numbered,
}
