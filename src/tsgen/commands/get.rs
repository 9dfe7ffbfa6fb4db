//! `TSGEN.GET`: shows one element. Answers as if everything due had been applied, and stores nothing.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::keyspace;
use crate::tsgen::Tsgen;

pub struct Get;

impl Command for Get {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.GET",
        flags: "readonly fast",
        syntax: "key id",
        summary:
            "Returns state, timestamp and payload of the newest element of an id, and its period if it is recurring",
        complexity: "O(1), and O(log(N)) with N being the number of recurring elements",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, id) = (call.args.required()?, call.args.required()?.bytes());
        let mut key = keyspace::open_read::<Tsgen>(call.ctx, name);
        let value = keyspace::view(&mut key)?;
        match value.and_then(|value| value.queue.get(id, call.now())) {
            None => call.ctx.reply_null(),
            Some(element) => {
                call.ctx.reply_array(3 + usize::from(element.every.is_some()));
                call.ctx.reply_bytes(element.state.as_bytes());
                call.ctx.reply_int(element.timestamp);
                call.ctx.reply_bytes(element.payload);
                if let Some(every) = element.every {
                    call.ctx.reply_int(i64::try_from(every.0).unwrap_or(i64::MAX));
                }
            }
        }
        Ok(())
    }
}
