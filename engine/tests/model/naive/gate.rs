//! A gate, as delivery sees it.

use super::Entry;
use std::fmt::Debug;

/// What delivery has to be told of a gate.
pub trait Gate: Clone + Debug {
    /// What an entry carries besides its name and its key.
    type Content: Clone + PartialEq + Debug;

    /// The highest key that is ready.
    fn horizon(&self, now: i64) -> Option<i64>;

    /// Takes out what has collected up to its deadline: these are entries now.
    fn fire(&mut self, now: i64) -> Vec<Entry<Self::Content>>;

    /// How much is being collected, overdue or not.
    fn collecting(&self) -> usize;

    /// Whether some of it would be fired now.
    fn fires(&self, now: i64) -> bool;

    /// When the next of it ends, after `now`.
    fn next_end(&self, now: i64) -> Option<i64>;

    /// The work of these names is done, in this order.
    fn done(&mut self, _names: Vec<Vec<u8>>, _now: i64) {}

    /// Whether time opens the gate, so that the key of an entry is the time at which it was or will be ready.
    fn by_time(&self) -> bool;
}
