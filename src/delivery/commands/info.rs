//! `F.INFO`: shows the state of a key, and all its options.

use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::fields::{reply, Field, Shown};
use crate::delivery::keyspace;
use crate::delivery::options::OPTIONS;
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
        let mut fields = F::gate_fields(&value.queue, now);
        fields.extend(counts(F::BEFORE_READY, &stats, value.queue.group_counts(), value.sink_errors));
        fields.extend(OPTIONS.iter().map(|option| option.shown(value.queue.options())));
        fields.extend(F::last_fields(&value.queue));
        reply(ctx, &fields);
        Ok(())
    }
}

fn counts<'a>(
    before_ready: &'a CStr,
    stats: &Stats,
    groups: GroupCounts,
    sink_errors: u64,
) -> impl Iterator<Item = Field<'a>> {
    let age = |age: Option<tsgen_engine::Millis>| age.map(|age| age.0 as i64);
    let fields = [
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
    fields.into_iter().map(|(name, value)| Field(name, Shown::optional(value)))
}
