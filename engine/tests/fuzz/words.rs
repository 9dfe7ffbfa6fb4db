//! Bytes as the words that the engine reads: durations, cursors, numbers of batches, ranges of tokens, prefixes. Each is read a second time in the
//! plainest way.
//!
//! The parsers of commands read what Redis hands them, and need a server: `tests/server/every_family/words.rs`.

use tsgen_engine::{batch_number, coalesce, duration, Cursor, Millis, Prefixes, TokenRange, MAX_COUNT, MAX_TOKEN};

pub fn run(input: &[u8]) -> bool {
    check_duration(input);
    if let Some(cursor) = Cursor::read(input) {
        assert_eq!(cursor.to_string().as_bytes(), input, "there is one way to write a cursor");
    }
    if let Some(number) = batch_number(input) {
        assert!((1..=MAX_TOKEN).contains(&number));
    }
    check_ranges(input);
    check_prefixes(input);
    true
}

fn check_duration(text: &[u8]) {
    let read = duration(text);
    let plain = std::str::from_utf8(text).ok().and_then(|text| {
        let at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..at].parse().ok()?;
        let factor = match &text[at..] {
            "" | "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let is_canonical = number.to_string() == text[..at];
        let ms = number.checked_mul(factor).filter(|_| is_canonical)?;
        Some((Millis(ms), at < text.len()))
    });
    assert_eq!(read.map(|read| (read.ms, read.has_unit)), plain);
}

/// Small numbers, so that ranges touch; the same tokens are named, each once, in ranges that none of has grown too long.
fn check_ranges(input: &[u8]) {
    let pairs = input.chunks_exact(2).take(40);
    let ranges =
        pairs.map(|pair| TokenRange { first: u64::from(pair[0]), last: u64::from(pair[0]) + u64::from(pair[1] % 16) });
    let mut ranges: Vec<_> = ranges.collect();
    let mut named: Vec<u64> = ranges.iter().flat_map(|range| range.first..=range.last).collect();
    named.sort_unstable();
    named.dedup();
    coalesce(&mut ranges);
    assert_eq!(ranges.iter().flat_map(|range| range.first..=range.last).collect::<Vec<_>>(), named);
    assert!(ranges.iter().all(|range| range.last - range.first < MAX_COUNT as u64));
}

/// Prefixes that come and go, one behind each newline, the name behind the last.
fn check_prefixes(input: &[u8]) {
    let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').take(20).collect();
    let name = lines.pop().unwrap_or_default();
    let (mut prefixes, mut plain) = (Prefixes::default(), Vec::new());
    for (owner, line) in lines.into_iter().enumerate() {
        match line {
            // An earlier one goes.
            [b'-', nth, ..] if !plain.is_empty() => {
                let (prefix, owner): (&[u8], usize) = plain.remove(usize::from(*nth) % plain.len());
                prefixes.remove(prefix, &owner);
            }
            prefix => {
                prefixes.insert(prefix, owner);
                plain.push((prefix, owner));
            }
        }
        let mut expected: Vec<_> = plain.iter().filter(|(prefix, _)| name.starts_with(prefix)).collect();
        expected.sort_by_key(|(prefix, _)| prefix.len());
        assert_eq!(prefixes.cover(name), !expected.is_empty());
        let mut owners: Vec<_> = prefixes.owners_of(name).copied().collect();
        let mut expected: Vec<_> = expected.into_iter().map(|(_, owner)| *owner).collect();
        owners.sort_unstable();
        expected.sort_unstable();
        assert_eq!(owners, expected);
    }
}
