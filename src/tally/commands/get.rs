//! `TALLY.GET`: shows the part of a field's sum that a database does not have yet.

use crate::command::limits::check_sought;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::keyspace;
use crate::tally::Tally;

pub struct Get;

impl Command for Get {
    const ROW: &'static Row = &Row {
        name: c"TALLY.GET",
        flags: "readonly",
        syntax: "key field",
        summary: "Returns the sum of a field that is not acknowledged yet: open window and all batches",
        complexity: "O(M*log(N)) with M being the number of batches and N of their fields",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, field) = (call.args.required()?, call.args.required()?.bytes());
        check_sought("field", field)?;
        let mut key = keyspace::open_read::<Tally>(call.ctx, name);
        let value = keyspace::view(&mut key)?;
        let sum = value.map_or(Ok(0), |value| value.queue.sum(field))?;
        call.ctx.reply_int(sum);
        Ok(())
    }
}
