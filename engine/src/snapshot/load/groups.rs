//! Reading in which groups entries are.
//!
//! Groups come last, once all entries stand in their states: most of what is known of a group follows from what its entries are doing.

use super::require;
use crate::entries::{Entries, Handle, MAX_NAME};
use crate::error::Error;
use crate::gate::Gate;
use crate::groups::{Groups, LAST_CALL, MAX_TURN, NONE};
use crate::queue::Queue;
use crate::snapshot::{SavedGroup, SavedGrouping, SavedMembers};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a snapshot tells of groups.
pub(super) struct Told {
    groups: Groups,
    is_fair: bool,
    next_turn: u64,
    /// Names and turns.
    names: Vec<(Box<[u8]>, u64)>,
    members: Vec<SavedMembers>,
}

impl Told {
    /// Begins with nothing told, and gives a queue that is still empty its options of groups.
    pub(super) fn new<G: Gate>(grouping: SavedGrouping, queue: &mut Queue<G>, seed: [u64; 2]) -> Result<Self, Error> {
        let SavedGrouping { limit, fair, next_turn } = grouping;
        (queue.options.group_limit, queue.options.fair) = (limit, fair);
        require(queue.options.has_groups(), "groups of a key that has none")?;
        queue.options.check().map_err(|_| Error::Damaged("impossible options"))?;
        require((1..=MAX_TURN).contains(&next_turn) && next_turn as u32 != 0, "impossible counters")?;
        queue.entries = Entries::grouped();
        let mut groups = Groups::new(limit, fair, seed);
        // The turns that were told are below this one; until `give_turns`, groups have turns above it.
        groups.set_next_turn(next_turn);
        Ok(Told { groups, is_fair: fair, next_turn, names: Vec::new(), members: Vec::new() })
    }

    /// Takes in one more group.
    pub(super) fn group(&mut self, SavedGroup { name, turn }: SavedGroup<'_>) -> Result<(), Error> {
        require(name.len() <= MAX_NAME, "a name too long")?;
        require(turn < self.next_turn && (turn == 0 || turn as u32 != 0), "a turn that was never given")?;
        self.names.push((name.into(), turn));
        Ok(())
    }

    /// Takes in the groups of some more entries.
    pub(super) fn members(&mut self, run: SavedMembers) -> Result<(), Error> {
        self.members.push(run);
        Ok(())
    }

    /// Puts each entry into its group. O(n log n).
    pub(super) fn put_into<G: Gate>(mut self, queue: &mut Queue<G>) -> Result<(), Error> {
        let handles: Vec<Handle> = queue.saved_handles().collect();
        let mut next = handles.iter();
        for SavedMembers { count, group } in &self.members {
            require(*count > 0 && *count <= next.len() as u64, "a group without entries")?;
            let name = match group {
                0 => None,
                number => {
                    let told = usize::try_from(number - 1).ok().and_then(|at| self.names.get(at));
                    Some(&*told.ok_or(Error::Damaged("a group that was not told"))?.0)
                }
            };
            for handle in next.by_ref().take(*count as usize) {
                require(
                    name.is_none_or(|name| *name != *queue.entries.name(*handle)),
                    "a group that needs no telling",
                )?;
                self.groups.adopt(&mut queue.entries, *handle, name);
            }
        }
        require(next.len() == 0, "an entry without a group")?;
        if self.next_turn >= LAST_CALL {
            self.lower_turns();
        }
        self.give_turns(&queue.entries, &handles)?;
        self.groups.set_next_turn(self.next_turn);
        queue.groups = Some(Box::new(self.groups));
        Ok(())
    }

    /// Replaces the turns that were told by the lowest in the same order. Only years of turns, or a forged snapshot, come to where this is needed.
    fn lower_turns(&mut self) {
        let mut told: Vec<u64> = self.names.iter().map(|(_, turn)| *turn).filter(|turn| *turn != 0).collect();
        told.sort_unstable();
        for (_, turn) in &mut self.names {
            if let Ok(before) = told.binary_search(turn) {
                *turn = before as u64 + 1;
            }
        }
        self.next_turn = told.len() as u64 + 1;
    }

    /// Gives all groups the turns that were told. Fails if any is missing, or was told and is not there.
    fn give_turns(&mut self, entries: &Entries, handles: &[Handle]) -> Result<(), Error> {
        let mut turns = BTreeMap::new();
        for (name, turn) in &self.names {
            require(turns.insert(&**name, *turn).is_none(), "a group stands twice")?;
        }
        let (mut seen, mut given) = (HashSet::new(), BTreeSet::new());
        for handle in handles {
            let number = entries.group(*handle);
            if number == NONE || !seen.insert(number) {
                continue;
            }
            let name = self.groups.name_of(entries, *handle).unwrap_or_else(|| entries.name(*handle));
            let turn = turns.remove(name).unwrap_or(0);
            let takes_turns = self.is_fair && self.groups.is_used(entries, *handle);
            require(takes_turns == (turn != 0), "an impossible turn")?;
            if takes_turns {
                require(given.insert(turn), "a turn that was given twice")?;
                self.groups.set_turn(entries, *handle, turn);
            }
        }
        require(turns.is_empty(), "a group without entries")
    }
}
