//! Cuts grants of which nearly all tokens are settled, at their long gaps.

use super::Grants;
use crate::entries::Handle;
use crate::mover::Mover;
use crate::pass::{Cursor, Step};
use crate::token::Token;

/// One more piece costs about as much as this many slots.
const PIECE: usize = 64;

impl Grants {
    /// Bytes that cutting would give back. O(1).
    pub(crate) fn waste(&self) -> usize {
        self.member_slots.saturating_sub(PIECE * self.live) * size_of::<Handle>()
    }

    /// Gives a token the new handle of its entry. O(log grants). Does nothing if the token is not current.
    pub(crate) fn replace(&mut self, token: Token, old: Handle, new: Handle) {
        let grant = self.by_token.range_mut(..=token).next_back();
        let member = grant.and_then(|(first, grant)| grant.members.get_mut((token - first) as usize));
        if let Some(member) = member.filter(|member| **member == old) {
            *member = new;
        }
    }

    /// Shows the members of grants.
    pub(crate) fn show(&mut self, cursor: &mut Cursor, mover: &mut impl Mover) -> Step {
        for (first, grant) in self.by_token.range_mut(cursor.token..) {
            cursor.token = first + 1;
            mover.buffer(&mut grant.members);
            if mover.is_tired() {
                return Step::More;
            }
        }
        Step::Done
    }

    /// Looks at up to `most` grants, from `from` on, and cuts those of which nearly all tokens are settled; returns where to go on, if there
    /// are more. O(`most` log grants), and O(tokens) of those that are cut.
    pub(crate) fn compact(&mut self, from: Token, most: usize) -> Option<Token> {
        let mut nth = self.by_token.range(from..).map(|(first, grant)| (*first, grant));
        let sparse = |live: usize, slots: usize| slots >= PIECE * live;
        let sparse: Vec<Token> = nth
            .by_ref()
            .take(most)
            .filter(|(_, grant)| sparse(grant.live, grant.members.len()))
            .map(|(first, _)| first)
            .collect();
        let next = nth.next().map(|(first, _)| first);
        for first in sparse {
            self.cut_up(first);
        }
        next
    }

    /// Cuts a grant into pieces that begin and end with a current token, and have no gap of half a [`PIECE`] or more.
    fn cut_up(&mut self, first: Token) {
        let Some(grant) = self.detach(first) else { return };
        self.member_slots -= grant.members.len();
        let mut piece: Option<(usize, usize)> = None;
        let mut pieces = Vec::new();
        for (slot, _) in grant.members.iter().enumerate().filter(|(_, member)| **member != Handle::NONE) {
            match &mut piece {
                Some((_, end)) if slot - *end < PIECE / 2 => *end = slot + 1,
                _ => pieces.extend(piece.replace((slot, slot + 1))),
            }
        }
        for (start, end) in pieces.into_iter().chain(piece) {
            self.readopt(first + start as Token, grant.members[start..end].to_vec(), grant.terms.clone());
        }
    }
}
