//! Timestamps as clients write them.

use crate::command::args::integer;
use crate::command::{Call, Fail, Outcome};
use crate::redis::Str;
use std::ops::RangeInclusive;
use tsgen_engine::{duration, Millis, UnixMs};

const BAD_TIMESTAMP: Fail = Fail::text("ERR timestamp must be a signed 64-bit integer; it stands before the id");
const BAD_DELAY: Fail =
    Fail::text("ERR timestamp +ms must be between +0 and +315360000000 (ms), or one with a unit: +30s, +5m, +2h, +7d");
const NEEDS_CLOCK: Fail = Fail::text("ERR timestamp +ms needs a CLOCK key; TSGEN.CREATE key CLOCK makes one");
const UNIT_NEEDS_CLOCK: Fail =
    Fail::text("ERR timestamp with a unit needs a CLOCK key; under your own watermark it is a plain integer");

/// A timestamp as clients write it.
#[derive(Clone, Copy)]
pub enum When {
    At(i64),
    /// A time since 1970 that was written with a unit: only with CLOCK.
    Unix(Millis),
    /// A delay from now: only with CLOCK.
    After(Millis),
}

/// The ranges of seconds, microseconds and nanoseconds since 1970 for the years 2001 to 5138 or so. Read as milliseconds, these numbers
/// lie in the first three years, or tens of thousands of years ahead.
const OTHER_UNITS: [(RangeInclusive<i64>, &str); 3] = [
    (1_000_000_000..=99_999_999_999, "seconds"),
    (1_000_000_000_000_000..=99_999_999_999_999_999, "microseconds"),
    // The largest number is left out: it is a way to say never.
    (1_000_000_000_000_000_000..=i64::MAX - 1, "nanoseconds"),
];

impl When {
    pub fn parse(text: &Str) -> Result<Self, Fail> {
        match text.bytes() {
            [b'+', delay @ ..] => {
                let read = duration(delay).filter(|read| read.ms <= Millis::MAX_DURATION).ok_or(BAD_DELAY)?;
                Ok(When::After(read.ms))
            }
            at => match integer(at) {
                Some(at) => Ok(When::At(at)),
                None => duration(at).filter(|read| read.has_unit).map(|read| When::Unix(read.ms)).ok_or(BAD_TIMESTAMP),
            },
        }
    }

    /// Refuses what this key does not take, and a client's absolute time in another unit than milliseconds on a CLOCK key: its element would be
    /// ready at once, or never. Timestamps from a master were checked there.
    pub fn check(self, is_clock: bool, call: &Call<'_>) -> Outcome {
        match self {
            When::At(timestamp) if is_clock => {
                let other = OTHER_UNITS.iter().find(|(range, _)| range.contains(&timestamp));
                match other.filter(|_| call.is_by_client()) {
                    Some((_, unit)) => Err(looks_like(timestamp, unit)),
                    None => Ok(()),
                }
            }
            When::Unix(_) if !is_clock => Err(UNIT_NEEDS_CLOCK),
            When::After(_) if !is_clock => Err(NEEDS_CLOCK),
            _ => Ok(()),
        }
    }

    /// The timestamp that is meant, in a write at `now`.
    pub fn timestamp(self, now: UnixMs) -> i64 {
        match self {
            When::At(timestamp) => timestamp,
            When::Unix(ms) => i64::try_from(ms.0).unwrap_or(i64::MAX),
            When::After(delay) => now.after(delay).0,
        }
    }
}

#[cold]
fn looks_like(timestamp: i64, unit: &str) -> Fail {
    let write = if unit == "seconds" { format!("write {timestamp}s") } else { "divide it".to_owned() };
    let insist = format!("or {timestamp}ms if it is meant");
    format!("ERR timestamp {timestamp} looks like Unix {unit}, but CLOCK keys count milliseconds: {write}, {insist}")
        .into()
}
