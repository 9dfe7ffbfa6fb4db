//! `F.REQUEUE`: makes dead letters ready again.

use crate::command::tokens::Selection;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;

pub struct Requeue<F>(PhantomData<F>);

impl<F: Family> Command for Requeue<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.requeue.name,
        syntax: "key (ALL [COUNT n] | token [token ...])",
        summary: "Gives dead letters their old place back, with no deliveries counted; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let selection = Selection::parse(call)?;
        apply::<F>(call, name, &[F::VERBS.requeue.event], |queue, now| queue.requeue(selection.which(), now))
    }
}
