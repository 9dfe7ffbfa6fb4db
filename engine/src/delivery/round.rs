//! MCLAIM: one claim of several keys. Which of them is asked, and for how many entries.
//!
//! The keys are asked in the order in which they were given, all as of one time, each for what those before it left to ask for. So nothing of a
//! later key is handed out while an earlier one has something to give. A round does not know the keys: whoever goes round opens them.

use super::claim::{Claim, CLAIM_BYTES};
use super::sweep::SWEEP_AT_MOST;
use crate::gate::Gate;
use crate::queue::Queue;
use crate::time::UnixMs;

/// How far a claim of several keys has come.
#[derive(Clone, Debug)]
pub struct Round {
    wanted: usize,
    left: usize,
    /// Bytes of names and bodies that were leased.
    bytes: usize,
    /// Leases, delays and firings that were ended.
    swept: usize,
}

impl Round {
    /// One that asks for so many entries in all.
    pub const fn of(wanted: usize) -> Self {
        Round { wanted, left: wanted, bytes: 0, swept: 0 }
    }

    /// Whether any entry was leased.
    pub const fn is_served(&self) -> bool {
        self.left < self.wanted
    }

    /// Whether no further key is asked: because all entries that were asked for are leased, or 4 MiB of them; or because some are, and as many
    /// leases and delays were ended as one CLAIM may end.
    pub const fn is_over(&self) -> bool {
        self.left == 0 || self.bytes >= CLAIM_BYTES || (self.is_long() && self.is_served())
    }

    const fn is_long(&self) -> bool {
        self.swept >= SWEEP_AT_MOST
    }

    /// For how many entries the next key is asked; `None`: it is passed over. O(log n).
    pub fn asks<G: Gate>(&self, queue: &mut Queue<G>, now: UnixMs) -> Option<usize> {
        let may_sweep = !self.is_long();
        (queue.claimable(now) && (may_sweep || queue.has_ready(now))).then_some(self.left)
    }

    /// A key has answered with this claim. O(entries leased).
    pub fn took<G: Gate>(&mut self, queue: &Queue<G>, claim: &Claim) {
        self.left = self.left.saturating_sub(claim.count);
        self.swept += claim.swept;
        self.bytes += queue.delivered(claim).map(|entry| entry.name.len() + entry.body.len()).sum::<usize>();
    }
}
