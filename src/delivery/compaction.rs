//! The timer gives back memory that a key does not need any more, a little at a time.
//!
//! Whoever closes a key that holds much more memory than it needs asks the timer to come. Each node compacts by itself: no reply shows it and
//! nothing is replicated. If the commands compacted, clients that acknowledge would pay for it in the middle of a burst; the timer does it
//! after the burst, within its budget.

use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::redis::ctx::unix_ms;
use std::time::Instant;
use tsgen_engine::{Millis, UnixMs};

/// Waste below this, in bytes, is not worth the work.
const WORTH_IT: usize = 4096;
/// From the end of an operation until the timer comes: more entries may leave meanwhile.
const PATIENCE: Millis = Millis(100);
/// Entries that are compacted between two looks at the clock: some 50 to 100 us.
const STEP: usize = 64;

impl<F: Content> StoredQueue<F> {
    fn is_wasteful(&self) -> bool {
        self.queue.is_compacting() || self.queue.waste() > WORTH_IT
    }

    /// When the timer shall come to give memory back; `None` if there is little to give.
    pub fn compacts_at(&self) -> Option<UnixMs> {
        self.is_wasteful().then(|| UnixMs(unix_ms()).after(PATIENCE))
    }

    /// Gives memory back until `until`. If there is no time at all, it does one step, but no more than one in each [`PATIENCE`]. Returns when to
    /// go on; `None` if nothing is left to give.
    pub fn compact(&mut self, now: UnixMs, until: Instant) -> Option<UnixMs> {
        if !self.is_wasteful() {
            return None;
        }
        if Instant::now() >= until && now.0.abs_diff(self.compacted_at.0) < PATIENCE.0 {
            return Some(now.after(Millis(1)));
        }
        self.compacted_at = now;
        while self.queue.compact(STEP) {
            if Instant::now() >= until {
                return Some(now.after(Millis(1)));
            }
        }
        None
    }
}
