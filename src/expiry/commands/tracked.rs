//! `EXPIRY.TRACKED`: lists the watched keys as this node sees them, next to expire first.

use crate::command::page::NamePage;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::keyspace;
use crate::expiry::endings;
use crate::expiry::judge;
use crate::expiry::Expiry;
use crate::redis::OwnedStr;

pub struct ListTracked;

impl Command for ListTracked {
    const ROW: &'static Row = &Row {
        name: c"EXPIRY.TRACKED",
        syntax: "key [COUNT n] [AFTER watched]",
        summary: "Lists watched keys that have a time to live, next to expire first, with their deadlines",
        complexity: "O(log(N)+M) with M being the number of keys listed",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let page = NamePage::parse(call)?;
        judge::look(call.ctx);
        let names: Vec<OwnedStr> = {
            let mut key = keyspace::open_read::<Expiry>(call.ctx, name);
            let value = keyspace::view(&mut key)?;
            let listed = value.map_or(Vec::new(), |value| value.queue.tracked(page.after, page.count));
            listed.iter().map(|tracked| OwnedStr::new(tracked.name)).collect()
        };
        // Not every change is told by an event, so each listed key is looked at.
        let listed: Vec<_> =
            names.iter().filter_map(|key| Some((key, endings::confirmed(call.ctx, name, key)?))).collect();
        call.ctx.reply_array(listed.len());
        for (key, deadline) in listed {
            call.ctx.reply_array(2);
            call.ctx.reply_bytes(key.bytes());
            call.ctx.reply_int(deadline.0);
        }
        Ok(())
    }
}
