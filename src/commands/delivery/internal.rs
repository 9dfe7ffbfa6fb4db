//! `F.DROPREADY` and `F.SWEEP`: on replicas and in the AOF, what the timer did. Clients cannot call them.

use crate::args::in_range;
use crate::command::{Call, Command, Outcome, Row};
use crate::family::Family;
use std::marker::PhantomData;
use tsgen_engine::Settled;

/// The half of a sink's step that takes entries out of the key. It is told beside the XADDs, in one MULTI/EXEC.
pub struct DropReady<F>(PhantomData<F>);

impl<F: Family> Command for DropReady<F> {
    const ROW: &'static Row = &Row { name: F::VERBS.drop_ready.name, syntax: "key n", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let count = in_range("n", call.args.required()?, 0, i64::MAX)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        super::settle_with::<F>(call, name, &[F::VERBS.drop_ready.event], |queue, now| Ok(queue.drop_ready(count, now)))
    }
}

/// What time has ended, ended, because somebody waits for what comes of it.
pub struct Sweep<F>(PhantomData<F>);

impl<F: Family> Command for Sweep<F> {
    const ROW: &'static Row = &Row { name: F::VERBS.sweep.name, public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        super::settle_with::<F>(call, name, &[], |queue, now| {
            Ok(Settled { count: 0, changed: queue.sweep_stride(now) })
        })
    }
}
