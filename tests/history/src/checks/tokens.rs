//! Tokens rise, and none is handed out twice.
//!
//! Across a loss they do because none is below the time of day, as [`of_time`] has it: where that was set back, and tokens had run ahead of it, nothing is promised.

use super::{when, Handed, View};
use crate::{Kind, Report};

pub fn check(view: &View, report: &mut Report) {
    // By the end of the claims, with the highest token of all that ended until then.
    let mut ended: Vec<Handed> = view.all_handed().collect();
    ended.sort_by_key(|handed| handed.claim.end);
    let (mut next, mut highest): (usize, Option<Handed>) = (0, None);
    for handed in view.all_handed() {
        while ended.get(next).is_some_and(|before| before.claim.end < handed.claim.begin) {
            let before = ended[next];
            if highest.is_none_or(|highest| highest.delivery.token < before.delivery.token)
                && view.history.survives(before.claim, u64::MAX)
            {
                highest = Some(before);
            }
            next += 1;
        }
        view.judged(Kind::TokenNotRising, handed.claim, report);
        if view.history.was_aside(handed.claim) {
            continue;
        }
        if let Some(before) = highest.filter(|before| before.delivery.token >= handed.delivery.token) {
            not_rising(view, before, handed, report);
        }
    }
    // Of a unit all are compared, those too that were lost.
    for handed in view.handed.values() {
        for pair in handed.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            let in_order = before.claim.end < after.claim.begin && before.delivery.token >= after.delivery.token;
            let is_same = before.delivery.token == after.delivery.token;
            let was_set_back = of_time(after.claim.clock.0) <= before.delivery.token;
            let may_be = !view.history.survives(before.claim, after.claim.end) && was_set_back
                || view.history.was_aside(after.claim);
            if (in_order || is_same) && !may_be {
                not_rising(view, before, after, report);
            }
        }
    }
}

fn not_rising(view: &View, before: Handed, after: Handed, report: &mut Report) {
    let token = after.delivery.token;
    let has = report
        .findings
        .iter()
        .any(|found| found.kind == Kind::TokenNotRising && found.key == view.key && found.of == token.to_string());
    if !has {
        let story = format!(
            "{} was handed out before, {}; this one {}",
            before.delivery.token,
            when(before.claim),
            when(after.claim)
        );
        view.found(Kind::TokenNotRising, token, before.claim, story, report);
    }
}

/// The least token, or number of a batch, that is made at this time of day.
pub fn of_time(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1024)
}
