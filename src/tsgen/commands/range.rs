//! `TSGEN.RANGE`: lists elements by timestamp. Answers as if everything due had been applied, and stores nothing.

use crate::command::args::integer;
use crate::command::page::DEFAULT_COUNT;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::redis::Str;
use crate::tsgen::Tsgen;

/// A bound as XRANGE takes it, made inclusive; `None` if no timestamp can be within the bound.
fn bound(name: &str, text: &Str, step: i64) -> Result<Option<i64>, Fail> {
    let bad = || Fail::from(format!("ERR {name} must be an integer, (integer, - or +"));
    match text.bytes() {
        b"-" => Ok(Some(i64::MIN)),
        b"+" => Ok(Some(i64::MAX)),
        [b'(', exclusive @ ..] => integer(exclusive).map(|bound| bound.checked_add(step)).ok_or_else(bad),
        inclusive => integer(inclusive).map(Some).ok_or_else(bad),
    }
}

pub struct Range;

impl Command for Range {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.RANGE",
        syntax: "key min max [COUNT n]",
        summary: "Lists waiting and ready elements by timestamp: id, timestamp and payload",
        complexity: "O(log(N)+M) with M being the number of elements listed or ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let min = bound("min", call.args.required()?, 1)?;
        let max = bound("max", call.args.required()?, -1)?;
        let count = call.args.only_count()?;
        let count = count.unwrap_or(DEFAULT_COUNT);
        let mut key = keyspace::open_read::<Tsgen>(call.ctx, name);
        let value = keyspace::view(&mut key)?;
        let listed = match (value, min, max) {
            (Some(value), Some(min), Some(max)) => value.queue.range(min, max, count, call.now()),
            _ => Vec::new(),
        };
        call.ctx.reply_array(listed.len());
        for element in listed {
            call.ctx.reply_array(3);
            call.ctx.reply_bytes(element.id);
            call.ctx.reply_int(element.timestamp);
            call.ctx.reply_bytes(element.payload);
        }
        Ok(())
    }
}
