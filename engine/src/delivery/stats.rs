//! Counts and ages of a key, as if everything due by now had been swept. Stores nothing.

use super::view::{Standing, UNSWEPT};
use crate::entries::Handle;
use crate::gate::Gate;
use crate::queue::{Queue, Totals};
use crate::time::{Millis, UnixMs};

/// Where a key stands: counts and ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries behind the gate, or being collected.
    pub waiting: usize,
    /// Entries that can be claimed.
    pub ready: usize,
    /// Entries with a running lease.
    pub leased: usize,
    /// Entries that rest after a failed delivery.
    pub delayed: usize,
    /// Dead letters.
    pub dead: usize,
    /// For how long the gate has been open for the oldest ready entry, as far as is known.
    pub oldest_ready_age: Option<Millis>,
    /// For how long the running lease with the lowest token has been held.
    pub oldest_lease_age: Option<Millis>,
    /// The next time at which anything ends or opens by time alone.
    pub next_deadline: Option<UnixMs>,
    /// Counters over the life of the key.
    pub totals: Totals,
}

/// Counts that are being corrected by what is due and not yet swept.
struct Counting {
    stats: Stats,
    /// The place key of the oldest ready entry.
    oldest: Option<i64>,
}

impl Counting {
    /// Counts a ready entry with this place key.
    fn is_ready(&mut self, key: i64) {
        self.oldest = Some(self.oldest.map_or(key, |oldest| oldest.min(key)));
    }

    /// Notes that something ends or opens at `at`, by time alone.
    fn comes(&mut self, at: Option<UnixMs>) {
        self.stats.next_deadline = [self.stats.next_deadline, at].into_iter().flatten().min();
    }
}

impl<G: Gate> Queue<G> {
    /// Counts per state, ages, the next deadline and totals: exact, unless more than [`UNSWEPT`] is due and not yet swept. O(log n), and O(what
    /// is due and not yet swept, up to [`UNSWEPT`]).
    pub fn stats(&mut self, now: UnixMs) -> Stats {
        let mut counting = self.stored_stats(now);
        for (token, handle, standing) in self.unswept(now) {
            let state = if token != 0 { &mut counting.stats.leased } else { &mut counting.stats.delayed };
            *state -= 1;
            self.count_returned(&mut counting, handle, standing, now);
        }
        let Counting { mut stats, oldest } = counting;
        stats.oldest_ready_age = oldest.and_then(|key| self.gate.open_since(key)).map(|since| now.since(since));
        let cut = self.grants.cut(now, UNSWEPT);
        stats.oldest_lease_age = self.grants.running(0, cut).next().map(|(.., terms)| now.since(terms.claimed_at));
        stats
    }

    /// Counts as if nothing were due but what the gate has collected.
    fn stored_stats(&mut self, now: UnixMs) -> Counting {
        let queued = self.gate.horizon(now).map_or(0, |key| self.order.count_through(&self.entries, key));
        let overdue = self.gate.overdue(now);
        let stats = Stats {
            waiting: self.order.len() - queued + self.gate.collecting() - overdue,
            ready: queued + overdue,
            leased: self.grants.leased(),
            delayed: self.delays.len(),
            dead: self.dead.len(),
            totals: self.totals,
            next_deadline: self.next_deadline(now),
            ..Stats::default()
        };
        let mut counting = Counting { stats, oldest: None };
        let first = self.order.first().filter(|first| self.ready(*first, now));
        first.into_iter().for_each(|first| counting.is_ready(self.entries.place(first).key));
        self.gate.first_due(now).into_iter().for_each(|at| counting.is_ready(at.0));
        counting
    }

    /// Counts an entry where a sweep would leave it.
    fn count_returned(&self, counting: &mut Counting, handle: Handle, standing: Standing, now: UnixMs) {
        match standing {
            Standing::Queued => self.count_queued(counting, self.entries.place(handle).key, now),
            Standing::Delayed { until } => {
                counting.comes(Some(until));
                counting.stats.delayed += 1;
            }
            Standing::Dead { at } => {
                counting.stats.dead += 1;
                counting.stats.totals.died += 1;
                let next = self.comes_again(handle, at, 0);
                next.into_iter().for_each(|next| self.count_queued(counting, next.key, now));
            }
            Standing::Gone | Standing::Leased => {}
        }
    }

    fn count_queued(&self, counting: &mut Counting, key: i64, now: UnixMs) {
        if self.gate.horizon(now).is_some_and(|horizon| key <= horizon) {
            counting.is_ready(key);
            counting.stats.ready += 1;
        } else {
            counting.stats.waiting += 1;
            counting.comes(self.gate.opens_at(key));
        }
    }
}
