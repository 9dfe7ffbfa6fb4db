//! What few groups have: a line behind the head, a name of their own, dead letters.

use super::line::Line;
use super::{Details, Groups, Role, NONE};
use crate::entries::{Entries, Handle};

impl Groups {
    /// The head of a group has gone: the next in line is the head, if there is one.
    pub(super) fn follow(&mut self, entries: &Entries, number: u32) {
        let next = match self.table[number].details {
            NONE => None,
            _ => self.in_line(number, |line| line.pop_first(entries)),
        };
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

    /// Does something to the line of a group that has details, and drops the details if nothing is left in them.
    pub(super) fn in_line<R>(&mut self, number: u32, act: impl FnOnce(&mut Line) -> R) -> R {
        let details = &mut self.details[self.table[number].details];
        let before = details.line.memory();
        let result = act(&mut details.line);
        self.held = self.held + details.line.memory() - before;
        if details.is_empty() {
            self.details.remove(std::mem::replace(&mut self.table[number].details, NONE));
        }
        result
    }

    pub(super) fn detail(&self, number: u32) -> Option<&Details> {
        match self.table[number].details {
            NONE => None,
            details => Some(&self.details[details]),
        }
    }

    pub(super) fn detail_mut(&mut self, number: u32) -> &mut Details {
        if self.table[number].details == NONE {
            self.table[number].details = self.details.insert(Details::default());
        }
        &mut self.details[self.table[number].details]
    }

    pub(super) fn keep_name(&mut self, number: u32, name: Box<[u8]>) {
        self.held += name.len();
        self.detail_mut(number).name = Some(name);
    }
}
