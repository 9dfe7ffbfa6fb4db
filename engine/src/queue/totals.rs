//! What has become of the entries of a key over its life, in numbers. They never overflow, whoever made them up.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Counters over the life of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Entries handed out, redeliveries included.
    pub delivered: u64,
    /// Entries handed out again.
    pub redelivered: u64,
    /// Entries acknowledged.
    pub acked: u64,
    /// Entries that became dead.
    pub died: u64,
    /// Entries that were late on arrival.
    pub late: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let sum = |one: &mut u64, other: u64| *one = one.saturating_add(other);
        sum(&mut self.delivered, other.delivered);
        sum(&mut self.redelivered, other.redelivered);
        sum(&mut self.acked, other.acked);
        sum(&mut self.died, other.died);
        sum(&mut self.late, other.late);
    }
}

impl Totals {
    /// The same totals, unless somebody made them up: those are capped, so that counting on never overflows.
    pub(crate) fn bounded(self) -> Self {
        let bound = |total: u64| total.min(u64::MAX >> 2);
        Totals {
            delivered: bound(self.delivered),
            redelivered: bound(self.redelivered),
            acked: bound(self.acked),
            died: bound(self.died),
            late: bound(self.late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_of_all_keys_are_added_up_one_by_one_and_never_overflow() {
        let mut sum = Totals { delivered: 1, redelivered: 2, acked: 3, died: 4, late: u64::MAX };
        sum += Totals { delivered: 10, redelivered: 20, acked: 30, died: 40, late: 50 };
        assert_eq!(sum, Totals { delivered: 11, redelivered: 22, acked: 33, died: 44, late: u64::MAX });
    }

    #[test]
    fn totals_that_somebody_made_up_can_still_be_counted_on() {
        let (real, forged) =
            (Totals { acked: 1 << 61, ..Totals::default() }, Totals { acked: u64::MAX, ..Totals::default() });
        assert_eq!(real.bounded(), real);
        assert_eq!(forged.bounded().acked, (1 << 62) - 1);
    }
}
