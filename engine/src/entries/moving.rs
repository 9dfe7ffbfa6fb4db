//! Entries that move, so that pages of which little is in use can be given back.
//!
//! To move an entry is to give it another handle. Whoever moves an entry tells those who keep its handle; this module does not know them.

use super::{Entries, Handle, HEADER, LARGE_BLOCK};
use crate::mover::Mover;

/// How far a walk through all entries has come, page by page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    page: usize,
}

/// The entries of one page; none if the page has no bytes.
pub(crate) struct Page {
    pub handles: Vec<Handle>,
    /// Whether they shall move, because less than half of their page is in use.
    pub is_sparse: bool,
}

impl Walk {
    /// Before the first page.
    pub(crate) const START: Walk = Walk { page: 0 };

    /// The next page. Entries that are moved or added meanwhile may be met in the page that they come to. O(blocks of a page).
    pub(crate) fn next(&mut self, entries: &Entries) -> Option<Page> {
        let number = self.page;
        self.page += 1;
        let is_there = number < entries.pages.count();
        is_there.then(|| Page { handles: entries.pages.live_in(number), is_sparse: entries.pages.is_sparse(number) })
    }
}

impl Entries {
    /// Bytes that moving would give back, beyond the slack that is tolerated. O(1).
    pub fn waste(&self) -> usize {
        self.pages.waste() + self.large.waste()
    }

    /// Copies an entry to a page that is not sparse; returns its new handle. The old handle can be read until [`Entries::leave`].
    pub fn relocate(&mut self, handle: Handle) -> Handle {
        self.pages.copy(handle)
    }

    /// Gives back the old block of an entry that was relocated, once everybody knows its new handle.
    pub fn leave(&mut self, old: Handle) {
        self.pages.give(old);
    }

    /// Moves what an entry keeps outside of its page to a better number, if there is one.
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

    /// Shows one chunk of what is kept outside of pages; false if there is no such chunk.
    pub fn show_outside<M: Mover>(&mut self, number: usize, mover: &mut M) -> bool {
        self.large.show_chunk(number, mover, |bytes, mover| mover.slice(bytes))
    }

    /// Overwrites the beginning of a body.
    pub fn set_body(&mut self, handle: Handle, bytes: &[u8]) {
        debug_assert!(self.body(handle).len() >= bytes.len());
        if let Some(key) = self.outside(handle) {
            // Outside, the body comes before the name.
            self.large[key][..bytes.len()].copy_from_slice(bytes);
            return;
        }
        let start = HEADER + self.name(handle).len();
        self.pages.block_mut(handle)[start..start + bytes.len()].copy_from_slice(bytes);
    }
}
