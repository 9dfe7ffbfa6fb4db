//! Groups that move to better places in memory, so that pages and chunks become empty. Nothing of it shows.

use super::soonest::NONE;
use super::{Head, Idle};
use crate::pass::{more, Cursor, Step};

impl Idle {
    pub(super) fn compact_heads(&mut self, cursor: &mut Cursor, most: usize) -> Step {
        let mut done = 0;
        while done < most.max(1)
            && self.heads.waste() + self.groups.waste() + self.deadlines.waste(self.groups.len()) > 0
        {
            let Some(page) = cursor.walk.next(&self.heads) else { return Step::Done };
            done += page.handles.len() + 1;
            for handle in page.handles {
                self.relocate(self.head(handle), page.is_sparse);
            }
        }
        more(done)
    }

    /// Gives a group a lower number, if one is free, and its head a new handle, if the head's page is sparse.
    fn relocate(&mut self, old: Head, is_sparse: bool) {
        let mut new = old;
        self.heads.renumber_outside(old.handle);
        if let Some(number) = self.groups.relocate_low(old.number) {
            new.number = number;
            self.heads.set_body(old.handle, &number.to_le_bytes());
            let deadline = self.deadlines.set(old.number, NONE);
            self.deadlines.set(number, deadline);
        }
        if is_sparse {
            new.handle = self.heads.relocate(old.handle);
            self.groups[new.number].handle = new.handle;
            if self.is_overdue(new) {
                self.overdue.replace(&self.heads, old.handle, new.handle);
            }
        }
        if new != old {
            if let Some(slot) = self.names.find_mut(self.heads.aux(old.handle), |slot| slot.head == old) {
                slot.head = new;
            }
        }
        if is_sparse {
            self.heads.leave(old.handle);
        }
    }
}
