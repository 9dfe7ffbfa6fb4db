//! `THROTTLE.TAKE`: takes from a limit, if there is room. The one command that writers ask before they write.

use crate::command::args::{in_range, is, set};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::redis::command::KeySpec;
use crate::redis::ctx::{unix_ms, unix_us};
use crate::redis::key::Key;
use crate::redis::{Ctx, OwnedStr};
use crate::throttle;
use std::ffi::CStr;
use tsgen_engine::{Moment, Rate, Taken, UnixMs, MAX_LIMIT};

const TAKE: &CStr = c"throttle.take";

/// The word before the microseconds in the time of a repetition. Clients cannot send it and need not know it.
const MICROS: &str = "MICROS";

pub struct Take;

impl Command for Take {
    const ROW: &'static Row = &Row {
        name: c"THROTTLE.TAKE",
        flags: "write deny-oom fast",
        // Read access is needed, too, because the reply tells how much is taken already.
        keys: &[KeySpec::ReadUpdate(1)],
        syntax: "key limit period [BURST n] [COST n]",
        summary: "Takes from a rate limit if there is room, and tells how much is left and when there will be more",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let Wanted { rate, cost, us } = parse(call)?;
        let now = match us {
            Some(us) => Moment { ms: call.now(), us },
            None if call.is_repetition() => call.now().into(),
            None => Moment::of_unix_us(unix_us()),
        };
        let mut key = Key::open_write(call.ctx, name).ok_or(Fail::NO_KEY)?;
        let mut value = throttle::find(&mut key)?.unwrap_or_default();
        let taken = value.take(&rate, cost, now);
        let changed = taken.allowed && cost > 0;
        if changed {
            throttle::store(&mut key, value)?;
            if is_over(call, now.ms) {
                // The time of a virtual clock is no time of Redis's: the key would be gone at once, and nothing would ever be limited.
                key.live_for_ever();
                call.replicate_timed(now.ms);
                call.ctx.replicate_native(c"PERSIST", &[name]);
            } else {
                // The time is absolute and computed from the time of the call, so it is the same on replicas and after a replay of the AOF.
                key.live_until(value.full_at().0);
                replicate(call, now);
            }
        }
        drop(key);
        reply(call.ctx, &rate, &taken);
        if changed {
            call.ctx.signal_modified(name);
            call.ctx.notify(TAKE, name);
        }
        Ok(())
    }
}

/// Whether a client has named a time that is over. (The time of a repetition from a master or an AOF may be over; that does not count.)
fn is_over(call: &Call<'_>, at: UnixMs) -> bool {
    let flags = call.ctx.flags();
    call.is_repetition() && !flags.is_replicated() && !flags.is_loading() && at.0 < unix_ms()
}

/// Replicates a take with its time in milliseconds, and the microseconds beyond that.
fn replicate(call: &Call<'_>, now: Moment) {
    if call.is_repetition() {
        return call.replicate_timed(now.ms);
    }
    let (word, us) = (OwnedStr::new(MICROS.as_bytes()), OwnedStr::number(i64::from(now.us)));
    call.replicate_timed_with(now.ms, &[&word, &us]);
}

/// What a take asks for.
struct Wanted {
    rate: Rate,
    cost: u64,
    /// In a repetition: the microseconds of its time.
    us: Option<u16>,
}

fn parse(call: &mut Call<'_>) -> Result<Wanted, Fail> {
    let (is_repetition, args) = (call.is_repetition(), &mut call.args);
    let most = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let limit = in_range("limit", args.required()?, 1, most(MAX_LIMIT))?.unsigned_abs();
    let period = args.required_millis("period", 1)?;
    let (mut burst, mut cost, mut us) = (None, None, None);
    args.options(|word, args| {
        if is(word, "BURST") {
            set(&mut burst, "BURST", args.value_of("BURST")?)?;
        } else if is(word, "COST") {
            set(&mut cost, "COST", args.value_of("COST")?)?;
        } else if is_repetition && is(word, MICROS) {
            set(&mut us, MICROS, args.number_of(MICROS, 0, 999)?)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    })?;
    let burst = match burst {
        Some(text) => in_range("BURST", text, 1, most(Rate::most_burst(limit, period)))?.unsigned_abs(),
        None => limit,
    };
    // A cost that never fits at once would be refused for ever, and a client that waits and tries again would never learn why.
    let cost = match cost {
        Some(text) => in_range("COST", text, 0, most(burst))?.unsigned_abs(),
        None => 1,
    };
    let us = us.and_then(|us| u16::try_from(us).ok());
    Ok(Wanted { rate: Rate::new(limit, period, burst)?, cost, us })
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
