//! `THROTTLE.LOAD`: rebuilds a key from a rewritten AOF; the time to live comes after it, from Redis.

use crate::command::args::{is, unknown_option};
use crate::command::caller::check_caller;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::redis::key::Key;
use crate::throttle;
use tsgen_engine::Throttle;

pub struct Load;

impl Command for Load {
    const ROW: &'static Row = &Row {
        name: throttle::LOAD,
        // A value is one chunk, so there is no MORE.
        syntax: "key LAST|DAMAGED chunk",
        summary: "Rebuilds a key; only a rewritten AOF uses it",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, word, chunk) = (call.args.required()?, call.args.required()?, call.args.required()?);
        check_caller(call.ctx)?;
        let is_damaged = is(word, "DAMAGED");
        if !is_damaged && !is(word, "LAST") {
            return Err(unknown_option(word));
        }
        let mut key = Key::open_write(call.ctx, name).ok_or(Fail::NO_KEY)?;
        if is_damaged {
            if key.is_empty() {
                throttle::store(&mut key, Throttle::default())?;
            }
            key.damage();
        } else if key.is_empty() {
            throttle::store(&mut key, Throttle::load(chunk.bytes())?.throttle)?;
        } else {
            return Err(Fail::BUSY_KEY);
        }
        drop(key);
        call.ctx.signal_modified(name);
        call.replicate();
        call.ctx.reply_simple(c"OK");
        Ok(())
    }
}
