//! `DEBOUNCE.FLUSHALL`: fires groups before their time, next to fire first.

use crate::command::{Call, Command, Outcome, Row};
use crate::debounce::Debounce;
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::ffi::CStr;

/// The groups that FLUSHALL fires without COUNT.
const DEFAULT_COUNT: usize = 1_000;

/// The event of FLUSH.
const EVENT: &CStr = c"debounce.flush";

pub struct FlushAll;

impl Command for FlushAll {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.FLUSHALL",
        syntax: "key [COUNT n]",
        summary: "Fires collecting groups now, up to COUNT (1000), next to fire first; replies with how many",
        complexity: "O(log(N)) for each group",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let count = call.args.only_count()?;
        apply::<Debounce>(call, name, &[EVENT, Debounce::VERBS.ready.event], |queue, now| {
            Ok(queue.flush_all(count.unwrap_or(DEFAULT_COUNT), now))
        })
    }
}
