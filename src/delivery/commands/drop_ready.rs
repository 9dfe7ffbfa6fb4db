//! `F.DROPREADY`: tells replicas and the AOF which entries the sink took. Clients cannot call it.

use crate::command::args::in_range;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::apply::apply;
use crate::delivery::family::Family;
use crate::redis::Str;
use std::marker::PhantomData;
use tsgen_engine::{Place, Settled};

/// The half of a sink's step that takes entries out of the key. It is replicated beside the XADDs, in one MULTI/EXEC.
pub struct DropReady<F>(PhantomData<F>);

impl<F: Family> Command for DropReady<F> {
    const ROW: &'static Row =
        &Row { name: F::VERBS.drop_ready.name, syntax: "key n [place sequence ...]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let count = in_range("n", call.args.required()?, 0, i64::MAX)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let given = call.args.take_rest();
        if given.len() % 2 != 0 {
            return Err(Fail::Arity);
        }
        let place = |pair: &[&Str]| {
            let key = in_range("place", pair[0], i64::MIN, i64::MAX)?;
            Ok(Place { key, seq: in_range("sequence", pair[1], 0, i64::MAX)?.unsigned_abs() })
        };
        let places: Vec<Place> = given.chunks_exact(2).map(place).collect::<Result<_, Fail>>()?;
        apply::<F>(call, name, &[F::VERBS.drop_ready.event], |queue, now| {
            if places.is_empty() {
                return Ok(queue.drop_ready(count, now));
            }
            let count = queue.drop_taken(&places, now).count;
            Ok(Settled { count, changed: count > 0 })
        })
    }
}
