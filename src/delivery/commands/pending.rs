//! `F.PENDING` and `F.DEAD`: what is leased, and what is dead. Stores nothing.

use crate::command::args::{check_sought, is, set, unknown_option};
use crate::command::page::DEFAULT_COUNT;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::redis::Ctx;
use std::marker::PhantomData;
use tsgen_engine::{Delayed, MAX_TOKEN};

/// The options of a listing.
#[derive(Default)]
struct Page<'a> {
    consumer: Option<&'a [u8]>,
    count: Option<usize>,
    after: Option<u64>,
    delayed: Option<()>,
}

impl<'a> Page<'a> {
    fn parse(call: &mut Call<'a>, of_leases: bool) -> Result<Self, Fail> {
        let mut page = Page::default();
        while let Some(word) = call.args.next() {
            if is(word, "COUNT") {
                set(&mut page.count, "COUNT", call.args.count_of("COUNT")?)?;
            } else if is(word, "AFTER") {
                set(&mut page.after, "AFTER", call.args.number_of("AFTER", 0, MAX_TOKEN as i64)?.unsigned_abs())?;
            } else if of_leases && is(word, "DELAYED") {
                set(&mut page.delayed, "DELAYED", ())?;
            } else if of_leases && is(word, "CONSUMER") {
                set(&mut page.consumer, "CONSUMER", call.args.value_of("CONSUMER")?.bytes())?;
                check_sought("CONSUMER", page.consumer.unwrap_or_default())?;
            } else {
                return Err(unknown_option(word));
            }
        }
        if page.delayed.is_some() && (page.consumer.is_some() || page.after.is_some()) {
            return Err(Fail::text("ERR DELAYED excludes CONSUMER and AFTER"));
        }
        Ok(page)
    }

    fn count(&self) -> usize {
        self.count.unwrap_or(DEFAULT_COUNT)
    }
}

pub struct ListPending<F>(PhantomData<F>);

impl<F: Family> Command for ListPending<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.pending.name,
        syntax: "key [DELAYED] [CONSUMER consumer] [COUNT n] [AFTER token:integer]",
        summary: "Lists leased entries by token, or delayed ones: token, consumer, end of the lease or delay, deliveries and name",
        complexity: "O(log(N)+M) with M being the number of entries listed or ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let page = Page::parse(call, true)?;
        let (ctx, now) = (call.ctx, call.now());
        let mut key = keyspace::peek::<F>(ctx, name);
        let Some(value) = key.as_mut().map_or(Ok(None), |key| key.view())? else {
            ctx.reply_array(0);
            return Ok(());
        };
        if page.delayed.is_some() {
            reply_delayed(ctx, &value.queue.delayed(page.count(), now));
            return Ok(());
        }
        let listed = value.queue.pending(page.consumer, page.after, page.count(), now);
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

/// As leased entries are, with nobody who holds them.
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

pub struct ListDead<F>(PhantomData<F>);

impl<F: Family> Command for ListDead<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.dead.name,
        syntax: "key [COUNT n] [AFTER token:integer]",
        summary: "Lists dead letters by token: token, deliveries, name, time and reason of death",
        complexity: "O(log(N)+M) with M being the number of entries listed or ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let page = Page::parse(call, false)?;
        let (ctx, now) = (call.ctx, call.now());
        let mut key = keyspace::peek::<F>(ctx, name);
        let Some(value) = key.as_mut().map_or(Ok(None), |key| key.view())? else {
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
