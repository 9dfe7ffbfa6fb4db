//! `F.ACK`: settles deliveries whose work is done.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use std::marker::PhantomData;

pub struct Ack<F>(PhantomData<F>);

impl<F: Family> Command for Ack<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.ack.name,
        flags: "write fast",
        syntax: "key token [token ...]",
        summary: "Acknowledges deliveries: their entries are gone; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let tokens = call.args.only_tokens()?;
        let mut key = keyspace::open_write::<F>(call.ctx, name)?;
        let Some(value) = key.value()? else {
            call.ctx.reply_int(0);
            return Ok(());
        };
        let settled = value.queue.ack(tokens.as_slice())?;
        call.ctx.reply_int(settled.count as i64);
        if settled.changed {
            call.replicate();
            let signals = Signals::of_leaving(call.ctx, name, value, || call.now());
            drop(key);
            signals.send(call.ctx, name, [F::VERBS.ack.event]);
        }
        Ok(())
    }
}
