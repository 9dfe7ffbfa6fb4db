//! The items of one group, kept as the bytes that will be the body of its entry: firing moves them in one piece.
//!
//! The bytes: why the group fired (1 byte, which is 0 while it collects), since when the group waits (8, little-endian), and for each
//! item the time since then (zigzag varint: a clock may step back), its length (varint) and itself. A group waits since its first item
//! came; if the clock has stepped back behind that, since the first push by the new time.

use crate::error::Error;
use crate::gate::Extent;
use crate::mover::Mover;
use crate::shards::Shards;
use crate::time::UnixMs;

/// Why a group fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was quiet for IDLE.
    Idle,
    /// It had waited for MAXWAIT.
    MaxWait,
    /// It had MAXITEMS, or as much as a group may have.
    Full,
    /// It was told to.
    Flush,
}

impl Reason {
    const ALL: [Reason; 4] = [Reason::Idle, Reason::MaxWait, Reason::Full, Reason::Flush];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Idle => "idle",
            Reason::MaxWait => "maxwait",
            Reason::Full => "full",
            Reason::Flush => "flush",
        }
    }

    fn code(self) -> u8 {
        self as u8 + 1
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

const COLLECTING: u8 = 0;
/// The bytes of a group without items.
pub(super) const HEADER: usize = 1 + size_of::<i64>();
/// With more items or bytes than this, items are found by hash; with fewer, by looking at each.
const FEW_ITEMS: u32 = 16;
const FEW_BYTES: usize = 4096;

/// A group fires when it has this many items, whatever its rules say: firing and delivering it is one piece of work.
pub const MAX_ITEMS: u64 = 100_000;

/// A group also fires as soon as its items take this many bytes.
pub(super) const FULL_BYTES: usize = 16 * 1024 * 1024;

/// Most bytes of a group that is loaded: less than a chunk of a snapshot may hold. A group that collects here has less than
/// [`FULL_BYTES`] before the item that makes it full.
pub(super) const MAX_COLLECTED: usize = 192 * 1024 * 1024;

/// The most bytes that one item takes.
pub(super) fn cost(item: &[u8]) -> usize {
    item.len() + 2 * MAX_VARINT
}

/// The bytes of an item that comes at `now` to a group that waits since `waits_since`.
pub(super) fn size_at(item: &[u8], now: UnixMs, waits_since: UnixMs) -> usize {
    varint_size(zigzag(now.0.wrapping_sub(waits_since.0))) + varint_size(item.len() as u64) + item.len()
}

const MAX_VARINT: usize = 10;

/// Items in order of arrival; at least one, as soon as it is in use.
#[derive(Clone)]
pub(super) struct Items {
    bytes: Vec<u8>,
    count: u32,
    index: Option<Box<Shards<Slot>>>,
}

/// Hashes items.
pub(super) type Hash<'a> = &'a dyn Fn(&[u8]) -> u32;

/// Where in the bytes an item stands, and its hash.
#[derive(Clone, Copy)]
struct Slot {
    at: u32,
    hash: u32,
}

impl Items {
    /// No items yet, of a group that waits since `waits_since`. `room`: about how many bytes will follow.
    pub(super) fn new(waits_since: UnixMs, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + room);
        bytes.push(COLLECTING);
        bytes.extend_from_slice(&waits_since.0.to_le_bytes());
        Items { bytes, count: 0, index: None }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// About how many bytes of heap. O(1).
    pub(super) fn memory(&self) -> usize {
        let index = if self.index.is_some() { self.len() * 3 / 2 * size_of::<Slot>() } else { 0 };
        self.bytes.capacity() + index
    }

    /// Shows the bytes to who may move them.
    pub(super) fn show(&mut self, mover: &mut impl Mover) {
        mover.buffer(&mut self.bytes);
    }

    /// Since when the group waits.
    pub(super) fn waits_since(&self) -> UnixMs {
        waits_since(&self.bytes)
    }

    /// How many bytes these would be if the group waited since `since`. O(their bytes).
    pub(super) fn size_since(&self, since: UnixMs) -> usize {
        HEADER + self.iter().map(|(item, at)| size_at(item, at, since)).sum::<usize>()
    }

    /// Makes the group wait since `since`, with the times of its items unchanged: for a clock that has stepped back behind the first.
    /// `size`: as [`Items::size_since`] tells. O(their bytes).
    pub(super) fn wait_since(&mut self, since: UnixMs, size: usize) {
        let mut items = Items::new(since, size - HEADER);
        self.iter().for_each(|(item, at)| items.push(item, at));
        *self = items;
    }

    /// Adds an item at the end. O(its bytes).
    pub(super) fn push(&mut self, item: &[u8], at: UnixMs) {
        let since = zigzag(at.0.wrapping_sub(self.waits_since().0));
        put_varint(&mut self.bytes, since);
        put_varint(&mut self.bytes, item.len() as u64);
        self.bytes.extend_from_slice(item);
        self.count += 1;
    }

    /// Adds an item unless it is there already: true if it was not. O(its bytes) if there are many items, else O(bytes of all).
    pub(super) fn push_new(&mut self, item: &[u8], at: UnixMs, hash: impl Fn(&[u8]) -> u32) -> bool {
        if self.index.is_none() && self.count < FEW_ITEMS && self.bytes.len() < FEW_BYTES {
            if self.contains(item, &hash) {
                return false;
            }
            self.push(item, at);
            return true;
        }
        let mut index = self.index.take().unwrap_or_else(|| Box::new(self.indexed(&hash)));
        let hash = hash(item);
        let bytes = &self.bytes;
        let is_new = index.find(hash, |slot| item_at(bytes, slot.at) == Some(item)).is_none();
        if is_new {
            let slot = Slot { at: self.bytes.len() as u32, hash };
            self.push(item, at);
            index.insert(hash, slot, |slot| slot.hash);
        }
        self.index = Some(index);
        is_new
    }

    fn indexed(&self, hash: &impl Fn(&[u8]) -> u32) -> Shards<Slot> {
        let mut index = Shards::new();
        let mut reader = Reader::of(&self.bytes);
        loop {
            let at = (self.bytes.len() - reader.rest.len()) as u32;
            let Some((item, _)) = reader.next() else { return index };
            let hash = hash(item);
            index.insert(hash, Slot { at, hash }, |slot| slot.hash);
        }
    }

    /// Whether `item` is among them. O(its bytes) if there are many items, else O(bytes of all).
    pub(super) fn contains(&self, item: &[u8], hash: impl Fn(&[u8]) -> u32) -> bool {
        match &self.index {
            Some(index) => index.find(hash(item), |slot| item_at(&self.bytes, slot.at) == Some(item)).is_some(),
            None => self.iter().any(|(other, _)| other == item),
        }
    }

    /// The items with the times they came, in order.
    pub(super) fn iter(&self) -> Reader<'_> {
        Reader::of(&self.bytes)
    }

    /// The bytes, as they are saved.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes as the body of an entry.
    pub(super) fn fired(mut self, reason: Reason) -> Vec<u8> {
        self.bytes[0] = reason.code();
        self.bytes
    }

    /// A copy of the bytes as [`Items::fired`] gives them; [`Extent::Beginning`] leaves out the items.
    pub(super) fn as_fired(&self, reason: Reason, extent: Extent) -> Vec<u8> {
        let end = if extent == Extent::Whole { self.bytes.len() } else { HEADER };
        let mut bytes = self.bytes[..end].to_vec();
        bytes[0] = reason.code();
        bytes
    }

    /// Loads items that were saved while they were collected. `unique` hashes them where none may stand twice.
    pub(super) fn load(bytes: &[u8], unique: Option<Hash<'_>>) -> Result<Self, Error> {
        let count = check(bytes)?;
        if bytes[0] != COLLECTING || bytes.len() > MAX_COLLECTED {
            return Err(Error::Damaged("impossible items"));
        }
        let Some(hash) = unique else {
            return Ok(Items { bytes: bytes.into(), count, index: None });
        };
        let mut items = Items::new(waits_since(bytes), bytes.len() - HEADER);
        for (item, at) in Reader::of(bytes) {
            if !items.push_new(item, at, hash) {
                return Err(Error::Damaged("an item stands twice"));
            }
        }
        match items.bytes == bytes {
            true => Ok(items),
            false => Err(Error::Damaged("impossible items")),
        }
    }
}

/// A group that has fired.
pub struct Fired<'a> {
    /// Why it fired.
    pub reason: Reason,
    /// Its items with the times they came, in order.
    pub items: Reader<'a>,
}

/// What the body of a fired group says. `body` must have passed [`check_fired`].
pub fn fired(body: &[u8]) -> Fired<'_> {
    let reason = body.first().and_then(|code| Reason::of(*code)).unwrap_or(Reason::Idle);
    Fired { reason, items: Reader::of(body) }
}

/// Fails unless this is the body of a fired group.
pub(super) fn check_fired(body: &[u8]) -> Result<(), Error> {
    check(body)?;
    match Reason::of(body[0]) {
        Some(_) => Ok(()),
        None => Err(Error::Damaged("an impossible reason")),
    }
}

/// How many items there are, at least one; fails unless they fill the bytes.
fn check(bytes: &[u8]) -> Result<u32, Error> {
    if bytes.len() < HEADER {
        return Err(Error::Damaged("items end too early"));
    }
    let mut reader = Reader::of(bytes);
    let count = reader.by_ref().count();
    match u32::try_from(count) {
        Ok(count) if count > 0 && reader.rest.is_empty() => Ok(count),
        _ => Err(Error::Damaged("impossible items")),
    }
}

fn waits_since(bytes: &[u8]) -> UnixMs {
    UnixMs(bytes.get(1..HEADER).and_then(|at| at.first_chunk()).map_or(0, |at| i64::from_le_bytes(*at)))
}

fn item_at(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let mut reader = Reader { base: UnixMs(0), rest: bytes.get(at as usize..)? };
    reader.next().map(|(item, _)| item)
}

/// Reads items, as far as the bytes make sense.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The time from which the times of items count.
    base: UnixMs,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Reader { base: waits_since(bytes), rest: bytes.get(HEADER..).unwrap_or_default() }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = (&'a [u8], UnixMs);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest;
        let since = take_varint(&mut rest)?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (item, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        let since = (since >> 1) as i64 ^ -((since & 1) as i64);
        Some((item, UnixMs(self.base.0.wrapping_add(since))))
    }
}

fn zigzag(since: i64) -> u64 {
    ((since << 1) ^ (since >> 63)) as u64
}

fn varint_size(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes the shortest form only, so that equal items have equal bytes.
fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (nth, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        let bits = u64::from(byte & 0x7f);
        value |= bits.checked_shl(7 * nth as u32).filter(|shifted| shifted >> (7 * nth) == bits)?;
        if byte & 0x80 == 0 {
            if *byte == 0 && nth > 0 {
                return None;
            }
            *bytes = &bytes[nth + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
