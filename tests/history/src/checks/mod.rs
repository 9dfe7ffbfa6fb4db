//! One file for each way in which a history may be wrong; here is what they look at.

mod counting;
mod delivery;
mod leases;
mod limit;
mod once;
mod tokens;

use crate::{Act, Call, Delivery, Finding, History, Kind, Report, Terms};
use std::collections::BTreeMap;

pub fn check(view: &View, report: &mut Report) {
    delivery::check(view, report);
    once::check(view, report);
    leases::check(view, report);
    tokens::check(view, report);
    counting::check(view, report);
    limit::check(view, report);
}

/// An entry in somebody's hands, and the claim that got it.
#[derive(Clone, Copy)]
pub struct Handed<'a> {
    pub delivery: &'a Delivery,
    pub claim: &'a Call,
    pub lease_ms: i64,
}

/// The calls on one key, by what they are about.
pub struct View<'a> {
    pub history: &'a History,
    pub key: &'a str,
    pub terms: &'a Terms,
    pub calls: Vec<&'a Call>,
    /// By unit, in the order in which the claims began, as all lists here.
    pub handed: BTreeMap<&'a str, Vec<Handed<'a>>>,
    /// Each with its due time.
    pub writes: BTreeMap<&'a str, Vec<(&'a Call, i64)>>,
    pub removals: BTreeMap<&'a str, Vec<&'a Call>>,
    /// ACK, DISCARD, NACK, EXTEND, …, by token.
    settlings: BTreeMap<u64, Vec<&'a Call>>,
    /// The claims that brought each token. There are several where a loss and a clock that was set back came together.
    claims: BTreeMap<u64, Vec<&'a Call>>,
}

impl<'a> View<'a> {
    pub fn new(history: &'a History, key: &'a str, terms: &'a Terms) -> Self {
        let mut calls: Vec<&Call> = history.calls.iter().filter(|call| call.key == key).collect();
        calls.sort_by_key(|call| (call.begin, call.end));
        let mut view = View {
            history,
            key,
            terms,
            calls: Vec::new(),
            handed: BTreeMap::new(),
            writes: BTreeMap::new(),
            removals: BTreeMap::new(),
            settlings: BTreeMap::new(),
            claims: BTreeMap::new(),
        };
        calls.iter().for_each(|call| view.file(call));
        view.calls = calls;
        view
    }

    fn file(&mut self, call: &'a Call) {
        match &call.act {
            Act::Write(units) => {
                units.iter().for_each(|unit| self.writes.entry(&unit.name).or_default().push((call, unit.due)));
            }
            Act::Remove(names) => {
                names.iter().for_each(|name| self.removals.entry(name).or_default().push(call));
            }
            Act::Claim { lease_ms, deliveries } => {
                for delivery in deliveries {
                    self.claims.entry(delivery.token).or_default().push(call);
                    let handed = Handed { delivery, claim: call, lease_ms: *lease_ms };
                    let mut names: Vec<&str> = delivery.units.iter().map(String::as_str).collect();
                    names.sort_unstable();
                    names.dedup();
                    names.into_iter().for_each(|name| self.handed.entry(name).or_default().push(handed));
                }
            }
            Act::Ack(tokens) | Act::Discard(tokens) | Act::HandBack(tokens) | Act::Extend { tokens, .. } => {
                tokens.iter().for_each(|token| self.settlings.entry(*token).or_default().push(call));
            }
            Act::Count(_) | Act::Advance(_) | Act::Take => {}
        }
    }

    pub fn writes_of(&self, unit: &str) -> &[(&'a Call, i64)] {
        self.writes.get(unit).map_or(&[], Vec::as_slice)
    }

    /// Whether a write other than the first of this unit may have taken effect after `time`.
    pub fn may_be_written_again(&self, unit: &str, time: u64) -> bool {
        self.writes_of(unit).iter().skip(1).any(|(call, _)| call.may_have_been_done() && call.latest() > time)
    }

    /// ACK, NACK, EXTEND, … that may have been about this delivery.
    pub fn settlings_of<'v>(&'v self, handed: &Handed<'a>) -> impl Iterator<Item = &'a Call> + 'v {
        let (token, claim) = (handed.delivery.token, handed.claim);
        let settlings = self.settlings.get(&token).map_or(&[][..], Vec::as_slice);
        settlings.iter().copied().filter(move |call| self.may_be_about(call, claim, token))
    }

    /// Those of them that were about this delivery for certain, and no other that had its token.
    pub fn certain_settlings_of<'v>(&'v self, handed: &Handed<'a>) -> impl Iterator<Item = &'a Call> + 'v {
        let token = handed.delivery.token;
        let claims = self.claims_of(token);
        let is_one =
            move |call: &Call| claims.iter().filter(|claim| self.may_be_about(call, claim, token)).count() == 1;
        self.settlings_of(handed).filter(move |call| is_one(call))
    }

    /// A token is handed out again only once its first delivery was lost, and that never comes back. So what came to its end before a delivery began is not about
    /// it, nor what began after another had got the token and kept it.
    fn may_be_about(&self, call: &Call, claim: &Call, token: u64) -> bool {
        let has_passed_on = |other: &&Call| {
            other.begin > claim.end && other.end < call.begin && self.history.survives(other, call.begin)
        };
        call.latest() >= claim.begin && !self.claims_of(token).iter().any(has_passed_on)
    }

    fn claims_of(&self, token: u64) -> &[&'a Call] {
        self.claims.get(&token).map_or(&[], Vec::as_slice)
    }

    /// Each delivery of the key once.
    pub fn all_handed(&self) -> impl Iterator<Item = Handed<'a>> + '_ {
        self.calls
            .iter()
            .filter_map(|call| match &call.act {
                Act::Claim { lease_ms, deliveries } => Some((*call, *lease_ms, deliveries)),
                _ => None,
            })
            .flat_map(|(claim, lease_ms, deliveries)| {
                deliveries.iter().map(move |delivery| Handed { delivery, claim, lease_ms })
            })
    }

    pub fn judged(&self, kind: Kind, by: &Call, report: &mut Report) {
        *report.judged.entry((kind, by.durability(self.terms.always_synced))).or_default() += 1;
    }

    /// `by` is the call whose promise was broken.
    pub fn found(&self, kind: Kind, of: impl ToString, by: &Call, story: String, report: &mut Report) {
        report.findings.push(Finding {
            kind,
            key: self.key.to_owned(),
            of: of.to_string(),
            under: by.durability(self.terms.always_synced),
            story,
        });
    }
}

/// Whether this call ends the life of what it names.
pub fn ends(call: &Call) -> bool {
    matches!(call.act, Act::Ack(_) | Act::Discard(_))
}

/// When, as findings tell it.
pub fn when(call: &Call) -> String {
    format!("{}..{} by client {}", call.begin, call.end, call.client)
}
