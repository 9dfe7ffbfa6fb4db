//! A turn: a number that tells when a group comes next. Each is given once.

use crate::slab::Slab;
use std::num::NonZeroU32;

/// The turns of groups, by their numbers.
pub(in crate::groups) type Given = Slab<Turn, { super::super::CHUNK }>;

/// A turn in two halves, the lower one first. No turn has a lower half of 0, so a slot of a table is no larger than a turn.
#[derive(Clone, Copy)]
pub(in crate::groups) struct Turn {
    low: NonZeroU32,
    high: u32,
}

impl Turn {
    pub(in crate::groups) const FIRST: Turn = Turn { low: NonZeroU32::MIN, high: 0 };

    /// The turn with this number; `None` if no turn has it.
    pub(in crate::groups) fn of(number: u64) -> Option<Self> {
        NonZeroU32::new(number as u32).map(|low| Turn { low, high: (number >> 32) as u32 })
    }

    pub(in crate::groups) fn number(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low.get())
    }
}
