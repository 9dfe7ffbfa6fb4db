//! Grants: the leases of one key, one record for each CLAIM.
//!
//! A claim hands out a run of consecutive tokens to one consumer with one deadline. That run is a *grant*, so all
//! indexes (by token, by deadline, by consumer) cost per claim and not per entry. A grant lives until its last token
//! is settled. When its deadline has passed it has *lapsed*: it holds no leases any more, but its tokens are still
//! current until their entries are delivered again.
//!
//! How leases are cut into grants is private: everything observable follows from the map token -> (entry, deadline,
//! consumer, claim time) alone, so a reloaded key, whose grants may be cut differently, behaves the same.
//!
//! It does not know what an entry is.

use crate::entries::Handle;
use crate::time::UnixMs;
use crate::token::{Token, TokenRange};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod cut;
mod reach;

pub(crate) use reach::Cut;

/// Consecutive tokens with the same consumer, deadline and claim time.
#[derive(Clone)]
pub(crate) struct Grant {
    /// The entry of each token, counted from the first; `Handle::NONE` once it is settled.
    members: Vec<Handle>,
    live: usize,
    pub terms: Terms,
}

/// What all leases of a grant have in common.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub consumer: Arc<[u8]>,
    pub deadline: UnixMs,
    pub claimed_at: UnixMs,
    /// Whether the leases have ended, so that only the tokens are left.
    pub lapsed: bool,
}

impl Terms {
    /// Whether the lease has ended without anybody having noticed yet.
    pub(crate) fn ended(&self, now: UnixMs) -> bool {
        !self.lapsed && self.deadline.is_due(now)
    }
}

#[derive(Clone, Default)]
pub(crate) struct Grants {
    by_token: BTreeMap<Token, Grant>,
    /// Only grants that have not lapsed.
    by_deadline: BTreeSet<(UnixMs, Token)>,
    /// Only grants that have not lapsed, oldest first.
    running: BTreeSet<Token>,
    /// The running grants of each consumer. A consumer without leases is forgotten.
    by_consumer: BTreeMap<Arc<[u8]>, BTreeSet<Token>>,
    leased: usize,
    /// Tokens that are current, lapsed ones included.
    live: usize,
    member_slots: usize,
}

impl Grant {
    fn last(&self, first: Token) -> Token {
        first + self.members.len() as Token - 1
    }

    fn slots(&self, first: Token, range: TokenRange) -> std::ops::Range<usize> {
        let from = range.first.max(first) - first;
        let to = range.last.min(self.last(first)) - first;
        from as usize..to as usize + 1
    }
}

impl Grants {
    /// Records a claim. `members` must not be empty and its tokens must be above all earlier ones.
    pub(crate) fn issue(&mut self, first: Token, members: Vec<Handle>, terms: Terms) {
        let live = members.iter().filter(|member| **member != Handle::NONE).count();
        self.member_slots += members.len();
        self.adopt(first, Grant { members, live, terms });
    }

    fn adopt(&mut self, first: Token, grant: Grant) {
        self.live += grant.live;
        if !grant.terms.lapsed {
            self.leased += grant.live;
            self.by_deadline.insert((grant.terms.deadline, first));
            self.running.insert(first);
            match self.by_consumer.get_mut(&grant.terms.consumer) {
                Some(grants) => {
                    grants.insert(first);
                }
                None => {
                    self.by_consumer.insert(grant.terms.consumer.clone(), BTreeSet::from([first]));
                }
            }
        }
        self.by_token.insert(first, grant);
    }

    /// Takes the grant out of the indexes of running leases.
    fn unlist(&mut self, first: Token, terms: &Terms) {
        if terms.lapsed {
            return;
        }
        self.by_deadline.remove(&(terms.deadline, first));
        self.running.remove(&first);
        if let Some(grants) = self.by_consumer.get_mut(&terms.consumer) {
            grants.remove(&first);
            if grants.is_empty() {
                self.by_consumer.remove(&terms.consumer);
            }
        }
    }

    fn detach(&mut self, first: Token) -> Option<Grant> {
        let grant = self.by_token.remove(&first)?;
        self.live -= grant.live;
        self.unlist(first, &grant.terms);
        if !grant.terms.lapsed {
            self.leased -= grant.live;
        }
        Some(grant)
    }

    fn drop_if_empty(&mut self, first: Token) {
        if self.by_token.get(&first).is_some_and(|grant| grant.live == 0) {
            if let Some(grant) = self.detach(first) {
                self.member_slots -= grant.members.len();
            }
        }
    }

    /// Number of running leases, including those whose deadline has passed unnoticed.
    pub(crate) fn leased(&self) -> usize {
        self.leased
    }

    /// The entry that a token stands for, and the terms of its lease. O(log grants).
    pub(crate) fn get(&self, token: Token) -> Option<(Handle, &Terms)> {
        let (first, grant) = self.by_token.range(..=token).next_back()?;
        let handle = *grant.members.get((token - first) as usize)?;
        (handle != Handle::NONE).then_some((handle, &grant.terms))
    }

    /// The entries of the claim whose first token is `first`, in token order.
    pub(crate) fn members(&self, first: Token) -> &[Handle] {
        self.by_token.get(&first).map_or(&[], |grant| &grant.members)
    }

    /// Ends the life of one token. O(log grants).
    pub(crate) fn take(&mut self, token: Token) -> Option<Handle> {
        let (&first, grant) = self.by_token.range_mut(..=token).next_back()?;
        let member = grant.members.get_mut((token - first) as usize)?;
        let handle = std::mem::replace(member, Handle::NONE);
        if handle == Handle::NONE {
            return None;
        }
        grant.live -= 1;
        self.live -= 1;
        if !grant.terms.lapsed {
            self.leased -= 1;
        }
        if grant.live == 0 {
            self.drop_if_empty(first);
        }
        Some(handle)
    }

    /// Ends the life of every token in `range`; tells each token and its entry, in order.
    /// O(log grants) plus the tokens of the grants the range touches.
    pub(crate) fn take_range(&mut self, range: TokenRange, taken: &mut Vec<(Token, Handle)>) {
        let mut next = self.first_touching(range);
        while let Some(first) = next {
            next = self.by_token.range(first + 1..).next().map(|(key, _)| *key).filter(|key| *key <= range.last);
            let Some(grant) = self.by_token.get_mut(&first) else { continue };
            let before = taken.len();
            let slots = grant.slots(first, range);
            taken.reserve(grant.live.min(slots.len()));
            for (slot, member) in slots.clone().zip(&mut grant.members[slots]) {
                if *member != Handle::NONE {
                    taken.push((first + slot as Token, *member));
                    *member = Handle::NONE;
                }
            }
            let gone = taken.len() - before;
            grant.live -= gone;
            self.live -= gone;
            if !grant.terms.lapsed {
                self.leased -= gone;
            }
            if grant.live == 0 {
                self.drop_if_empty(first);
            }
        }
    }

    fn first_touching(&self, range: TokenRange) -> Option<Token> {
        let before = self.by_token.range(..=range.first).next_back();
        if let Some((first, grant)) = before {
            if grant.last(*first) >= range.first {
                return Some(*first);
            }
        }
        self.by_token.range(range.first..).next().map(|(first, _)| *first).filter(|first| *first <= range.last)
    }

    fn touching(&self, range: TokenRange) -> impl Iterator<Item = (Token, &Grant)> {
        self.first_touching(range)
            .into_iter()
            .flat_map(move |first| self.by_token.range(first..=range.last))
            .map(|(first, grant)| (*first, grant))
    }

    /// The live tokens of `range` in order.
    pub(crate) fn iter_range(&self, range: TokenRange) -> impl Iterator<Item = (Token, Handle, &Terms)> {
        self.touching(range).flat_map(move |(first, grant)| {
            let slots = grant.slots(first, range);
            slots
                .clone()
                .zip(&grant.members[slots])
                .filter(|(_, member)| **member != Handle::NONE)
                .map(move |(slot, member)| (first + slot as Token, *member, &grant.terms))
        })
    }

    /// Number of live tokens in `range`, counted no further than just above `limit`.
    pub(crate) fn count_range(&self, range: TokenRange, limit: usize) -> usize {
        if range.last - range.first < limit as Token {
            return self.iter_range(range).count();
        }
        let mut sum = 0;
        for (first, grant) in self.touching(range) {
            let whole = first >= range.first && grant.last(first) <= range.last;
            sum += if whole {
                grant.live
            } else {
                grant.members[grant.slots(first, range)].iter().filter(|member| **member != Handle::NONE).count()
            };
            if sum > limit {
                break;
            }
        }
        sum
    }

    /// All live tokens above `after` in order, with their terms.
    pub(crate) fn iter_after(&self, after: Token) -> impl Iterator<Item = (Token, Handle, &Terms)> {
        self.iter_range(TokenRange { first: after.saturating_add(1), last: Token::MAX })
    }

    /// The leases with tokens above `after` that have not ended by `cut`, in order of tokens. O(log grants) to begin, and for each grant whose
    /// leases have ended by `cut`.
    pub(crate) fn running(&self, after: Token, cut: Cut) -> impl Iterator<Item = (Token, Handle, &Terms)> {
        self.beyond(&self.running, after, cut)
    }

    /// Like [`Grants::running`], of one consumer.
    pub(crate) fn of_consumer(
        &self,
        consumer: &[u8],
        after: Token,
        cut: Cut,
    ) -> impl Iterator<Item = (Token, Handle, &Terms)> {
        self.by_consumer.get(consumer).into_iter().flat_map(move |grants| self.beyond(grants, after, cut))
    }

    fn beyond<'a>(
        &'a self,
        grants: &'a BTreeSet<Token>,
        after: Token,
        cut: Cut,
    ) -> impl Iterator<Item = (Token, Handle, &'a Terms)> {
        // The grant that holds `after` may hold more tokens above it.
        let from = grants.range(..=after).next_back().copied().unwrap_or(after);
        grants
            .range(from..)
            .flat_map(|first| self.by_token.get(first).map(|grant| (*first, grant)))
            .filter(move |(first, grant)| grant.last(*first) > after && !cut.has(grant.last(*first), &grant.terms))
            .flat_map(move |(first, grant)| {
                self.iter_range(TokenRange { first: first.max(after.saturating_add(1)), last: grant.last(first) })
            })
            .filter(move |(token, _, terms)| !cut.has(*token, terms))
    }

    /// The cut just after the `most`-th lease that has ended, or after all that have if these are fewer. O(log grants), and O(1) for each grant.
    pub(crate) fn cut(&self, now: UnixMs, most: usize) -> Cut {
        let mut count = 0;
        for (deadline, first) in self.by_deadline.range(..=(now, Token::MAX)) {
            let Some(grant) = self.by_token.get(first) else { continue };
            if count + grant.live >= most {
                let whole = TokenRange { first: *first, last: grant.last(*first) };
                let nth = self.iter_range(whole).nth(most - count - 1);
                return nth.map_or(Cut::at(now), |(token, ..)| Cut::after(*deadline, token));
            }
            count += grant.live;
        }
        Cut::at(now)
    }

    /// How many leases have ended, counted no further than just above `most`. O(`most`).
    pub(crate) fn count_due(&self, now: UnixMs, most: usize) -> usize {
        let mut count = 0;
        for (_, first) in self.by_deadline.range(..=(now, Token::MAX)) {
            count += self.by_token.get(first).map_or(0, |grant| grant.live);
            if count > most {
                break;
            }
        }
        count
    }

    /// The earliest end of a running lease.
    pub(crate) fn next_deadline(&self) -> Option<UnixMs> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// The earliest end of a running lease that is after `now`.
    pub(crate) fn next_deadline_after(&self, now: UnixMs) -> Option<UnixMs> {
        let later = self.by_deadline.range((UnixMs(now.0.saturating_add(1)), 0)..);
        later.map(|(deadline, _)| *deadline).next()
    }

    /// The running leases whose deadline has come, in order of deadline and token.
    pub(crate) fn due(&self, now: UnixMs) -> impl Iterator<Item = (Token, Handle, &Terms)> {
        let due = self.by_deadline.range(..=(now, Token::MAX));
        due.flat_map(|(_, first)| self.by_token.get(first).map(|grant| (*first, grant)))
            .flat_map(|(first, grant)| self.iter_range(TokenRange { first, last: grant.last(first) }))
    }

    /// Makes the earliest due grant lapse, or its first `most` live tokens; tells these tokens in order.
    /// The caller takes out those that did not survive the end of their lease.
    pub(crate) fn lapse_next(&mut self, now: UnixMs, most: usize) -> Option<(UnixMs, Vec<(Token, Handle)>)> {
        let (deadline, first) = self.by_deadline.first().copied().filter(|(deadline, _)| deadline.is_due(now))?;
        let last = self.by_token.get(&first)?.last(first);
        let whole = TokenRange { first, last };
        let tokens: Vec<_> = self.iter_range(whole).take(most).map(|(token, handle, _)| (token, handle)).collect();
        let last = if tokens.len() < most { last } else { tokens.last()?.0 };
        self.retime(TokenRange { first, last }, None);
        Some((deadline, tokens))
    }

    /// Gives the live tokens of `range` a new deadline, or, with `None`, lets them lapse.
    /// Cuts grants at the ends of the range: O(log grants) plus the tokens of the grants cut.
    pub(crate) fn retime(&mut self, range: TokenRange, deadline: Option<UnixMs>) {
        let mut next = self.first_touching(range);
        while let Some(first) = next {
            next = self.by_token.range(first + 1..).next().map(|(key, _)| *key).filter(|key| *key <= range.last);
            let Some(mut grant) = self.detach(first) else { continue };
            let slots = grant.slots(first, range);
            let tail = grant.members.split_off(slots.end);
            let middle = grant.members.split_off(slots.start);
            let terms = grant.terms.clone();
            let retimed = match deadline {
                Some(deadline) => Terms { deadline, lapsed: false, ..terms.clone() },
                None => Terms { lapsed: true, ..terms.clone() },
            };
            self.member_slots -= tail.len() + middle.len() + grant.members.len();
            let tail_first = first + slots.end as Token;
            self.readopt(first, grant.members, terms.clone());
            self.readopt(first + slots.start as Token, middle, retimed);
            self.readopt(tail_first, tail, terms);
        }
    }

    fn readopt(&mut self, first: Token, members: Vec<Handle>, terms: Terms) {
        if members.iter().any(|member| *member != Handle::NONE) {
            self.issue(first, members, terms);
        }
    }

    /// The live tokens as runs of consecutive tokens on equal terms: the same however the grants are cut.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (TokenRange, &Terms)> {
        let mut live = self.iter_after(0).map(|(token, _, terms)| (token, terms)).peekable();
        std::iter::from_fn(move || {
            let (first, terms) = live.next()?;
            let mut last = first;
            while live.next_if(|(token, other)| *token == last + 1 && *other == terms).is_some() {
                last += 1;
            }
            Some((TokenRange { first, last }, terms))
        })
    }

    /// About how many bytes of heap this takes.
    pub(crate) fn memory(&self) -> usize {
        const PER_GRANT: usize =
            2 * (size_of::<(Token, Grant)>() + size_of::<(UnixMs, Token)>() + 2 * size_of::<Token>());
        const PER_CONSUMER: usize = 128;
        self.member_slots * std::mem::size_of::<Handle>()
            + self.by_token.len() * PER_GRANT
            + self.by_consumer.len() * PER_CONSUMER
    }
}

#[cfg(test)]
mod tests;
