//! Memory that comes back: when most entries have left a key, those that stay move together.
//!
//! Entries, records and nodes lie in pages and chunks of many. One that stays keeps its page, so a key that was drained here and there would keep
//! nearly all it ever had. A *pass* goes through all parts of a key, in steps whose length the caller chooses, and empties pages and chunks of
//! which little is in use. A pass changes nothing that shows, so each node does it for itself, whenever it likes, and any operation may come
//! between two steps.
//!
//! If nothing else happens between the steps of a pass, there is no [waste](Queue::waste) after it: a pass leaves at least half of a page in use,
//! and waste is only what goes beyond two and a half times the use.

use crate::entries::{Handle, State};
use crate::gate::Gate;
use crate::pass::{more, Cursor, Pass, Step};
use crate::queue::Queue;
use crate::time::UnixMs;

/// The parts of the queue; those of the gate are numbered behind them.
const ENTRIES: usize = 0;
const ORDER: usize = 1;
const GRANTS: usize = 2;
const GROUPS: usize = 3;
const HEADS: usize = 4;
const GROUP_NAMES: usize = 5;
const GATE: usize = 6;

impl<G: Gate> Queue<G> {
    /// About how many bytes a pass would give back, beyond the slack that is tolerated. O(1); with groups, O(distinct numbers of entries of one group in
    /// hand).
    pub fn waste(&self) -> usize {
        let groups = self.groups.as_ref().map_or(0, |groups| groups.waste(&self.entries));
        self.entries.waste()
            + self.records.waste()
            + self.order.waste()
            + self.grants.waste()
            + groups
            + self.gate.waste()
    }

    /// Whether a pass has begun and not ended.
    pub fn is_compacting(&self) -> bool {
        self.pass.is_some()
    }

    /// Goes on with the pass that has begun, or begins one, for about `most` steps: entries that move, or are looked at. A page of up to 512
    /// entries is not left halfway. False if the pass has ended. Changes nothing that shows.
    pub fn compact(&mut self, most: usize) -> bool {
        let mut pass = self.pass.take().unwrap_or_default();
        let step = match pass.part {
            ENTRIES => self.compact_entries(&mut pass.cursor, most),
            ORDER => pass.cursor.along(&mut self.order, most),
            GRANTS => match self.grants.compact(pass.cursor.token, most / 64 + 1) {
                Some(next) => {
                    pass.cursor.token = next;
                    Step::More
                }
                None => Step::Done,
            },
            GROUPS => match &mut self.groups {
                Some(groups) => groups.renumber(&mut self.entries, &mut pass.cursor, most),
                None => Step::Done,
            },
            HEADS => self.groups.as_mut().map_or(Step::Done, |groups| groups.compact_heads(&mut pass.cursor, most)),
            GROUP_NAMES => pass.cursor.through(|from| self.groups.as_mut()?.fit_names(from, most)),
            part => self.gate.compact(part - GATE, &mut pass.cursor, most),
        };
        self.pass = match step {
            Step::More => Some(pass),
            Step::Done => Some(Pass { part: pass.part + 1, ..Pass::default() }),
            Step::NoPart => None,
        };
        self.pass.is_some()
    }

    fn compact_entries(&mut self, cursor: &mut Cursor, most: usize) -> Step {
        let mut done = 0;
        while done < most.max(1) && self.entries.waste() + self.records.waste() > 0 {
            let Some(page) = cursor.walk.next(&self.entries) else { return Step::Done };
            done += page.handles.len() + 1;
            for handle in page.handles {
                self.renumber(handle);
                if page.is_sparse {
                    self.relocate(handle);
                }
            }
        }
        more(done)
    }

    /// Moves the record and the outside bytes of an entry, which stand under numbers elsewhere, out of sparse chunks.
    fn renumber(&mut self, handle: Handle) {
        self.entries.renumber_outside(handle);
        if self.entries.delivered(handle) {
            if let Some(number) = self.records.relocate(self.entries.aux(handle)) {
                self.entries.set_aux(handle, number);
            }
        }
    }

    /// Moves an entry. Whoever keeps its handle gets the new one: see the table of states in `queue.rs`.
    fn relocate(&mut self, old: Handle) {
        let new = self.entries.relocate(old);
        let (token, until) = self.record(old).map_or((0, UnixMs::NEVER), |record| (record.token, record.delayed_until));
        match self.entries.state(old) {
            State::Queued => {
                self.order.replace(&self.entries, old, new);
            }
            State::Delayed => {
                if let Some(handle) = self.delays.get_mut(&(until, self.entries.place(old))) {
                    *handle = new;
                }
                if let Some(handle) = self.nacked.get_mut(&token) {
                    *handle = new;
                }
            }
            State::Dead => {
                if let Some(death) = self.dead.get_mut(&token) {
                    death.handle = new;
                }
            }
            State::Leased => {}
        }
        if token != 0 && self.entries.state(old) != State::Dead {
            self.grants.replace(token, old, new);
        }
        if let Some(groups) = &mut self.groups {
            groups.moved(&self.entries, old, new);
        }
        if !self.entries.superseded(old) {
            self.gate.moved(&self.entries, old, new);
        }
        self.entries.leave(old);
    }
}

#[cfg(test)]
mod tests;
