//! Rate limiting: how much of a limit is taken, and whether there is room for more.
//!
//! This is the generic cell rate algorithm (GCRA) of ITU-T I.371 in its form as *virtual scheduling algorithm*. All that is kept of
//! a key is one point in time, the theoretical arrival time: when everything taken so far will have been given back, at a rate of
//! `limit` per `period`. Each unit that is taken moves it on by `period / limit`; a take is allowed if it is then at most
//! `burst * period / limit` ahead of now. A take tells what redis-cell tells.
//!
//! So in any stretch of time `t` no more is taken than `burst + t * limit / period`, and nothing is rounded in that: the point is kept
//! as whole milliseconds and a fraction whose denominator is the limit, a thousandfold. A cell rate of 7 in 1000 ms gives exactly 7 in
//! each 1000 ms for ever. Only a key whose limit changes is rounded, by less than a millisecond and to the strict side.
//!
//! Takes are timed to the microsecond. Within one tick of the clock at most `burst` can be taken, however much is given back in that time; so a
//! clock of milliseconds would let at most `1000 * burst` through in a second, whatever the limit.
//!
//! This module does not know keys or their time to live, and no other part of the engine knows this module.

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::snapshot::{decode, encode, Format, BEHAVIOUR};
use crate::time::{Millis, UnixMs};
use serde::{Deserialize, Serialize};

/// The highest limit and the highest burst: a million a millisecond.
pub const MAX_LIMIT: u64 = 1_000_000_000;

/// The most parts that a millisecond is divided into: its microseconds, each divided by the limit.
const MAX_PARTS: u64 = 1_000 * MAX_LIMIT;

/// How much may be taken, and how fast it is given back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    limit: u64,
    period: Millis,
    burst: u64,
}

impl Rate {
    /// `limit` per `period`, at most `burst` at once.
    ///
    /// The limit is 1 to [`MAX_LIMIT`], the period 1 ms to [`Millis::MAX_DURATION`], the burst 1 to [`Rate::most_burst`]. Errors name the
    /// argument that is out of its range.
    pub fn new(limit: u64, period: Millis, burst: u64) -> Result<Self, Error> {
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::OutOfRange("limit is out of range"));
        }
        if !(1..=Millis::MAX_DURATION.0).contains(&period.0) {
            return Err(Error::OutOfRange("period-ms is out of range"));
        }
        if !(1..=Self::most_burst(limit, period)).contains(&burst) {
            return Err(Error::OutOfRange("BURST is out of range"));
        }
        Ok(Rate { limit, period, burst })
    }

    /// How much per period.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The highest burst: not above [`MAX_LIMIT`], and given back within [`Millis::MAX_DURATION`]. At least the limit, if limit and period
    /// are in their ranges.
    pub fn most_burst(limit: u64, period: Millis) -> u64 {
        let in_ten_years = u128::from(Millis::MAX_DURATION.0) * u128::from(limit) / u128::from(period.0.max(1));
        u64::try_from(in_ten_years).unwrap_or(MAX_LIMIT).min(MAX_LIMIT)
    }
}

/// When a take happens, to the microsecond.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The millisecond.
    pub ms: UnixMs,
    /// Microseconds of it that are over, 0 to 999.
    pub us: u16,
}

impl Moment {
    /// So many microseconds after the Unix epoch.
    pub fn of_unix_us(us: i64) -> Self {
        Moment { ms: UnixMs(us.div_euclid(1_000)), us: u16::try_from(us.rem_euclid(1_000)).unwrap_or(0) }
    }
}

impl From<UnixMs> for Moment {
    fn from(ms: UnixMs) -> Self {
        Moment { ms, us: 0 }
    }
}

/// What came of a take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether it was allowed. A take that was refused has changed nothing.
    pub allowed: bool,
    /// How much can still be taken now.
    pub remaining: u64,
    /// After how long the same take would be allowed, if nobody else takes anything; only if it was refused.
    pub retry_after: Option<Millis>,
    /// After how long all will have been given back, if nobody takes anything more.
    pub reset_after: Millis,
}

/// How much of a limit is taken: the theoretical arrival time, `millis + part / of`.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub struct Throttle {
    millis: UnixMs,
    /// Below `of`.
    part: u64,
    /// 1000 times the limit of the last take. A value that was saved has a divisor of that instead, and one of an older file the limit itself.
    /// 1 to [`MAX_PARTS`].
    of: u64,
}

/// Two are equal if they are the same point in time, however the fraction is written.
impl PartialEq for Throttle {
    fn eq(&self, other: &Self) -> bool {
        let across = |one: u64, other: u64| u128::from(one) * u128::from(other);
        self.millis == other.millis && across(self.part, other.of) == across(other.part, self.of)
    }
}

impl Eq for Throttle {}

impl Default for Throttle {
    /// Nothing was ever taken.
    fn default() -> Self {
        Throttle { millis: UnixMs(i64::MIN), part: 0, of: 1 }
    }
}

/// What was saved of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedThrottle {
    /// The value.
    pub throttle: Throttle,
    /// The behaviour of the version that saved it.
    pub behaviour: u32,
}

impl Throttle {
    /// Takes `cost`, all or nothing. A cost of 0 takes nothing and tells how the key stands; a cost above the burst is never allowed.
    ///
    /// What was taken at another rate is given back at the time that followed from that rate. What was taken before the clock stepped
    /// back is given back when the clock has reached that time again.
    pub fn take(&mut self, rate: &Rate, cost: u64, now: impl Into<Moment>) -> Taken {
        // All is in units of 1/limit microseconds from now, in which it is an integer. The widest product is that of the range of
        // clocks and MAX_PARTS, below 2^105.
        let now: Moment = now.into();
        let limit = i128::from(rate.limit);
        let each = i128::from(rate.period.0) * 1_000;
        let most = i128::from(rate.burst) * each;
        let owed = self.ahead_of(now, rate.limit).max(0);
        let wanted = owed + i128::from(cost) * each;
        let allowed = wanted <= most;
        let after = if allowed { wanted } else { owed };
        if allowed && cost > 0 {
            let (of, since_ms) = (1_000 * limit, i128::from(now.us) * limit + after);
            let millis = i64::try_from(since_ms / of).unwrap_or(i64::MAX);
            let part = u64::try_from(since_ms % of).unwrap_or(0);
            *self = Throttle { millis: UnixMs(now.ms.0.saturating_add(millis)), part, of: 1_000 * rate.limit };
        }
        Taken {
            allowed,
            remaining: u64::try_from((most - after).max(0) / each).unwrap_or(0),
            retry_after: (!allowed).then(|| whole_millis(wanted - most, limit)),
            reset_after: whole_millis(after, limit),
        }
    }

    /// The first millisecond at which nothing is taken any more.
    pub fn full_at(&self) -> UnixMs {
        UnixMs(self.millis.0.saturating_add(i64::from(self.part > 0)))
    }

    /// How far the point in time is ahead of `now`, in units of 1/limit microseconds, rounded up if the limit was another before.
    fn ahead_of(&self, now: Moment, limit: u64) -> i128 {
        let micros = (i128::from(self.millis.0) - i128::from(now.ms.0)) * 1_000 - i128::from(now.us);
        let parts = 1_000 * limit;
        let (part, of) = (i128::from(self.part), i128::from(self.of));
        let scaled = part * i128::from(parts);
        // Rounded to whole 1/limit milliseconds, as when takes were timed no finer: so a repeated take leaves the same state.
        let part = if scaled % of == 0 { scaled / of } else { 1_000 * divided_up(part * i128::from(limit), of) };
        micros * i128::from(limit) + part
    }

    /// The value as bytes, the same for equal values.
    pub fn save(&self, emit: &mut dyn FnMut(&[u8])) {
        encode(&(BEHAVIOUR, self.reduced()), emit);
    }

    /// The same point with the fraction in lowest terms. O(log of the limit), so not for each take.
    fn reduced(&self) -> Self {
        let (mut divisor, mut rest) = (self.of, self.part);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        Throttle { part: self.part / divisor, of: self.of / divisor, ..*self }
    }

    /// The value that was saved as these bytes. They may come from anybody: fails on what cannot have been written.
    pub fn load(bytes: &[u8]) -> Result<SavedThrottle, Error> {
        let (format, rest) = Format::of(bytes)?;
        let (behaviour, throttle): (u32, Throttle) = match format {
            Format::Unmarked | Format::One => decode(rest)?,
        };
        format.check_behaviour(behaviour)?;
        if !(1..=MAX_PARTS).contains(&throttle.of) || throttle.part >= throttle.of {
            return Err(Error::Damaged("an impossible fraction"));
        }
        Ok(SavedThrottle { throttle, behaviour })
    }
}

/// Quotient of numbers that are not negative, rounded up.
fn divided_up(number: i128, by: i128) -> i128 {
    (number + by - 1) / by
}

/// The whole milliseconds that cover a span, which is in units of 1/limit microseconds.
fn whole_millis(span: i128, limit: i128) -> Millis {
    Millis(u64::try_from(divided_up(span, 1_000 * limit)).unwrap_or(u64::MAX))
}
