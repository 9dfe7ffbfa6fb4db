//! A sum of TALLY in increments that the key takes: MIN and MAX bound each of them, and not the sum.

/// So many increments make up one sum at most: more would hold the server up.
const MOST: u64 = 100_000;

/// Increments between `min` and `max` that add up to `sum`, as few as possible; `None` if there are none, or too many.
pub fn increments(sum: i64, min: i64, max: i64) -> Option<Vec<i64>> {
    let (wide, min, max) = (i128::from(sum), i128::from(min), i128::from(max));
    // The fewest whose bounds reach so far.
    let count = match sum {
        _ if (min..=max).contains(&wide) => 1,
        1.. if max > 0 => (wide + max - 1) / max,
        ..=-1 if min < 0 => (wide + min + 1) / min,
        // Nothing but both signs makes a 0 that is not allowed itself.
        _ => return None,
    };
    if count > i128::from(MOST) || !(count * min..=count * max).contains(&wide) {
        return None;
    }
    let (each, more) = (wide.div_euclid(count), wide.rem_euclid(count));
    let nth = |nth: i128| i64::try_from(each + i128::from(nth < more)).unwrap_or(sum);
    Some((0..count).map(nth).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_made_of_increments_that_are_allowed() {
        assert_eq!(increments(i64::MIN, i64::MIN, i64::MAX), Some(vec![i64::MIN]));
        assert_eq!(increments(0, -1, 1), Some(vec![0]));
        assert_eq!(increments(5, 1, 1), Some(vec![1; 5]));
        assert_eq!(increments(7, 2, 3), Some(vec![3, 2, 2]));
        assert_eq!(increments(-7, -3, 2), Some(vec![-2, -2, -3]));
        for (sum, min, max) in [(0, 1, 5), (7, 5, 6), (1, 2, 3), (-1, 1, 5), (5, -3, -1), (i64::MAX, 1, 1)] {
            assert_eq!(increments(sum, min, max), None, "{sum} of {min} to {max}");
        }
        for sum in -50..50 {
            if let Some(parts) = increments(sum, -4, 3) {
                assert!(parts.iter().sum::<i64>() == sum && parts.iter().all(|part| (-4..=3).contains(part)), "{sum}");
            }
        }
    }
}
