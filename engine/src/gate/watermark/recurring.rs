//! Elements that come again (EVERY): each run of one is an entry of its own.
//!
//! What holds, in keys whose watermark is the clock; other keys have none of it:
//!
//! 1. A recurring id means exactly one run, which waits, is ready, leased or delayed, and never dead. Its period is kept by the run's sequence
//!    number; nothing else is kept of a recurring element, for the timestamp of one run tells those of all later ones.
//! 2. When that run is settled (acknowledged, taken by the sink, or dead) at some time, the next one is made in the same step: the same id, payload,
//!    group and period, and the first timestamp `timestamp + k * period`, k ≥ 1, after that time. So runs that were missed are one run, nothing
//!    drifts, and a clock that was set back does not repeat a run.
//! 3. A run makes its next one once. One that has died is *past* from then on: its id means the next run, and whatever becomes of it (REQUEUE, another
//!    delivery, another death, ACK) makes no run and is not remembered as done. It is found by its token only.
//! 4. A run that an ADD has superseded, or a REM has removed, makes none: the period goes with the ADD, or ends.
//! 5. The next run does not depend on when anybody looks: a run whose last lease ends has died at the end of that lease, whenever it is swept.
//!    So reads can tell of the next run before there is one.
//!
//! This module does not know deliveries: [`Gate::follow`](crate::gate::Gate::follow) tells it when a run is settled.

use super::Watermark;
use crate::error::Error;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};
use std::collections::{BTreeMap, BTreeSet};

/// Recurring elements of one key, all by the sequence numbers of runs, which never change.
#[derive(Clone, Default)]
pub(super) struct Recurring {
    /// The period of each run that its id means.
    periods: BTreeMap<u64, Millis>,
    /// Runs that have died, and what has become of them since.
    past: BTreeSet<u64>,
    /// Past runs that a snapshot has told of, and whose entries have not been read yet.
    unmet: BTreeSet<u64>,
}

/// About how many bytes a node of these trees takes for one number.
const PER_NUMBER: usize = 2 * size_of::<u64>();

/// The first `timestamp + k * period`, k ≥ 1, after `at`; the last time of all if there is none.
fn next(timestamp: i64, period: Millis, at: UnixMs) -> i64 {
    let (first, period) = (i128::from(timestamp), i128::from(period.0.max(1)));
    let missed = (i128::from(at.0) - first).max(0) / period;
    i64::try_from(first + (missed + 1) * period).unwrap_or(i64::MAX)
}

impl Recurring {
    fn is_empty(&self) -> bool {
        self.periods.is_empty() && self.past.is_empty()
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.periods.len() * 2 * PER_NUMBER + self.past.len() * PER_NUMBER
    }
}

impl Watermark {
    /// The period of a run. O(log n).
    pub(super) fn period(&self, seq: u64) -> Option<Millis> {
        self.recurring.as_ref()?.periods.get(&seq).copied()
    }

    /// Whether any id is recurring.
    pub(super) fn has_recurring(&self) -> bool {
        self.recurring.as_ref().is_some_and(|recurring| !recurring.periods.is_empty())
    }

    /// The timestamp of the next run, if this one is settled at `at`. O(log n).
    pub(super) fn next_run(&self, seq: u64, timestamp: i64, at: UnixMs) -> Option<i64> {
        self.period(seq).map(|period| next(timestamp, period, at))
    }

    /// From now on this run comes again with this period. O(log n).
    pub(super) fn recur(&mut self, seq: u64, period: Millis) {
        self.recurring.get_or_insert_default().periods.insert(seq, period);
    }

    /// From now on this run does not come again. O(log n).
    pub(super) fn stop(&mut self, seq: u64) {
        self.change(|recurring| recurring.periods.remove(&seq).is_some());
    }

    /// A run is settled, and `next` is the next one. O(log n).
    pub(super) fn pass_on(&mut self, seq: u64, next: u64) {
        let Some(recurring) = &mut self.recurring else { return };
        if let Some(period) = recurring.periods.remove(&seq) {
            recurring.periods.insert(next, period);
            recurring.past.insert(seq);
        }
    }

    /// A past run leaves the key. False if it is none. O(log n).
    pub(super) fn leave_past(&mut self, seq: u64) -> bool {
        self.change(|recurring| recurring.past.remove(&seq))
    }

    fn change(&mut self, change: impl FnOnce(&mut Recurring) -> bool) -> bool {
        let Some(recurring) = &mut self.recurring else { return false };
        let changed = change(recurring);
        if changed && recurring.is_empty() {
            self.recurring = None;
        }
        changed
    }

    /// What a snapshot tells: periods, and past runs, each by rising sequence numbers.
    pub(super) fn recurrences(&self) -> (impl Iterator<Item = (u64, Millis)> + '_, impl Iterator<Item = u64> + '_) {
        let recurring = self.recurring.as_deref();
        let periods = recurring.into_iter().flat_map(|recurring| &recurring.periods);
        let past = recurring.into_iter().flat_map(|recurring| &recurring.past);
        (periods.map(|(seq, period)| (*seq, *period)), past.copied())
    }

    /// A snapshot tells of a run that comes again.
    pub(super) fn take_period(&mut self, seq: u64, period: Millis) -> Result<(), Error> {
        let recurring = self.recurring.get_or_insert_default();
        let is_rising = recurring.periods.last_key_value().is_none_or(|(last, _)| *last < seq);
        if !is_rising || recurring.past.contains(&seq) || period.is_zero() || period > Millis::MAX_DURATION {
            return Err(Error::Damaged("an impossible EVERY"));
        }
        recurring.periods.insert(seq, period);
        recurring.unmet.insert(seq);
        Ok(())
    }

    /// A snapshot tells of a past run.
    pub(super) fn take_past(&mut self, seq: u64) -> Result<(), Error> {
        let recurring = self.recurring.get_or_insert_default();
        let is_rising = recurring.past.last().is_none_or(|last| *last < seq);
        if !is_rising || recurring.periods.contains_key(&seq) {
            return Err(Error::Damaged("an impossible past run"));
        }
        recurring.past.insert(seq);
        recurring.unmet.insert(seq);
        Ok(())
    }

    /// The entry with this number was read from a snapshot. True if it is a past run, so that its id does not mean it.
    pub(super) fn meet(&mut self, seq: u64) -> Result<bool, Error> {
        let Some(recurring) = &mut self.recurring else { return Ok(false) };
        let is_past = recurring.past.contains(&seq);
        let is_told = is_past || recurring.periods.contains_key(&seq);
        if is_told && !recurring.unmet.remove(&seq) {
            return Err(Error::Damaged("a run stands twice"));
        }
        Ok(is_past)
    }

    /// Fails if a snapshot has told of runs that are not there.
    pub(super) fn all_met(&self) -> Result<(), Error> {
        match &self.recurring {
            Some(recurring) if !recurring.unmet.is_empty() => Err(Error::Damaged("a run is missing")),
            _ => Ok(()),
        }
    }
}

impl Queue<Watermark> {
    /// How many ids are recurring. O(1).
    pub fn recurring(&self) -> usize {
        self.gate.recurring.as_ref().map_or(0, |recurring| recurring.periods.len())
    }
}

#[cfg(test)]
mod tests;
