//! Limits: in any stretch of time no more is taken than they allow.

use super::{when, View};
use crate::{Act, Answer, Call, Kind, Report};

pub fn check(view: &View, report: &mut Report) {
    let Some(limit) = view.terms.limit else { return };
    let is_take = |call: &&&Call| call.act == Act::Take && call.answer == Answer::Done;
    let takes: Vec<&Call> = view.calls.iter().filter(is_take).copied().collect();
    let removals: Vec<&Call> =
        view.removals.values().flatten().filter(|call| call.may_have_been_done()).copied().collect();
    for (first, from) in takes.iter().enumerate() {
        view.judged(Kind::OverLimit, from, report);
        let (mut taken, mut highest) = (0, from.clock.1);
        for until in &takes[first..] {
            highest = highest.max(until.clock.1);
            // Whoever removes the key forgives all.
            let is_removed = |call: &&Call| call.begin < until.end && call.end > from.begin;
            // A take that was lost counts up to then: what is restored has forgotten it.
            if !view.history.survives(from, until.end) || removals.iter().any(is_removed) {
                break;
            }
            taken += u64::from(view.history.survives(until, u64::MAX));
            // By the servers' clock, which may have been set back meanwhile: that delays, and gives nothing twice.
            let passed = (highest - from.clock.0).max(0);
            if taken > limit.burst + (passed as f64 / limit.each_ms) as u64 + 1 {
                let story = format!("{taken} taken in {passed} ms, from {} to {}", when(from), when(until));
                view.found(Kind::OverLimit, view.key, from, story, report);
                return;
            }
        }
    }
}
