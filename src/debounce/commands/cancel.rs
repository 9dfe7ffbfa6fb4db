//! `DEBOUNCE.CANCEL`: drops groups.

use crate::command::{Call, Command, Outcome, Row};
use crate::debounce::Debounce;
use crate::delivery::apply::apply;
use std::ffi::CStr;

const EVENT: &CStr = c"debounce.cancel";

pub struct Cancel;

impl Command for Cancel {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.CANCEL",
        syntax: "key group [group ...]",
        summary: "Drops collecting groups with their items; replies with how many",
        complexity: "O(log(N)) for each group",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let groups = call.args.required_rest()?;
        apply::<Debounce>(call, name, &[EVENT], |queue, now| Ok(queue.cancel(groups, now)))
    }
}
