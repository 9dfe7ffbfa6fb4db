//! Tokens as the server takes them: those that follow each other as one range.

use crate::call::Words;
use std::ops::RangeInclusive;

/// Tokens of deliveries: one, several, or a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens(Vec<RangeInclusive<i64>>);

impl Tokens {
    pub(crate) fn words(&self) -> Words {
        let mut words = Words::default();
        for range in &self.0 {
            let (first, last) = (range.start(), range.end());
            words.add(if first == last { first.to_string() } else { format!("{first}-{last}") });
        }
        words
    }
}

impl FromIterator<i64> for Tokens {
    fn from_iter<I: IntoIterator<Item = i64>>(tokens: I) -> Self {
        let mut all: Vec<i64> = tokens.into_iter().collect();
        all.sort_unstable();
        let mut ranges: Vec<RangeInclusive<i64>> = Vec::new();
        for token in all {
            match ranges.last_mut() {
                Some(last) if token <= last.end().saturating_add(1) => *last = *last.start()..=token,
                _ => ranges.push(token..=token),
            }
        }
        Self(ranges)
    }
}

impl From<i64> for Tokens {
    fn from(token: i64) -> Self {
        Self(vec![token..=token])
    }
}

impl From<RangeInclusive<i64>> for Tokens {
    fn from(range: RangeInclusive<i64>) -> Self {
        Self(vec![range])
    }
}

impl From<Vec<i64>> for Tokens {
    fn from(tokens: Vec<i64>) -> Self {
        tokens.into_iter().collect()
    }
}

impl From<&[i64]> for Tokens {
    fn from(tokens: &[i64]) -> Self {
        tokens.iter().copied().collect()
    }
}

impl<const N: usize> From<[i64; N]> for Tokens {
    fn from(tokens: [i64; N]) -> Self {
        tokens.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tokens: impl Into<Tokens>) -> Vec<String> {
        tokens.into().words().0.into_iter().map(|word| String::from_utf8(word).expect("text")).collect()
    }

    #[test]
    fn those_that_follow_each_other_are_ranges() {
        assert_eq!(told(vec![9, 1, 3, 2, 5, 6]), ["1-3", "5-6", "9"]);
        assert_eq!(told([7, 7]), ["7"]);
        assert_eq!(told(4..=6), ["4-6"]);
        assert_eq!(told(i64::MAX), ["9223372036854775807"]);
        assert!(told([]).is_empty());
    }
}
