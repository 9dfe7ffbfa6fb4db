//! Reading arguments: a cursor over what a client sent.
//!
//! The parser is as strict as Redis's own: it refuses the same signs, spaces and leading zeros. Errors name the
//! argument and the values that it takes, and never show a payload.

use crate::command::fail::{Fail, Outcome};
use crate::command::limits::MAX_MS;
use crate::redis::Str;
use tsgen_engine::{duration, Millis, MAX_COUNT};

/// A duration that was written with a unit, for which replicas are told milliseconds.
pub struct WithUnit {
    /// Its place among the arguments.
    pub place: usize,
    pub read: Millis,
}

/// The arguments that are still to be read.
pub struct Args<'a> {
    rest: &'a [&'a Str],
    /// How many arguments there were before any was read.
    count: usize,
    with_units: Vec<WithUnit>,
}

impl<'a> Args<'a> {
    pub fn new(rest: &'a [&'a Str]) -> Self {
        Args { rest, count: rest.len(), with_units: Vec::new() }
    }

    /// The durations read so far that have a unit.
    pub fn with_units(&self) -> &[WithUnit] {
        &self.with_units
    }

    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// The arguments that are left, still to be read.
    pub fn rest(&self) -> &'a [&'a Str] {
        self.rest
    }

    pub fn peek(&self) -> Option<&'a Str> {
        self.rest.first().copied()
    }

    pub fn next(&mut self) -> Option<&'a Str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// An argument that the arity promises.
    pub fn required(&mut self) -> Result<&'a Str, Fail> {
        self.next().ok_or(Fail::Arity)
    }

    /// The next `count` arguments, or all that are left.
    pub fn take(&mut self, count: usize) -> &'a [&'a Str] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// All arguments that are left.
    pub fn take_rest(&mut self) -> &'a [&'a Str] {
        std::mem::take(&mut self.rest)
    }

    /// All arguments that are left; at least one.
    pub fn required_rest(&mut self) -> Result<&'a [&'a Str], Fail> {
        match self.take_rest() {
            [] => Err(Fail::Arity),
            rest => Ok(rest),
        }
    }

    /// Reads all that is left as options: `read` gets a word and the arguments after it, and returns whether the word is an option.
    pub fn options(&mut self, read: impl FnMut(&'a Str, &mut Self) -> Result<bool, Fail>) -> Outcome {
        self.options_until(read)?.map_or(Ok(()), |word| Err(unknown_option(word)))
    }

    /// Like [`Args::options`], for a caller that has an error of its own: returns the first word that is no option.
    pub fn options_until(
        &mut self,
        mut read: impl FnMut(&'a Str, &mut Self) -> Result<bool, Fail>,
    ) -> Result<Option<&'a Str>, Fail> {
        while let Some(word) = self.next() {
            if !read(word, self)? {
                return Ok(Some(word));
            }
        }
        Ok(None)
    }

    /// Reads `[COUNT n]`.
    pub fn only_count(&mut self) -> Result<Option<usize>, Fail> {
        let mut count = None;
        self.options(|word, args| {
            let is_count = is(word, "COUNT");
            if is_count {
                set(&mut count, "COUNT", args.count_of("COUNT")?)?;
            }
            Ok(is_count)
        })?;
        Ok(count)
    }

    /// The argument that follows the word of an option.
    pub fn value_of(&mut self, word: &str) -> Result<&'a Str, Fail> {
        self.next().ok_or_else(|| Fail::from(format!("ERR {word} needs a value")))
    }

    /// The number that follows the word of an option.
    pub fn number_of(&mut self, word: &str, min: i64, max: i64) -> Result<i64, Fail> {
        let value = self.value_of(word)?;
        in_range(word, value, min, max)
    }

    /// The yes or no that follows the word of an option.
    pub fn yes_or_no_of(&mut self, word: &str) -> Result<bool, Fail> {
        match self.value_of(word)? {
            value if is(value, "yes") => Ok(true),
            value if is(value, "no") => Ok(false),
            _ => Err(format!("ERR {word} must be yes or no").into()),
        }
    }

    pub fn count_of(&mut self, word: &str) -> Result<usize, Fail> {
        let value = self.value_of(word)?;
        count(word, value)
    }

    /// A count that the arity promises.
    pub fn required_count(&mut self, name: &str) -> Result<usize, Fail> {
        let value = self.required()?;
        count(name, value)
    }

    /// The duration that follows the word of an option.
    pub fn millis_of(&mut self, word: &str, min: u64) -> Result<Millis, Fail> {
        let value = self.value_of(word)?;
        self.millis(word, value, min)
    }

    /// A duration that the arity promises.
    pub fn required_millis(&mut self, name: &str, min: u64) -> Result<Millis, Fail> {
        let value = self.required()?;
        self.millis(name, value, min)
    }

    /// The duration in the argument that was read last.
    fn millis(&mut self, name: &str, text: &Str, min: u64) -> Result<Millis, Fail> {
        let read = duration(text.bytes()).filter(|read| (min..=Millis::MAX_DURATION.0).contains(&read.ms.0));
        let read = read.ok_or_else(|| {
            let range = format!("an integer between {min} and {MAX_MS}");
            Fail::from(format!("ERR {name} must be {range} (ms), or one with a unit: 30s, 5m, 2h, 7d"))
        })?;
        if read.has_unit {
            self.with_units.push(WithUnit { place: self.count - self.rest.len() - 1, read: read.ms });
        }
        Ok(read.ms)
    }
}

/// Whether an argument is this keyword, in upper or lower case.
pub fn is(word: &Str, keyword: &str) -> bool {
    word.bytes().eq_ignore_ascii_case(keyword.as_bytes())
}

/// Stores the value of an option, which may be given only once.
pub fn set<T>(slot: &mut Option<T>, word: &str, value: T) -> Outcome {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("ERR {word} given twice").into()),
    }
}

pub fn unknown_option(word: &Str) -> Fail {
    let shown: String = word
        .bytes()
        .iter()
        .take(64)
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { *byte as char } else { '?' })
        .collect();
    format!("ERR unknown option '{shown}'").into()
}

/// An integer as Redis writes it.
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let canonical = match digits {
        [] | [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, ..] => false,
        [b'0'] => !negative,
        [first, ..] => *first != b'0',
    };
    if !canonical {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

fn count(name: &str, text: &Str) -> Result<usize, Fail> {
    let count = in_range(name, text, 1, MAX_COUNT as i64)?;
    Ok(usize::try_from(count).unwrap_or(MAX_COUNT))
}

pub fn in_range(name: &str, text: &Str, min: i64, max: i64) -> Result<i64, Fail> {
    let value = integer(text.bytes()).filter(|value| (min..=max).contains(value));
    value.ok_or_else(|| {
        let is_duration = duration(text.bytes()).is_some_and(|read| read.has_unit);
        let unit = if is_duration { ", without a unit" } else { "" };
        Fail::from(format!("ERR {name} must be an integer between {min} and {max}{unit}"))
    })
}
