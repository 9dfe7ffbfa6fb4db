//! `F.CREATE`: makes a key with other options than the defaults.

use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::gate_options;
use crate::delivery::keyspace;
use crate::delivery::options::{self, Given, KEYS};
use crate::delivery::persistence::arrive;
use crate::delivery::replicate;
use crate::delivery::signals::Signals;
use crate::delivery::stored_queue::{seed, StoredQueue};
use std::marker::PhantomData;
use tsgen_engine::UnixMs;

pub struct Create<F>(PhantomData<F>);

impl<F: Family> Command for Create<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.create.name,
        flags: "write deny-oom fast getkeys-api",
        keys: KEYS,
        syntax: F::CREATE_SYNTAX,
        more_syntax: || gate_options::create_syntax(F::gate_options()) + &options::syntax::<F>(),
        summary: F::CREATE_SUMMARY,
        complexity: F::CREATE_COMPLEXITY,
        explains: F::CREATE_EXPLAINS,
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let (mut plan, mut rules, mut given) = (F::Plan::default(), gate_options::Given::default(), Given::default());
        let ctx = call.ctx;
        let unknown = call.args.options_until(|word, args| {
            Ok(F::plan_option(&mut plan, word, args, ctx)?
                || rules.read(F::gate_options(), word, args)?
                || given.read::<F>(word, args, ctx, name)?)
        })?;
        if let Some(word) = unknown {
            return Err(F::unknown_option(&plan, word));
        }
        let options = given.over(options::defaults::<F>())?;
        let mut key = keyspace::open_write::<F>(call.ctx, name)?;
        if !key.is_empty() {
            return Err(Fail::BUSY_KEY);
        }
        let now = call.now();
        let mut queue = F::create(plan, rules.over(options::first_rules::<F>()), options, seed())?;
        F::created(&mut queue, now);
        // A CREATE from the master or a file does not tell which openings of the gate were announced already.
        let flags = call.ctx.flags();
        let announced = if flags.is_loading() || flags.is_replicated() { UnixMs(i64::MIN) } else { now };
        let value = key.create(StoredQueue::<F>::new(queue, announced))?;
        arrive(value, call.ctx.db(), name);
        replicate::creation(call.ctx, name, value, now);
        call.ctx.reply_simple(c"OK");
        let signals = Signals::of(call.ctx, name, value, || now);
        drop(key);
        signals.send(call.ctx, name, [F::VERBS.create.event]);
        Ok(())
    }
}
