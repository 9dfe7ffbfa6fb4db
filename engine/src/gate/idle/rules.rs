//! When groups fire.

use super::items::{Reason, FULL_BYTES, MAX_ITEMS};
use crate::error::Error;
use crate::time::{Millis, UnixMs};
use serde::{Deserialize, Serialize};

/// When groups fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleRules {
    /// A group fires after this long without a push. 1 ms to 10 years.
    pub idle: Millis,
    /// A group fires at the latest this long after its first push; 0: only once it is quiet.
    pub max_wait: Millis,
    /// A group fires with this many items, at most [`MAX_ITEMS`]; 0: with [`MAX_ITEMS`].
    pub max_items: u64,
    /// Whether an item that the group has already is not added again.
    pub unique: bool,
}

/// When a group fires unless something is pushed before, and why it fires then.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: UnixMs,
    pub(super) reason: Reason,
}

impl Default for IdleRules {
    fn default() -> Self {
        IdleRules { idle: Millis(60_000), max_wait: Millis::ZERO, max_items: 0, unique: true }
    }
}

impl IdleRules {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.idle.is_zero() || self.idle > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("IDLE must be an integer between 1 and 315360000000"));
        }
        if self.max_wait > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("MAXWAIT must be an integer between 0 and 315360000000"));
        }
        if self.max_items > MAX_ITEMS {
            return Err(Error::OutOfRange("MAXITEMS must be an integer between 0 and 100000"));
        }
        Ok(())
    }

    /// With how many items a group fires.
    pub(super) fn most_items(&self) -> u64 {
        match self.max_items {
            0 => MAX_ITEMS,
            most => most,
        }
    }

    /// Whether a group with so much in it fires at once.
    pub(super) fn is_full(&self, items: usize, size: usize) -> bool {
        items as u64 >= self.most_items() || size >= FULL_BYTES
    }

    /// The deadline of a group that waits since `waits_since` and is pushed to at `now`.
    pub(super) fn deadline(&self, waits_since: UnixMs, now: UnixMs) -> Deadline {
        let quiet = now.after(self.idle);
        // A max wait that was shortened meanwhile may be over already: the group fires now, not in the past.
        let latest = waits_since.after(self.max_wait).max(now);
        if !self.max_wait.is_zero() && latest < quiet {
            Deadline { at: latest, reason: Reason::MaxWait }
        } else {
            Deadline { at: quiet, reason: Reason::Idle }
        }
    }
}
