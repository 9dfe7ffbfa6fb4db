//! `TALLY.SEAL`: ends a window before its time.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use crate::tally::Tally;
use std::ffi::CStr;

const EVENT: &CStr = c"tally.seal";

pub struct Seal;

impl Command for Seal {
    const ROW: &'static Row = &Row {
        name: c"TALLY.SEAL",
        summary: "Seals the open window now; replies with the number of its fields",
        complexity: "O(N*log(N)) with N being the number of fields",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        apply::<Tally>(call, name, &[EVENT, Tally::VERBS.ready.event], |queue, now| Ok(queue.seal(now)))
    }
}
