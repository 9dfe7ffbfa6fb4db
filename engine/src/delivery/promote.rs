//! PROMOTE: delayed -> ready, before its time.

use super::dead::Which;
use super::sweep::Goal;
use crate::entries::{Handle, Place, State};
use crate::error::Error;
use crate::gate::Gate;
use crate::queue::{Queue, Settled};
use crate::time::UnixMs;

impl<G: Gate> Queue<G> {
    /// Gives delayed entries their places back now; their deliveries stay counted. [`Which::All`] takes those that would come back first;
    /// [`Which::Tokens`] names entries by the tokens of their last deliveries, stale or not. O(log n) an entry.
    ///
    /// Errors: [`Error::TooManyTokens`].
    pub fn promote(&mut self, which: Which<'_>, now: UnixMs) -> Result<Settled, Error> {
        let mut settled = Settled::default();
        for handle in self.delayed_of(which, now, &mut settled.changed)? {
            let until = self.record(handle).map_or(now, |record| record.delayed_until);
            // An entry whose delay is over is ready already, and an entry named twice is promoted once.
            if self.entries.state(handle) == State::Delayed && !until.is_due(now) {
                self.lift(handle);
                self.queue_up(handle);
                settled.count += 1;
            }
        }
        settled.changed |= settled.count > 0;
        Ok(settled)
    }

    fn delayed_of(&mut self, which: Which<'_>, now: UnixMs, swept: &mut bool) -> Result<Vec<Handle>, Error> {
        let ranges = match which {
            Which::All(count) => {
                *swept = self.sweep(now, Goal::Delayed(count));
                let later = (UnixMs(now.0.saturating_add(1)), Place { key: i64::MIN, seq: 0 });
                return Ok(self.delays.range(later..).take(count).map(|(_, handle)| *handle).collect());
            }
            Which::Tokens(ranges) => ranges,
        };
        self.check_ranges(ranges)?;
        let mut named = Vec::new();
        for range in ranges {
            *swept |= self.catch_up(*range, now);
            named.extend(self.grants.iter_range(*range).map(|(_, handle, _)| handle));
            named.extend(self.nacked.range(range.first..=range.last).map(|(_, handle)| *handle));
        }
        Ok(named)
    }
}
