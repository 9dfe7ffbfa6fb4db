//! Which keys stand first where nobody has said otherwise: those that are late. The page and the terminal have the same order.

use std::cmp::Reverse;

/// By this keys are sorted, lowest first: what has waited longest for a worker, then most dead letters, where nothing is ready. Sorting keeps the
/// order of the picture, by database and name, among equals.
///
/// `oldest_ready_age` in ms, `None` if nothing is ready.
pub fn late_first(oldest_ready_age: Option<i64>, dead: i64) -> impl Ord + Copy {
    (Reverse(oldest_ready_age), Reverse(dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_waited_longest_stands_first_and_then_what_has_died() {
        let mut keys = [(None, 0), (Some(5), 9), (None, 3), (Some(0), 0), (Some(7), 0), (Some(5), 10)];
        keys.sort_by_key(|(age, dead)| late_first(*age, *dead));
        assert_eq!(keys, [(Some(7), 0), (Some(5), 10), (Some(5), 9), (Some(0), 0), (None, 3), (None, 0)]);
    }
}
