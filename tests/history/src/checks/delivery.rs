//! Lost, early, invented.

use super::{ends, when, View};
use crate::{Act, Call, Gate, Kind, Report};

pub fn check(view: &View, report: &mut Report) {
    lost(view, report);
    early(view, report);
}

/// What was accepted is delivered until somebody settles it. The last write of a unit is what counts: it has replaced the others.
fn lost(view: &View, report: &mut Report) {
    for (unit, writes) in &view.writes {
        let accepted = |(call, _): &&(&Call, i64)| call.answer == crate::Answer::Done;
        let Some((write, _)) = writes.iter().rev().find(accepted) else { continue };
        let may_be_over = is_settled(view, unit, write) || is_removed(view, unit, write);
        let is_left = view.history.left.contains(&(view.key.to_owned(), (*unit).to_owned()));
        if !view.history.survives(write, u64::MAX) {
            report.lost_as_allowed += usize::from(!may_be_over && !is_left);
            continue;
        }
        view.judged(Kind::Lost, write, report);
        if !may_be_over && !is_left {
            let times = view.handed.get(unit).map_or(0, Vec::len);
            let story = format!("accepted {}, delivered {times} times, never settled, and gone", when(write));
            view.found(Kind::Lost, unit, write, story, report);
        }
    }
}

fn is_settled(view: &View, unit: &str, write: &Call) -> bool {
    let handed = view.handed.get(unit).map_or(&[][..], Vec::as_slice);
    let mut settlings = handed.iter().flat_map(|handed| view.settlings_of(handed));
    settlings.any(|call| ends(call) && call.may_have_been_done() && call.latest() > write.begin)
}

fn is_removed(view: &View, unit: &str, write: &Call) -> bool {
    let removals = view.removals.get(unit).map_or(&[][..], Vec::as_slice);
    removals.iter().any(|call| call.may_have_been_done() && call.latest() > write.begin)
}

/// Nothing is handed out before its gate may have opened, nor what nobody may have written.
fn early(view: &View, report: &mut Report) {
    for (unit, handed) in &view.handed {
        let writes = view.writes_of(unit);
        for handed in handed {
            let claim = handed.claim;
            let opened = highest_gate(view, claim);
            let earliest = if !handed.delivery.sums.is_empty() {
                handed.delivery.ready_at
            } else {
                let due = writes.iter().filter(|(write, _)| write.may_have_been_done() && write.begin < claim.end);
                let due = due.map(|(_, due)| *due).min();
                if due.is_none() {
                    let story = format!("handed out {}, and nobody had written it", when(claim));
                    view.found(Kind::Invented, unit, claim, story, report);
                }
                due.max(handed.delivery.ready_at.filter(|_| due.is_some()))
            };
            let Some(earliest) = earliest else { continue };
            view.judged(Kind::Early, claim, report);
            view.judged(Kind::Invented, claim, report);
            if earliest > opened {
                let story = format!("handed out {}, is due at {earliest}, and it was {opened}", when(claim));
                view.found(Kind::Early, unit, claim, story, report);
            }
        }
    }
}

/// How far the gate may have opened when this claim was served.
fn highest_gate(view: &View, claim: &Call) -> i64 {
    match view.terms.gate {
        Gate::Watermark => {
            let advances = view.calls.iter().filter(|call| call.begin < claim.end && call.may_have_been_done());
            let to = advances.filter_map(|call| if let Act::Advance(to) = call.act { Some(to) } else { None });
            to.max().unwrap_or(i64::MIN)
        }
        Gate::Clock => view.history.highest_clock(claim.begin, claim.end),
        Gate::ClockOnce => view.history.highest_clock(0, claim.end),
    }
}
