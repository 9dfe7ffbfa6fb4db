//! `F.ACK`: settles deliveries whose work is done.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::acknowledge::acknowledge;
use crate::delivery::family::Family;
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
        let count = acknowledge::<F>(call.ctx, name, &tokens, || call.replicate(), || call.now())?;
        call.ctx.reply_int(count as i64);
        Ok(())
    }
}
