//! `F.SWEEP`: tells replicas and the AOF which sweep the timer did. Clients cannot call it.

use crate::command::args::in_range;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use std::marker::PhantomData;
use tsgen_engine::{Settled, MAX_COUNT};

/// Sweeps leases and delays that have ended, and fires what is due, as the timer of the master did.
pub struct Sweep<F>(PhantomData<F>);

impl<F: Family> Command for Sweep<F> {
    const ROW: &'static Row = &Row { name: F::VERBS.sweep.name, syntax: "key [n]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let wanted = call.args.next().map_or(Ok(0), |wanted| in_range("n", wanted, 0, MAX_COUNT as i64))?;
        let wanted = usize::try_from(wanted).unwrap_or(MAX_COUNT);
        apply::<F>(call, name, &[], |queue, now| Ok(Settled { count: 0, changed: queue.sweep_for(wanted, now) }))
    }
}
