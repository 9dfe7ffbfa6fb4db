//! How far a reader looks.

use super::Terms;
use crate::time::UnixMs;
use crate::token::Token;

/// The last lease, in order of deadline and token, that a reader takes to have ended: it does not look at very many ends that nobody
/// has swept yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut(UnixMs, Token);

impl Cut {
    /// Counts all leases as ended that have ended by `now`.
    pub(crate) fn at(now: UnixMs) -> Self {
        Cut(now, Token::MAX)
    }

    /// Counts leases as ended up to the one with this deadline and token.
    pub(crate) fn after(deadline: UnixMs, token: Token) -> Self {
        Cut(deadline, token)
    }

    /// Whether this lease is taken to have ended.
    pub(crate) fn has(self, token: Token, terms: &Terms) -> bool {
        Cut(terms.deadline, token) <= self
    }
}
