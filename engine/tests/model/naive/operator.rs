//! What an operator does: with dead letters, and with what is delayed.

use super::{Gate, Naive, State};
use tsgen_engine::TokenRange;

impl<G: Gate> Naive<G> {
    /// The dead letters meant, as indexes, by token.
    fn letters(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> Vec<usize> {
        match which {
            Ok(_) => self.sweep_all(now),
            Err(ranges) => self.sweep(now, |entry| entry.named(ranges), |_| 0),
        }
        let mut dead: Vec<usize> =
            (0..self.entries.len()).filter(|index| matches!(self.entries[*index].state, State::Dead { .. })).collect();
        dead.sort_by_key(|index| self.entries[*index].token);
        match which {
            Ok(count) => dead.truncate(count),
            Err(ranges) => dead.retain(|index| self.entries[*index].named(ranges)),
        }
        dead
    }

    pub fn requeue(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> usize {
        let letters = self.letters(which, now);
        for index in &letters {
            let group = self.entries[*index].group.clone();
            self.take_turn_if_new(&group, self.is_in_use(&group));
            let entry = &mut self.entries[*index];
            entry.state = State::Queued;
            entry.deliveries = 0;
            entry.token = 0;
        }
        letters.len()
    }

    pub fn discard(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> usize {
        let letters = self.letters(which, now);
        let seqs: Vec<u64> = letters.iter().map(|index| self.entries[*index].seq).collect();
        self.entries.retain(|entry| !seqs.contains(&entry.seq));
        letters.len()
    }

    /// Delayed entries, as indexes, next to come back first.
    pub fn delayed(&self, now: i64) -> Vec<usize> {
        let mut delayed: Vec<(i64, i64, u64, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if let State::Delayed { until } = entry.state {
                delayed.extend((until > now).then_some((until, entry.key, entry.seq, index)));
            }
        }
        delayed.sort_unstable();
        delayed.into_iter().map(|(.., index)| index).collect()
    }

    pub fn promote(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> usize {
        match which {
            Ok(_) => self.sweep_all(now),
            Err(ranges) => self.sweep(now, |entry| entry.named(ranges), |_| 0),
        }
        let mut delayed = self.delayed(now);
        match which {
            Ok(count) => delayed.truncate(count),
            Err(ranges) => delayed.retain(|index| {
                let entry = &self.entries[*index];
                let has = |range: &TokenRange| (range.first..=range.last).contains(&entry.nacked);
                entry.named(ranges) || (entry.nacked != 0 && ranges.iter().any(has))
            }),
        }
        for index in &delayed {
            self.entries[*index].state = State::Queued;
            self.entries[*index].nacked = 0;
        }
        delayed.len()
    }
}
