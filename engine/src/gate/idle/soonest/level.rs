//! A level of the tournament: keys under small numbers, in chunks.
//!
//! A level that grows never moves more than one chunk, and a chunk whose keys are all gone gives its bytes back at once. So the chunks of the
//! lowest level come and go with those of the slab that numbers the things.

use super::{Key, CHILDREN, NONE};
use crate::mover::Mover;

/// Keys in a chunk, which takes 16 KiB: a size that allocators have.
const CHUNK: usize = 1024;

/// Keys; [`NONE`] under each number that has no other.
#[derive(Clone, Default)]
pub(super) struct Level {
    chunks: Vec<Chunk>,
    /// Keys that the chunks have allocated.
    capacity: usize,
}

#[derive(Default)]
struct Chunk {
    /// Empty if all are [`NONE`].
    keys: Vec<Key>,
    /// How many are not [`NONE`].
    live: u32,
}

impl Level {
    /// The key under this number. O(1).
    #[inline]
    pub(super) fn get(&self, index: usize) -> Key {
        self.chunks.get(index / CHUNK).and_then(|chunk| chunk.keys.get(index % CHUNK)).copied().unwrap_or(NONE)
    }

    /// The keys below this node of the level above, without those at the end that are [`NONE`] for want of a place. O(1).
    #[inline]
    pub(super) fn below(&self, node: usize) -> &[Key] {
        let first = node * CHILDREN;
        let Some(chunk) = self.chunks.get(first / CHUNK) else { return &[] };
        let keys = chunk.keys.get(first % CHUNK..).unwrap_or_default();
        &keys[..keys.len().min(CHILDREN)]
    }

    /// Puts a key under this number; returns the one that stood there. O(1), or half a chunk copied.
    #[inline]
    pub(super) fn set(&mut self, index: usize, key: Key) -> Key {
        let place = self.chunks.get_mut(index / CHUNK).and_then(|chunk| chunk.keys.get_mut(index % CHUNK));
        match place {
            Some(place) if *place != NONE && key != NONE => std::mem::replace(place, key),
            _ => self.come_or_go(index, key),
        }
    }

    fn come_or_go(&mut self, index: usize, key: Key) -> Key {
        let (number, index) = (index / CHUNK, index % CHUNK);
        if key != NONE {
            self.make_room(number, index);
        }
        let Some(chunk) = self.chunks.get_mut(number) else { return NONE };
        let Some(place) = chunk.keys.get_mut(index) else { return NONE };
        let old = std::mem::replace(place, key);
        chunk.live = chunk.live + u32::from(key != NONE) - u32::from(old != NONE);
        if chunk.live == 0 {
            self.capacity -= std::mem::take(chunk).keys.capacity();
        }
        old
    }

    fn make_room(&mut self, number: usize, index: usize) {
        if self.chunks.len() <= number {
            if self.chunks.is_empty() {
                // Most keys have few groups: no room for more chunks in advance.
                self.chunks.reserve_exact(number + 1);
            }
            self.chunks.resize_with(number + 1, Chunk::default);
        }
        let keys = &mut self.chunks[number].keys;
        if keys.len() <= index {
            let old = keys.capacity();
            if old <= index {
                keys.reserve_exact((index + 1).next_power_of_two() - keys.len());
                self.capacity += keys.capacity() - old;
            }
            keys.resize(index + 1, NONE);
        }
    }

    /// Forgets that there were numbers from `len` on, under which there is nothing. O(chunks).
    pub(super) fn truncate(&mut self, len: usize) {
        let kept = len.div_ceil(CHUNK).min(self.chunks.len());
        self.capacity -= self.chunks.drain(kept..).map(|chunk| chunk.keys.capacity()).sum::<usize>();
        self.chunks.shrink_to_fit();
    }

    /// How many chunks there are, empty ones included.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Shows the keys of one chunk; false if there is no such chunk.
    pub(super) fn show_chunk(&mut self, number: usize, mover: &mut impl Mover) -> bool {
        let Some(chunk) = self.chunks.get_mut(number) else { return false };
        mover.buffer(&mut chunk.keys);
        true
    }

    /// Bytes of heap. O(1).
    pub(super) fn memory(&self) -> usize {
        self.capacity * size_of::<Key>() + self.chunks.capacity() * size_of::<Chunk>()
    }
}

/// Keeps the capacity, so that the copy counts its memory as the original does.
impl Clone for Chunk {
    fn clone(&self) -> Self {
        let mut keys = Vec::with_capacity(self.keys.capacity());
        keys.extend_from_slice(&self.keys);
        Chunk { keys, live: self.live }
    }
}
