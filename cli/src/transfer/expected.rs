//! How many entries are in a key after what was added to it.

use super::{Line, State};
use crate::family::Family;
use std::collections::hash_map::RandomState;
use std::collections::HashSet;
use std::hash::BuildHasher;

#[derive(Default)]
pub struct Expected {
    keys: RandomState,
    /// Those of which there is one of a name, by that: elements, and groups that collect.
    named: HashSet<u64>,
    others: i64,
}

impl Expected {
    /// The entry of this line was added.
    pub fn add(&mut self, family: Family, line: &Line) {
        let content = line.content.as_ref();
        let (is_named, is_one) = match family {
            Family::Tsgen => (!line.is_run, true),
            Family::Debounce => {
                (line.state == State::Waiting, content.is_some_and(|content| !content.items.is_empty()))
            }
            Family::Tally => (false, content.is_some_and(|content| !content.sums.is_empty())),
            Family::Expiry => (false, false),
        };
        match is_named {
            _ if !is_one => {}
            true => drop(self.named.insert(self.keys.hash_one(&line.id))),
            false => self.others += 1,
        }
    }

    /// At least so many.
    pub fn count(&self) -> i64 {
        self.others.saturating_add_unsigned(self.named.len() as u64)
    }
}
