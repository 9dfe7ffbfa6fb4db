//! `F.ALTER`: changes options of a key, all that are given or none.

use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::gate_options;
use crate::delivery::keyspace;
use crate::delivery::options::{self, Given, KEYS};
use crate::delivery::replicate;
use crate::delivery::signals::Signals;
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::{Ctx, Str};
use std::marker::PhantomData;
use tsgen_engine::UnixMs;

const BEHIND: Fail = Fail::text(
    "ERR MAXDELIVERIES, BACKOFF and MAXBACKOFF cannot be changed while more than 10000 leases, delays and groups have ended by the old ones and are \
     not settled yet: the server is at it, try again",
);

/// Strides that ALTER sweeps before it asks to be tried again: together [`SWEEP_AT_MOST`](tsgen_engine::SWEEP_AT_MOST).
const STRIDES: usize = 10;

/// Sweeps some leases and delays that have ended, by the options as they are. No reply shows it.
fn catch_up<F: Family>(ctx: &Ctx, name: &Str, value: &mut StoredQueue<F>, now: UnixMs) {
    for _ in 0..STRIDES {
        if !value.queue.sweep_stride(now) {
            break;
        }
        replicate::sweep::<F>(ctx, name, now);
    }
    ctx.signal_modified(name);
}

pub struct Alter<F>(PhantomData<F>);

impl<F: Family> Command for Alter<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.alter.name,
        flags: "write getkeys-api",
        keys: KEYS,
        syntax: F::ALTER_SYNTAX,
        more_syntax: || gate_options::alter_syntax(F::gate_options()) + &options::syntax::<F>(),
        summary: "Changes options of a key, all of them or none; the kind of its gate is fixed",
        complexity: "O(1); if it changes options of retry, O(log(N)) for each lease and delay that ended since the last claim, of which there may be 10000",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let (mut change, mut rules, mut given) =
            (F::Change::default(), gate_options::Given::default(), Given::default());
        let ctx = call.ctx;
        call.args.options(|word, args| {
            Ok(F::change_option(&mut change, word, args)?
                || rules.read_change(F::gate_options(), F::FIXED, word, args)?
                || given.read::<F>(word, args, ctx, name)?)
        })?;
        F::check_names(&change, ctx)?;
        let mut key = keyspace::open_write::<F>(call.ctx, name)?;
        let value = key.value()?.ok_or(Fail::NO_KEY)?;
        let now = call.now();
        let options = given.over(value.queue.options().clone())?;
        let rules = rules.over(F::rules(&value.queue));
        F::check_change(&value.queue, &change, &rules, now)?;
        let flags = call.ctx.flags();
        let is_new = !flags.is_replicated() && !flags.is_loading();
        if is_new && value.queue.retries_otherwise(&options) && value.queue.is_behind(now) {
            catch_up::<F>(call.ctx, name, value, now);
            return Err(BEHIND);
        }
        let delivery_changed = value.queue.alter_delivery(options, now)?;
        let ready = value.queue.ready_count(now);
        let changed = F::change(&mut value.queue, change, rules, now)? || delivery_changed;
        let opened = (value.queue.ready_count(now) > ready).then_some(F::VERBS.ready.event);
        call.ctx.reply_simple(c"OK");
        if changed {
            call.replicate_timed(now);
            F::appeared(value, call.ctx.db(), name.bytes());
            // The timer finds out what there is to wait for under the new options.
            let opens_at = F::opens_by_clock(&value.queue).then_some(now);
            let signals = Signals::of_opening(call.ctx, name, value, || now, opens_at);
            drop(key);
            signals.send(call.ctx, name, [F::VERBS.alter.event].into_iter().chain(opened));
        }
        Ok(())
    }
}
