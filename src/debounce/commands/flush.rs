//! `DEBOUNCE.FLUSH`: fires groups before their time.

use crate::command::{Call, Command, Outcome, Row};
use crate::debounce::Debounce;
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::ffi::CStr;

const EVENT: &CStr = c"debounce.flush";

pub struct Flush;

impl Command for Flush {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.FLUSH",
        syntax: "key group [group ...]",
        summary: "Fires groups now; replies with how many",
        complexity: "O(log(N)) for each group",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let groups = call.args.required_rest()?;
        apply::<Debounce>(call, name, &[EVENT, Debounce::VERBS.ready.event], |queue, now| Ok(queue.flush(groups, now)))
    }
}
