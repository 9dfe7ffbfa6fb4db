//! TSGEN as a list of elements and a number.

use super::{Entry, Gate, Naive, State};
use tsgen_engine::{Added, Guard};

#[derive(Clone, Debug, Default)]
pub struct Watermark {
    pub clock: bool,
    pub reject_late: bool,
    pub watermark: Option<i64>,
}

impl Gate for Watermark {
    type Content = Vec<u8>;

    fn horizon(&self, now: i64) -> Option<i64> {
        if self.clock {
            Some(now)
        } else {
            self.watermark
        }
    }

    fn fire(&mut self, _: i64) -> Vec<Entry<Vec<u8>>> {
        Vec::new()
    }

    fn collecting(&self) -> usize {
        0
    }

    fn fires(&self, _: i64) -> bool {
        false
    }

    fn next_end(&self, _: i64) -> Option<i64> {
        None
    }

    fn by_time(&self) -> bool {
        self.clock
    }
}

impl Naive<Watermark> {
    pub fn newest(&self, id: &[u8]) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == id && !entry.superseded)
    }

    pub fn add(
        &mut self,
        guard: Guard,
        timestamp: i64,
        id: &[u8],
        payload: &[u8],
        now: i64,
    ) -> Result<Added, &'static str> {
        let old = self.newest(id);
        if (guard == Guard::IfAbsent && old.is_some()) || (guard == Guard::IfPresent && old.is_none()) {
            return Ok(Added::Refused);
        }
        let late = self.gate.horizon(now).is_some_and(|watermark| timestamp <= watermark);
        if late && self.gate.reject_late {
            return Err("LATE");
        }
        if old.is_none() && !self.has_room() {
            return Err("FULL");
        }
        if let Some(old) = old {
            if matches!(self.entries[old].state, State::Leased { .. }) {
                self.entries[old].superseded = true;
            } else {
                self.entries.remove(old);
            }
        }
        let seq = self.next_seq();
        self.entries.push(Entry::new(id, timestamp, seq, payload.to_vec()));
        self.totals.late += u64::from(late);
        Ok(if late { Added::Ready } else { Added::Waits })
    }

    pub fn rem(&mut self, id: &[u8]) -> bool {
        self.newest(id).map(|index| self.entries.remove(index)).is_some()
    }
}
