//! `F.EXTEND`: gives a new lease to deliveries that a worker still holds.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;

pub struct Extend<F>(PhantomData<F>);

impl<F: Family> Command for Extend<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.extend.name,
        flags: "write fast",
        syntax: "key lease token [token ...]",
        summary: "Gives deliveries a new lease from now on; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let lease = call.args.required_millis("lease", 1)?;
        let tokens = call.args.only_tokens()?;
        apply::<F>(call, name, &[F::VERBS.extend.event], |queue, now| queue.extend(tokens.as_slice(), lease, now))
    }
}
