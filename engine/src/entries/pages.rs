//! Blocks of bytes in pages of equal blocks: a small allocator that needs no header of its own and names a block by 32 bits.
//!
//! It does not know what is in a block in use; a free one starts with the index of the next.

use super::class::{class_of, BLOCKS_PER_PAGE, BLOCK_OF_CLASS, CLASSES, INDEX_BITS, MAX_BLOCKS};
use super::Handle;
use crate::mover::Mover;

const NO_PAGE: u32 = u32::MAX;
const NO_BLOCK: u16 = u16::MAX;

/// The pages of one key.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    pages: Vec<Page>,
    /// The neighbours of each page in the list it is in. Kept apart, because reading an entry does not need them.
    links: Vec<Link>,
    /// Per class, the first page that has room.
    roomy: [u32; CLASSES],
    /// The first page without bytes. Its number is used again before a new one.
    vacant: u32,
    /// Bytes that the pages have allocated.
    bytes: usize,
    /// Bytes of these that are in use.
    live_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    block: u16,
    /// First free block; a free block starts with the index of the next.
    free: u16,
    live: u16,
}

#[derive(Copy, Clone, Debug)]
struct Link {
    prev: u32,
    next: u32,
}

impl Pages {
    pub(super) const fn new() -> Self {
        Pages {
            pages: Vec::new(),
            links: Vec::new(),
            roomy: [NO_PAGE; CLASSES],
            vacant: NO_PAGE,
            bytes: 0,
            live_bytes: 0,
        }
    }

    /// Bytes of heap. O(1).
    pub(super) fn memory(&self) -> usize {
        self.bytes + self.pages.capacity() * size_of::<Page>() + self.links.capacity() * size_of::<Link>()
    }

    /// A block in use and what follows it in its page.
    #[inline]
    pub(super) fn block(&self, handle: Handle) -> &[u8] {
        let (number, index) = place_of(handle);
        let page = &self.pages[number];
        &page.bytes[index * page.block as usize..]
    }

    /// Like [`Pages::block`], to change it.
    #[inline]
    pub(super) fn block_mut(&mut self, handle: Handle) -> &mut [u8] {
        let (number, index) = place_of(handle);
        let page = &mut self.pages[number];
        &mut page.bytes[index * page.block as usize..]
    }

    /// The last four bytes of a block in use. They stand where the size of the block alone says, so that no other byte of it need be read.
    #[inline]
    pub(super) fn end_of(&self, handle: Handle) -> &[u8; 4] {
        let (number, index) = place_of(handle);
        let page = &self.pages[number];
        page.bytes[..(index + 1) * page.block as usize].last_chunk().expect("a block has a header")
    }

    /// Like [`Pages::end_of`], to change them.
    #[inline]
    pub(super) fn end_of_mut(&mut self, handle: Handle) -> &mut [u8; 4] {
        let (number, index) = place_of(handle);
        let page = &mut self.pages[number];
        page.bytes[..(index + 1) * page.block as usize].last_chunk_mut().expect("a block has a header")
    }

    /// A block of this class, with whatever bytes it has. O(1), or half a page when the page grows.
    pub(super) fn take(&mut self, class: usize) -> (Handle, &mut [u8]) {
        if self.roomy[class] == NO_PAGE {
            self.open(class);
        }
        let number = self.roomy[class];
        let page = &mut self.pages[number as usize];
        let (size, per_page) = (page.block as usize, BLOCKS_PER_PAGE[class]);
        let start = if page.free == NO_BLOCK {
            let start = page.bytes.len();
            if start == page.bytes.capacity() {
                // Doubling keeps small keys small. A whole page fits a size of the allocator.
                let blocks = (start / size * 2).clamp(1, per_page as usize);
                page.bytes.reserve_exact(blocks * size - start);
                self.bytes += page.bytes.capacity() - start;
            }
            page.bytes.resize(start + size, 0);
            start
        } else {
            let start = page.free as usize * size;
            page.free = u16::from_le_bytes([page.bytes[start], page.bytes[start + 1]]);
            start
        };
        page.live += 1;
        self.live_bytes += size;
        if page.live == per_page {
            self.leave_roomy(class, number);
        }
        let handle = Handle((number << INDEX_BITS) | (start / size) as u32);
        (handle, &mut self.pages[number as usize].bytes[start..start + size])
    }

    /// Takes a block back. O(1).
    pub(super) fn give(&mut self, handle: Handle) {
        let (number, index) = place_of(handle);
        let page = &mut self.pages[number];
        let (class, start) = (class_of(page.block as usize), index * page.block as usize);
        page.bytes[start..start + 2].copy_from_slice(&page.free.to_le_bytes());
        page.free = index as u16;
        page.live -= 1;
        self.live_bytes -= page.block as usize;
        let live = page.live;
        if live + 1 == BLOCKS_PER_PAGE[class] {
            self.enter_roomy(class, number as u32);
        }
        if live == 0 {
            self.close(class, number as u32);
        }
    }

    /// Bytes beyond two and a half times what is in use. O(1).
    pub(super) fn waste(&self) -> usize {
        self.bytes.saturating_sub(self.live_bytes / 2 * 5)
    }

    /// How many pages there are, those without bytes included.
    pub(super) fn count(&self) -> usize {
        self.pages.len()
    }

    /// Whether less than half of a page is in use.
    pub(super) fn is_sparse(&self, number: usize) -> bool {
        let page = &self.pages[number];
        page.bytes.capacity() > 2 * page.live as usize * page.block as usize
    }

    /// The blocks in use of one page, in no order that means anything. O(blocks of a page).
    pub(super) fn live_in(&self, number: usize) -> Vec<Handle> {
        let page = &self.pages[number];
        if page.live == 0 {
            return Vec::new();
        }
        let size = page.block as usize;
        let mut is_free = [false; MAX_BLOCKS];
        let mut free = page.free;
        while free != NO_BLOCK {
            is_free[free as usize] = true;
            let start = free as usize * size;
            free = u16::from_le_bytes([page.bytes[start], page.bytes[start + 1]]);
        }
        let begun = page.bytes.len() / size;
        let live = (0..begun).filter(|index| !is_free[*index]);
        live.map(|index| Handle(((number << INDEX_BITS) | index) as u32)).collect()
    }

    /// Shows the bytes of one page; false if there is no such page.
    pub(super) fn show(&mut self, number: usize, mover: &mut impl Mover) -> bool {
        self.pages.get_mut(number).map(|page| mover.buffer(&mut page.bytes)).is_some()
    }

    /// Copies a block into another page, one that is not sparse. O(its bytes).
    pub(super) fn copy(&mut self, handle: Handle) -> Handle {
        let (number, _) = place_of(handle);
        let size = self.pages[number].block as usize;
        let class = class_of(size);
        let roomy = self.roomy[class];
        if roomy == NO_PAGE || roomy as usize == number || self.is_sparse(roomy as usize) {
            self.open(class);
        }
        let bytes = self.block(handle)[..size].to_vec();
        let (copy, block) = self.take(class);
        block.copy_from_slice(&bytes);
        copy
    }

    fn open(&mut self, class: usize) {
        let page = Page { bytes: Vec::new(), block: BLOCK_OF_CLASS[class], free: NO_BLOCK, live: 0 };
        let number = self.vacant;
        let number = if number == NO_PAGE {
            debug_assert!(self.pages.len() < (Handle::NONE.0 >> INDEX_BITS) as usize);
            self.pages.push(page);
            self.links.push(Link { prev: NO_PAGE, next: NO_PAGE });
            self.pages.len() as u32 - 1
        } else {
            self.vacant = self.links[number as usize].next;
            self.pages[number as usize] = page;
            number
        };
        self.enter_roomy(class, number);
    }

    fn close(&mut self, class: usize, number: u32) {
        self.leave_roomy(class, number);
        self.bytes -= std::mem::take(&mut self.pages[number as usize].bytes).capacity();
        self.links[number as usize].next = self.vacant;
        self.vacant = number;
    }

    fn enter_roomy(&mut self, class: usize, number: u32) {
        let next = self.roomy[class];
        if next != NO_PAGE {
            self.links[next as usize].prev = number;
        }
        self.links[number as usize] = Link { prev: NO_PAGE, next };
        self.roomy[class] = number;
    }

    fn leave_roomy(&mut self, class: usize, number: u32) {
        let Link { prev, next } = self.links[number as usize];
        if prev == NO_PAGE {
            self.roomy[class] = next;
        } else {
            self.links[prev as usize].next = next;
        }
        if next != NO_PAGE {
            self.links[next as usize].prev = prev;
        }
    }
}

#[inline]
const fn place_of(handle: Handle) -> (usize, usize) {
    ((handle.0 >> INDEX_BITS) as usize, handle.0 as usize % MAX_BLOCKS)
}

/// Keeps the capacity, so that the copy counts its memory as the original does.
impl Clone for Page {
    fn clone(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.capacity());
        bytes.extend_from_slice(&self.bytes);
        Page { bytes, ..*self }
    }
}
