//! `F.DROPREADY`: on replicas and in the AOF, the half of a sink's step that takes entries out of the key. It is told
//! beside the XADDs, in one MULTI/EXEC, and clients cannot call it.

use crate::args::in_range;
use crate::command::{Call, Command, Outcome, Row};
use crate::family::Family;
use std::marker::PhantomData;

pub struct DropReady<F>(PhantomData<F>);

impl<F: Family> Command for DropReady<F> {
    const ROW: &'static Row = &Row { name: F::VERBS.drop_ready.name, syntax: "key n", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let count = in_range("n", call.args.required()?, 1, i64::MAX)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        super::options::settle::<F>(call, name, F::VERBS.drop_ready, |queue, now| Ok(queue.drop_ready(count, now)))
    }
}
