//! `TALLY.INCR` and `MINCR`: increments of the open window. The hot path: one that finds its window open depends on no time, and
//! so is told to replicas as it came.

use crate::command::args::{check_name, integer};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Opened};
use crate::delivery::signals::Effects;
use crate::redis::Str;
use crate::tally::family::Tally;
use std::ffi::CStr;
use tsgen_engine::{Counted, UnixMs};

const EVENT: &CStr = c"tally.incr";
const NOT_CREATED: Fail = Fail::text("ERR no such key; TALLY.CREATE makes it");
const BAD_DELTA: Fail = Fail::text("ERR delta must be a signed 64-bit integer");

fn delta(text: &Str) -> Result<i64, Fail> {
    integer(text.bytes()).ok_or(BAD_DELTA)
}

/// The time of an increment. Who repeats a plain one, a replica or an AOF, is told that its window is open, whatever the clock
/// says there.
fn time(call: &Call<'_>, key: &mut Opened<'_, Tally>) -> Result<UnixMs, Fail> {
    let flags = call.ctx.flags();
    let repeats = !call.is_repetition() && (flags.is_replicated() || flags.is_loading());
    let queue = &key.value()?.ok_or(NOT_CREATED)?.queue;
    Ok(if repeats && queue.has_window() { UnixMs::EVER } else { call.now() })
}

/// Tells replicas and everybody what increments did.
fn tell(call: &Call<'_>, name: &Str, mut key: Opened<'_, Tally>, now: UnixMs, counted: Counted) -> Outcome {
    if counted.is_plain {
        call.replicate();
        drop(key);
        Effects::quiet(call.ctx, name).tell(call.ctx, name, [EVENT]);
        return Ok(());
    }
    call.replicate_timed(now);
    let Some(value) = key.value()? else { return Ok(()) };
    let effects = Effects::of(call.ctx, name, value, || now, counted.opened_until);
    drop(key);
    let ready = (counted.sealed > 0).then_some(Tally::VERBS.ready.event);
    effects.tell(call.ctx, name, [EVENT].into_iter().chain(ready));
    Ok(())
}

pub struct Incr;

impl Command for Incr {
    const ROW: &'static Row = &Row {
        name: c"TALLY.INCR",
        flags: "write deny-oom fast",
        syntax: "key field [delta:integer]",
        summary: "Adds to the sum of a field in the open window; replies with that sum",
        complexity: "O(1); O(N*log(N)) with N being the number of fields if it seals the window",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, field) = (call.args.required()?, call.args.required()?.bytes());
        check_name(call.ctx, "field", field)?;
        let delta = call.args.next().map_or(Ok(1), delta)?;
        if call.args.len() > 0 {
            return Err(Fail::Arity);
        }
        let mut key = keyspace::open::<Tally>(call.ctx, name)?;
        let now = time(call, &mut key)?;
        let value = key.value()?.ok_or(NOT_CREATED)?;
        let (sum, counted) = value.queue.incr(field, delta, now)?;
        call.ctx.reply_int(sum);
        tell(call, name, key, now, counted)
    }
}

pub struct Mincr;

impl Command for Mincr {
    const ROW: &'static Row = &Row {
        name: c"TALLY.MINCR",
        flags: "write deny-oom",
        syntax: "key field delta:integer [field delta:integer ...]",
        summary: "Adds to the sums of several fields, all or none; replies with these sums",
        complexity: "O(M*log(M)) with M being the number of increments; O(N*log(N)) for each window that it seals",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let given = call.args.take_rest();
        if given.is_empty() || given.len() % 2 != 0 {
            return Err(Fail::Groups("each increment is a field and a delta"));
        }
        let increments: Vec<(&[u8], i64)> = given
            .chunks_exact(2)
            .map(|pair| {
                check_name(call.ctx, "field", pair[0].bytes())?;
                Ok((pair[0].bytes(), delta(pair[1])?))
            })
            .collect::<Result<_, Fail>>()?;
        let mut key = keyspace::open::<Tally>(call.ctx, name)?;
        let now = time(call, &mut key)?;
        let value = key.value()?.ok_or(NOT_CREATED)?;
        let (sums, counted) = value.queue.mincr(&increments, now)?;
        call.ctx.reply_array(sums.len());
        for sum in sums {
            call.ctx.reply_int(sum);
        }
        tell(call, name, key, now, counted)
    }
}
