//! A turn: a number that tells when a group comes next. Each is given once.

use crate::slab::Slab;
use std::num::NonZeroU32;

/// The turns of groups, by their numbers.
pub(in crate::groups) type Given = Slab<Turn, { super::super::CHUNK }>;

/// Above every turn: they have 48 bits, as the sequence numbers of entries have. A million turns a second use them up in nine years.
const END: u64 = 1 << 48;
/// A key whose next turn is this one or a later one takes nothing more in and hands nothing out; loaded anew it has low turns again. These turns are for
/// what cannot be refused: a group that fires, a dead letter that is queued again. Far fewer of these can follow than there are turns.
pub(crate) const LAST_CALL: u64 = END - (1 << 40);
/// The highest next turn that a saved key can have. While the key loads, its groups have turns behind this one.
pub(crate) const MAX_TURN: u64 = END - (1 << 36);

/// A turn in two parts, packed into 6 bytes. No turn has a lower part of 0, and the upper part has room for what a free slot of a table says: so
/// a slot is no larger than a turn.
#[derive(Clone, Copy)]
#[repr(Rust, packed(2))]
pub(in crate::groups) struct Turn {
    low: NonZeroU32,
    high: u16,
}

const _: () = assert!(size_of::<Turn>() == 6);

impl Turn {
    pub(in crate::groups) const FIRST: Turn = Turn { low: NonZeroU32::MIN, high: 0 };

    /// The turn with this number; `None` if no turn has it.
    pub(in crate::groups) fn of(number: u64) -> Option<Self> {
        let high = u16::try_from(number >> 32).ok()?;
        NonZeroU32::new(number as u32).map(|low| Turn { low, high })
    }

    pub(in crate::groups) fn number(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low.get())
    }
}
