//! `F.NACK`: gives back deliveries that have failed.

use crate::command::args::{is, set};
use crate::command::limits::check_name;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;
use tsgen_engine::Nack as How;

pub struct Nack<F>(PhantomData<F>);

impl<F: Family> Command for Nack<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.nack.name,
        syntax: "key token [token ...] [DELAY duration | DEAD] [REASON text]",
        summary:
            "Hands back failed deliveries: their entries are redelivered or become dead letters; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let tokens = call.args.tokens()?;
        let (mut delay, mut dead, mut reason) = (None, None, None);
        call.args.options(|word, args| {
            if is(word, "DELAY") {
                set(&mut delay, "DELAY", args.millis_of("DELAY", 0)?)?;
            } else if is(word, "DEAD") {
                set(&mut dead, "DEAD", ())?;
            } else if is(word, "REASON") {
                set(&mut reason, "REASON", args.value_of("REASON")?.bytes())?;
            } else {
                return Ok(false);
            }
            Ok(true)
        })?;
        if delay.is_some() && dead.is_some() {
            return Err(Fail::text("ERR DELAY and DEAD exclude each other"));
        }
        let reason = reason.unwrap_or_default();
        check_name(call.ctx, "REASON", reason)?;
        let how = How { delay, dead: dead.is_some(), reason };
        apply::<F>(call, name, &[F::VERBS.nack.event], |queue, now| queue.nack(tokens.as_slice(), &how, now))
    }
}
