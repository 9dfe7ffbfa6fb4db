//! `TSGEN.WATERMARK`: shows the watermark. Answers as if everything due had been applied, and stores nothing.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::keyspace;
use crate::tsgen::Tsgen;

pub struct Watermark;

impl Command for Watermark {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.WATERMARK",
        flags: "readonly fast",
        summary: "Returns the watermark, nil while it is unset",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let mut key = keyspace::open_read::<Tsgen>(call.ctx, name);
        let value = keyspace::view(&mut key)?;
        call.ctx.reply_optional_int(value.and_then(|value| value.queue.watermark(call.now())));
        Ok(())
    }
}
