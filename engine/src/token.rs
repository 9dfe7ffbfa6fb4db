//! Tokens: receipts of deliveries, rising per key, usable as fencing tokens.

use crate::options::MAX_COUNT;
use crate::time::UnixMs;

/// A receipt for one delivery of one entry. 0 is no token.
pub type Token = u64;

/// The highest token that is ever accepted or issued: far beyond 2^53, which tokens made of the clock reach in the year 2248.
pub const MAX_TOKEN: Token = 1 << 62;

/// How many tokens a millisecond of the clock is worth.
const TOKENS_PER_MS: u64 = 1024;

/// An inclusive range of tokens.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenRange {
    /// Lowest token of the range.
    pub first: Token,
    /// Highest token of the range, not below `first`.
    pub last: Token,
}

impl TokenRange {
    /// The range of one token.
    pub fn one(token: Token) -> Self {
        TokenRange { first: token, last: token }
    }
}

/// Sorts ranges and joins those that touch or overlap, so that no token is named twice; joins no further than to
/// `MAX_COUNT` tokens, since more in one range may be refused.
pub fn coalesce(ranges: &mut Vec<TokenRange>) {
    ranges.sort_unstable_by_key(|range| range.first);
    let mut joined: Vec<TokenRange> = Vec::with_capacity(ranges.len());
    for mut range in ranges.drain(..) {
        if let Some(before) = joined.last_mut() {
            if range.last <= before.last {
                continue;
            }
            range.first = range.first.max(before.last + 1);
            if range.first == before.last + 1 && range.last - before.first < MAX_COUNT as Token {
                before.last = range.last;
                continue;
            }
        }
        joined.push(range);
    }
    *ranges = joined;
}

/// The first token of a claim at `now`: above every earlier one of this key, and, as far as clocks agree, above
/// those of a key of the same name that was deleted, restored or failed over.
pub(crate) fn first_token(last_issued: Token, now: UnixMs) -> Token {
    let by_clock = u64::try_from(now.0).unwrap_or(0).saturating_mul(TOKENS_PER_MS).min(MAX_TOKEN);
    by_clock.max(last_issued + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coalescing_names_every_token_once() {
        let range = |first, last| TokenRange { first, last };
        let mut ranges =
            vec![range(7, 7), range(5, 6), range(1, 3), range(2, 2), range(3, 4), range(20, 30), range(25, 40)];
        coalesce(&mut ranges);
        assert_eq!(ranges, [range(1, 7), range(20, 40)]);
        let mut long = vec![range(1, 10_000), range(10_001, 10_001)];
        coalesce(&mut long);
        assert_eq!(long, [range(1, 10_000), range(10_001, 10_001)]);
    }

    #[test]
    fn tokens_made_of_the_clock_are_joined_as_far_as_small_ones() {
        let first = 1_800_000_000_000 * TOKENS_PER_MS;
        let range = |from, to| TokenRange { first: first + from, last: first + to };
        let mut ranges = vec![range(0, 5_000), range(5_001, 9_999), range(10_000, 10_000)];
        coalesce(&mut ranges);
        assert_eq!(ranges, [range(0, 9_999), range(10_000, 10_000)]);
    }

    #[test]
    fn tokens_rise_with_the_clock_and_without_it() {
        assert_eq!(first_token(0, UnixMs(5)), 5 * 1024);
        assert_eq!(first_token(9_000, UnixMs(5)), 9_001);
        assert_eq!(first_token(7, UnixMs(-5)), 8);
    }
}
