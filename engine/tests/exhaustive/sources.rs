//! What is true of the sources of a watermark: what each has reported, and whom the server leaves out.

use std::collections::BTreeMap;

/// After so many milliseconds without a report a source is left out.
pub const IDLE_MS: u64 = 3;

#[derive(Clone, Copy, Debug, Default, Hash)]
struct Known {
    timestamp: Option<i64>,
    heard_at: i64,
    is_left_out: bool,
}

#[derive(Clone, Debug, Default, Hash)]
pub struct Sources {
    known: BTreeMap<u8, Known>,
    /// Since when the master could hear anybody.
    heard_since: i64,
}

impl Sources {
    /// Those of a key that is created at this time.
    pub fn new(names: impl Iterator<Item = u8>, now: i64) -> Self {
        let known = names.map(|name| (name, Known { heard_at: now, ..Known::default() })).collect();
        Sources { known, heard_since: now }
    }

    /// The least of those that count, if each has reported.
    pub fn least(&self) -> Option<i64> {
        self.known.values().filter(|known| !known.is_left_out).map(|known| known.timestamp).min().flatten()
    }

    pub fn report(&mut self, source: u8, to: i64, now: i64) {
        let known = self.known.entry(source).or_default();
        *known = Known { timestamp: known.timestamp.max(Some(to)), heard_at: now, is_left_out: false };
    }

    pub fn set_back(&mut self, source: u8, to: i64) {
        self.known.entry(source).or_default().timestamp = Some(to);
    }

    /// The source goes, and comes again.
    pub fn renew(&mut self, source: u8, now: i64) {
        self.known.insert(source, Known { timestamp: None, heard_at: now, is_left_out: false });
    }

    /// False if one of these was heard, or could not be, for less than it may be silent.
    pub fn leave_out(&mut self, sources: &[u8], now: i64) -> bool {
        let heard_since = self.heard_since;
        let mut is_right = true;
        for source in sources {
            let known = self.known.entry(*source).or_default();
            is_right &= known.heard_at.max(heard_since) + IDLE_MS as i64 <= now;
            known.is_left_out = true;
        }
        is_right
    }

    pub fn went_on(&mut self, now: i64) {
        self.heard_since = now;
    }
}
