//! What is known of all keys and nodes at one moment. It never changes: the next look makes another.

use super::{Node, Past, Rates};
use crate::bytes::Bytes;
use crate::family::Family;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsgen_client::{Info, Source};

/// Which key. In a cluster each is on one master at a time, so the node is not part of it: a key keeps its past when it moves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    pub db: u32,
    pub key: Bytes,
}

/// A key as it was when it was last looked at.
#[derive(Debug)]
pub struct Row {
    /// The address of the master that has it.
    pub node: Arc<str>,
    pub id: KeyId,
    pub family: Family,
    /// All that INFO tells: states, oldest ready age, pause, totals, options.
    pub info: Info,
    /// What a key of TSGEN that has sources tells of them; none otherwise.
    pub sources: Vec<Source>,
    /// Since the look before; `None` at the first.
    pub rates: Option<Rates>,
    /// Since when the oldest ready entry is so, in Unix ms by the clock of this machine; `None`: nothing is ready. It tells who is later also
    /// of keys that were not looked at in the same moment. It stays as it was where it differs by no more than an answer takes, so that an
    /// order by it does not change from look to look.
    pub ready_since: Option<i64>,
    /// When it was looked at.
    pub seen: Instant,
}

/// Two looks at the same entry find it ready since moments that differ by less, in ms.
const JITTER: i64 = 500;

/// Since when the oldest ready entry is so, where it was told at `now` that this is for `age`, and the look before found `before`.
pub fn ready_since(before: Option<i64>, now: i64, age: Option<i64>) -> Option<i64> {
    let since = now.saturating_sub(age?);
    before.filter(|before| since.saturating_sub(*before).saturating_abs() < JITTER).or(Some(since))
}

impl Row {
    /// How old these figures are.
    pub fn age(&self) -> Duration {
        self.seen.elapsed()
    }

    /// A total of INFO; 0 if it tells none of this name.
    pub fn total(&self, name: &str) -> i64 {
        self.info[name].integer()
    }

    /// Entries in all states.
    pub fn entries(&self) -> i64 {
        let info = &self.info;
        [info.ready, info.leased, info.delayed, info.dead].into_iter().fold(info.waiting, i64::saturating_add)
    }
}

/// Keys of which the server refuses to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub count: usize,
    /// What it says of the first, and which permission is missing.
    pub why: String,
}

#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Which look this is of, from 1. 0: there was none yet.
    pub nth: u64,
    /// Unix ms at the end of the look.
    pub at_ms: i64,
    pub is_cluster: bool,
    /// The masters, by address. One that is not reached is among them, with the last that is known of it.
    pub nodes: Vec<Arc<Node>>,
    /// All keys that were looked at, by database and name.
    pub rows: Vec<Arc<Row>>,
    /// Keys that are there and were not looked at yet. Their turn comes.
    pub unseen: usize,
    /// Whether all keys of the masters that are reached were looked at. Not so at first, where there are very many; nor where a user may not
    /// search.
    pub is_whole: bool,
    pub refused: Option<Refused>,
    /// Why it is not known which masters there are, in one sentence: those of before are looked at.
    pub trouble: Option<String>,
    pub past: Arc<Past>,
}

impl Picture {
    /// The next one, where a fault of this program has ended the look: the last that is known.
    pub fn failed(&self) -> Self {
        let trouble = "a fault of tsgen has ended this look, and its standard error tells more".to_owned();
        Self { nth: self.nth + 1, trouble: Some(trouble), ..self.clone() }
    }

    pub fn row(&self, id: &KeyId) -> Option<&Arc<Row>> {
        self.rows.binary_search_by(|row| row.id.cmp(id)).ok().map(|place| &self.rows[place])
    }

    /// Whether at least one master answers.
    pub fn is_reached(&self) -> bool {
        self.nodes.iter().any(|node| node.trouble.is_none())
    }

    /// All that went wrong, a sentence each: masters that are not known or do not answer, and what could not be looked at.
    pub fn troubles(&self) -> Vec<String> {
        let of_nodes = self.nodes.iter().flat_map(|node| {
            let troubles = node.trouble.iter().chain(&node.warnings);
            troubles.map(|trouble| format!("{}: {trouble}", node.address)).collect::<Vec<_>>()
        });
        let refused = self.refused.iter().map(|Refused { count, why }| format!("{count} keys cannot be read: {why}"));
        self.trouble.iter().cloned().chain(of_nodes).chain(refused).collect()
    }
}

/// Says on standard error what went wrong.
pub fn complain(troubles: &[String]) {
    for trouble in troubles {
        eprintln!("tsgen: {}", Bytes::from(trouble));
    }
}

#[cfg(test)]
mod tests {
    use super::ready_since;

    #[test]
    fn a_moment_does_not_waver_with_the_time_that_answers_take() {
        assert_eq!(ready_since(None, 10_000, Some(3000)), Some(7000));
        assert_eq!(ready_since(Some(7000), 12_040, Some(5000)), Some(7000));
        // Each is compared with the first, so that many small steps do not add up.
        assert_eq!(ready_since(Some(7000), 12_499, Some(5000)), Some(7000));
        // Another entry is the oldest now; or none is.
        assert_eq!(ready_since(Some(7000), 12_500, Some(5000)), Some(7500));
        assert_eq!(ready_since(Some(7000), 12_000, Some(6000)), Some(6000));
        assert_eq!(ready_since(Some(7000), 12_000, None), None);
    }
}
