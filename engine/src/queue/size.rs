//! How large a key is: what MEMORY USAGE tells, and what freeing it takes.

use super::{Death, Queue};
use crate::entries::{Handle, Place};
use crate::gate::Gate;
use crate::groups::Groups;
use crate::time::UnixMs;
use crate::token::Token;

impl<G: Gate> Queue<G> {
    /// About how many bytes of heap this takes. Cost: O(number of entries / 1000).
    pub fn memory(&self) -> usize {
        const PER_DELAY: usize = 2 * std::mem::size_of::<((UnixMs, Place), Handle)>();
        const PER_NACKED: usize = 2 * std::mem::size_of::<(Token, Handle)>();
        const PER_DEATH: usize = 2 * std::mem::size_of::<(Token, Death)>();
        self.entries.memory()
            + self.order.memory()
            + self.groups.as_ref().map_or(0, |groups| size_of::<Groups>() + groups.memory())
            + self.records.memory()
            + self.grants.memory()
            + self.delays.len() * PER_DELAY
            + self.nacked.len() * PER_NACKED
            + self.dead.len() * PER_DEATH
            + self.gate.memory()
    }

    /// Roughly how much work it is to free the key, in allocations.
    pub fn free_effort(&self) -> usize {
        // Large buffers are given back to the system piece by piece.
        1 + self.entries.len() / 64 + self.entries.outside_bytes() / (64 * 1024) + self.gate.free_effort()
    }
}
