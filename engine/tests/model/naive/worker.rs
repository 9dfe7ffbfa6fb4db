//! What a worker does with what it holds, or held once.

use super::{Entry, Gate, Naive, State};
use tsgen_engine::{Millis, TokenRange};

impl<G: Gate> Naive<G> {
    pub fn ack(&mut self, ranges: &[TokenRange], now: i64) -> usize {
        let is_settled = |entry: &Entry<G::Content>| {
            entry.named(ranges) && !matches!(entry.state, State::Dead { by_lease_end: false, .. })
        };
        let mut settled: Vec<(usize, bool, u64, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate().filter(|(_, entry)| is_settled(entry)) {
            let range = ranges.iter().position(|range| entry.named(std::slice::from_ref(range))).expect("named");
            settled.push((range, matches!(entry.state, State::Dead { .. }), entry.token, index));
        }
        settled.sort_unstable();
        let settled: Vec<usize> = settled.into_iter().map(|(.., index)| index).collect();
        self.finish(&settled, now);
        self.entries.retain(|entry| !is_settled(entry));
        self.totals.acked += settled.len() as u64;
        settled.len()
    }

    /// The work of these is done, in this order. They are left to the caller.
    pub fn finish(&mut self, indexes: &[usize], now: i64) {
        let mut done = Vec::new();
        for index in indexes {
            let entry = &self.entries[*index];
            if entry.every.is_some() {
                self.come_again(*index, now);
            } else if !entry.superseded && !entry.past {
                done.push(entry.name.clone());
            }
        }
        if !indexes.is_empty() {
            self.gate.done(done, now);
        }
    }

    pub fn nack(&mut self, ranges: &[TokenRange], delay: Option<Millis>, dead: bool, reason: &[u8], now: i64) -> usize {
        self.sweep(now, |entry| entry.named(ranges), |_| 0);
        let mut count = 0;
        for index in self.named(ranges) {
            let entry = &self.entries[index];
            let exhausted = dead || self.options.exhausted(entry.deliveries);
            let delay = delay.unwrap_or(self.options.delay_after(entry.deliveries)).0 as i64;
            let rests = !entry.superseded && !exhausted && delay > 0;
            if matches!(entry.state, State::Dead { .. }) || rests && self.is_held_back(entry) {
                continue;
            }
            count += 1;
            let entry = &mut self.entries[index];
            if entry.superseded {
                entry.state = State::Queued;
            } else if exhausted {
                self.come_again(index, now);
                let entry = &mut self.entries[index];
                entry.state = State::Dead { at: now, by_lease_end: false, reason: reason.to_vec() };
                self.totals.died += 1;
            } else {
                let token = std::mem::take(&mut entry.token);
                entry.state = if delay == 0 { State::Queued } else { State::Delayed { until: now + delay } };
                entry.nacked = if delay == 0 { 0 } else { token };
            }
        }
        self.entries.retain(|entry| !(entry.superseded && entry.state == State::Queued));
        count
    }

    /// The entries that these tokens name, as indexes, by their tokens.
    fn named(&self, ranges: &[TokenRange]) -> Vec<usize> {
        let mut named: Vec<usize> =
            (0..self.entries.len()).filter(|index| self.entries[*index].named(ranges)).collect();
        named.sort_by_key(|index| self.entries[*index].token);
        named
    }

    /// Whether it is ready, and its group has as many in hand as it may.
    fn is_held_back(&self, entry: &Entry<G::Content>) -> bool {
        entry.state == State::Queued && self.options.has_groups() && !self.has_room_in_hand(&entry.group)
    }

    pub fn extend(&mut self, ranges: &[TokenRange], lease: i64, now: i64) -> usize {
        self.sweep(now, |entry| entry.named(ranges), |_| 0);
        let mut count = 0;
        for index in self.named(ranges) {
            let entry = &self.entries[index];
            if !self.is_held_back(entry) && !matches!(entry.state, State::Dead { .. }) {
                self.entries[index].state = State::Leased { until: now + lease };
                count += 1;
            }
        }
        count
    }

    pub fn release(&mut self, consumer: u8, now: i64) -> usize {
        let mut count = 0;
        for entry in &mut self.entries {
            if entry.consumer == consumer && matches!(entry.state, State::Leased { until } if until > now) {
                count += 1;
                entry.state = State::Queued;
                entry.deliveries -= 1;
                entry.token = 0;
            }
        }
        self.entries.retain(|entry| !(entry.superseded && entry.state == State::Queued));
        count
    }
}
