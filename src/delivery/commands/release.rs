//! `F.RELEASE`: gives back undone the entries that a consumer holds.

use crate::command::limits::check_sought;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;

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
        apply::<F>(call, name, &[F::VERBS.release.event], |queue, now| Ok(queue.release(consumer, now)))
    }
}
