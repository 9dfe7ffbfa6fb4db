//! `DEBOUNCE.GET`: shows one group. Answers as if everything due had fired, and stores nothing.

use crate::command::{Call, Command, Outcome, Row};
use crate::debounce::items::reply_items;
use crate::debounce::Debounce;
use crate::delivery::keyspace;

pub struct Get;

impl Command for Get {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.GET",
        flags: "readonly",
        syntax: "key group",
        summary: "Returns when a collecting group fires, and its items so far",
        complexity: "O(N) with N being the number of items",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, group) = (call.args.required()?, call.args.required()?.bytes());
        let mut key = keyspace::open_read::<Debounce>(call.ctx, name);
        let value = keyspace::view(&mut key)?;
        match value.and_then(|value| value.queue.collecting(group, call.now())) {
            None => call.ctx.reply_null(),
            Some(group) => {
                call.ctx.reply_array(2);
                call.ctx.reply_int(group.fires_at.0);
                reply_items(call.ctx, &group.items);
            }
        }
        Ok(())
    }
}
