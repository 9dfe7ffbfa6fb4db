//! `TALLY.MINCR`: adds several increments to the open window, all or none.

use crate::command::limits::check_name;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::tally::increment::{delta, finish, time, NOT_CREATED};
use crate::tally::Tally;
use tsgen_engine::Incremented;

pub struct Mincr;

impl Command for Mincr {
    const ROW: &'static Row = &Row {
        name: c"TALLY.MINCR",
        flags: "write deny-oom",
        syntax: "key field delta:integer [field delta:integer ...]",
        summary: "Adds to the sums of several fields, all or none; replies with these sums",
        complexity: "O(M) with M being the number of increments; O(N*log(N)) for each window that it seals",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let given = call.args.take_rest();
        if given.is_empty() || given.len() % 2 != 0 {
            return Err(Fail::Groups("each increment is a field and a delta"));
        }
        // There may be very many: beside the arguments, which Redis holds, only the numbers are kept.
        let mut deltas = Vec::with_capacity(given.len() / 2);
        for pair in given.chunks_exact(2) {
            check_name(call.ctx, "field", pair[0].bytes())?;
            deltas.push(delta(pair[1])?);
        }
        let increments = given.chunks_exact(2).zip(&deltas).map(|(pair, delta)| (pair[0].bytes(), *delta));
        let mut key = keyspace::open_write::<Tally>(call.ctx, name)?;
        let now = time(call, &mut key)?;
        let value = key.value()?.ok_or(NOT_CREATED)?;
        let Incremented { sum: sums, counted } = value.queue.mincr_each(increments, now)?;
        call.ctx.reply_array(sums.len());
        for sum in sums {
            call.ctx.reply_int(sum);
        }
        finish(call, name, key, now, counted)
    }
}
