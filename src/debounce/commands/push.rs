//! `DEBOUNCE.PUSH`: adds items to one group, whose quiet time starts anew. The hot path.

use crate::command::limits::{check_name, check_payload};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::debounce::Debounce;
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::replicate;
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
        let mut new = None;
        let pushed = match key.value()? {
            Some(value) => value.queue.push(group, items, now)?,
            None => {
                // A PUSH that is refused is refused before the key is made.
                let mut value = keyspace::by_default::<Debounce>(now)?;
                let pushed = value.queue.push(group, items, now)?;
                new = Some(value);
                pushed
            }
        };
        let created = new.is_some();
        if let Some(value) = new {
            let value = key.create(value)?;
            replicate::creation(call.ctx, name, value, now);
        }
        let Some(value) = key.value()? else { return Ok(()) };
        call.ctx.reply_int(i64::try_from(pushed.collecting).unwrap_or(i64::MAX));
        call.replicate_timed(now);
        let signals = Signals::of(call.ctx, name, value, || now, pushed.fires_at);
        drop(key);
        let create = created.then_some(Debounce::VERBS.create.event);
        let opened = (pushed.filled > 0).then_some(Debounce::VERBS.ready.event);
        signals.send(call.ctx, name, create.into_iter().chain([EVENT]).chain(opened));
        Ok(())
    }
}
