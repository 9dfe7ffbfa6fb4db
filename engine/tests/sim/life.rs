//! The life of one watched key, as its clients know it.

use crate::keyspace::LEAD;

#[derive(Clone, Debug, Hash)]
pub struct Life {
    pub deadline: Option<i64>,
    pub evicted: bool,
    /// With the times from which on it had them.
    pub values: Vec<(i64, u32)>,
}

impl Life {
    pub fn new(value: u32, deadline: Option<i64>, now: i64) -> Self {
        Life { deadline, evicted: false, values: vec![(now, value)] }
    }

    /// Whether this may be told as its last value: nothing that was overwritten before it had to be copied.
    pub fn may_end_with(&self, value: u32) -> bool {
        let copied_at = self.deadline.map_or(i64::MAX, |deadline| deadline - LEAD);
        let Some(nth) = self.values.iter().position(|(_, written)| *written == value) else { return false };
        self.evicted || self.values.get(nth + 1).is_none_or(|(overwritten_at, _)| *overwritten_at >= copied_at)
    }
}
