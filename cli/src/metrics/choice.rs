//! Which keys have figures of their own. The others are summed up as `(other)`, so that the number of series is bounded.

use crate::watch::{KeyId, Row};
use std::collections::HashSet;
use std::sync::Arc;

/// Those that were chosen stay so for as long as they are there: a key that came and went would look as if its totals had begun anew.
pub struct Choice {
    most: usize,
    chosen: HashSet<KeyId>,
}

impl Choice {
    pub fn new(most: usize) -> Self {
        Self { most, chosen: HashSet::new() }
    }

    /// Gives the places of keys that have gone to those with most entries.
    pub fn follow(&mut self, rows: &[Arc<Row>]) {
        let there: HashSet<&KeyId> = rows.iter().map(|row| &row.id).collect();
        self.chosen.retain(|id| there.contains(id));
        let free = self.most - self.chosen.len();
        let mut others: Vec<&Row> =
            rows.iter().map(AsRef::as_ref).filter(|row| !self.chosen.contains(&row.id)).collect();
        others.sort_by(|one, other| other.entries().cmp(&one.entries()).then(one.id.cmp(&other.id)));
        self.chosen.extend(others.into_iter().take(free).map(|row| row.id.clone()));
    }

    pub fn has(&self, id: &KeyId) -> bool {
        self.chosen.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tests::row;

    #[test]
    fn a_key_keeps_its_place_until_it_goes() {
        let of = |rows: &[(&str, i64)]| rows.iter().map(|(name, ready)| row(name, *ready)).collect::<Vec<_>>();
        let mut choice = Choice::new(2);
        let mut chosen = |rows: &[(&str, i64)]| {
            choice.follow(&of(rows));
            rows.iter().map(|(name, _)| choice.has(&KeyId { db: 0, key: (*name).into() })).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[("a", 1), ("b", 5), ("c", 3)]), [false, true, true]);
        assert_eq!(chosen(&[("a", 9), ("b", 0), ("c", 3)]), [false, true, true]);
        assert_eq!(chosen(&[("a", 9), ("b", 0), ("d", 7)]), [true, true, false]);
    }
}
