//! `TALLY.INCR`: adds one increment to the open window. The hot path.

use crate::command::limits::check_name;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::tally::increment::{delta, finish, time, NOT_CREATED};
use crate::tally::Tally;
use tsgen_engine::Incremented;

pub struct Incr;

impl Command for Incr {
    const ROW: &'static Row = &Row {
        name: c"TALLY.INCR",
        flags: "write deny-oom fast",
        syntax: "key field [delta:integer]",
        summary: "Adds to the sum of a field in the open window; replies with that sum",
        complexity: "O(1); O(N*log(N)) with N being the number of fields if it seals the window",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, field) = (call.args.required()?, call.args.required()?.bytes());
        check_name(call.ctx, "field", field)?;
        let delta = call.args.next().map_or(Ok(1), delta)?;
        if call.args.len() > 0 {
            return Err(Fail::Arity);
        }
        let mut key = keyspace::open_write::<Tally>(call.ctx, name)?;
        let now = time(call, &mut key)?;
        let value = key.value()?.ok_or(NOT_CREATED)?;
        let Incremented { sum, counted } = value.queue.incr(field, delta, now)?;
        call.ctx.reply_int(sum);
        finish(call, name, key, now, counted)
    }
}
