//! The sums of an open window, in order of their first increments: fields are only added, until all leave together.

use crate::shards::Shards;

/// Fields and their sums. About 45 bytes a field beside its own.
#[derive(Clone)]
pub struct Sums {
    fields: Vec<Field>,
    /// The bytes of all fields, one after the other.
    bytes: Vec<u8>,
    index: Shards<Slot>,
}

#[derive(Clone, Copy)]
struct Field {
    sum: i64,
    start: u32,
    end: u32,
}

/// A field under its hash.
#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    hash: u32,
}

impl Sums {
    /// No fields.
    pub fn new() -> Self {
        Sums { fields: Vec::new(), bytes: Vec::new(), index: Shards::new() }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Bytes of all fields.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// About how many bytes of heap.
    pub fn memory(&self) -> usize {
        self.fields.capacity() * size_of::<Field>() + self.bytes.capacity() + self.index.memory()
    }

    fn name(&self, field: &Field) -> &[u8] {
        &self.bytes[field.start as usize..field.end as usize]
    }

    /// The number of a field. O(1).
    #[inline]
    pub fn find(&self, name: &[u8], hash: u32) -> Option<u32> {
        let is = |slot: Slot| slot.hash == hash && self.name(&self.fields[slot.number as usize]) == name;
        self.index.find(hash, is).map(|slot| slot.number)
    }

    /// The sum of a field, by its number.
    #[inline]
    pub fn sum(&self, number: u32) -> i64 {
        self.fields[number as usize].sum
    }

    /// Changes the sum of a field, by its number.
    #[inline]
    pub fn set(&mut self, number: u32, sum: i64) {
        self.fields[number as usize].sum = sum;
    }

    /// Adds a field that is not there yet. O(1) and O(its bytes), now and then O(1792) for the index.
    pub fn insert(&mut self, name: &[u8], hash: u32, sum: i64) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        let number = self.fields.len() as u32;
        self.fields.push(Field { sum, start, end: self.bytes.len() as u32 });
        self.index.insert(hash, Slot { number, hash }, |slot| slot.hash);
    }

    /// Fields and sums in order of their first increments.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], i64)> {
        self.fields.iter().map(|field| (self.name(field), field.sum))
    }

    /// Fields and sums in byte order. O(n log n).
    ///
    /// Sorts by the eight bytes behind what all fields have in common, and looks at whole names only where these are equal:
    /// otherwise each comparison would read two names out of order.
    pub fn sorted(&self) -> Vec<(&[u8], i64)> {
        let common = self.common_prefix();
        let mut keyed: Vec<(u64, u32)> =
            (0u32..).zip(&self.fields).map(|(number, field)| (word(&self.name(field)[common..]), number)).collect();
        keyed.sort_unstable_by_key(|(word, _)| *word);
        let name = |number: u32| self.name(&self.fields[number as usize]);
        for equal in keyed.chunk_by_mut(|one, next| one.0 == next.0).filter(|equal| equal.len() > 1) {
            equal.sort_unstable_by_key(|(_, number)| name(*number));
        }
        keyed.into_iter().map(|(_, number)| (name(number), self.sum(number))).collect()
    }

    /// How many bytes all fields begin with alike.
    fn common_prefix(&self) -> usize {
        let mut fields = self.fields.iter().map(|field| self.name(field));
        let Some(first) = fields.next() else { return 0 };
        let alike = |one: &[u8], other: &[u8]| one.iter().zip(other).take_while(|(one, other)| one == other).count();
        fields.fold(first.len(), |common, field| alike(&first[..common], field))
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
            assert_eq!(sums.sorted(), expected);
        }
        assert!(Sums::new().sorted().is_empty());
    }

    #[test]
    fn fields_with_equal_hashes_are_told_apart() {
        let sums = sums(&[b"a", b"b", b"c", b"d", b"e", b"f"]);
        assert_eq!(sums.find(b"d", 4 % 3).map(|number| sums.sum(number)), Some(4));
        assert_eq!(sums.find(b"g", 1), None);
        assert_eq!((sums.len(), sums.size()), (6, 6));
    }
}
