//! `F.NACK` and `F.RELEASE`: deliveries that a worker gives back.

use crate::command::args::{check_name, check_sought, is, set, unknown_option};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use std::marker::PhantomData;
use tsgen_engine::Nack;

pub struct HandBack<F>(PhantomData<F>);

impl<F: Family> Command for HandBack<F> {
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
        while let Some(word) = call.args.next() {
            if is(word, "DELAY") {
                set(&mut delay, "DELAY", call.args.millis_of("DELAY", 0)?)?;
            } else if is(word, "DEAD") {
                set(&mut dead, "DEAD", ())?;
            } else if is(word, "REASON") {
                set(&mut reason, "REASON", call.args.value_of("REASON")?.bytes())?;
            } else {
                return Err(unknown_option(word));
            }
        }
        if delay.is_some() && dead.is_some() {
            return Err(Fail::text("ERR DELAY and DEAD exclude each other"));
        }
        let reason = reason.unwrap_or_default();
        check_name(call.ctx, "REASON", reason)?;
        let how = Nack { delay, dead: dead.is_some(), reason };
        crate::delivery::options::settle_with::<F>(call, name, &[F::VERBS.nack.event], |queue, now| {
            queue.nack(tokens.as_slice(), &how, now)
        })
    }
}

pub struct Release<F>(PhantomData<F>);

impl<F: Family> Command for Release<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.release.name,
        syntax: "key consumer",
        summary: "Hands back what a consumer holds, up to 10000 entries, ready at once and not counted as delivered; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, consumer) = (call.args.required()?, call.args.required()?.bytes());
        check_sought("consumer", consumer)?;
        crate::delivery::options::settle_with::<F>(call, name, &[F::VERBS.release.event], |queue, now| {
            Ok(queue.release(consumer, now))
        })
    }
}
