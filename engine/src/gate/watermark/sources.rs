//! Sources that fall silent, come and go; and leaps of the watermark that are refused.

use super::{Advanced, Kind, Source, Watermark};
use crate::error::Error;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};

/// The most sources of one key: the watermark is their minimum, which is found by looking at each.
pub const MAX_SOURCES: usize = 1_000;

/// What becomes of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// It is declared.
    Add(Box<[u8]>),
    /// It is a source no more.
    Remove(Box<[u8]>),
}

impl Queue<Watermark> {
    /// A source that has not reported for so long is idle; 0: never.
    pub fn source_idle(&self) -> Millis {
        self.gate.source_idle
    }

    /// The most by which one ADVANCE raises what it raises; 0: any.
    pub fn max_jump(&self) -> u64 {
        self.gate.max_jump
    }

    /// How many sources are idle. O(number of sources).
    pub fn idle_sources(&self) -> usize {
        self.sources().iter().filter(|source| source.idle).count()
    }

    /// Fails where [`Queue::alter_source_idle`] is not allowed.
    ///
    /// Errors: [`Error::OutOfRange`] if the key has no sources, or if it is longer than ten years.
    pub fn check_source_idle(&self, after: Millis) -> Result<(), Error> {
        match self.gate.rules.kind {
            _ if after > Millis::MAX_DURATION => {
                Err(Error::OutOfRange("SOURCEIDLE must be an integer between 0 and 315360000000"))
            }
            Kind::Sources(_) => Ok(()),
            _ if after.is_zero() => Ok(()),
            _ => Err(Error::OutOfRange("SOURCEIDLE needs a key with SOURCES")),
        }
    }

    /// From now on a source that has not reported for so long may be left out. One that is left out, and would not be by the new time, counts
    /// again. Those that have not reported are listened to from now on, if nobody did before. True if anything changed. O(number of sources).
    ///
    /// Changes nothing where [`Queue::check_source_idle`] fails.
    pub fn alter_source_idle(&mut self, after: Millis, now: UnixMs) -> bool {
        let Kind::Sources(sources) = &mut self.gate.rules.kind else { return false };
        let before = std::mem::replace(&mut self.gate.source_idle, after);
        if before == after {
            return false;
        }
        for source in sources {
            if before.is_zero() && source.timestamp.is_none() {
                source.reported_at = now;
            }
            source.idle &= !after.is_zero() && source.reported_at.after(after).is_due(now);
        }
        true
    }

    /// The key is new: sources are listened to from now on. O(number of sources).
    pub fn listen_from(&mut self, now: UnixMs) {
        if let (Kind::Sources(sources), false) = (&mut self.gate.rules.kind, self.gate.source_idle.is_zero()) {
            sources.iter_mut().for_each(|source| source.reported_at = now);
        }
    }

    /// Fails where [`Queue::alter_max_jump`] is not allowed.
    ///
    /// Errors: [`Error::OutOfRange`] if the watermark is the clock.
    pub fn check_max_jump(&self, most: u64) -> Result<(), Error> {
        match self.is_clock() && most != 0 {
            true => Err(Error::OutOfRange("MAXJUMP does not go with CLOCK")),
            false => Ok(()),
        }
    }

    /// From now on [`Queue::check_jump`] refuses what goes further than that. True if anything changed.
    ///
    /// Changes nothing where [`Queue::check_max_jump`] fails.
    pub fn alter_max_jump(&mut self, most: u64) -> bool {
        !self.is_clock() && std::mem::replace(&mut self.gate.max_jump, most) != most
    }

    /// Fails if an advance to `timestamp` goes too far at once: by more than MAXJUMP above the watermark, or above what its source has reported,
    /// whichever is higher. The first report of a source is free, as long as the watermark does not rise too far by it. O(number of sources).
    ///
    /// Errors: [`Error::Jump`].
    pub fn check_jump(&self, timestamp: i64, source: Option<&[u8]>) -> Result<(), Error> {
        let (max, reached) = (self.gate.max_jump, self.gate.reached);
        let named = source.and_then(|name| self.sources().iter().find(|source| *source.name == *name));
        // A source that was left out lies behind the watermark, and its way to there raises nothing.
        let from = reached.max(named.and_then(|source| source.timestamp));
        let to = match named {
            Some(source) if source.timestamp.is_none() => self.after_first_report(timestamp, &source.name),
            _ => Some(timestamp),
        };
        match (from, to) {
            (Some(from), Some(to)) if max != 0 && to > from && to.abs_diff(from) > max => {
                Err(Error::Jump { to: timestamp, from, max })
            }
            _ => Ok(()),
        }
    }

    /// What the watermark will be once this source has reported for the first time; `None` while another one that has reported nothing holds it.
    fn after_first_report(&self, timestamp: i64, name: &[u8]) -> Option<i64> {
        let others = self.sources().iter().filter(|source| !source.idle && *source.name != *name);
        others.map(|source| source.timestamp).try_fold(timestamp, |lowest, other| other.map(|other| lowest.min(other)))
    }

    /// The sources that still count, and have been silent for too long at `now`. Silence is counted from `heard_since` at the earliest: nobody
    /// could be heard before. O(number of sources).
    pub fn silent(&self, heard_since: UnixMs, now: UnixMs) -> Vec<&[u8]> {
        let over = |source: &&Source| self.silent_at(source, heard_since).is_some_and(|at| at.is_due(now));
        self.sources().iter().filter(over).map(|source| &*source.name).collect()
    }

    /// When the next source will have been silent for too long, unless it reports. O(number of sources).
    pub fn next_silence(&self, heard_since: UnixMs) -> Option<UnixMs> {
        self.sources().iter().filter_map(|source| self.silent_at(source, heard_since)).min()
    }

    fn silent_at(&self, source: &Source, heard_since: UnixMs) -> Option<UnixMs> {
        let counts = !source.idle && !self.gate.source_idle.is_zero();
        counts.then(|| source.reported_at.max(heard_since).after(self.gate.source_idle))
    }

    /// These sources are silent: they are idle until they report, and the watermark is the minimum of the others. It stays if there are none.
    /// O(number of sources) a name.
    pub fn leave_out(&mut self, names: &[&[u8]], now: UnixMs) -> Advanced {
        let mut changed = false;
        if let (Kind::Sources(sources), false) = (&mut self.gate.rules.kind, self.gate.source_idle.is_zero()) {
            for source in sources.iter_mut().filter(|source| names.contains(&&*source.name)) {
                changed |= !std::mem::replace(&mut source.idle, true);
            }
        }
        let advanced = self.rise_to_slowest(now);
        Advanced { changed: changed || advanced.changed, ..advanced }
    }

    fn rise_to_slowest(&mut self, now: UnixMs) -> Advanced {
        let slowest = Watermark::slowest(self.sources());
        self.raise(slowest, now)
    }

    /// The sources as these changes, one after the other, leave them.
    ///
    /// Errors: [`Error::OutOfRange`], with what is wrong. A key without sources gets none.
    pub fn changed_sources(&self, changes: &[SourceChange], now: UnixMs) -> Result<Vec<Source>, Error> {
        let mut sources = self.sources().to_vec();
        if sources.is_empty() {
            return Err(Error::OutOfRange("ADDSOURCE and REMSOURCE need a key with SOURCES"));
        }
        for change in changes {
            let (SourceChange::Add(name) | SourceChange::Remove(name)) = change;
            let place = sources.iter().position(|source| source.name == *name);
            match (change, place) {
                (SourceChange::Add(_), Some(_)) => {
                    return Err(Error::OutOfRange("ADDSOURCE must be a name that no source of the key has"));
                }
                (SourceChange::Add(_), None) if sources.len() >= MAX_SOURCES => {
                    return Err(Error::OutOfRange("ADDSOURCE must not leave more than 1000 sources"));
                }
                (SourceChange::Add(name), None) => {
                    sources.push(Source { name: name.clone(), timestamp: None, reported_at: now, idle: false });
                }
                (SourceChange::Remove(_), None) => {
                    return Err(Error::OutOfRange("REMSOURCE must be one of the key's sources"));
                }
                (SourceChange::Remove(_), Some(_)) if sources.len() == 1 => {
                    return Err(Error::OutOfRange("REMSOURCE must leave at least one source"));
                }
                (SourceChange::Remove(_), Some(place)) => drop(sources.remove(place)),
            }
        }
        Ok(sources)
    }

    /// Sources come and go. A new one holds the watermark where it is until it reports or is idle; without one that goes, the watermark may
    /// rise. True if anything changed. O(number of sources) a change.
    ///
    /// Errors: those of [`Queue::changed_sources`].
    pub fn change_sources(&mut self, changes: &[SourceChange], now: UnixMs) -> Result<bool, Error> {
        if changes.is_empty() {
            return Ok(false);
        }
        self.gate.rules.kind = Kind::Sources(self.changed_sources(changes, now)?);
        self.rise_to_slowest(now);
        Ok(true)
    }
}
