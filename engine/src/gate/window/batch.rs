//! A sealed window as the body of its entry: searchable without being unpacked.
//!
//! The bytes, little-endian: when the window opened (8); the number of its fields (4); for each field where its record ends,
//! counted from the first record (4 each); and the records, in byte order of fields: sum (8) and field.

use crate::error::Error;
use crate::time::UnixMs;
use std::ops::Range;

const HEADER: usize = size_of::<i64>() + size_of::<u32>();
const END: usize = size_of::<u32>();
const SUM: usize = size_of::<i64>();

/// The body of a window that opened at `opened_at`. `sorted`: where in `records` each record is, in byte order of fields.
pub(super) fn body(opened_at: UnixMs, records: &[u8], sorted: impl ExactSizeIterator<Item = Range<usize>>) -> Vec<u8> {
    let (count, ends) = (sorted.len(), HEADER);
    let mut body = Vec::with_capacity(HEADER + count * END + records.len());
    body.extend_from_slice(&opened_at.0.to_le_bytes());
    body.extend_from_slice(&(count as u32).to_le_bytes());
    body.resize(HEADER + count * END, 0);
    let start = body.len();
    for (number, record) in sorted.enumerate() {
        body.extend_from_slice(&records[record]);
        let end = (body.len() - start) as u32;
        body[ends + number * END..][..END].copy_from_slice(&end.to_le_bytes());
    }
    body
}

/// Bytes of the body of a window with so many fields, whose records have so many bytes.
pub(super) fn size(fields: usize, records: usize) -> usize {
    HEADER + fields * END + records
}

/// The body of a window without its fields, of which only the time is to be read.
pub(super) fn beginning(opened_at: UnixMs) -> Vec<u8> {
    body(opened_at, &[], std::iter::empty())
}

/// What is in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// When its window opened: at its first increment.
    pub opened_at: UnixMs,
    ends: &'a [u8],
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Reads the body of an entry that has passed [`check`]; of another body, what makes sense.
    pub fn of(body: &'a [u8]) -> Self {
        let opened_at = body.first_chunk().map_or(0, |at| i64::from_le_bytes(*at));
        let count = body.get(SUM..HEADER).and_then(|count| count.first_chunk()).map_or(0, |at| u32::from_le_bytes(*at));
        let rest = body.get(HEADER..).unwrap_or_default();
        let (ends, records) = rest.split_at_checked(count as usize * END).unwrap_or_default();
        Batch { opened_at: UnixMs(opened_at), ends, records }
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.ends.len() / END
    }

    /// Whether it has none; a sealed window has some.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn end(&self, number: usize) -> Option<usize> {
        let end = self.ends.get(number * END..)?.first_chunk()?;
        Some(u32::from_le_bytes(*end) as usize)
    }

    fn record(&self, number: usize) -> Option<(&'a [u8], i64)> {
        let start = match number.checked_sub(1) {
            Some(before) => self.end(before)?,
            None => 0,
        };
        let record = self.records.get(start..self.end(number)?)?;
        let (sum, field) = record.split_first_chunk()?;
        Some((field, i64::from_le_bytes(*sum)))
    }

    /// Fields and sums, in byte order of fields.
    pub fn sums(self) -> impl Iterator<Item = (&'a [u8], i64)> {
        (0..self.len()).map_while(move |number| self.record(number))
    }

    /// The sum of one field. O(log n).
    pub fn sum(&self, field: &[u8]) -> Option<i64> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, sum) = self.record(middle)?;
            match found.cmp(field) {
                std::cmp::Ordering::Equal => return Some(sum),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Fails unless this is the body of a sealed window, whose fields are all as `is_field` wants them.
pub(super) fn check(body: &[u8], is_field: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    let batch = Batch::of(body);
    let mut last: Option<&[u8]> = None;
    let mut count = 0;
    for (field, _) in batch.sums() {
        if last.is_some_and(|last| last >= field) || !is_field(field) {
            return Err(Error::Damaged("impossible fields"));
        }
        last = Some(field);
        count += 1;
    }
    let records = batch.len().checked_sub(1).and_then(|last| batch.end(last));
    let is_whole = HEADER + batch.ends.len() + batch.records.len() == body.len();
    if count != batch.len() || records != Some(batch.records.len()) || !is_whole {
        return Err(Error::Damaged("an impossible batch"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of a window with these sums, as they stand here.
    fn body(opened_at: UnixMs, sums: &[(&[u8], i64)]) -> Vec<u8> {
        let (mut records, mut parts) = (Vec::new(), Vec::new());
        for (field, sum) in sums {
            let start = records.len();
            records.extend_from_slice(&sum.to_le_bytes());
            records.extend_from_slice(field);
            parts.push(start..records.len());
        }
        super::body(opened_at, &records, parts.into_iter())
    }

    const SUMS: [(&[u8], i64); 4] = [(b"", -1), (b"a", i64::MAX), (b"ab", 7), (b"b", i64::MIN)];

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let body = body(UnixMs(5), &SUMS);
        let batch = Batch::of(&body);
        assert_eq!((batch.opened_at, batch.len()), (UnixMs(5), 4));
        assert_eq!(batch.sums().collect::<Vec<_>>(), SUMS);
        for (field, sum) in SUMS {
            assert_eq!(batch.sum(field), Some(sum));
        }
        for missing in [&b"0"[..], b"aa", b"c", b"abc"] {
            assert_eq!(batch.sum(missing), None);
        }
        assert_eq!(check(&body, |_| true), Ok(()));
    }

    #[test]
    fn what_cannot_have_been_written_is_refused() {
        let good = body(UnixMs(5), &SUMS);
        for length in 0..good.len() {
            assert!(check(&good[..length], |_| true).is_err(), "cut at {length}");
        }
        let longer = [&good[..], b"x"].concat();
        assert!(check(&longer, |_| true).is_err());
        assert!(check(&body(UnixMs(5), &[]), |_| true).is_err());
        assert!(check(&body(UnixMs(5), &[(b"b", 1), (b"a", 1)]), |_| true).is_err());
        assert!(check(&body(UnixMs(5), &[(b"a", 1), (b"a", 1)]), |_| true).is_err());
        assert!(check(&good, |field| field.len() < 2).is_err());
    }

    #[test]
    fn damage_of_any_byte_is_refused_or_read_without_a_panic() {
        let good = body(UnixMs(5), &SUMS);
        for at in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                let _ = check(&bad, |_| true);
                let batch = Batch::of(&bad);
                let _ = (batch.sum(b"ab"), batch.sums().count());
            }
        }
    }
}
