//! `DEBOUNCE.GET` and `GROUPS`: answer as if everything due had fired, and store nothing.

use crate::args::{check_name, is, set, unknown_option};
use crate::command::{Call, Command, Outcome, Row};
use crate::debounce::{reply_items, Debounce};
use crate::keyspace;

const DEFAULT_COUNT: usize = 100;

pub struct Get;

impl Command for Get {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.GET",
        flags: "readonly",
        syntax: "key group",
        summary: "When a collecting group fires, and its items so far",
        complexity: "O(N) with N being the number of items",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, group) = (call.args.required()?, call.args.required()?.bytes());
        let mut key = keyspace::peek::<Debounce>(call.ctx, name);
        let value = key.as_mut().map_or(Ok(None), |key| key.value())?;
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

pub struct Groups;

impl Command for Groups {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.GROUPS",
        syntax: "key [COUNT n] [AFTER group]",
        summary: "Lists collecting groups, next to fire first: name, number of items, and when it fires",
        complexity: "O(M*log(N)) with M being the number of groups listed, and O(N) for those before AFTER",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let (mut count, mut after) = (None, None);
        while let Some(word) = call.args.next() {
            if is(word, "COUNT") {
                set(&mut count, "COUNT", call.args.count_of("COUNT")?)?;
            } else if is(word, "AFTER") {
                set(&mut after, "AFTER", call.args.value_of("AFTER")?.bytes())?;
                check_name(call.ctx, "AFTER", after.unwrap_or_default())?;
            } else {
                return Err(unknown_option(word));
            }
        }
        let now = call.now();
        let mut key = keyspace::peek::<Debounce>(call.ctx, name);
        let value = key.as_mut().map_or(Ok(None), |key| key.value())?;
        let listed = value.map_or(Vec::new(), |value| value.queue.groups(after, count.unwrap_or(DEFAULT_COUNT), now));
        call.ctx.reply_array(listed.len());
        for group in listed {
            call.ctx.reply_array(3);
            call.ctx.reply_bytes(group.name);
            call.ctx.reply_int(i64::try_from(group.items).unwrap_or(i64::MAX));
            call.ctx.reply_int(group.fires_at.0);
        }
        Ok(())
    }
}
