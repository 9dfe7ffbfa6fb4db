//! One file for each way in which a history may be wrong; here is what they look at.

mod counting;
mod delivery;
mod leases;
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
    pub settlings: BTreeMap<u64, Vec<&'a Call>>,
    /// How often each token was handed out. More than once it may be where a loss and a clock that was set back come together.
    times: BTreeMap<u64, usize>,
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
            times: BTreeMap::new(),
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
                    *self.times.entry(delivery.token).or_default() += 1;
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
            Act::Count(_) | Act::Advance(_) => {}
        }
    }

    pub fn writes_of(&self, unit: &str) -> &[(&'a Call, i64)] {
        self.writes.get(unit).map_or(&[], Vec::as_slice)
    }

    /// Whether a write other than the first of this unit may have taken effect after `time`.
    pub fn may_be_written_again(&self, unit: &str, time: u64) -> bool {
        self.writes_of(unit).iter().skip(1).any(|(call, _)| call.may_have_been_done() && call.latest() > time)
    }

    /// Whether what settles this token settles one delivery and no other.
    pub fn names_one(&self, token: u64) -> bool {
        self.times.get(&token) == Some(&1)
    }

    pub fn settlings_of(&self, token: u64) -> &[&'a Call] {
        self.settlings.get(&token).map_or(&[], Vec::as_slice)
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
