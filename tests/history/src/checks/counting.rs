//! Sums that are exact, and numbers of batches that mean one content.
//!
//! The database has each batch that a worker got, once for its number.

use super::tokens::of_time;
use super::{when, Handed, View};
use crate::{Act, Call, Kind, Report};
use std::collections::BTreeMap;

pub fn check(view: &View, report: &mut Report) {
    let database = numbers(view, report);
    let mut bounds: BTreeMap<&str, Bounds> = BTreeMap::new();
    for call in view.calls.iter().filter(|call| call.may_have_been_done()) {
        if let Act::Count(increments) = &call.act {
            let is_certain = view.history.stands(call, u64::MAX);
            for (field, delta) in increments {
                let bounds = bounds.entry(field).or_insert(Bounds { low: 0, high: 0, last: call });
                bounds.low += if is_certain { *delta } else { (*delta).min(0) };
                bounds.high += if is_certain { *delta } else { (*delta).max(0) };
                bounds.last = call;
            }
        }
    }
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for handed in database.values() {
        // The database has refused what came under a number that it had: the content that stands, perhaps.
        for (field, sum) in handed.iter().filter(|other| is_other(&handed[0], other)).flat_map(|it| &it.delivery.sums) {
            if let Some(bounds) = bounds.get_mut(field.as_str()) {
                bounds.low -= (*sum).max(0);
                bounds.high -= (*sum).min(0);
            }
        }
        // Its number may have died with the claim. Then its sums came again under another.
        let may_come_again = !handed.iter().any(|handed| view.history.survives(handed.claim, u64::MAX));
        for (field, sum) in &handed[0].delivery.sums {
            *totals.entry(field).or_default() += sum;
            if let Some(bounds) = bounds.get_mut(field.as_str()).filter(|_| may_come_again) {
                bounds.low += (*sum).min(0);
                bounds.high += (*sum).max(0);
            }
        }
    }
    for (field, Bounds { low, high, last }) in bounds {
        let total = totals.remove(field).unwrap_or(0);
        view.judged(Kind::SumNotExact, last, report);
        if !(low..=high).contains(&total) {
            let story = format!("the database has {total}, counted were {low} to {high}");
            view.found(Kind::SumNotExact, field, last, story, report);
        }
    }
    for (field, total) in totals {
        let by = database.values().next().expect("some batch has it")[0].claim;
        view.found(Kind::SumNotExact, field, by, format!("the database has {total}, and nobody counted"), report);
    }
}

struct Bounds<'a> {
    low: i64,
    high: i64,
    last: &'a Call,
}

fn is_other(one: &Handed, other: &Handed) -> bool {
    one.delivery.sums != other.delivery.sums
}

/// Deliveries by the number of their batch, each number with one content.
fn numbers<'a>(view: &View<'a>, report: &mut Report) -> BTreeMap<&'a str, Vec<Handed<'a>>> {
    let mut database: BTreeMap<&str, Vec<Handed>> = BTreeMap::new();
    for handed in view.all_handed().filter(|handed| !handed.delivery.sums.is_empty()) {
        let rows = database.entry(handed.delivery.units[0].as_str()).or_default();
        view.judged(Kind::BatchReused, handed.claim, report);
        if let Some(row) = rows.first().filter(|row| is_other(row, &handed)) {
            let lowest = view.history.lowest_clock(row.claim.begin, handed.claim.end);
            let number = handed.delivery.units[0].parse().unwrap_or(0);
            let was_set_back = of_time(lowest) <= number;
            // While there are two masters each may make the same number in the same millisecond, and one of the two contents is forgotten.
            let were_two = view.history.was_aside(row.claim) || view.history.was_aside(handed.claim);
            if view.history.survives(row.claim, handed.claim.end) || !(was_set_back || were_two) {
                let story = format!("one content {}, another {}", when(row.claim), when(handed.claim));
                view.found(Kind::BatchReused, &handed.delivery.units[0], row.claim, story, report);
            }
        }
        rows.push(handed);
    }
    database
}
