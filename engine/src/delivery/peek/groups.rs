//! Which of the ready entries are held back: as if everything due had been swept.

use super::What;
use crate::delivery::view::Standing;
use crate::gate::{Extent, Gate};
use crate::groups::{Groups, NONE};
use crate::queue::Queue;
use crate::time::UnixMs;
use std::collections::BTreeMap;

/// Tells which entries are held back.
pub(super) struct HeldBack<'a> {
    groups: &'a Groups,
    /// By group, how many of its entries a sweep would take out of hand.
    ended: BTreeMap<u32, u32>,
}

impl<'a> HeldBack<'a> {
    /// None: nothing can be held back in this key. O(1) for each lease and delay that has ended since the last sweep, within the bounds of listings.
    pub(super) fn of<G: Gate>(queue: &'a Queue<G>, now: UnixMs) -> Option<Self> {
        let groups = queue.groups.as_deref().filter(|groups| groups.is_limited())?;
        let mut ended = BTreeMap::new();
        if queue.sweepable(now) {
            let leaves = |standing| !matches!(standing, Standing::Delayed { .. } | Standing::Leased);
            for (_, handle, _) in queue.unswept(now).filter(|(.., standing)| leaves(*standing)) {
                *ended.entry(queue.entries.group(handle)).or_default() += 1;
            }
        }
        Some(HeldBack { groups, ended })
    }

    /// Whether its group has as many entries in hand as it may. O(log n).
    pub(super) fn has<G: Gate>(&self, queue: &Queue<G>, what: What) -> bool {
        let number = match what {
            What::Entry(handle) | What::NextRun(handle, _) => queue.entries.group(handle),
            What::Due(due) => self.groups.number_of(&queue.entries, queue.gate.foretell(&due, Extent::Beginning).name),
        };
        number != NONE && !self.groups.has_room_for(number, self.ended.get(&number).copied().unwrap_or(0))
    }
}
