//! `F.DEAD`: lists dead letters. Changes nothing.

use crate::command::page::TokenPage;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use std::marker::PhantomData;

pub struct Dead<F>(PhantomData<F>);

impl<F: Family> Command for Dead<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.dead.name,
        syntax: "key [COUNT n] [AFTER token:integer]",
        summary: "Lists dead letters by token: token, deliveries, name, time and reason of death",
        complexity: "O(log(N)+M) with M being the number of entries listed or ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let page = TokenPage::parse(call)?;
        let (ctx, now) = (call.ctx, call.now());
        let mut key = keyspace::open_read::<F>(ctx, name);
        let Some(value) = keyspace::view(&mut key)? else {
            ctx.reply_array(0);
            return Ok(());
        };
        let listed = value.queue.dead(page.after, page.count(), now);
        ctx.reply_array(listed.len());
        for entry in listed {
            ctx.reply_array(5);
            ctx.reply_int(entry.token as i64);
            ctx.reply_int(i64::from(entry.deliveries));
            ctx.reply_bytes(entry.name);
            ctx.reply_int(entry.died_at.0);
            ctx.reply_bytes(entry.reason);
        }
        Ok(())
    }
}
