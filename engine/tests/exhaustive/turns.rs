//! What FAIR promises: while a group could be served and waits, no other group is served twice.

use std::collections::{BTreeMap, BTreeSet};

/// For each group that waits: how often each other was served meanwhile.
#[derive(Clone, Debug, Default, Hash)]
pub struct Turns(BTreeMap<u8, BTreeMap<u8, u8>>);

impl Turns {
    /// Only these wait.
    pub fn wait(&mut self, waiting: &BTreeSet<u8>) {
        self.0.retain(|group, _| waiting.contains(group));
    }

    /// A group is served while these could be. False if it was served before.
    pub fn serve(&mut self, served: u8, waiting: &BTreeSet<u8>) -> bool {
        self.wait(waiting);
        self.0.remove(&served);
        let mut is_fair = true;
        for group in waiting.iter().filter(|group| **group != served) {
            let times = self.0.entry(*group).or_default().entry(served).or_default();
            *times += 1;
            is_fair &= *times <= 1;
        }
        is_fair
    }
}
