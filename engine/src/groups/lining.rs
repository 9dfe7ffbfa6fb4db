//! What few groups have, a line behind the head, a name of their own, dead letters; and how many entries are in hand, which their details know then.

use super::line::Line;
use super::{Details, Groups, Rest, Role, MOST};
use crate::entries::{Entries, Handle};

impl Groups {
    /// The head of a group has gone: the next in line is the head, if there is one.
    pub(super) fn follow(&mut self, entries: &Entries, number: u32) {
        let next = self.in_line(number, |line| line.pop_first(entries)).flatten();
        let group = &mut self.table[number];
        match next {
            Some(next) => group.first = next,
            None => group.set_role(Role::Idle),
        }
    }

    pub(super) fn line_up(&mut self, entries: &Entries, number: u32, handle: Handle) {
        self.detail_mut(number);
        self.in_line(number, |line| line.insert(entries, handle));
    }

    /// Does something to the line of a group, if it has details, and drops these if nothing is left in them.
    pub(super) fn in_line<R>(&mut self, number: u32, act: impl FnOnce(&mut Line) -> R) -> Option<R> {
        let group = &mut self.table[number];
        let at = group.details()?;
        let details = &mut self.details[at];
        let (before, was_long) = (details.line.memory(), details.line.is_long());
        let result = act(&mut details.line);
        let is_shorter = was_long && !details.line.is_long();
        self.held = self.held + details.line.memory() - before;
        if details.is_empty() {
            group.set_rest(Rest::InHand(details.in_hand));
            self.details.remove(at);
        }
        if is_shorter {
            self.loosen(number);
        }
        Some(result)
    }

    pub(super) fn detail(&self, number: u32) -> Option<&Details> {
        self.table[number].details().map(|details| &self.details[details])
    }

    pub(super) fn detail_mut(&mut self, number: u32) -> &mut Details {
        let group = &mut self.table[number];
        let at = match group.rest() {
            Rest::Details(at) => at,
            Rest::InHand(in_hand) => {
                let at = self.details.insert(Details { in_hand, ..Details::default() });
                group.set_rest(Rest::Details(at));
                at
            }
        };
        &mut self.details[at]
    }

    /// How many entries of a group are in hand.
    pub(super) fn in_hand(&self, number: u32) -> u32 {
        match self.table[number].rest() {
            Rest::InHand(count) => count,
            Rest::Details(details) => self.details[details].in_hand,
        }
    }

    /// So many more entries of a group are in hand. Returns how many were before.
    pub(super) fn add_in_hand(&mut self, number: u32, more: i32) -> u32 {
        let group = &mut self.table[number];
        let before = match group.rest() {
            Rest::InHand(before) => {
                let count = before.wrapping_add_signed(more);
                if count <= MOST {
                    group.set_rest(Rest::InHand(count));
                } else {
                    self.detail_mut(number).in_hand = count;
                }
                before
            }
            Rest::Details(details) => {
                let count = &mut self.details[details].in_hand;
                std::mem::replace(count, count.wrapping_add_signed(more))
            }
        };
        if more < 0 {
            self.loosen(number);
        }
        before
    }

    /// A dead letter that does not bear the name of its group has left the dead.
    pub(super) fn uncount_dead(&mut self, number: u32) {
        self.detail_mut(number).dead -= 1;
        self.loosen(number);
    }

    pub(super) fn is_in_use(&self, number: u32) -> bool {
        self.table[number].has_head() || self.in_hand(number) > 0
    }

    pub(super) fn keep_name(&mut self, number: u32, name: Box<[u8]>) {
        self.held += name.len();
        self.detail_mut(number).name = Some(name);
    }
}
