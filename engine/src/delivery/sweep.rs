//! The sweep: ends leases and delays whose time is over, and fires what has collected long enough.

use crate::entries::{Handle, Place};
use crate::gate::Gate;
use crate::options::LeaseEnd;
use crate::queue::{Death, Queue};
use crate::time::UnixMs;
use crate::token::{Token, TokenRange};

/// What is recorded of an entry that died because its last lease ended.
pub(crate) const LEASE_ENDED: &[u8] = b"lease ended";

/// An operation sweeps at least this much, if it is due: that keeps "oldest first" true in all ordinary backlogs, at well
/// under a millisecond.
const SWEEP_STRIDE: usize = 1_000;
/// One operation never sweeps more: some milliseconds of work. A multiple of the stride.
pub const SWEEP_AT_MOST: usize = 10_000;

/// What an operation wants of a sweep beyond the minimum.
#[derive(Copy, Clone)]
pub(crate) enum Goal {
    /// So many ready entries.
    Ready(usize),
    /// So many dead letters.
    Dead(usize),
    /// So many delayed entries.
    Delayed(usize),
    /// Everything that is due, whatever it costs. For rare operator commands.
    All,
}

/// What the sweep may come to next.
enum Due {
    Lease,
    Delay(Handle),
    Firing,
}

impl Goal {
    fn exhausted(self, done: usize) -> bool {
        !matches!(self, Goal::All) && done >= SWEEP_AT_MOST
    }
}

impl<G: Gate> Queue<G> {
    /// Ends what is due, earliest deadline first (leases before delays before firings, then by token or place). True if anything was due.
    pub(crate) fn sweep(&mut self, now: UnixMs, goal: Goal) -> bool {
        self.sweep_counted(now, goal) > 0
    }

    /// Like [`Queue::sweep`], and returns how much was due: a number that does not depend on how leases are cut in memory.
    pub(crate) fn sweep_counted(&mut self, now: UnixMs, goal: Goal) -> usize {
        let mut done = 0;
        loop {
            // The goal is checked at whole strides only, because where a grant ends in between must not show.
            let stride = SWEEP_STRIDE - done % SWEEP_STRIDE;
            if done > 0 && stride == SWEEP_STRIDE && (self.reached(goal, now) || goal.exhausted(done)) {
                break;
            }
            let swept = self.sweep_next(now, stride);
            if swept == 0 {
                break;
            }
            done += swept;
        }
        done
    }

    /// Sweeps one stride, for a caller that must know whether anything is ready then. True if anything was due.
    pub fn sweep_stride(&mut self, now: UnixMs) -> bool {
        self.sweep_for(0, now)
    }

    /// Sweeps until `wanted` entries are ready, and at least a stride. True if anything was due.
    pub fn sweep_for(&mut self, wanted: usize, now: UnixMs) -> bool {
        self.sweep(now, Goal::Ready(wanted))
    }

    fn reached(&self, goal: Goal, now: UnixMs) -> bool {
        match goal {
            Goal::Ready(wanted) => self.gate.horizon(now).is_some_and(|key| match &self.groups {
                // Of each group only one entry counts.
                Some(groups) if groups.is_limited() => groups.can_serve(&self.entries, key, wanted),
                _ => self.order.count_through(&self.entries, key) >= wanted,
            }),
            Goal::Dead(wanted) => self.dead.len() >= wanted,
            // Entries whose delay is over are not delayed any more.
            Goal::Delayed(wanted) => {
                let later = (UnixMs(now.0.saturating_add(1)), Place { key: i64::MIN, seq: 0 });
                self.delays.range(later..).take(wanted).count() >= wanted
            }
            Goal::All => false,
        }
    }

    /// Ends up to `most` leases of one deadline, or one delay, or fires one thing that was collected; tells how many.
    fn sweep_next(&mut self, now: UnixMs, most: usize) -> usize {
        let lease = self.grants.next_deadline().map(|deadline| (deadline, Due::Lease));
        let delay = self.delays.first_key_value().map(|((until, _), handle)| (*until, Due::Delay(*handle)));
        let firing = self.gate.first_due(now).map(|deadline| (deadline, Due::Firing));
        // Of equal deadlines, leases come before delays and these before firings.
        let first = [lease, delay, firing].into_iter().flatten().min_by_key(|(deadline, _)| *deadline);
        match first.filter(|(deadline, _)| deadline.is_due(now)) {
            Some((_, Due::Lease)) => self.end_leases(now, most),
            Some((_, Due::Delay(handle))) => self.end_delay(handle),
            Some((_, Due::Firing)) => self.fire(now),
            None => 0,
        }
    }

    fn end_delay(&mut self, handle: Handle) -> usize {
        self.lift(handle);
        self.queue_up(handle);
        1
    }

    fn fire(&mut self, now: UnixMs) -> usize {
        let Some(handle) = self.gate.fire(now, &mut self.entries) else {
            debug_assert!(false, "what is due fires");
            return 0;
        };
        self.take_in(handle);
        1
    }

    fn end_leases(&mut self, now: UnixMs, most: usize) -> usize {
        let Some((deadline, lapsed)) = self.grants.lapse_next(now, most) else { return 0 };
        for (token, handle) in &lapsed {
            self.end_lease(*token, *handle, deadline);
        }
        lapsed.len()
    }

    /// The lease of one entry has ended at `ended`: it is delayed, queued, dead, or, if superseded, gone.
    /// The grant has lapsed already.
    fn end_lease(&mut self, token: Token, handle: Handle, ended: UnixMs) {
        if self.entries.superseded(handle) {
            self.grants.take(token);
            self.erase(handle);
            return;
        }
        match self.options.fate_at_lease_end(self.deliveries(handle), ended) {
            LeaseEnd::Dies => {
                self.grants.take(token);
                let death = Death { handle, died_at: ended, by_lease_end: true, reason: LEASE_ENDED.into() };
                self.die_of_failure(handle, token, death);
            }
            LeaseEnd::Rests { until } => self.rest(handle, until),
            LeaseEnd::Queues => self.queue_up(handle),
        }
    }

    /// Ends the leases that are due in a range of tokens, so that an operation on these tokens finds their entries as they
    /// stand. True if there were any.
    pub(crate) fn catch_up(&mut self, range: TokenRange, now: UnixMs) -> bool {
        if self.grants.next_deadline().is_none_or(|deadline| !deadline.is_due(now)) {
            return false;
        }
        let running = self.grants.iter_range(range).filter(|(.., terms)| terms.ended(now));
        let due = running.map(|(token, handle, terms)| (token, handle, terms.deadline)).collect();
        self.lapse(due)
    }

    /// Ends these leases, given in the order of their tokens, each at its own deadline. True if there are any.
    pub(crate) fn lapse(&mut self, due: Vec<(Token, Handle, UnixMs)>) -> bool {
        for run in due.chunk_by(|one, next| one.0 + 1 == next.0) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                self.grants.retime(TokenRange { first: first.0, last: last.0 }, None);
            }
        }
        for (token, handle, ended) in &due {
            self.end_lease(*token, *handle, *ended);
        }
        !due.is_empty()
    }
}
