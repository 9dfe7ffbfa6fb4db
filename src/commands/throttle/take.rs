//! `THROTTLE.TAKE`: takes from a limit, if there is room. The one command that writers ask before they write.

use crate::args::{in_range, is, set, unknown_option, Args};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::effects::Effects;
use crate::redis::command::KeySpec;
use crate::redis::key::Key;
use crate::redis::Ctx;
use crate::throttle;
use std::ffi::CStr;
use tsgen_engine::{Rate, Taken, MAX_LIMIT};

const TAKE: &CStr = c"throttle.take";

pub struct Take;

impl Command for Take {
    const ROW: &'static Row = &Row {
        name: c"THROTTLE.TAKE",
        flags: "write deny-oom fast",
        // The reply tells how much is taken already.
        keys: &[KeySpec::ReadUpdate(1)],
        syntax: "key limit period [BURST n] [COST n]",
        summary: "Takes from a rate limit if there is room, and tells how much is left and when there will be more",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let (rate, cost) = parse(&mut call.args)?;
        let now = call.now();
        let mut key = Key::open_write(call.ctx, name).ok_or(Fail::NO_KEY)?;
        let mut value = throttle::find(&mut key)?.unwrap_or_default();
        let taken = value.take(&rate, cost, now);
        let changed = taken.allowed && cost > 0;
        if changed {
            throttle::store(&mut key, value)?;
            // An absolute time, made of the time of the call: the same on replicas and after the AOF was replayed.
            key.live_until(value.full_at().0);
            call.replicate_timed(now);
        }
        drop(key);
        reply(call.ctx, &rate, &taken);
        if changed {
            Effects::quiet(call.ctx, name).tell(call.ctx, name, [TAKE]);
        }
        Ok(())
    }
}

fn parse(args: &mut Args<'_>) -> Result<(Rate, u64), Fail> {
    let most = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let limit = in_range("limit", args.required()?, 1, most(MAX_LIMIT))?.unsigned_abs();
    let period = args.required_millis("period", 1)?;
    let (mut burst, mut cost) = (None, None);
    while let Some(word) = args.next() {
        if is(word, "BURST") {
            set(&mut burst, "BURST", args.value_of("BURST")?)?;
        } else if is(word, "COST") {
            set(&mut cost, "COST", args.value_of("COST")?)?;
        } else {
            return Err(unknown_option(word));
        }
    }
    let burst = match burst {
        Some(text) => in_range("BURST", text, 1, most(Rate::most_burst(limit, period)))?.unsigned_abs(),
        None => limit,
    };
    // More than fits at once would be refused for ever, and a client that waits and tries again would never learn why.
    let cost = match cost {
        Some(text) => in_range("COST", text, 0, most(burst))?.unsigned_abs(),
        None => 1,
    };
    Ok((Rate::new(limit, period, burst)?, cost))
}

fn reply(ctx: &Ctx, rate: &Rate, taken: &Taken) {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    ctx.reply_array(5);
    ctx.reply_int(i64::from(taken.allowed));
    ctx.reply_int(number(rate.limit()));
    ctx.reply_int(number(taken.remaining));
    ctx.reply_int(taken.retry_after.map_or(-1, |retry_after| number(retry_after.0)));
    ctx.reply_int(number(taken.reset_after.0));
}
