//! `F.PENDING`: lists leased entries, or delayed ones. Changes nothing.

use crate::command::args::{is, set};
use crate::command::limits::check_sought;
use crate::command::page::TokenPage;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::redis::Ctx;
use std::marker::PhantomData;
use tsgen_engine::Delayed;

/// What a client asks for.
#[derive(Default)]
struct Options<'a> {
    page: TokenPage,
    consumer: Option<&'a [u8]>,
    delayed: Option<()>,
}

fn parse<'a>(call: &mut Call<'a>) -> Result<Options<'a>, Fail> {
    let mut options = Options::default();
    call.args.options(|word, args| {
        if is(word, "DELAYED") {
            set(&mut options.delayed, "DELAYED", ())?;
        } else if is(word, "CONSUMER") {
            set(&mut options.consumer, "CONSUMER", args.value_of("CONSUMER")?.bytes())?;
            check_sought("CONSUMER", options.consumer.unwrap_or_default())?;
        } else {
            return options.page.read(word, args);
        }
        Ok(true)
    })?;
    if options.delayed.is_some() && (options.consumer.is_some() || options.page.after.is_some()) {
        return Err(Fail::text("ERR DELAYED excludes CONSUMER and AFTER"));
    }
    Ok(options)
}

pub struct Pending<F>(PhantomData<F>);

impl<F: Family> Command for Pending<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.pending.name,
        syntax: "key [DELAYED] [CONSUMER consumer] [COUNT n] [AFTER token:integer]",
        summary: "Lists leased entries by token, or delayed ones: token, consumer, end of the lease or delay, deliveries and name",
        complexity: "O(log(N)+M) with M being the number of entries listed or ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let options = parse(call)?;
        let (ctx, now) = (call.ctx, call.now());
        let mut key = keyspace::open_read::<F>(ctx, name);
        let Some(value) = keyspace::view(&mut key)? else {
            ctx.reply_array(0);
            return Ok(());
        };
        if options.delayed.is_some() {
            reply_delayed(ctx, &value.queue.delayed(options.page.count(), now));
            return Ok(());
        }
        let listed = value.queue.pending(options.consumer, options.page.after, options.page.count(), now);
        ctx.reply_array(listed.len());
        for entry in listed {
            ctx.reply_array(5);
            ctx.reply_int(entry.token as i64);
            ctx.reply_bytes(entry.consumer);
            ctx.reply_int(entry.lease_ends_at.0);
            ctx.reply_int(i64::from(entry.deliveries));
            ctx.reply_bytes(entry.name);
        }
        Ok(())
    }
}

/// Replies as for leased entries, with null for the consumer.
fn reply_delayed(ctx: &Ctx, listed: &[Delayed<'_>]) {
    ctx.reply_array(listed.len());
    for entry in listed {
        ctx.reply_array(5);
        ctx.reply_optional_int(entry.token.map(|token| token as i64));
        ctx.reply_null();
        ctx.reply_int(entry.until.0);
        ctx.reply_int(i64::from(entry.deliveries));
        ctx.reply_bytes(entry.name);
    }
}
