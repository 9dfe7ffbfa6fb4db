//! `TSGEN.REM`: removes elements by id.

use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use crate::tsgen::Tsgen;
use std::ffi::CStr;

const EVENT: &CStr = c"tsgen.rem";

pub struct Rem;

impl Command for Rem {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.REM",
        flags: "write fast",
        syntax: "key id [id ...]",
        summary: "Removes elements, whatever their state; replies with how many",
        complexity: "O(log(N)) for each id",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let ids = call.args.take_rest();
        if ids.is_empty() {
            return Err(Fail::Arity);
        }
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let Some(value) = key.value()? else {
            call.ctx.reply_int(0);
            return Ok(());
        };
        let removed = ids.iter().filter(|id| value.queue.rem(id.bytes())).count();
        let forgotten = ids.iter().filter(|id| value.queue.forget(id.bytes())).count();
        call.ctx.reply_int(removed as i64);
        if removed + forgotten > 0 {
            // A removal depends on no time, even if the watermark is a clock.
            call.replicate();
            let signals = Signals::of_leaving(call.ctx, name, value, || call.now());
            drop(key);
            signals.send(call.ctx, name, [EVENT]);
        }
        Ok(())
    }
}
