//! How entries come into groups and leave them, and what that does to the groups.

use super::classes::Heads;
use super::turns::Turn;
use super::{name_in, Group, Groups, Role, NONE};
use crate::entries::{Entries, Handle, State};

impl Groups {
    /// Puts a new entry into the group of this name; `None`: into the group of the entry's own name. O(1).
    pub(crate) fn join(&mut self, entries: &mut Entries, handle: Handle, name: Option<&[u8]>) {
        let bears = name.is_none_or(|name| name == entries.name(handle));
        let hash = self.hasher.hash(name.unwrap_or_else(|| entries.name(handle))) as u32;
        let known = {
            let name = name.unwrap_or_else(|| entries.name(handle));
            let (table, details) = (&self.table, &self.details);
            self.names
                .find(hash, |number| table[number].hash == hash && name_in(table, details, entries, number) == name)
        };
        let number = known.unwrap_or_else(|| {
            if self.fair {
                self.turns.insert(Turn::FIRST);
            }
            self.table.insert(Group::of(handle, hash))
        });
        if !bears && self.detail(number).is_none_or(|details| details.name.is_none()) {
            let own: Box<[u8]> = match (known, name) {
                // Until now, all its entries bore its name.
                (Some(_), _) => entries.name(self.table[number].first).into(),
                (None, name) => name.unwrap_or_default().into(),
            };
            self.keep_name(number, own);
        }
        if known.is_none() {
            let table = &self.table;
            self.names.insert(hash, number, |number| table[number].hash);
            self.begin(number);
        } else if !self.is_in_use(number) {
            // Either the group is there only for its dead letters, and comes into use now; or its last entry is just changing its state, and the
            // group keeps its turn.
            if self.is_unused(number) {
                self.unused -= 1;
                self.begin(number);
            }
        }
        entries.set_group(handle, number);
    }

    /// Puts an entry of a snapshot, which has its state already, into the group of this name; `None`: of its own name. O(log n).
    pub(crate) fn adopt(&mut self, entries: &mut Entries, handle: Handle, name: Option<&[u8]>) {
        self.join(entries, handle, name);
        match entries.state(handle) {
            State::Queued => self.queue(entries, handle),
            State::Leased | State::Delayed => self.count(entries, entries.group(handle), 1),
            State::Dead => self.bury(entries, handle),
        }
    }

    /// A group comes into use.
    pub(super) fn begin(&mut self, number: u32) {
        self.table[number].set_role(Role::Idle);
        self.take_turn(number);
        self.classes.of(0).groups += 1;
    }

    /// Whether a group is kept, and counted, only for the sake of its dead letters.
    pub(super) fn is_unused(&self, number: u32) -> bool {
        self.table[number].is(Role::Unused)
    }

    pub(super) fn take_turn(&mut self, number: u32) {
        if !self.fair {
            return;
        }
        let turn = self.next_turn;
        // No turn has a lower half of 0.
        self.next_turn += if turn as u32 == u32::MAX { 2 } else { 1 };
        self.give_turn(number, turn);
    }

    fn give_turn(&mut self, number: u32, turn: u64) {
        if let Some(turn) = Turn::of(turn) {
            self.turns[number] = turn;
        }
    }

    /// Gives the group of an entry this turn, which a snapshot has kept and no other group has.
    pub(crate) fn set_turn(&mut self, entries: &Entries, handle: Handle, turn: u64) {
        let number = entries.group(handle);
        if number != NONE && self.is_in_use(number) {
            let class = self.class_of(number);
            let stands = self.table[number].has_head();
            if stands {
                self.uproot(entries, class, number);
            }
            self.give_turn(number, turn);
            if stands {
                self.plant(entries, class, number);
            }
        }
    }

    /// An entry of a group is queued. O(log n).
    pub(crate) fn queue(&mut self, entries: &Entries, handle: Handle) {
        let number = entries.group(handle);
        let group = &mut self.table[number];
        if !group.has_head() {
            group.first = handle;
            group.set_role(Role::Queued);
            self.plant(entries, self.class_of(number), number);
        } else if entries.place(handle) < entries.place(group.first) {
            let second = group.first;
            let class = self.class_of(number);
            self.uproot(entries, class, number);
            self.table[number].first = handle;
            self.plant(entries, class, number);
            self.line_up(entries, number, second);
        } else {
            self.line_up(entries, number, handle);
        }
    }

    /// An entry of a group is not queued any more. O(log n).
    pub(crate) fn unqueue(&mut self, entries: &Entries, handle: Handle) {
        let number = entries.group(handle);
        let group = &self.table[number];
        if group.has_head() && group.first == handle {
            let class = self.class_of(number);
            self.uproot(entries, class, number);
            self.follow(entries, number);
            if self.table[number].has_head() {
                self.plant(entries, class, number);
            }
        } else {
            self.in_line(number, |line| line.remove(entries, handle));
        }
    }

    /// An entry goes from one state to another. O(log n).
    pub(crate) fn changed(&mut self, entries: &Entries, handle: Handle, was: State, is: State) {
        match (is_in_hand(was), is_in_hand(is)) {
            (false, true) => self.count(entries, entries.group(handle), 1),
            (true, false) => self.count(entries, entries.group(handle), -1),
            _ => {}
        }
    }

    /// An entry has died, and is not queued or in hand any more. O(1).
    pub(crate) fn bury(&mut self, entries: &mut Entries, handle: Handle) {
        let number = entries.group(handle);
        if self.name_of(entries, handle).is_some() {
            self.detail_mut(number).dead += 1;
        } else {
            entries.set_group(handle, NONE);
        }
        self.tidy(entries, number, handle);
    }

    /// A dead letter is to be queued again. O(1).
    pub(crate) fn unbury(&mut self, entries: &mut Entries, handle: Handle) {
        let number = entries.group(handle);
        if number == NONE {
            self.join(entries, handle, None);
            return;
        }
        self.uncount_dead(number);
        if !self.is_in_use(number) && self.is_unused(number) {
            self.unused -= 1;
            self.begin(number);
        }
    }

    /// An entry that is not queued any more goes for good. O(log n).
    pub(crate) fn leave(&mut self, entries: &Entries, handle: Handle) {
        let number = entries.group(handle);
        match entries.state(handle) {
            State::Leased | State::Delayed => self.count(entries, number, -1),
            State::Dead if number == NONE => return,
            State::Dead => self.uncount_dead(number),
            State::Queued => {}
        }
        self.tidy(entries, number, handle);
    }

    /// An entry has a new handle; it can be read by both. O(log n).
    pub(crate) fn moved(&mut self, entries: &Entries, old: Handle, new: Handle) {
        let number = entries.group(old);
        if number == NONE {
            return;
        }
        let class = self.class_of(number);
        let group = &mut self.table[number];
        if group.first == old {
            group.first = new;
            let heads = self.classes.get_mut(class).filter(|_| group.has_head()).map(|class| &mut class.heads);
            if let Some(Heads::ByPlace(order)) = heads {
                order.replace(entries, old, new);
            }
        } else if entries.state(old) == State::Queued {
            self.in_line(number, |line| line.replace(entries, old, new));
        }
    }

    /// An entry has left a group: forgets the group if it has no other.
    pub(super) fn tidy(&mut self, entries: &Entries, number: u32, gone: Handle) {
        let group = &self.table[number];
        let is_used = self.is_in_use(number);
        let named_by_it = group.first == gone && !group.has_head();
        if is_used && !named_by_it {
            return;
        }
        if !is_used && self.detail(number).is_none_or(|details| details.dead == 0) {
            self.forget(number);
            return;
        }
        if named_by_it {
            if self.detail(number).is_none_or(|details| details.name.is_none()) {
                self.keep_name(number, entries.name(gone).into());
            }
            self.table[number].first = Handle::NONE;
        }
        if !is_used && !self.is_unused(number) {
            self.classes.uncount(0);
            self.unused += 1;
            self.table[number].set_role(Role::Unused);
        }
    }

    pub(super) fn forget(&mut self, number: u32) {
        let hash = self.table[number].hash;
        self.names.remove(hash, |other| other == number);
        if self.is_unused(number) {
            self.unused -= 1;
        } else {
            self.classes.uncount(0);
        }
        if self.fair {
            self.turns.remove(number);
        }
        if let Some(details) = self.table.remove(number).details() {
            let details = self.details.remove(details);
            self.held -= details.line.memory() + details.name.map_or(0, |name| name.len());
        }
        debug_assert!(
            !self.table.is_empty() || (self.classes.is_empty() && self.held == 0 && self.unused == 0),
            "nothing is left of groups"
        );
    }
}

fn is_in_hand(state: State) -> bool {
    matches!(state, State::Leased | State::Delayed)
}
