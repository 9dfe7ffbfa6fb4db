//! `F.INFO`: shows the state of a key, and all its options.

use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::options::{yes_or_no, Setting, OPTIONS};
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::Ctx;
use std::ffi::CStr;
use std::marker::PhantomData;
use tsgen_engine::{GroupCounts, Stats};

pub struct Info<F>(PhantomData<F>);

impl<F: Family> Command for Info<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.info.name,
        summary: "Returns the gate, counts, ages, totals and options of a key",
        complexity: "O(log(N)), and O(M) with M being the number of leases and delays that ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let (ctx, now) = (call.ctx, call.now());
        let mut key = keyspace::open_read::<F>(ctx, name).ok_or(Fail::NO_KEY)?;
        let value = key.value()?.ok_or(Fail::NO_KEY)?;
        let stats = value.queue.stats(now);
        let last = F::last_fields(&value.queue);
        ctx.reply_map(F::GATE_FIELDS + COUNTS + OPTIONS.len() + last.len());
        F::reply_gate_fields(ctx, &value.queue, now);
        reply_counts(ctx, F::BEFORE_READY, &stats, value.queue.group_counts(), value.sink_errors);
        reply_options(ctx, value);
        for (name, number) in last {
            ctx.reply_bytes(name.as_bytes());
            ctx.reply_int(i64::try_from(number).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

const COUNTS: usize = 16;

fn reply_counts(ctx: &Ctx, before_ready: &CStr, stats: &Stats, groups: GroupCounts, sink_errors: u64) {
    let age = |age: Option<tsgen_engine::Millis>| age.map(|age| age.0 as i64);
    let fields: [(&str, Option<i64>); COUNTS] = [
        (before_ready.to_str().unwrap_or_default(), Some(stats.waiting as i64)),
        ("ready", Some(stats.ready as i64)),
        ("leased", Some(stats.leased as i64)),
        ("delayed", Some(stats.delayed as i64)),
        ("dead", Some(stats.dead as i64)),
        ("oldest-ready-age", age(stats.oldest_ready_age)),
        ("oldest-lease-age", age(stats.oldest_lease_age)),
        ("next-deadline", stats.next_deadline.map(|at| at.0)),
        ("delivered", Some(stats.totals.delivered as i64)),
        ("redelivered", Some(stats.totals.redelivered as i64)),
        ("acked", Some(stats.totals.acked as i64)),
        ("died", Some(stats.totals.died as i64)),
        ("late-arrivals", Some(stats.totals.late as i64)),
        ("sink-errors", Some(sink_errors as i64)),
        ("groups", Some(groups.groups as i64)),
        ("groups-at-limit", Some(groups.at_limit as i64)),
    ];
    for (name, value) in fields {
        ctx.reply_bytes(name.as_bytes());
        ctx.reply_optional_int(value);
    }
}

fn reply_options<F: Family>(ctx: &Ctx, value: &StoredQueue<F>) {
    for option in &OPTIONS {
        ctx.reply_bytes(option.field.as_bytes());
        match (option.get)(value.queue.options()) {
            Setting::Number(number) => ctx.reply_int(number as i64),
            Setting::Name(name) => ctx.reply_bytes(name),
            Setting::Switch(is_on) => ctx.reply_bytes(yes_or_no(is_on)),
        }
    }
}
