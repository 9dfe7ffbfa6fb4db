//! `F.PROMOTE`: makes delayed entries ready at once.

use crate::command::tokens::Selection;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;

pub struct Promote<F>(PhantomData<F>);

impl<F: Family> Command for Promote<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.promote.name,
        syntax: "key (ALL [COUNT n] | token [token ...])",
        summary: "Ends the delays of entries: they are ready at once; replies with how many",
        complexity: "O(log(N)) for each entry, and for each lease and delay that ended before, up to 10000",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let selection = Selection::parse(call)?;
        apply::<F>(call, name, &[F::VERBS.promote.event], |queue, now| queue.promote(selection.which(), now))
    }
}
