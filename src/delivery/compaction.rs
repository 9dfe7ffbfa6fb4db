//! Memory that a key does not need any more is given back by the timer, a little at a time.
//!
//! Whoever closes a key that holds much more than it needs asks the timer to come. That is on every node by itself: nothing of it shows, nothing
//! is replicated. In the commands themselves it would be paid by whoever acknowledges, in the middle of a burst; the timer does it
//! when a burst has gone by, in its budget.

use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::redis::ctx::unix_ms;
use std::time::Instant;
use tsgen_engine::{Millis, UnixMs};

/// Less than this, in bytes, is not worth the work.
const WORTH_IT: usize = 4096;
/// From the end of an operation until the timer comes: more may leave meanwhile.
const PATIENCE: Millis = Millis(100);
/// Entries between two looks at the clock: some 50 to 100 us.
const STEP: usize = 64;

impl<F: Content> StoredQueue<F> {
    fn is_wasteful(&self) -> bool {
        self.queue.is_compacting() || self.queue.waste() > WORTH_IT
    }

    /// When the timer shall come to give memory back, if there is much of it.
    pub fn compacts_at(&self) -> Option<UnixMs> {
        self.is_wasteful().then(|| UnixMs(unix_ms()).after(PATIENCE))
    }

    /// Gives memory back until then, and a step at least. When to go on, if there is more.
    pub fn compact(&mut self, now: UnixMs, until: Instant) -> Option<UnixMs> {
        if !self.is_wasteful() {
            return None;
        }
        while self.queue.compact(STEP) {
            if Instant::now() >= until {
                return Some(now.after(Millis(1)));
            }
        }
        None
    }
}
