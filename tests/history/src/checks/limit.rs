//! Limits: in any stretch of time no more is taken than they allow.

use super::{when, View};
use crate::{Act, Answer, Call, Kind, Report};

pub fn check(view: &View, report: &mut Report) {
    let Some(limit) = view.terms.limit else { return };
    let is_take = |call: &&&Call| call.act == Act::Take && call.answer == Answer::Done;
    let takes: Vec<&Call> = view.calls.iter().filter(is_take).copied().collect();
    let clock = Clock::of(view);
    let removals: Vec<&Call> =
        view.removals.values().flatten().filter(|call| call.may_have_been_done()).copied().collect();
    for (first, from) in takes.iter().enumerate() {
        view.judged(Kind::OverLimit, from, report);
        let mut taken = 0;
        for until in &takes[first..] {
            // Whoever removes the key forgives all.
            let is_removed = |call: &&Call| call.begin < until.end && call.end > from.begin;
            // A take that was lost counts up to then: what is restored has forgotten it.
            if !view.history.survives(from, until.end) || removals.iter().any(is_removed) {
                break;
            }
            taken += u64::from(view.history.survives(until, u64::MAX));
            let passed = clock.passed(from, until);
            if taken > limit.burst + (passed as f64 / limit.each_ms) as u64 + 1 {
                let story = format!("{taken} taken in {passed} ms, from {} to {}", when(from), when(until));
                view.found(Kind::OverLimit, view.key, from, story, report);
                return;
            }
        }
    }
}

/// How far the servers' clock has gone forward, over all the times that it was set back. A limit that was full again by a clock that was ahead is forgotten; what time passes
/// when that clock has been set right is new to the next one.
struct Clock {
    /// When, and how far until then; in order.
    forward: Vec<(u64, i64)>,
}

impl Clock {
    fn of(view: &View) -> Self {
        let calls = view.history.calls.iter().map(|call| (call.end, call.clock.1));
        let mut seen: Vec<(u64, i64)> = calls.chain(view.history.steps.iter().copied()).collect();
        // What is seen at one moment stays in its order: what the time was, and what it became.
        seen.sort_by_key(|(at, _)| *at);
        let (mut last, mut sum) = (seen.first().map_or(0, |(_, time)| *time), 0);
        let mut add = |(at, time): (u64, i64)| {
            sum += (time - last).max(0);
            last = time;
            (at, sum)
        };
        Clock { forward: seen.into_iter().map(&mut add).collect() }
    }

    /// In milliseconds, from the beginning of one call to the end of another, at most.
    fn passed(&self, from: &Call, until: &Call) -> i64 {
        let sum_at = |count: usize| if count == 0 { 0 } else { self.forward[count - 1].1 };
        let before = self.forward.partition_point(|(at, _)| *at <= from.begin);
        let after = self.forward.partition_point(|(at, _)| *at <= until.end);
        sum_at(after) - sum_at(before) + (from.clock.1 - from.clock.0)
    }
}
