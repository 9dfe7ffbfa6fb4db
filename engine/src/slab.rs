//! A table of equal things under small stable numbers, kept in chunks.
//!
//! A slab lets a record be named by 32 bits instead of a pointer, and a table that grows never moves more than one chunk. It does not know
//! what its things mean. Nor does it notice a number that is used after its thing was removed and the number was given to another: whoever
//! keeps numbers keeps them right.

use crate::mover::Mover;
use std::ops::{Index, IndexMut};

/// No chunk: the end of a list.
const NONE: u32 = u32::MAX;
/// No slot: the end of the list of a chunk's free slots.
const NO_SLOT: u16 = u16::MAX;

/// Values under `u32` keys; a key is free for reuse once its value is removed.
///
/// Holds up to 2^32 - `CHUNK` values. Operations are O(1), except one that needs an empty chunk: it looks for the lowest among all emptied
/// chunks, which is O(emptied chunks), once for a whole chunk of values. (A million values in chunks of 1024 have at most 1000 chunks. A heap
/// would take 16 bytes more of every slab, of which a key has many.) Of the others the longest copies half a chunk, or 40 bytes per chunk
/// when the list of chunks grows. `CHUNK` is a power of two. A slot is as large as `T` when `T` has a niche (a `NonZero`, a `Box`, an enum)
/// and two bytes beside it, else larger by `T`'s alignment.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T, const CHUNK: usize = 1024> {
    chunks: Vec<Chunk<T>>,
    /// First of the chunks that have a free slot or may still grow, linked through `Chunk::next`.
    roomy: u32,
    /// First of the chunks without slots, linked likewise. Their numbers are used again before new ones.
    vacant: u32,
    /// The least number of a chunk without slots.
    lowest_vacant: u32,
    len: usize,
    /// Slots that the chunks have allocated, used or not.
    capacity: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    slots: Vec<Slot<T>>,
    /// First free slot, linked through the free slots.
    free: u16,
    live: u32,
    prev: u32,
    next: u32,
}

#[derive(Clone, Debug)]
enum Slot<T> {
    Free(u16),
    Used(T),
}

impl<T, const CHUNK: usize> Slab<T, CHUNK> {
    const SHIFT: u32 = {
        assert!(CHUNK.is_power_of_two() && CHUNK < NO_SLOT as usize);
        CHUNK.trailing_zeros()
    };

    /// An empty slab; allocates nothing.
    pub(crate) const fn new() -> Self {
        Slab { chunks: Vec::new(), roomy: NONE, vacant: NONE, lowest_vacant: NONE, len: 0, capacity: 0 }
    }

    /// How many values it holds.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no value.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of heap in O(1), without what the values themselves own.
    pub(crate) fn memory(&self) -> usize {
        self.capacity * size_of::<Slot<T>>() + self.chunks.capacity() * size_of::<Chunk<T>>()
    }

    /// Stores a value and returns its key. O(1), or O(empty chunks) if all others are full.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if self.roomy == NONE {
            self.open_chunk();
        }
        let number = self.roomy;
        let chunk = &mut self.chunks[number as usize];
        let index = if chunk.free == NO_SLOT {
            if chunk.slots.len() == chunk.slots.capacity() {
                let old = chunk.slots.capacity();
                chunk.slots.reserve_exact((old * 2).clamp(1, CHUNK) - old);
                self.capacity += chunk.slots.capacity() - old;
            }
            chunk.slots.push(Slot::Used(value));
            chunk.slots.len() as u32 - 1
        } else {
            let index = chunk.free;
            let slot = &mut chunk.slots[usize::from(index)];
            if let Slot::Free(next) = *slot {
                chunk.free = next;
            }
            *slot = Slot::Used(value);
            index.into()
        };
        chunk.live += 1;
        if chunk.live as usize == CHUNK {
            self.leave_roomy(number);
        }
        self.len += 1;
        (number << Self::SHIFT) | index
    }

    /// Takes a value out. O(1); the last value of a chunk gives the chunk's bytes back.
    ///
    /// Panics if there is no value under this key.
    pub(crate) fn remove(&mut self, key: u32) -> T {
        let number = key >> Self::SHIFT;
        let chunk = &mut self.chunks[number as usize];
        let slot = &mut chunk.slots[key as usize & (CHUNK - 1)];
        assert!(matches!(slot, Slot::Used(_)), "a removed slab key");
        let Slot::Used(value) = std::mem::replace(slot, Slot::Free(chunk.free)) else { unreachable!() };
        chunk.free = key as u16 & (CHUNK as u16 - 1);
        chunk.live -= 1;
        self.len -= 1;
        let live = chunk.live;
        if live as usize == CHUNK - 1 {
            self.enter_roomy(number);
        }
        if live == 0 {
            self.close_chunk(number);
        }
        value
    }

    /// Bytes beyond two and a half times what is in use. O(1).
    pub(crate) fn waste(&self) -> usize {
        self.capacity.saturating_sub(self.len / 2 * 5 + self.len % 2 * 3) * size_of::<Slot<T>>()
    }

    /// Moves a value out of a chunk of which less than half is in use; its new key. O(1), or O(empty chunks) if it goes to one.
    ///
    /// Panics if there is no value under this key.
    pub(crate) fn relocate(&mut self, key: u32) -> Option<u32> {
        self.relocate_below(key, u32::MAX)
    }

    /// Like [`Slab::relocate`], and also out of chunks with higher numbers than are needed: for an owner that keeps something for every possible
    /// number. Lower chunks have room only once some of them are empty, so this takes two rounds through all values.
    pub(crate) fn relocate_low(&mut self, key: u32) -> Option<u32> {
        self.relocate_below(key, (2 * self.len / CHUNK + 2) as u32)
    }

    fn relocate_below(&mut self, key: u32, needed: u32) -> Option<u32> {
        let number = key >> Self::SHIFT;
        let is_good = |slab: &Self, other: u32| other != NONE && other != number && !slab.is_sparse(other);
        let is_high = |number: u32| number >= needed;
        let opens_low = self.lowest_vacant != NONE && !is_high(self.lowest_vacant);
        let takes_low = is_good(self, self.roomy) && !is_high(self.roomy);
        if !self.is_sparse(number) && (!is_high(number) || !(opens_low || takes_low)) {
            return None;
        }
        if !is_good(self, self.roomy) || (is_high(self.roomy) && opens_low) {
            self.open_chunk();
        }
        let target = self.roomy;
        let value = self.remove(key);
        // If the chunk was full, the removal has put it first in the list. If this was the only value, all chunks are forgotten.
        if self.roomy != target && (target as usize) < self.chunks.len() {
            self.leave_roomy(target);
            self.enter_roomy(target);
        }
        Some(self.insert(value))
    }

    /// Shows the slots of one chunk, and hands each value, which may have buffers of its own, to `show`; false if there is no such chunk.
    pub(crate) fn show_chunk<M: Mover>(
        &mut self,
        number: usize,
        mover: &mut M,
        mut show: impl FnMut(&mut T, &mut M),
    ) -> bool {
        let Some(chunk) = self.chunks.get_mut(number) else { return false };
        mover.buffer(&mut chunk.slots);
        for slot in &mut chunk.slots {
            if let Slot::Used(value) = slot {
                show(value, mover);
            }
        }
        true
    }

    /// Forgets the empty chunks at the end; returns the first key beyond the chunks that are left. O(chunks).
    pub(crate) fn fit(&mut self) -> u32 {
        while self.chunks.last().is_some_and(|chunk| chunk.live == 0) {
            self.chunks.pop();
        }
        self.chunks.shrink_to_fit();
        (self.vacant, self.lowest_vacant) = (NONE, NONE);
        for number in (0..self.chunks.len()).rev().filter(|number| self.chunks[*number].live == 0).collect::<Vec<_>>() {
            self.chunks[number].next = std::mem::replace(&mut self.vacant, number as u32);
            self.lowest_vacant = number as u32;
        }
        (self.chunks.len() << Self::SHIFT) as u32
    }

    /// Whether less than half of the chunk that has this key is in use, so that [`Slab::relocate`] would move the value. O(1).
    pub(crate) fn is_in_sparse(&self, key: u32) -> bool {
        self.is_sparse(key >> Self::SHIFT)
    }

    fn is_sparse(&self, number: u32) -> bool {
        let chunk = &self.chunks[number as usize];
        chunk.slots.capacity() > 2 * chunk.live as usize
    }

    /// The value under this key, or `None` if there is none (any more). O(1).
    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        match self.chunks.get((key >> Self::SHIFT) as usize)?.slots.get(key as usize & (CHUNK - 1))? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Like [`Slab::get`], to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.chunks.get_mut((key >> Self::SHIFT) as usize)?.slots.get_mut(key as usize & (CHUNK - 1))? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// All values, in order of their keys. O(1) each, and O(slots that are free).
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let slots = self.chunks.iter().flat_map(|chunk| &chunk.slots);
        slots.filter_map(|slot| match slot {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        })
    }

    fn open_chunk(&mut self) {
        let number = if self.vacant == NONE {
            let chunk = Chunk { slots: Vec::new(), free: NO_SLOT, live: 0, prev: NONE, next: NONE };
            self.chunks.push(chunk);
            self.chunks.len() as u32 - 1
        } else {
            self.take_lowest_vacant()
        };
        self.enter_roomy(number);
    }

    /// Takes the lowest vacant chunk out of its list. O(vacant chunks), once for a whole chunk of values.
    fn take_lowest_vacant(&mut self) -> u32 {
        let taken = std::mem::replace(&mut self.lowest_vacant, NONE);
        let (mut number, mut before) = (self.vacant, NONE);
        while number != NONE {
            let next = self.chunks[number as usize].next;
            if number != taken {
                self.lowest_vacant = self.lowest_vacant.min(number);
                before = number;
            } else if before == NONE {
                self.vacant = next;
            } else {
                self.chunks[before as usize].next = next;
            }
            number = next;
        }
        taken
    }

    fn close_chunk(&mut self, number: u32) {
        if self.len == 0 {
            *self = Self::new();
            return;
        }
        self.leave_roomy(number);
        let chunk = &mut self.chunks[number as usize];
        self.capacity -= chunk.slots.capacity();
        chunk.slots = Vec::new();
        chunk.free = NO_SLOT;
        chunk.next = self.vacant;
        self.vacant = number;
        self.lowest_vacant = self.lowest_vacant.min(number);
    }

    fn enter_roomy(&mut self, number: u32) {
        let next = self.roomy;
        if next != NONE {
            self.chunks[next as usize].prev = number;
        }
        let chunk = &mut self.chunks[number as usize];
        chunk.prev = NONE;
        chunk.next = next;
        self.roomy = number;
    }

    fn leave_roomy(&mut self, number: u32) {
        let (prev, next) = (self.chunks[number as usize].prev, self.chunks[number as usize].next);
        if prev == NONE {
            self.roomy = next;
        } else {
            self.chunks[prev as usize].next = next;
        }
        if next != NONE {
            self.chunks[next as usize].prev = prev;
        }
    }
}

impl<T, const CHUNK: usize> Default for Slab<T, CHUNK> {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps the capacity, so that the copy counts its memory as the original does.
impl<T: Clone> Clone for Chunk<T> {
    fn clone(&self) -> Self {
        let mut slots = Vec::with_capacity(self.slots.capacity());
        slots.extend_from_slice(&self.slots);
        Chunk { slots, ..*self }
    }
}

impl<T, const CHUNK: usize> Index<u32> for Slab<T, CHUNK> {
    type Output = T;
    #[inline]
    fn index(&self, key: u32) -> &T {
        self.get(key).expect("a live slab key")
    }
}

impl<T, const CHUNK: usize> IndexMut<u32> for Slab<T, CHUNK> {
    #[inline]
    fn index_mut(&mut self, key: u32) -> &mut T {
        self.get_mut(key).expect("a live slab key")
    }
}

#[cfg(test)]
mod tests;
