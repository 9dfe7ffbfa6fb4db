//! `F.DISCARD`: drops dead letters for good.

use crate::command::tokens::Selection;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;

pub struct Discard<F>(PhantomData<F>);

impl<F: Family> Command for Discard<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.discard.name,
        syntax: "key (ALL [COUNT n] | token [token ...])",
        summary: "Removes dead letters for good; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let selection = Selection::parse(call)?;
        apply::<F>(call, name, &[F::VERBS.discard.event], |queue, now| queue.discard(selection.which(), now))
    }
}
