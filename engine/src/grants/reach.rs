//! How far a reader looks.

use super::Terms;
use crate::time::UnixMs;
use crate::token::Token;

/// How far the ends of leases are taken into account, in order of deadline and token: a reader does not look at very many that nobody
/// has swept yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut(UnixMs, Token);

impl Cut {
    /// All that have ended by now.
    pub fn at(now: UnixMs) -> Self {
        Cut(now, Token::MAX)
    }

    /// Up to the lease with this deadline and token.
    pub fn after(deadline: UnixMs, token: Token) -> Self {
        Cut(deadline, token)
    }

    /// Whether this lease is taken to have ended.
    pub fn has(self, token: Token, terms: &Terms) -> bool {
        Cut(terms.deadline, token) <= self
    }
}
