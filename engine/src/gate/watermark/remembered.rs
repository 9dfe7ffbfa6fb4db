//! Ids whose work is done, remembered for a while: an ADD that is repeated adds nothing.
//!
//! They stand in one log, oldest first, one behind the other in chunks: an id of 16 bytes takes 20 there. Their hashes are where those of
//! elements are, in [`Names`](crate::names::Names): an id is an element's or remembered, never both, so an ACK exchanges one slot and looks
//! nothing up anew.
//!
//! What is remembered depends on the operations and their times alone. The oldest ids are forgotten by operations that say when; one whose
//! time is over does not count, whether it has been forgotten or not.

use crate::names::Names;
use crate::time::{Millis, UnixMs};
use std::collections::VecDeque;

/// Bytes of a chunk, but for a longer id, which has one of its own. An id begins at a multiple of [`ALIGN`].
const CHUNK: usize = 1 << 16;
const ALIGN: usize = 4;
/// Chunks that can be told apart: 8 GiB.
const CHUNKS: u32 = 1 << 17;
/// A length of this or more stands in four bytes of its own.
const LONG: usize = 127;
/// The most bytes in front of an id: the padding up to a multiple of [`ALIGN`], its length, and its time.
const HEAD: usize = ALIGN + 1 + 4 + 10;
/// A bit of the first byte of a record: its id is not remembered any more.
const GONE: u8 = 1 << 7;

/// How many ids are remembered at most, unless the key says otherwise.
pub const DEFAULT_MAX: u64 = 1_000_000;

/// The log of ids, and how long and how many of them are kept.
#[derive(Clone)]
pub(super) struct Remembered {
    /// How long an id is remembered; 0: nothing is.
    pub keep: Millis,
    /// The most ids.
    pub max: u64,
    chunks: VecDeque<Chunk>,
    /// The number of the first chunk; they count on and begin again at [`CHUNKS`].
    first: u32,
    /// Where the oldest id stands in the first chunk.
    head: usize,
    len: usize,
}

#[derive(Clone, Default)]
struct Chunk {
    /// The times in it are counted from here.
    base: i64,
    bytes: Vec<u8>,
    /// Bytes of ids that are gone.
    gone: usize,
}

/// An id as it stands in a chunk.
struct Record<'a> {
    is_gone: bool,
    id: &'a [u8],
    at: UnixMs,
    /// Where the next one begins.
    next: usize,
}

impl Chunk {
    fn record(&self, offset: usize) -> Record<'_> {
        let head = self.bytes[offset];
        let (mut at, mut length) = (offset + 1, usize::from(head & !GONE));
        if length == LONG {
            let long: [u8; 4] = self.bytes[at..at + 4].try_into().expect("four bytes");
            (at, length) = (at + 4, u32::from_le_bytes(long) as usize);
        }
        let (mut zigzag, mut shift) = (0u64, 0);
        loop {
            let byte = self.bytes[at];
            at += 1;
            zigzag |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let since = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let end = at + length;
        Record {
            is_gone: head & GONE != 0,
            id: &self.bytes[at..end],
            at: UnixMs(self.base.wrapping_add(since)),
            next: end.next_multiple_of(ALIGN),
        }
    }

    /// Adds an id, and returns where it stands. The bytes in front of the id are put together first, because each extension of the chunk has its
    /// price.
    fn push(&mut self, id: &[u8], at: UnixMs) -> usize {
        let offset = self.bytes.len().next_multiple_of(ALIGN);
        let (mut head, mut end) = ([0; HEAD], offset - self.bytes.len());
        let mut put = |byte: u8| {
            head[end] = byte;
            end += 1;
        };
        put(id.len().min(LONG) as u8);
        if id.len() >= LONG {
            (id.len() as u32).to_le_bytes().into_iter().for_each(&mut put);
        }
        let since = at.0.wrapping_sub(self.base);
        let mut zigzag = ((since << 1) ^ (since >> 63)) as u64;
        while zigzag >= 0x80 {
            put(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        put(zigzag as u8);
        self.bytes.extend_from_slice(&head[..end]);
        self.bytes.extend_from_slice(id);
        offset
    }

    /// Whether this id fits, with the most bytes in front of it.
    fn has_room(&self, id: &[u8]) -> bool {
        self.bytes.is_empty() || self.bytes.len() + HEAD + id.len() <= CHUNK
    }
}

impl Remembered {
    pub(super) fn new() -> Self {
        let chunks = VecDeque::new();
        Remembered { keep: Millis::ZERO, max: DEFAULT_MAX, chunks, first: 0, head: 0, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether a snapshot has nothing to tell of it.
    pub(super) fn is_default(&self) -> bool {
        self.keep.is_zero() && self.max == DEFAULT_MAX && self.len == 0
    }

    /// Bytes of heap. O(ids / 3000).
    pub(super) fn memory(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum::<usize>()
            + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// How much work it is to free this, in allocations.
    pub(super) fn free_effort(&self) -> usize {
        self.chunks.len()
    }

    fn position(&self, index: usize, offset: usize) -> u32 {
        let number = (self.first + index as u32) % CHUNKS;
        number * (CHUNK / ALIGN) as u32 + (offset / ALIGN) as u32
    }

    fn place(&self, position: u32) -> (usize, usize) {
        let (number, offset) = (position / (CHUNK / ALIGN) as u32, position as usize % (CHUNK / ALIGN) * ALIGN);
        (((number + CHUNKS - self.first) % CHUNKS) as usize, offset)
    }

    fn at(&self, position: u32) -> Record<'_> {
        let (index, offset) = self.place(position);
        self.chunks[index].record(offset)
    }

    /// Whether an id whose work was done at `at` is still remembered at `now`.
    fn counts(&self, at: UnixMs, now: UnixMs) -> bool {
        !self.keep.is_zero() && !at.after(self.keep).is_due(now)
    }

    /// Whether an id counts as done. O(1).
    pub(super) fn has(&self, names: &Names, id: &[u8], hash: u32, now: UnixMs) -> bool {
        self.find(names, id, hash).is_some_and(|position| self.counts(self.at(position).at, now))
    }

    /// Whether an id stands in the log, its time over or not.
    pub(super) fn holds(&self, names: &Names, id: &[u8], hash: u32) -> bool {
        self.find(names, id, hash).is_some()
    }

    fn find(&self, names: &Names, id: &[u8], hash: u32) -> Option<u32> {
        (self.len > 0).then(|| names.done(hash, |position| self.at(position).id == id)).flatten()
    }

    /// Adds an id that is not there. The caller puts its position into the names. O(1).
    pub(super) fn push(&mut self, id: &[u8], at: UnixMs) -> u32 {
        if !self.chunks.back().is_some_and(|chunk| chunk.has_room(id)) {
            // Only the first chunk grows with what is in it.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK.max(id.len() + HEAD) };
            self.chunks.push_back(Chunk { base: at.0, bytes: Vec::with_capacity(room), gone: 0 });
        }
        let index = self.chunks.len() - 1;
        let chunk = &mut self.chunks[index];
        let offset = chunk.push(id, at);
        self.len += 1;
        self.position(index, offset)
    }

    /// Forgets this id; false if it is not there. O(1), now and then O(ids in a chunk).
    pub(super) fn forget(&mut self, names: &mut Names, id: &[u8], hash: u32) -> bool {
        let Some(position) = self.find(names, id, hash) else { return false };
        names.remove_done(hash, position);
        self.len -= 1;
        let (index, offset) = self.place(position);
        let chunk = &mut self.chunks[index];
        let next = chunk.record(offset).next;
        chunk.bytes[offset] |= GONE;
        chunk.gone += next - offset;
        if chunk.gone > chunk.bytes.len() / 2 && index + 1 < self.chunks.len() {
            self.rewrite(names, index);
        }
        if self.len == 0 {
            self.clear();
        }
        true
    }

    /// Writes a chunk anew, without what is gone.
    fn rewrite(&mut self, names: &mut Names, index: usize) {
        let from = if index == 0 { std::mem::take(&mut self.head) } else { 0 };
        let old = std::mem::take(&mut self.chunks[index]);
        let mut new = Chunk { base: old.base, ..Chunk::default() };
        let mut offset = from;
        while offset < old.bytes.len() {
            let record = old.record(offset);
            if !record.is_gone {
                let to = new.push(record.id, record.at);
                names.move_done(names.hash(record.id), self.position(index, offset), self.position(index, to));
            }
            offset = record.next;
        }
        new.bytes.shrink_to_fit();
        self.chunks[index] = new;
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.head = 0;
    }

    /// Drops the first chunks, as long as all their ids are forgotten.
    fn skip(&mut self) {
        while self.chunks.front().is_some_and(|chunk| self.head >= chunk.bytes.len()) {
            self.chunks.pop_front();
            self.first = (self.first + 1) % CHUNKS;
            self.head = 0;
        }
    }

    /// Forgets the oldest ids whose time is over, or that are too many; looks at about `most`. True if any were there. O(`most`).
    pub(super) fn forget_over(&mut self, names: &mut Names, now: UnixMs, most: usize) -> bool {
        let before = self.len;
        for _ in 0..most {
            self.skip();
            let Some(chunk) = self.chunks.front() else { break };
            let record = chunk.record(self.head);
            let next = record.next;
            if !record.is_gone {
                if self.counts(record.at, now) && self.len as u64 <= self.max && self.chunks.len() < CHUNKS as usize {
                    break;
                }
                names.remove_done(names.hash(record.id), self.position(0, self.head));
                self.len -= 1;
            }
            self.head = next;
        }
        if self.len == 0 {
            self.clear();
        }
        self.len < before
    }

    /// When the oldest id may be forgotten. O(ids that are gone in a chunk).
    pub(super) fn forgets_at(&self) -> Option<UnixMs> {
        if self.len as u64 > self.max || (self.keep.is_zero() && self.len > 0) {
            return Some(UnixMs::EVER);
        }
        self.iter().next().map(|(_, at)| at.after(self.keep))
    }

    /// All ids, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], UnixMs)> {
        let in_chunk = move |(index, chunk)| {
            let mut offset = if index == 0 { self.head } else { 0 };
            let chunk: &Chunk = chunk;
            std::iter::from_fn(move || {
                while offset < chunk.bytes.len() {
                    let record = chunk.record(offset);
                    offset = record.next;
                    if !record.is_gone {
                        return Some((record.id, record.at));
                    }
                }
                None
            })
        };
        self.chunks.iter().enumerate().flat_map(in_chunk)
    }
}
