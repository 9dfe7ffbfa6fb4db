//! `TSGEN.IDLE`: tells replicas and the AOF which sources the timer has found silent. Clients cannot call it.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::tsgen::silence::IDLE;
use crate::tsgen::Tsgen;
use tsgen_engine::Settled;

pub struct Idle;

impl Command for Idle {
    const ROW: &'static Row = &Row { name: IDLE, syntax: "key name [name ...]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let sources: Vec<&[u8]> = call.args.required_rest()?.iter().map(|source| source.bytes()).collect();
        apply::<Tsgen>(call, name, &[], |queue, now| {
            Ok(Settled { count: 0, changed: queue.leave_out(&sources, now).changed })
        })
    }
}
