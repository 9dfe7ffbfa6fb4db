//! Reading arguments: a cursor over what a client sent.
//!
//! Strict, as Redis is: no signs, spaces or leading zeros that Redis's own parser would refuse. Errors name the
//! argument and what it takes, and never show a payload.

use crate::command::{Fail, Outcome};
use crate::redis::{Ctx, Str};
use crate::server::config::{MAX_MS, MAX_NAME_SIZE, MAX_PAYLOAD_SIZE, NAME_LIMIT};
use tsgen_engine::{coalesce, duration, Millis, TokenRange, MAX_COUNT, MAX_TOKEN};

/// What is still to be read.
pub struct Args<'a> {
    rest: &'a [&'a Str],
    /// How many there were.
    count: usize,
    /// Durations that were written with a unit: the places of these arguments, and what they are. What is replicated is in milliseconds.
    with_units: Vec<(usize, Millis)>,
}

impl<'a> Args<'a> {
    pub fn new(rest: &'a [&'a Str]) -> Self {
        Args { rest, count: rest.len(), with_units: Vec::new() }
    }

    /// The places of durations that were read and have a unit, and what they are.
    pub fn with_units(&self) -> &[(usize, Millis)] {
        &self.with_units
    }

    pub fn len(&self) -> usize {
        self.rest.len()
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

    /// Everything that is left.
    pub fn take_rest(&mut self) -> &'a [&'a Str] {
        std::mem::take(&mut self.rest)
    }

    /// What follows the word of an option.
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
        let count = self.number_of(word, 1, MAX_COUNT as i64)?;
        Ok(usize::try_from(count).unwrap_or(MAX_COUNT))
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
            self.with_units.push((self.count - self.rest.len() - 1, read.ms));
        }
        Ok(read.ms)
    }

    /// Tokens and ranges of tokens, and nothing else; at least one.
    pub fn only_tokens(&mut self) -> Result<Tokens, Fail> {
        let tokens = self.tokens()?;
        match self.rest {
            [] => Ok(tokens),
            _ => Err(BAD_TOKEN),
        }
    }

    /// Tokens and ranges of tokens, as far as they go; at least one.
    pub fn tokens(&mut self) -> Result<Tokens, Fail> {
        let mut tokens = Tokens::default();
        while let Some(word) = self.peek().filter(|word| word.bytes().first().is_some_and(u8::is_ascii_digit)) {
            tokens.push(token_range(word.bytes()).ok_or(BAD_TOKEN)?);
            self.next();
        }
        match tokens.is_empty() {
            true => Err(BAD_TOKEN),
            false => Ok(tokens.tidy()),
        }
    }
}

const BAD_TOKEN: Fail =
    Fail::text("ERR token must be an integer between 1 and 4611686018427387904, or a range first-last of these");

/// Whether an argument is this keyword, in any case.
pub fn is(word: &Str, keyword: &str) -> bool {
    word.bytes().eq_ignore_ascii_case(keyword.as_bytes())
}

/// Remembers an option; it may be given once.
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

pub fn in_range(name: &str, text: &Str, min: i64, max: i64) -> Result<i64, Fail> {
    let value = integer(text.bytes()).filter(|value| (min..=max).contains(value));
    value.ok_or_else(|| Fail::from(format!("ERR {name} must be an integer between {min} and {max}")))
}

/// One token, or `first-last`.
pub fn token_range(text: &[u8]) -> Option<TokenRange> {
    let token = |text: &[u8]| {
        integer(text).and_then(|token| u64::try_from(token).ok()).filter(|token| (1..=MAX_TOKEN).contains(token))
    };
    match text.iter().position(|byte| *byte == b'-') {
        None => token(text).map(TokenRange::one),
        Some(dash) => {
            let (first, last) = (token(&text[..dash])?, token(&text[dash + 1..])?);
            (first <= last).then_some(TokenRange { first, last })
        }
    }
}

/// A name that is about to be stored (id, consumer, reason, …) must not be longer than configured. What a master or our AOF says was
/// checked there.
pub fn check_name(ctx: &Ctx, what: &str, name: &[u8]) -> Outcome {
    check_size(ctx, what, name, MAX_NAME_SIZE.get(), NAME_LIMIT)
}

/// A name that only looks something up may be as long as names ever were: it may have been stored before the limit was lowered.
pub fn check_sought(what: &str, name: &[u8]) -> Outcome {
    if i64::try_from(name.len()).is_ok_and(|length| length <= NAME_LIMIT) {
        return Ok(());
    }
    Err(format!("ERR {what} must be at most {NAME_LIMIT} bytes").into())
}

pub fn check_payload(ctx: &Ctx, what: &str, payload: &[u8]) -> Outcome {
    check_size(ctx, what, payload, MAX_PAYLOAD_SIZE.get(), MAX_PAYLOAD_SIZE.max)
}

#[inline]
fn check_size(ctx: &Ctx, what: &str, bytes: &[u8], allowed: i64, limit: i64) -> Outcome {
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if length <= allowed {
        return Ok(());
    }
    let flags = ctx.flags();
    if length <= limit && (flags.is_replicated() || flags.is_loading()) {
        return Ok(());
    }
    Err(format!("ERR {what} must be at most {allowed} bytes").into())
}

/// Token ranges of one command: rising, disjoint, a few of them without a heap allocation.
pub struct Tokens {
    few: [TokenRange; Tokens::FEW],
    count: usize,
    many: Vec<TokenRange>,
    rising: bool,
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens { few: [TokenRange::one(0); Tokens::FEW], count: 0, many: Vec::new(), rising: true }
    }
}

impl Tokens {
    const FEW: usize = 8;

    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub fn as_slice(&self) -> &[TokenRange] {
        if self.many.is_empty() {
            &self.few[..self.count]
        } else {
            &self.many
        }
    }

    fn last_mut(&mut self) -> Option<&mut TokenRange> {
        match self.many.last_mut() {
            Some(last) => Some(last),
            None => self.few[..self.count].last_mut(),
        }
    }

    fn push(&mut self, range: TokenRange) {
        if let Some(last) = self.last_mut() {
            if range.first == last.last + 1 && range.last - last.first < MAX_COUNT as u64 {
                last.last = range.last;
                return;
            }
            let rises = range.first > last.last;
            self.rising &= rises;
        }
        if self.many.is_empty() && self.count < Tokens::FEW {
            self.few[self.count] = range;
            self.count += 1;
            return;
        }
        if self.many.is_empty() {
            self.many.extend_from_slice(&self.few);
        }
        self.many.push(range);
    }

    fn tidy(mut self) -> Self {
        if !self.rising {
            let mut all = self.as_slice().to_vec();
            coalesce(&mut all);
            self.many = all;
        }
        self
    }
}
