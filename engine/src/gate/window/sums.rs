//! The sums of an open window, in order of their first increments: fields are only added, until all leave together.

use super::batch;
use crate::shards::Shards;
use crate::time::UnixMs;

/// Fields and their sums. About 45 bytes a field beside its own.
#[derive(Clone)]
pub(super) struct Sums {
    /// The records of all fields, as a batch has them: each is a sum and a name. Sealing puts them into byte order.
    records: Vec<u8>,
    /// Where the record of each field ends.
    ends: Vec<u32>,
    index: Shards<Slot>,
    /// No sum was ever farther from 0 than this.
    largest: u64,
}

/// A field under its hash.
#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    hash: u32,
}

/// A record with what it is sorted by: the eight bytes of its name behind the prefix that all names have in common.
#[derive(Clone, Copy)]
struct Keyed {
    word: u64,
    start: u32,
    end: u32,
}

const SUM: usize = size_of::<i64>();

impl Sums {
    /// No fields.
    pub(super) fn new() -> Self {
        Sums { records: Vec::new(), ends: Vec::new(), index: Shards::new(), largest: 0 }
    }

    /// How many fields there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all fields.
    pub(super) fn size(&self) -> usize {
        self.records.len() - SUM * self.len()
    }

    /// About how many bytes of heap.
    pub(super) fn memory(&self) -> usize {
        self.ends.capacity() * size_of::<u32>() + self.records.capacity() + self.index.memory()
    }

    fn start(&self, number: u32) -> usize {
        number.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize)
    }

    fn name(&self, number: u32) -> &[u8] {
        &self.records[self.start(number) + SUM..self.ends[number as usize] as usize]
    }

    /// The number of a field. O(1).
    #[inline]
    pub(super) fn find(&self, name: &[u8], hash: u32) -> Option<u32> {
        let is = |slot: Slot| slot.hash == hash && self.name(slot.number) == name;
        self.index.find(hash, is).map(|slot| slot.number)
    }

    /// The sum of a field, by its number.
    #[inline]
    pub(super) fn sum(&self, number: u32) -> i64 {
        self.records[self.start(number)..].first_chunk().map_or(0, |sum| i64::from_le_bytes(*sum))
    }

    /// A bound on how far from 0 any sum is. It never falls.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    /// Changes the sum of a field, by its number.
    #[inline]
    pub(super) fn set(&mut self, number: u32, sum: i64) {
        self.largest = self.largest.max(sum.unsigned_abs());
        let start = self.start(number);
        self.records[start..start + SUM].copy_from_slice(&sum.to_le_bytes());
    }

    /// Adds a field that is not there yet. O(1) and O(its bytes), now and then O(1792) for the index.
    pub(super) fn insert(&mut self, name: &[u8], hash: u32, sum: i64) {
        self.largest = self.largest.max(sum.unsigned_abs());
        let number = self.ends.len() as u32;
        self.records.extend_from_slice(&sum.to_le_bytes());
        self.records.extend_from_slice(name);
        self.ends.push(self.records.len() as u32);
        self.index.insert(hash, Slot { number, hash }, |slot| slot.hash);
    }

    /// Fields and sums in order of their first increments.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], i64)> {
        (0..self.ends.len() as u32).map(|number| (self.name(number), self.sum(number)))
    }

    /// The body of the batch of a window that opened at `opened_at`: all of this in byte order of fields. O(n log n).
    pub(super) fn body(&self, opened_at: UnixMs) -> Vec<u8> {
        batch::body(
            opened_at,
            &self.records,
            self.sorted().iter().map(|record| record.start as usize..record.end as usize),
        )
    }

    /// Bytes of that body.
    pub(super) fn body_size(&self) -> usize {
        batch::size(self.len(), self.records.len())
    }

    /// The records in byte order of their fields.
    ///
    /// Sorts by the eight bytes behind the prefix that all fields have in common, and looks at whole names only where these are equal:
    /// otherwise each comparison would read two names out of order.
    fn sorted(&self) -> Vec<Keyed> {
        let common = self.common_prefix();
        let mut start = 0;
        let key = |end: &u32| {
            let word = word(&self.records[start as usize + SUM + common..*end as usize]);
            let keyed = Keyed { word, start, end: *end };
            start = *end;
            keyed
        };
        let mut sorted: Vec<Keyed> = self.ends.iter().map(key).collect();
        sorted.sort_unstable_by_key(|record| record.word);
        let name = |record: &Keyed| &self.records[record.start as usize + SUM..record.end as usize];
        for equal in sorted.chunk_by_mut(|one, next| one.word == next.word).filter(|equal| equal.len() > 1) {
            equal.sort_unstable_by(|one, other| name(one).cmp(name(other)));
        }
        sorted
    }

    /// The length of the prefix that all fields have in common.
    fn common_prefix(&self) -> usize {
        let mut names = (0..self.ends.len() as u32).map(|number| self.name(number));
        let Some(first) = names.next() else { return 0 };
        names.fold(first.len(), |common, name| match name.starts_with(&first[..common]) {
            true => common,
            false => first[..common].iter().zip(name).take_while(|(one, other)| one == other).count(),
        })
    }
}

/// The first eight bytes as a number that sorts as they do; a shorter text sorts before its continuations or with them.
fn word(bytes: &[u8]) -> u64 {
    let mut padded = [0; 8];
    let length = bytes.len().min(8);
    padded[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(names: &[&[u8]]) -> Sums {
        let mut sums = Sums::new();
        for (nth, name) in (1i64..).zip(names) {
            sums.insert(name, nth as u32 % 3, nth);
        }
        sums
    }

    #[test]
    fn fields_sort_by_their_bytes_whatever_they_have_in_common() {
        let names: [&[&[u8]]; 4] = [
            &[b"b", b"", b"a", b"a\0", b"a\0\0\0\0\0\0\0\0", b"a\0\0\0\0\0\0\0\0b", b"\xff"],
            &[b"user:1000000002", b"user:1000000001", b"user:1", b"user:10"],
            &[b"same-start-and-long-1", b"same-start-and-long-0"],
            &[b"only"],
        ];
        for names in names {
            let sums = sums(names);
            let mut expected: Vec<_> = sums.iter().collect();
            expected.sort_unstable();
            let body = sums.body(UnixMs(5));
            batch::check(&body, |_| true).expect("a body just made");
            assert_eq!(batch::Batch::of(&body).sums().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn fields_with_equal_hashes_are_told_apart() {
        let sums = sums(&[b"a", b"b", b"c", b"d", b"e", b"f"]);
        assert_eq!(sums.find(b"d", 4 % 3).map(|number| sums.sum(number)), Some(4));
        assert_eq!(sums.find(b"g", 1), None);
        assert_eq!((sums.len(), sums.size()), (6, 6));
    }
}
