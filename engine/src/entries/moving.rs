//! Entries that move, so that pages of which little is in use can be given back.
//!
//! To move an entry is to give it another handle. It does not know who keeps handles: whoever moves an entry tells them.

use super::{Entries, Handle, HEADER, LARGE_BLOCK};
use crate::buffers::Mover;

/// How far all entries have been gone through, page by page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    page: usize,
}

/// The entries of one page; none, if it has no bytes.
pub(crate) struct Page {
    pub handles: Vec<Handle>,
    /// Whether they shall move, because little of their page is in use.
    pub is_sparse: bool,
}

impl Walk {
    /// Before the first page.
    pub const START: Walk = Walk { page: 0 };

    /// The next page. What is moved meanwhile is not met again, what is added may be. O(blocks of a page).
    pub fn next(&mut self, entries: &Entries) -> Option<Page> {
        let number = self.page;
        self.page += 1;
        let is_there = number < entries.pages.count();
        is_there.then(|| Page { handles: entries.pages.live_in(number), is_sparse: entries.pages.is_sparse(number) })
    }
}

impl Entries {
    /// Bytes that moving would give back, beyond what is worth it. O(1).
    pub fn waste(&self) -> usize {
        self.pages.waste() + self.large.waste()
    }

    /// Copies an entry to where it shall be; its new handle. The old one is good for reading until [`Entries::leave`].
    pub fn relocate(&mut self, handle: Handle) -> Handle {
        self.pages.copy(handle)
    }

    /// Gives the block of an entry back that has been relocated and is known to everybody by its new handle.
    pub fn leave(&mut self, old: Handle) {
        self.pages.give(old);
    }

    /// What an entry keeps outside of its page is named by a better number, if there is one.
    pub fn renumber_outside(&mut self, handle: Handle) {
        let Some(key) = self.outside(handle) else { return };
        if let Some(key) = self.large.relocate(key) {
            self.pages.block_mut(handle)[HEADER..LARGE_BLOCK].copy_from_slice(&key.to_le_bytes());
        }
    }

    /// Shows the bytes of one page; false if there is no such page.
    pub fn show_page(&mut self, number: usize, mover: &mut impl Mover) -> bool {
        self.pages.show(number, mover)
    }

    /// Shows some of what is outside of pages; false if there is nothing of this number.
    pub fn show_outside<M: Mover>(&mut self, number: usize, mover: &mut M) -> bool {
        self.large.show_chunk(number, mover, |bytes, mover| mover.slice(bytes))
    }

    /// Overwrites the beginning of a body.
    pub fn set_body(&mut self, handle: Handle, bytes: &[u8]) {
        debug_assert!(self.body(handle).len() >= bytes.len());
        if let Some(key) = self.outside(handle) {
            // There the body comes before the name.
            self.large[key][..bytes.len()].copy_from_slice(bytes);
            return;
        }
        let start = HEADER + self.name(handle).len();
        self.pages.block_mut(handle)[start..start + bytes.len()].copy_from_slice(bytes);
    }
}
