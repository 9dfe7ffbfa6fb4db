//! TSGEN as a list of elements and a number.

use super::{Entry, Gate, Naive, State};
use tsgen_engine::{Added, Addition, Guard, Kind};

#[derive(Clone, Debug, Default)]
pub struct Watermark {
    pub clock: bool,
    pub reject_late: bool,
    pub watermark: Option<i64>,
    /// In the order of their declaration.
    pub sources: Vec<Source>,
    pub source_idle: i64,
    pub max_jump: i64,
    /// What is done, and when it was, oldest first.
    pub remembered: Vec<(Vec<u8>, i64)>,
    pub keep: i64,
    pub max: usize,
}

#[derive(Clone, Debug)]
pub struct Source {
    pub name: u8,
    pub timestamp: Option<i64>,
    pub reported_at: i64,
    pub idle: bool,
}

impl Watermark {
    pub fn new(kind: &Kind, reject_late: bool) -> Self {
        let sources = match kind {
            Kind::Sources(sources) => sources.iter().map(|source| Source::new(source.name[0], 0)).collect(),
            _ => Vec::new(),
        };
        Watermark { clock: *kind == Kind::Clock, reject_late, sources, max: 1_000_000, ..Watermark::default() }
    }

    /// The watermark rises to the least of those that count, if each of them has spoken.
    pub fn rise(&mut self) {
        let count: Vec<_> = self.sources.iter().filter(|source| !source.idle).map(|source| source.timestamp).collect();
        if count.iter().all(Option::is_some) {
            self.watermark = self.watermark.max(count.into_iter().flatten().min());
        }
    }

    pub fn counts(&self, at: i64, now: i64) -> bool {
        self.keep != 0 && at + self.keep > now
    }

    pub fn forget_over(&mut self, now: i64) -> bool {
        let before = self.remembered.len();
        while self.remembered.first().is_some_and(|(_, at)| !self.counts(*at, now) || self.remembered.len() > self.max)
        {
            self.remembered.remove(0);
        }
        self.remembered.len() < before
    }

    pub fn forget(&mut self, id: &[u8]) -> bool {
        let before = self.remembered.len();
        self.remembered.retain(|(known, _)| known != id);
        self.remembered.len() < before
    }

    pub fn silent(&self, now: i64) -> Vec<u8> {
        let silent = |source: &&Source| !source.idle && source.reported_at + self.source_idle <= now;
        let silent = self.sources.iter().filter(silent).map(|source| source.name);
        if self.source_idle == 0 {
            Vec::new()
        } else {
            silent.collect()
        }
    }
}

impl Source {
    pub fn new(name: u8, now: i64) -> Self {
        Source { name, timestamp: None, reported_at: now, idle: false }
    }
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

    fn done(&mut self, names: Vec<Vec<u8>>, now: i64) {
        if self.keep != 0 {
            self.remembered.extend(names.into_iter().map(|name| (name, now)));
        }
        self.forget_over(now);
    }

    fn by_time(&self) -> bool {
        self.clock
    }
}

impl Naive<Watermark> {
    pub fn newest(&self, id: &[u8]) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == id && !entry.superseded && !entry.past)
    }

    pub fn add(&mut self, addition: &Addition<'_>, now: i64) -> Result<Added, &'static str> {
        let Addition { guard, group, every, timestamp, id, payload } = *addition;
        let old = self.newest(id);
        if (guard == Guard::IfAbsent && old.is_some()) || (guard == Guard::IfPresent && old.is_none()) {
            return Ok(Added::Refused);
        }
        let known = match old {
            Some(old) => matches!(self.entries[old].state, State::Leased { .. }),
            None => self.gate.remembered.iter().any(|(known, at)| known == id && self.gate.counts(*at, now)),
        };
        if known && self.gate.keep != 0 {
            return Ok(Added::Refused);
        }
        let late = self.gate.horizon(now).is_some_and(|watermark| timestamp <= watermark);
        if late && self.gate.reject_late {
            return Err("LATE");
        }
        if old.is_none() && !self.has_room() {
            return Err("FULL");
        }
        let seq = self.next_seq();
        let kept = old.filter(|_| guard == Guard::IfPresent).map(|old| &self.entries[old]);
        let mut entry = Entry::new(id, timestamp, seq, payload.unwrap_or_default().to_vec());
        entry.every = every.map(|every| every.0 as i64);
        if let Some(kept) = kept {
            entry.group = kept.group.clone();
            entry.every = entry.every.or(kept.every);
            entry.content = payload.map_or(kept.content.clone(), <[u8]>::to_vec);
        }
        entry.group = group.map(<[u8]>::to_vec).unwrap_or(entry.group);
        self.enter(entry);
        if let Some(old) = old {
            if matches!(self.entries[old].state, State::Leased { .. }) {
                self.entries[old].superseded = true;
                self.entries[old].every = None;
            } else {
                self.entries.remove(old);
            }
        }
        self.gate.forget(id);
        self.totals.late += u64::from(late);
        Ok(if late { Added::Ready } else { Added::Waits })
    }

    pub fn rem(&mut self, id: &[u8]) -> bool {
        self.newest(id).map(|index| self.entries.remove(index)).is_some()
    }
}
