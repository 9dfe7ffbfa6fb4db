//! Doubled, resurrected, items in two entries, and ids that came in again.

use super::{ends, when, Handed, View};
use crate::{Act, Answer, Call, Kind, Report};

pub fn check(view: &View, report: &mut Report) {
    for (unit, handed) in &view.handed {
        if !view.terms.comes_again {
            settled_once(view, unit, handed, report);
            not_after_its_end(view, unit, handed, report);
        }
        in_one_entry(view, unit, handed, report);
    }
    remembered(view, report);
}

/// Acknowledgements of one unit, in the order in which they began.
fn acks<'a>(view: &View<'a>, handed: &[Handed<'a>]) -> Vec<(Handed<'a>, &'a Call)> {
    let of = |handed: &Handed<'a>| {
        let handed = *handed;
        view.certain_settlings_of(&handed)
            .filter(|call| ends(call) && call.answer == Answer::Done)
            .map(move |call| (handed, call))
            .collect::<Vec<_>>()
    };
    let mut acks: Vec<_> = handed.iter().flat_map(of).collect();
    acks.sort_by_key(|(_, call)| (call.begin, call.end));
    acks.dedup_by_key(|(_, call)| std::ptr::from_ref::<Call>(call));
    acks
}

fn settled_once(view: &View, unit: &str, handed: &[Handed], report: &mut Report) {
    let acks = acks(view, handed);
    let Some((_, last)) = acks.last() else { return };
    view.judged(Kind::Doubled, last, report);
    for pair in acks.windows(2) {
        let ((first, before), (_, again)) = (pair[0], pair[1]);
        if view.history.survives(before, again.end) && !view.may_be_written_again(unit, first.claim.begin) {
            let story = format!(
                "settled {} and again {}, handed out under {}",
                when(before),
                when(again),
                first.delivery.token
            );
            view.found(Kind::Doubled, unit, before, story, report);
        }
    }
}

fn not_after_its_end(view: &View, unit: &str, handed: &[Handed], report: &mut Report) {
    for (settled, ack) in acks(view, handed) {
        view.judged(Kind::Resurrected, ack, report);
        let later = |again: &&Handed| again.claim.begin > ack.end && view.history.stands(ack, again.claim.end);
        let Some(again) = handed.iter().find(later) else { continue };
        // What was written again since it was handed out is something else, and this settled what it was.
        if !view.may_be_written_again(unit, settled.claim.begin) {
            let story = format!("settled {}, handed out again {}", when(ack), when(again.claim));
            view.found(Kind::Resurrected, unit, ack, story, report);
        }
    }
}

/// What was claimed once is the same entry for ever, unless the claim was lost.
fn in_one_entry(view: &View, unit: &str, handed: &[Handed], report: &mut Report) {
    for handed in handed.iter().filter(|handed| handed.delivery.units.len() > 1) {
        view.judged(Kind::ItemDoubled, handed.claim, report);
        if handed.delivery.units.iter().filter(|other| *other == unit).count() > 1 {
            let story = format!("twice in the entry of {}", when(handed.claim));
            view.found(Kind::ItemDoubled, unit, handed.claim, story, report);
        }
    }
    for pair in handed.windows(2) {
        let (first, again) = (pair[0], pair[1]);
        let is_other = first.delivery.units != again.delivery.units;
        let stands = view.history.survives(first.claim, again.claim.end);
        if is_other && stands && !view.may_be_written_again(unit, first.claim.begin) {
            let story = format!("in one entry {}, in another {}", when(first.claim), when(again.claim));
            view.found(Kind::ItemDoubled, unit, first.claim, story, report);
        }
    }
}

/// On a key with REMEMBER an id that was acknowledged is not accepted again in time.
fn remembered(view: &View, report: &mut Report) {
    if view.terms.remember_ms == 0 {
        return;
    }
    for (unit, handed) in &view.handed {
        for (_, ack) in acks(view, handed).into_iter().filter(|(_, ack)| matches!(ack.act, Act::Ack(_))) {
            let is_removed = |until: u64| {
                let removals = view.removals.get(unit).map_or(&[][..], Vec::as_slice);
                removals.iter().any(|call| call.may_have_been_done() && call.begin < until && call.latest() > ack.begin)
            };
            for (write, _) in view.writes_of(unit).iter().filter(|(write, _)| write.begin > ack.end) {
                let still = view.history.highest_clock(ack.begin, write.end) < ack.clock.0 + view.terms.remember_ms;
                if !still || !view.history.survives(ack, write.end) || is_removed(write.end) {
                    continue;
                }
                view.judged(Kind::IdNotRemembered, ack, report);
                if write.answer == Answer::Done {
                    let story = format!("acknowledged {}, accepted again {}", when(ack), when(write));
                    view.found(Kind::IdNotRemembered, unit, ack, story, report);
                }
            }
        }
    }
}
