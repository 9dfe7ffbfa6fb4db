//! `DEBOUNCE.GROUPS`: lists groups that are collecting. Answers as if everything due had fired, and stores nothing.

use crate::command::page::NamePage;
use crate::command::{Call, Command, Outcome, Row};
use crate::debounce::Debounce;
use crate::delivery::keyspace;

pub struct Groups;

impl Command for Groups {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.GROUPS",
        syntax: "key [COUNT n] [AFTER group]",
        summary: "Lists collecting groups, next to fire first: name, number of items, and when it fires",
        complexity: "O(log(N)) for each group listed, and O(1) for each that fires before AFTER",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let page = NamePage::parse(call)?;
        let now = call.now();
        let mut key = keyspace::open_read::<Debounce>(call.ctx, name);
        let value = keyspace::value(&mut key)?;
        let listed = value.map_or(Vec::new(), |value| value.queue.groups(page.after, page.count, now));
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
