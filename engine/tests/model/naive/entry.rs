//! An entry, with all that is ever known of it.

use tsgen_engine::TokenRange;

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Queued,
    Leased { until: i64 },
    Delayed { until: i64 },
    Dead { at: i64, by_lease_end: bool, reason: Vec<u8> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry<C> {
    pub name: Vec<u8>,
    pub group: Vec<u8>,
    pub key: i64,
    pub seq: u64,
    pub content: C,
    pub deliveries: u32,
    /// Of the last delivery; 0 once stale.
    pub token: u64,
    /// The stale one of an entry that was handed back, as long as it is delayed.
    pub nacked: u64,
    pub consumer: u8,
    pub claimed_at: i64,
    pub state: State,
    pub superseded: bool,
    /// It comes again so often.
    pub every: Option<i64>,
    /// It came again, and this one is still there.
    pub past: bool,
}

impl<C> Entry<C> {
    pub fn new(name: &[u8], key: i64, seq: u64, content: C) -> Self {
        Entry {
            name: name.to_vec(),
            group: name.to_vec(),
            key,
            seq,
            content,
            deliveries: 0,
            token: 0,
            nacked: 0,
            consumer: 0,
            claimed_at: 0,
            state: State::Queued,
            superseded: false,
            every: None,
            past: false,
        }
    }

    pub fn named(&self, ranges: &[TokenRange]) -> bool {
        self.token != 0 && ranges.iter().any(|range| (range.first..=range.last).contains(&self.token))
    }
}

/// An entry as a worker or the sink gets it; the sink gets token and deliveries 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Handed<C> {
    pub token: u64,
    pub deliveries: u32,
    pub name: Vec<u8>,
    pub key: i64,
    pub content: C,
}
