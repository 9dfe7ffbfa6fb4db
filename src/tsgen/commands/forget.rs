//! `TSGEN.FORGET`: tells replicas and the AOF that the timer has forgotten ids that are over. Clients cannot call it.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::apply::apply;
use crate::tsgen::forgetting::FORGET;
use crate::tsgen::Tsgen;
use tsgen_engine::Settled;

pub struct Forget;

impl Command for Forget {
    const ROW: &'static Row = &Row { name: FORGET, syntax: "key", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        apply::<Tsgen>(call, name, &[], |queue, now| Ok(Settled { count: 0, changed: queue.forget_stride(now) }))
    }
}
