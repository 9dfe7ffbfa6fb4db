//! How keys are found: by SCAN, some steps a look. As long as the module counts as many keys as are known, there is nothing to find.

use super::Node;
use crate::family::Family;
use std::collections::BTreeMap;
use tsgen_client::reply::{at, bytes, list, text};
use tsgen_client::{Error, Tsgen};

/// Steps a look, if the module counts more keys than are known.
const MISSING: usize = 20;
/// Steps a look, if it does not tell, or the last round has found nothing.
const UNKNOWN: usize = 3;
/// How many keys a step looks at.
const STEP: &str = "1000";

/// Where the next step goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    pub db: u32,
    pub cursor: String,
}

#[derive(Default)]
struct Round {
    at: Option<Walk>,
    /// Keys that this round has found.
    found: usize,
    /// Whether the round before has found nothing.
    is_fruitless: bool,
    rounds: u64,
}

impl Round {
    fn end(&mut self) {
        self.at = None;
        self.is_fruitless = self.found == 0;
        self.found = 0;
        self.rounds += 1;
    }
}

/// The walks of a master: one for each family.
#[derive(Default)]
pub struct Walks(BTreeMap<Family, Round>);

pub struct Step {
    pub cursor: String,
    pub names: Vec<Vec<u8>>,
}

/// One step through a database.
pub async fn step(tsgen: &Tsgen, family: Family, cursor: &str) -> Result<Step, Error> {
    let reply = tsgen.command(None, ["SCAN", cursor, "TYPE", family.type_name(), "COUNT", STEP]).await?;
    let names = list(at(list(&reply), 1)).iter().map(bytes).collect();
    let next = text(at(list(&reply), 0));
    Ok(Step { cursor: if next.is_empty() { "0".to_owned() } else { next }, names })
}

/// Whether so many known keys are all that the module counts.
fn is_all(told: i64, known: usize) -> bool {
    usize::try_from(told).is_ok_and(|told| told <= known)
}

impl Walks {
    /// How many steps to go in this look. `told`: how many keys of the family there are, if that is known.
    pub fn steps(&self, family: Family, told: Option<i64>, known: usize) -> usize {
        let Some(round) = self.0.get(&family) else { return MISSING };
        match told {
            Some(told) if is_all(told, known) => 0,
            Some(_) if !round.is_fruitless => MISSING,
            None if round.rounds == 0 => MISSING,
            _ => UNKNOWN,
        }
    }

    /// Whether a search has nothing left to find: a whole round was gone, or as many keys are known as there are. A round that has found
    /// them all goes no further, so the second must do for itself.
    pub fn is_searched(&self, family: Family, told: Option<i64>, known: impl FnOnce() -> usize) -> bool {
        self.0.get(&family).is_some_and(|round| round.rounds > 0) || told.is_some_and(|told| is_all(told, known()))
    }

    /// The next step; `None`: no database has keys, so there is nothing to walk through, and a round is over.
    pub fn next(&mut self, family: Family, dbs: &[u32]) -> Option<Walk> {
        let round = self.0.entry(family).or_default();
        let Some(first) = dbs.first().copied() else {
            round.end();
            return None;
        };
        if round.at.as_ref().is_none_or(|walk| !dbs.contains(&walk.db)) {
            round.at = Some(Walk { db: first, cursor: "0".to_owned() });
        }
        round.at.clone()
    }

    pub fn found(&mut self, family: Family) {
        self.0.entry(family).or_default().found += 1;
    }

    /// Notes a step that was gone. Whether it was the last of a round through all databases.
    pub fn went(&mut self, family: Family, dbs: &[u32], cursor: String) -> bool {
        let round = self.0.entry(family).or_default();
        let Some(walk) = &mut round.at else { return false };
        walk.cursor = cursor;
        if walk.cursor != "0" {
            return false;
        }
        let next = dbs.iter().copied().filter(|db| *db > walk.db).min();
        if let Some(db) = next {
            walk.db = db;
            return false;
        }
        round.end();
        true
    }

    /// How many keys the module counts beyond those that are known.
    pub fn beyond(&self, node: &Node, known: usize) -> usize {
        let told: i64 = Family::ALL.iter().filter_map(|family| node.keys(*family)).sum();
        usize::try_from(told).unwrap_or(0).saturating_sub(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Family = Family::Tally;

    #[test]
    fn a_round_goes_through_all_databases() {
        let mut walks = Walks::default();
        let mut seen = Vec::new();
        for cursor in ["17", "0", "5", "0"] {
            let walk = walks.next(OF, &[2, 9]).expect("a step");
            seen.push((walk.db, walk.cursor));
            walks.found(OF);
            assert_eq!(walks.went(OF, &[2, 9], cursor.to_owned()), seen.len() == 4);
        }
        assert_eq!(seen, [(2, "0".to_owned()), (2, "17".to_owned()), (9, "0".to_owned()), (9, "5".to_owned())]);
        assert_eq!(walks.next(OF, &[2]).expect("a step").db, 2);
        // The database of the walk has lost its last key.
        walks.went(OF, &[2], "3".to_owned());
        assert_eq!(walks.next(OF, &[4]), Some(Walk { db: 4, cursor: "0".to_owned() }));
    }

    #[test]
    fn where_no_database_has_keys_a_search_is_over() {
        let mut walks = Walks::default();
        walks.next(OF, &[3]);
        walks.found(OF);
        walks.went(OF, &[3], "17".to_owned());
        assert!(!walks.is_searched(OF, None, || 0));
        // All keys have gone meanwhile.
        assert_eq!(walks.next(OF, &[]), None);
        assert!(walks.is_searched(OF, None, || 0));
        assert_eq!((walks.steps(OF, None, 0), walks.next(OF, &[3]).expect("a step").cursor.as_str()), (UNKNOWN, "0"));
    }

    #[test]
    fn a_round_that_has_found_all_is_as_good_as_at_its_end() {
        let mut walks = Walks::default();
        walks.next(OF, &[0]);
        walks.found(OF);
        // Far from its end, among keys of others.
        walks.went(OF, &[0], "17".to_owned());
        assert_eq!(walks.steps(OF, Some(1), 1), 0);
        assert!(walks.is_searched(OF, Some(1), || 1));
        assert!(!walks.is_searched(OF, Some(2), || 1) && !walks.is_searched(OF, None, || 1));
        walks.went(OF, &[0], "0".to_owned());
        assert!(walks.is_searched(OF, Some(2), || 1) && walks.is_searched(OF, None, || 1));
    }

    #[test]
    fn nobody_searches_where_nothing_is_missing() {
        let mut walks = Walks::default();
        assert_eq!(walks.steps(OF, Some(3), 0), MISSING);
        walks.next(OF, &[0]);
        walks.found(OF);
        walks.went(OF, &[0], "0".to_owned());
        assert_eq!((walks.steps(OF, Some(3), 3), walks.steps(OF, Some(3), 4), walks.steps(OF, Some(5), 3)), (0, 0, 20));
        // Whoever does not tell is searched slowly, for ever.
        assert_eq!(walks.steps(OF, None, 3), UNKNOWN);
        // And so is one where a whole round has found nothing of what is missing.
        walks.next(OF, &[0]);
        walks.went(OF, &[0], "0".to_owned());
        assert_eq!((walks.steps(OF, Some(5), 3), walks.steps(OF, Some(3), 3)), (UNKNOWN, 0));
    }
}
