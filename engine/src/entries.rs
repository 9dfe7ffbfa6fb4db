//! All entries of one key, as blocks of bytes in pages.
//!
//! An entry is a place, a name, a body, a few flags and one number. It is kept as one block, header and bytes together, so
//! that an entry costs its bytes and 24 more, and reading its place and its name costs one miss of the cache. This module does not know
//! what a place or the number means, whether names are unique, or who keeps handles: a handle used after its entry
//! was removed reads some other entry or panics.

use crate::slab::Slab;
use class::{class_of, HEADER};
use pages::Pages;

mod class;
mod moving;
mod pages;

pub(crate) use moving::Walk;

/// The largest block. An entry that needs more is kept outside, and its block tells where.
const MAX_BLOCK: usize = 4096;
const LARGE_BLOCK: usize = HEADER + 4;

/// The longest name in bytes.
pub const MAX_NAME: usize = 65_536;
/// The largest [`Place::seq`].
pub(crate) const MAX_SEQ: u64 = (1 << 48) - 1;

// The header: place.key (8 bytes), place.seq (6), lengths and flags (6), aux (4), all little-endian. The third field has, from
// its lowest bit: length of the name (17 bits), of name and body (27, or all ones: kept outside), state (2), superseded, delivered.
const LENGTHS: usize = 14;
const AUX: usize = 20;
/// The byte of the header whose upper half holds the flags.
const FLAGS: usize = 19;
const NAME_BITS: u32 = 17;
const TOTAL_MASK: u64 = (1 << 27) - 1;
const STATE_SHIFT: u32 = 4;
const SUPERSEDED: u8 = 1 << 6;
const DELIVERED: u8 = 1 << 7;

/// Where an entry is kept: valid until the entry is removed or moved, also in a `clone` of the [`Entries`].
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
pub struct Handle(pub u32);

impl Handle {
    /// No entry.
    pub const NONE: Handle = Handle(u32::MAX);
}

/// Where an entry stands in order: by key, among equal keys by sequence number (at most [`MAX_SEQ`]).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
pub struct Place {
    /// The place key: the number by which the gate opens.
    pub key: i64,
    /// The sequence number. No two entries of a queue ever have the same.
    pub seq: u64,
}

/// What an entry is doing. Kept here only because two bits were free.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum State {
    Queued,
    Leased,
    Delayed,
    Dead,
}

/// The entries. Every operation is O(1) in their number; the longest copies half a page (64 KiB) or, when the list of pages grows,
/// 32 bytes per page of about 500 entries.
#[derive(Clone, Debug)]
pub struct Entries {
    pages: Pages,
    large: Slab<Box<[u8]>>,
    len: usize,
    large_bytes: usize,
    /// Bytes at the end of each block: 4 for the number of the entry's group, or 0.
    trailer: usize,
}

impl Entries {
    /// No entries; allocates nothing.
    pub const fn new() -> Self {
        Entries { pages: Pages::new(), large: Slab::new(), len: 0, large_bytes: 0, trailer: 0 }
    }

    /// Like [`Entries::new`], with 4 bytes more for each entry: the number of its group.
    pub fn grouped() -> Self {
        Entries { trailer: 4, ..Entries::new() }
    }

    /// How many entries there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of heap asked of the allocator, in O(1).
    pub fn memory(&self) -> usize {
        self.pages.memory() + self.large.memory() + self.large_bytes
    }

    /// Keeps a new entry: `Queued`, neither superseded nor delivered. O(bytes of name and body).
    ///
    /// The name has at most [`MAX_NAME`] bytes, the body any number; `place.seq` is at most [`MAX_SEQ`]. There is room for
    /// 2^23 pages: more than 2^31 entries of up to 104 bytes, at least 700 GB of whatever size.
    pub fn insert(&mut self, place: Place, name: &[u8], body: &[u8], aux: u32) -> Handle {
        let total = name.len() + body.len();
        if HEADER + total + self.trailer > MAX_BLOCK {
            let mut outside = Vec::with_capacity(total);
            outside.extend_from_slice(body);
            let outside = self.keep_outside(name, outside);
            return self.insert_large(place, name, outside, aux);
        }
        let (handle, block) = self.begin_block(HEADER + total, place, name.len(), total as u64, aux);
        block[HEADER..HEADER + name.len()].copy_from_slice(name);
        block[HEADER + name.len()..HEADER + total].copy_from_slice(body);
        handle
    }

    fn insert_large(&mut self, place: Place, name: &[u8], outside: u32, aux: u32) -> Handle {
        let (handle, block) = self.begin_block(LARGE_BLOCK, place, name.len(), TOTAL_MASK, aux);
        block[HEADER..LARGE_BLOCK].copy_from_slice(&outside.to_le_bytes());
        handle
    }

    /// A new block with its header. `total`: the bytes of name and body, or [`TOTAL_MASK`].
    fn begin_block(&mut self, size: usize, place: Place, name: usize, total: u64, aux: u32) -> (Handle, &mut [u8]) {
        debug_assert!(name <= MAX_NAME && place.seq <= MAX_SEQ);
        self.len += 1;
        let (handle, block) = self.pages.take(class_of(size + self.trailer));
        let end = block.len();
        block[end - self.trailer..].fill(u8::MAX);
        let lengths = name as u64 | (total << NAME_BITS);
        block[..8].copy_from_slice(&place.key.to_le_bytes());
        block[8..LENGTHS].copy_from_slice(&place.seq.to_le_bytes()[..6]);
        block[LENGTHS..AUX].copy_from_slice(&lengths.to_le_bytes()[..6]);
        block[AUX..HEADER].copy_from_slice(&aux.to_le_bytes());
        (handle, block)
    }

    /// Like [`Entries::insert`], with a body that is given away: a large one is not copied.
    pub fn insert_owned(&mut self, place: Place, name: &[u8], body: Vec<u8>, aux: u32) -> Handle {
        if HEADER + name.len() + body.len() + self.trailer <= MAX_BLOCK {
            return self.insert(place, name, &body, aux);
        }
        let outside = self.keep_outside(name, body);
        self.insert_large(place, name, outside, aux)
    }

    /// Forgets an entry. O(1); the last entry of a page gives the page's bytes back.
    pub fn remove(&mut self, handle: Handle) {
        if let Some(key) = self.outside(handle) {
            self.large_bytes -= self.large.remove(key).len();
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Entries { trailer: self.trailer, ..Self::new() };
        } else {
            self.pages.give(handle);
        }
    }

    /// Its place.
    #[inline]
    pub fn place(&self, handle: Handle) -> Place {
        let header = self.header(handle);
        Place { key: word(header, 0) as i64, seq: word(header, 8) & MAX_SEQ }
    }

    /// Changes the key of its place. It must not stand in an [`Order`](crate::order::Order) meanwhile.
    #[inline]
    pub fn set_key(&mut self, handle: Handle, key: i64) {
        self.header_mut(handle)[..8].copy_from_slice(&key.to_le_bytes());
    }

    /// Reads something of each entry, so that the caller then finds it in the cache. In a loop of their own the reads of cold
    /// memory overlap; between other work each would be waited for. Only worth it for many: a few are as often as not warm.
    pub fn warm(&self, handles: impl ExactSizeIterator<Item = Handle>) {
        const MANY: usize = 1_000;
        if handles.len() < MANY {
            return;
        }
        let ends = |handle| {
            let block = self.pages.block(handle);
            block[FLAGS] ^ block[block.len() - 1]
        };
        std::hint::black_box(handles.fold(0, |sum, handle| sum ^ ends(handle)));
    }

    /// Bytes of its name and body.
    #[inline]
    pub fn size(&self, handle: Handle) -> usize {
        let block = self.pages.block(handle);
        let lengths = word(block.first_chunk().expect("a live handle"), LENGTHS - 2) >> 16;
        match (lengths >> NAME_BITS) & TOTAL_MASK {
            TOTAL_MASK => self.large[outside_key(block)].len(),
            total => total as usize,
        }
    }

    /// Bytes of all entries that are kept outside of pages.
    pub const fn outside_bytes(&self) -> usize {
        self.large_bytes
    }

    /// Its name.
    #[inline]
    pub fn name(&self, handle: Handle) -> &[u8] {
        self.name_and_body(handle).0
    }

    /// Its body.
    #[inline]
    pub fn body(&self, handle: Handle) -> &[u8] {
        self.name_and_body(handle).1
    }

    /// Its name and its body, for the price of one.
    #[inline]
    pub fn name_and_body(&self, handle: Handle) -> (&[u8], &[u8]) {
        let block = self.pages.block(handle);
        let lengths = word(block.first_chunk().expect("a live handle"), LENGTHS - 2) >> 16;
        let name = (lengths & ((1 << NAME_BITS) - 1)) as usize;
        match (lengths >> NAME_BITS) & TOTAL_MASK {
            TOTAL_MASK => {
                let bytes = &self.large[outside_key(block)];
                let (body, name) = bytes.split_at(bytes.len() - name);
                (name, body)
            }
            total => block[HEADER..HEADER + total as usize].split_at(name),
        }
    }

    /// Its state.
    #[inline]
    pub fn state(&self, handle: Handle) -> State {
        match (self.header(handle)[FLAGS] >> STATE_SHIFT) & 3 {
            0 => State::Queued,
            1 => State::Leased,
            2 => State::Delayed,
            _ => State::Dead,
        }
    }

    /// Changes its state.
    #[inline]
    pub fn set_state(&mut self, handle: Handle, state: State) {
        let flags = &mut self.header_mut(handle)[FLAGS];
        *flags = (*flags & !(3 << STATE_SHIFT)) | ((state as u8) << STATE_SHIFT);
    }

    /// Whether it is marked as superseded: its name has a newer entry.
    #[inline]
    pub fn superseded(&self, handle: Handle) -> bool {
        self.header(handle)[FLAGS] & SUPERSEDED != 0
    }

    /// Marks it as superseded, or not.
    #[inline]
    pub fn set_superseded(&mut self, handle: Handle, on: bool) {
        set_flag(&mut self.header_mut(handle)[FLAGS], SUPERSEDED, on);
    }

    /// Whether it was ever delivered. While it was not, its `aux` belongs to [`crate::names::Names`].
    #[inline]
    pub fn delivered(&self, handle: Handle) -> bool {
        self.header(handle)[FLAGS] & DELIVERED != 0
    }

    /// Marks it as delivered, or not.
    #[inline]
    pub fn set_delivered(&mut self, handle: Handle, on: bool) {
        set_flag(&mut self.header_mut(handle)[FLAGS], DELIVERED, on);
    }

    /// Its number, `aux`: what it means is the owner's affair.
    #[inline]
    pub fn aux(&self, handle: Handle) -> u32 {
        u32::from_le_bytes(*self.header(handle).last_chunk().expect("a header has four bytes"))
    }

    /// Changes its number.
    #[inline]
    pub fn set_aux(&mut self, handle: Handle, aux: u32) {
        self.header_mut(handle)[AUX..].copy_from_slice(&aux.to_le_bytes());
    }

    /// The number of its group, in [`Entries::grouped`]; all ones at first. Reads nothing else of the entry.
    #[inline]
    pub fn group(&self, handle: Handle) -> u32 {
        u32::from_le_bytes(*self.pages.end_of(handle))
    }

    /// Changes the number of its group, in [`Entries::grouped`].
    #[inline]
    pub fn set_group(&mut self, handle: Handle, group: u32) {
        debug_assert!(self.trailer == 4);
        *self.pages.end_of_mut(handle) = group.to_le_bytes();
    }

    #[inline]
    fn header(&self, handle: Handle) -> &[u8; HEADER] {
        self.pages.block(handle).first_chunk().expect("a live handle")
    }

    #[inline]
    fn header_mut(&mut self, handle: Handle) -> &mut [u8; HEADER] {
        self.pages.block_mut(handle).first_chunk_mut().expect("a live handle")
    }

    /// Keeps a name and a body outside of pages. The body comes first, so that it need not be moved.
    fn keep_outside(&mut self, name: &[u8], body: Vec<u8>) -> u32 {
        let mut bytes = body;
        bytes.reserve_exact(name.len());
        bytes.extend_from_slice(name);
        self.large_bytes += bytes.len();
        self.large.insert(bytes.into_boxed_slice())
    }

    fn outside(&self, handle: Handle) -> Option<u32> {
        let block = self.pages.block(handle);
        let lengths = word(block.first_chunk()?, LENGTHS - 2) >> 16;
        ((lengths >> NAME_BITS) & TOTAL_MASK == TOTAL_MASK).then(|| outside_key(block))
    }
}

impl Default for Entries {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn word(header: &[u8; HEADER], at: usize) -> u64 {
    u64::from_le_bytes(*header[at..].first_chunk().expect("inside the header"))
}

fn outside_key(block: &[u8]) -> u32 {
    u32::from_le_bytes(*block[HEADER..].first_chunk().expect("a large block"))
}

fn set_flag(flags: &mut u8, flag: u8, on: bool) {
    *flags = if on { *flags | flag } else { *flags & !flag };
}

#[cfg(test)]
mod tests;
