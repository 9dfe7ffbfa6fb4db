//! Points in time and durations, in milliseconds: the only place where times are added or subtracted.
//!
//! This module deliberately knows no clock. Everything saturates, so no time that a client can name overflows.

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, on the server's clock.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// Later than anything a clock shows.
    pub const NEVER: UnixMs = UnixMs(i64::MAX);
    /// Earlier than anything a clock shows: the `now` of a repeated operation that does not depend on time.
    pub const EVER: UnixMs = UnixMs(i64::MIN);

    /// The point `delay` after this one; `NEVER` if there is none.
    pub fn after(self, delay: Millis) -> UnixMs {
        let delay = i64::try_from(delay.0).unwrap_or(i64::MAX);
        UnixMs(self.0.saturating_add(delay))
    }

    /// Whether a deadline at this point has come: `self <= now`, everywhere.
    pub fn is_due(self, now: UnixMs) -> bool {
        self <= now
    }

    /// How long ago `earlier` was; zero if it lies ahead (the clock stepped back).
    pub fn since(self, earlier: UnixMs) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A duration in milliseconds.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Millis = Millis(0);
    /// The longest duration an option or argument may name: ten years of 365 days.
    pub const MAX_DURATION: Millis = Millis(10 * 365 * 24 * 60 * 60 * 1000);

    /// Whether this is the "off" value of an option.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_due_at_its_own_millisecond() {
        assert!(UnixMs(5).is_due(UnixMs(5)));
        assert!(!UnixMs(6).is_due(UnixMs(5)));
    }

    #[test]
    fn sums_and_differences_saturate() {
        assert_eq!(UnixMs(i64::MAX - 1).after(Millis(u64::MAX)), UnixMs::NEVER);
        assert_eq!(UnixMs(i64::MAX).since(UnixMs(i64::MIN)), Millis(i64::MAX as u64));
        assert_eq!(UnixMs(1).since(UnixMs(2)), Millis::ZERO);
    }
}
