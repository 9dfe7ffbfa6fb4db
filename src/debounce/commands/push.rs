//! `DEBOUNCE.PUSH`: adds items to one group, whose quiet time starts anew. The hot path.

use crate::command::limits::{check_name, check_payload};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::debounce::Debounce;
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Written};
use crate::delivery::signals::Signals;
use std::ffi::CStr;

const EVENT: &CStr = c"debounce.push";

pub struct Push;

impl Command for Push {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.PUSH",
        flags: "write deny-oom fast",
        syntax: "key group item [item ...]",
        summary: "Adds items to a group and restarts its idle timeout; replies with the number of items collecting",
        complexity: "O(1) for each item, O(log(N)) if a group begins or fires",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, group) = (call.args.required()?, call.args.required()?.bytes());
        check_name(call.ctx, "group", group)?;
        let items = call.args.take_rest();
        if items.is_empty() {
            return Err(Fail::Arity);
        }
        for item in items {
            check_payload(call.ctx, "item", item.bytes())?;
        }
        let now = call.now();
        let mut key = keyspace::open_write::<Debounce>(call.ctx, name)?;
        let written = key.open_or_create(call.ctx, name, || now, |queue| Ok(Some(queue.push(group, items, now)?)))?;
        let Some(Written { value, answer: pushed, created_event }) = written else { return Ok(()) };
        call.ctx.reply_int(i64::try_from(pushed.collecting).unwrap_or(i64::MAX));
        call.replicate_timed(now);
        let signals = Signals::of_opening(call.ctx, name, value, || now, pushed.fires_at);
        drop(key);
        let opened = (pushed.filled > 0).then_some(Debounce::VERBS.ready.event);
        signals.send(call.ctx, name, created_event.into_iter().chain([EVENT]).chain(opened));
        Ok(())
    }
}
