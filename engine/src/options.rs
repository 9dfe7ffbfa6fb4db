//! What a key was told about delivery: leases, retries, limits, sink. The same for every family.

use crate::error::Error;
use crate::time::{Millis, UnixMs};
use serde::{Deserialize, Serialize};

/// Most entries that one command touches.
pub const MAX_COUNT: usize = 10_000;

/// The largest GROUPLIMIT.
pub const MAX_GROUP_LIMIT: u32 = 1_000_000;

/// Delivery options of one key. Saved as they stand here: one more field is a new format (`snapshot/format.rs`). If that is forgotten, only
/// the test with the files of earlier versions fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryOptions {
    /// How long a claimed entry belongs to its consumer, unless CLAIM says otherwise. 1 ms to 10 years.
    pub lease: Millis,
    /// After this many deliveries an entry that fails once more is dead; 0: never.
    pub max_deliveries: u32,
    /// Delay after the first failed delivery, doubled with each further one; 0: none.
    pub backoff: Millis,
    /// Upper bound of that delay; 0: none.
    pub max_backoff: Millis,
    /// Most entries the key may hold; 0: unbounded.
    pub max_len: u64,
    /// The stream that ready entries are moved to, if any.
    pub sink: Option<Sink>,
    /// Whether nothing is handed out, neither to workers nor to the sink. Saved as a part of its own, and only of a key that is paused.
    #[serde(skip)]
    pub paused: bool,
    /// Most entries of one group that are leased or delayed; 0: unbounded. Saved in a part of its own, as `fair` is.
    #[serde(skip)]
    pub group_limit: u32,
    /// Whether groups that have something take turns.
    #[serde(skip)]
    pub fair: bool,
}

/// A native Redis stream that takes the place of CLAIM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// Name of the stream.
    #[serde(with = "crate::snapshot::bytes")]
    pub stream: Box<[u8]>,
    /// Approximate MAXLEN of the stream; 0: unbounded.
    pub max_len: u64,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        DeliveryOptions {
            lease: Millis(30_000),
            max_deliveries: 16,
            backoff: Millis::ZERO,
            max_backoff: Millis::ZERO,
            max_len: 0,
            sink: None,
            paused: false,
            group_limit: 0,
            fair: false,
        }
    }
}

impl DeliveryOptions {
    /// How long an entry rests after its `deliveries`-th delivery has failed: `backoff * 2^(deliveries - 1)`,
    /// saturating, capped by `max_backoff` unless that is 0.
    pub fn delay_after(&self, deliveries: u32) -> Millis {
        let doublings = deliveries.saturating_sub(1);
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let delay = Millis(self.backoff.0.saturating_mul(factor));
        if self.max_backoff.is_zero() {
            delay.min(Millis::MAX_DURATION)
        } else {
            delay.min(self.max_backoff)
        }
    }

    /// Whether an entry that has been delivered this often and failed again is dead.
    pub fn exhausted(&self, deliveries: u32) -> bool {
        self.max_deliveries != 0 && deliveries >= self.max_deliveries
    }

    /// What happens to an entry whose lease ended at `ended`, by these options.
    pub(crate) fn fate_at_lease_end(&self, deliveries: u32, ended: UnixMs) -> LeaseEnd {
        if self.exhausted(deliveries) {
            return LeaseEnd::Dies;
        }
        let delay = self.delay_after(deliveries);
        if delay.is_zero() {
            LeaseEnd::Queues
        } else {
            LeaseEnd::Rests { until: ended.after(delay) }
        }
    }

    /// Whether entries are in groups.
    pub const fn has_groups(&self) -> bool {
        self.group_limit != 0 || self.fair
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |value: Millis| value <= Millis::MAX_DURATION;
        if self.lease.is_zero() || !within(self.lease) {
            return Err(Error::OutOfRange("LEASE must be an integer between 1 and 315360000000"));
        }
        if !within(self.backoff) {
            return Err(Error::OutOfRange("BACKOFF must be an integer between 0 and 315360000000"));
        }
        if !within(self.max_backoff) {
            return Err(Error::OutOfRange("MAXBACKOFF must be an integer between 0 and 315360000000"));
        }
        if self.group_limit > MAX_GROUP_LIMIT {
            return Err(Error::OutOfRange("GROUPLIMIT must be an integer between 0 and 1000000"));
        }
        if self.has_groups() && self.sink.is_some() {
            return Err(Error::SinkOfGroups);
        }
        Ok(())
    }
}

/// What the end of a lease does to an entry.
pub(crate) enum LeaseEnd {
    Dies,
    Rests { until: UnixMs },
    Queues,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_saturates_and_is_capped() {
        let mut options = DeliveryOptions { backoff: Millis(100), ..Default::default() };
        assert_eq!(options.delay_after(1), Millis(100));
        assert_eq!(options.delay_after(4), Millis(800));
        assert_eq!(options.delay_after(200), Millis::MAX_DURATION);
        options.max_backoff = Millis(300);
        assert_eq!(options.delay_after(2), Millis(200));
        assert_eq!(options.delay_after(3), Millis(300));
    }

    #[test]
    fn zero_max_deliveries_never_exhausts() {
        let options = DeliveryOptions { max_deliveries: 0, ..Default::default() };
        assert!(!options.exhausted(u32::MAX));
    }
}
