//! Groups that get new numbers once most others have left, so that the chunks they stood in come back.
//!
//! Entries bear the numbers of their groups. So a group gets a new one together with all its entries, and these are found only by a walk through all
//! entries. But in nearly all groups at most one of them is neither its head nor in line behind it: where the walk meets that one, it knows them
//! all. So groups move one at a time, and any operation may come between two.
//!
//! 1. A group, its turn, its name and its place in the tree of turns get the new number together with all entries that bear the old one.
//! 2. The tables of groups and of turns do the same, so that a group has one number in both.
//!
//! *Scattered* groups are not found so: those with several entries in hand (or two and a head), or several dead letters that do not bear their
//! name, or a long line. In a key of few entries ([`AT_ONCE`]) the last step goes through all again, and finds them. In a larger one each of them keeps its chunk, in the
//! worst case: 1.5 KiB, and with FAIR 2.3 KB, as much as a few of its entries take. What they keep is [`Stuck`], and no waste until enough of
//! them are scattered no more. (Rejected: an old number that leads to the new one until a walk has been everywhere. Each look at a
//! group would pay for that. And lists of the entries of scattered groups, kept from step to step: each operation between two would have to mend them.)

use super::classes::Heads;
use super::turns::Turn;
use super::{Group, Groups, Rest, CHUNK, NONE};
use crate::entries::{Entries, Handle, State, Walk};
use crate::pass::{Cursor, Step};

/// The most entries that one step goes through: some two milliseconds, if all groups are scattered and cold.
const AT_ONCE: usize = 4_000;

/// What a walk could not give back.
#[derive(Clone, Copy, Default)]
pub(super) struct Stuck {
    /// Bytes of the chunks in which scattered groups stand.
    bytes: usize,
    /// How many groups since have become ones that are not scattered.
    loosened: usize,
}

impl Stuck {
    /// The bytes, as long as few groups have been loosened. A walk goes through all entries, so it is worth it once these are many beside the
    /// entries: what all walks cost is in proportion to what happens in the key.
    fn bytes(&self, entries: usize) -> usize {
        const SHARE: usize = 8;
        if self.loosened * SHARE > entries {
            0
        } else {
            self.bytes
        }
    }
}

impl Groups {
    /// Bytes that a pass would give back, if they are many. O(distinct numbers of entries in hand).
    pub(crate) fn waste(&self, entries: &Entries) -> usize {
        let heads: usize = self.classes.iter().map(|class| class.heads.waste()).sum();
        self.movable(entries) + heads + self.names.waste()
    }

    /// Bytes that new numbers would give back.
    fn movable(&self, entries: &Entries) -> usize {
        let stuck = if entries.len() > AT_ONCE { self.stuck.bytes(entries.len()) } else { 0 };
        self.sparse().saturating_sub(stuck) + self.details.waste()
    }

    /// Bytes that new numbers for all groups would give back.
    pub(crate) fn sparse(&self) -> usize {
        self.table.waste() + self.turns.waste()
    }

    /// Goes on with giving groups in sparse chunks new numbers, for about `most` entries; the last step in a key of at most [`AT_ONCE`] goes through all.
    pub(crate) fn renumber(&mut self, entries: &mut Entries, cursor: &mut Cursor, most: usize) -> Step {
        let begins = cursor.index == 0;
        if begins && self.movable(entries) == 0 {
            return Step::Done;
        }
        if begins {
            self.stuck = Stuck::default();
        }
        let mut done = 0;
        while self.sparse() + self.details.waste() > 0 {
            if done >= most.max(1) {
                return Step::More;
            }
            let mut behind = cursor.walk;
            let Some(page) = behind.next(entries) else { break };
            done += 1;
            // Handles rise from page to page. Those below this one were met when the last step stopped within the page.
            let from = cursor.index;
            for handle in page.handles.into_iter().filter(|handle| handle.0 as usize >= from) {
                if done >= most.max(2) {
                    return Step::More;
                }
                cursor.index = handle.0 as usize + 1;
                done += 1 + self.meet(entries, handle);
            }
            cursor.walk = behind;
        }
        if entries.len() <= AT_ONCE {
            self.renumber_rest(entries);
        }
        self.stuck.bytes = self.stuck.bytes.min(self.sparse());
        Step::Done
    }

    /// The walk comes to an entry. Returns how many entries bear a new number.
    fn meet(&mut self, entries: &mut Entries, met: Handle) -> usize {
        let number = entries.group(met);
        if number == NONE {
            return 0;
        }
        if self.details.waste() > 0 {
            self.move_details(number);
        }
        if !self.table.is_in_sparse(number) {
            return 0;
        }
        match self.all_of(entries, number, met) {
            Some(all) => {
                self.give_number(entries, number, &all);
                all.len()
            }
            None => {
                self.stuck.bytes += self.kept_at(entries, number, met);
                0
            }
        }
    }

    /// All entries that bear the number of a group, one of which has been met; `None` if they are not known.
    fn all_of(&self, entries: &Entries, number: u32, met: Handle) -> Option<Vec<Handle>> {
        let (group, details) = (&self.table[number], self.detail(number));
        if details.is_some_and(|details| details.line.is_long()) {
            return None;
        }
        let mut all = Vec::new();
        if entries.state(met) != State::Queued {
            all.push(met);
        }
        if !group.has_head() && group.first != Handle::NONE && group.first != met {
            all.push(group.first);
        }
        if all.len() != self.not_queued(number) {
            return None;
        }
        if group.has_head() {
            all.push(group.first);
            all.extend(details.into_iter().flat_map(|details| details.line.handles()));
        }
        Some(all)
    }

    /// Fewer entries of a group are in hand, dead or in line: takes note if a walk would find all of them now, and not before. O(1).
    pub(super) fn loosen(&mut self, number: u32) {
        if self.stuck.bytes == 0 {
            return;
        }
        let group = &self.table[number];
        let found = 1 + usize::from(!group.has_head() && group.first != Handle::NONE);
        let is_long = self.detail(number).is_some_and(|details| details.line.is_long());
        if !is_long && self.not_queued(number) == found {
            self.stuck.loosened += 1;
        }
    }

    /// How many entries that bear the number of a group are in hand or dead.
    fn not_queued(&self, number: u32) -> usize {
        let dead = self.detail(number).map_or(0, |details| details.dead);
        self.in_hand(number) as usize + dead as usize
    }

    /// This entry's share in the chunk that a scattered group keeps, so that a whole walk counts the chunk once: entries that are in hand or dead share
    /// it, or the head keeps it if there are none.
    fn kept_at(&self, entries: &Entries, number: u32, met: Handle) -> usize {
        let turn = if self.fair { size_of::<Turn>() } else { 0 };
        let chunk = CHUNK * (size_of::<Group>() + turn);
        match (self.not_queued(number), entries.state(met)) {
            (0, _) if met == self.table[number].first => chunk,
            (0, _) | (_, State::Queued) => 0,
            (others, _) => chunk.div_ceil(others),
        }
    }

    /// Gives scattered groups in sparse chunks, and all that can stand lower, new numbers, and forgets empty chunks. O(n log n) in the number of
    /// entries, and O(chunks).
    fn renumber_rest(&mut self, entries: &mut Entries) {
        // Lower chunks have room only once some of them are empty.
        for _ in 0..2 {
            let mut bearing: Vec<(u32, Handle)> = Vec::with_capacity(entries.len());
            let mut walk = Walk::START;
            while let Some(page) = walk.next(entries) {
                bearing.extend(page.handles.into_iter().map(|handle| (entries.group(handle), handle)));
            }
            bearing.retain(|(number, _)| *number != NONE);
            bearing.sort_unstable();
            for group in bearing.chunk_by(|one, other| one.0 == other.0) {
                let all: Vec<Handle> = group.iter().map(|(_, handle)| *handle).collect();
                self.move_details(group[0].0);
                self.give_number(entries, group[0].0, &all);
            }
        }
        self.table.fit();
        self.turns.fit();
        self.details.fit();
    }

    /// Moves a group to a better number, if there is one. `all`: the entries that bear the old one.
    fn give_number(&mut self, entries: &mut Entries, old: u32, all: &[Handle]) {
        let class = self.class_of(old);
        let turn = if self.fair { self.turns[old].number() } else { 0 };
        let Some(new) = self.table.relocate_low(old) else { return };
        let group = &self.table[new];
        if self.fair {
            assert_eq!(self.turns.relocate_low(old), Some(new), "the table of turns does what that of groups does");
            let heads = self.classes.get_mut(class).filter(|_| group.has_head()).map(|class| &mut class.heads);
            if let Some(Heads::ByTurn(turns)) = heads {
                turns.replace(turn, old, new);
            }
        }
        let named = self.names.find_mut(group.hash, |number| number == old);
        *named.expect("a group has a name") = new;
        for handle in all {
            entries.set_group(*handle, new);
        }
    }

    /// Moves the details of a group, which only the group knows, to a better number, if there is one.
    fn move_details(&mut self, number: u32) {
        let group = &mut self.table[number];
        let moved = group.details().and_then(|details| self.details.relocate_low(details));
        moved.into_iter().for_each(|details| group.set_rest(Rest::Details(details)));
    }

    /// Goes on with moving the nodes of the orders of heads, for about `most` of them. O(distinct numbers of entries in hand) beside.
    pub(crate) fn compact_heads(&mut self, cursor: &mut Cursor, most: usize) -> Step {
        let Ok(from) = u32::try_from(cursor.index) else { return Step::Done };
        let wasteful = self.classes.rest_mut(from).find(|(_, class)| class.heads.waste() > 0);
        let Some((number, class)) = wasteful else { return Step::Done };
        let number = number as usize;
        if number != cursor.index {
            *cursor = Cursor { index: number, ..Cursor::START };
        }
        if class.heads.compact(cursor, most) == Step::Done {
            *cursor = Cursor { index: number + 1, ..Cursor::START };
        }
        Step::More
    }

    /// Shrinks the tables of names, from the `from`-th on, to what they hold; returns where to go on, if there are more. O(`most`).
    pub(crate) fn fit_names(&mut self, from: usize, most: usize) -> Option<usize> {
        let table = &self.table;
        self.names.fit(from, most, |number| table[number].hash)
    }
}
