//! Two live leases, and groups that overlap.

use super::{when, Handed, View};
use crate::{Act, Answer, Kind, Report};
use std::collections::BTreeMap;

pub fn check(view: &View, report: &mut Report) {
    for (unit, handed) in &view.handed {
        for pair in handed.windows(2) {
            judge(view, Kind::TwoLeases, unit, pair[0], pair[1], report);
        }
    }
    if view.terms.one_at_a_time {
        groups(view, report);
    }
}

fn groups(view: &View, report: &mut Report) {
    let mut groups: BTreeMap<&str, Vec<Handed>> = BTreeMap::new();
    for handed in view.all_handed() {
        if let Some(group) = &handed.delivery.group {
            groups.entry(group).or_default().push(handed);
        }
    }
    for (group, handed) in groups {
        for (at, later) in handed.iter().enumerate() {
            // Leases are short beside a history: nothing of long ago is in hand.
            for earlier in handed[at.saturating_sub(32)..at]
                .iter()
                .filter(|earlier| earlier.delivery.units != later.delivery.units)
            {
                judge(view, Kind::GroupsOverlap, group, *earlier, *later, report);
            }
        }
    }
}

/// The first of the two was certainly in hand when the second was handed out.
fn judge(view: &View, kind: Kind, of: &str, one: Handed, other: Handed, report: &mut Report) {
    // Where claims overlap, the tokens tell their order; else they may not: the first may be lost, and the clock set back.
    let is_turned = other.claim.begin <= one.claim.end && other.delivery.token < one.delivery.token;
    let (first, second) = if is_turned { (other, one) } else { (one, other) };
    let (begin, end) = (first.claim.begin, second.claim.end);
    view.judged(kind, first.claim, report);
    let is_replaced = first.delivery.units.iter().any(|unit| {
        let is_removed =
            view.removals.get(unit.as_str()).is_some_and(|calls| calls.iter().any(|call| call.latest() > begin));
        is_removed || view.may_be_written_again(unit, begin)
    });
    let Some(lease_ends_at) = lease_end(view, first, end) else { return };
    // Two servers may answer for a while, of which one is forgotten.
    let is_aside = view.history.was_aside(second.claim);
    if !is_replaced
        && !is_aside
        && view.history.survives(first.claim, end)
        && view.history.highest_clock(begin, end) < lease_ends_at
    {
        let story = format!(
            "{} handed out {} until {lease_ends_at}, and {} {}",
            first.delivery.token,
            when(first.claim),
            second.delivery.token,
            when(second.claim)
        );
        view.found(kind, of, first.claim, story, report);
    }
}

/// When the lease ends at the earliest, in Unix ms; none if it may have been over before `until`.
fn lease_end(view: &View, handed: Handed, until: u64) -> Option<i64> {
    let mut ends_at = handed.claim.clock.0 + handed.lease_ms;
    let concerning = view.settlings_of(&handed).filter(|call| call.may_have_been_done() && call.begin <= until);
    for call in concerning {
        match &call.act {
            Act::Extend { lease_ms, .. } => {
                let extended = call.clock.0 + lease_ms;
                let is_certain = call.answer == Answer::Done && view.history.survives(call, until);
                ends_at = if is_certain && call.end < until { extended } else { ends_at.min(extended) };
            }
            _ => return None,
        }
    }
    Some(ends_at)
}
