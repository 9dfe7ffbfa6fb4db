//! `EXPIRY.FIRE`: tells replicas and the AOF of the end of a watched key. Clients cannot call it.

use crate::command::args::in_range;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use crate::expiry::endings::{ending_of, FIRE};
use crate::expiry::values::value_named;
use crate::expiry::Expiry;
use tsgen_engine::UnixMs;

/// The life of a key has ended: its entry is made.
pub struct Fire;

impl Command for Fire {
    const ROW: &'static Row =
        &Row { name: FIRE, syntax: "key watched deadline reason [type [value]]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, watched) = (call.args.required()?, call.args.required()?);
        let deadline = UnixMs(in_range("deadline", call.args.required()?, i64::MIN, i64::MAX)?);
        let ending = ending_of(call.args.required()?).ok_or(Fail::text("ERR reason must be expired or evicted"))?;
        let value = value_named(call)?;
        let mut key = keyspace::open_write::<Expiry>(call.ctx, name)?;
        let Some(queue) = key.value()? else {
            call.ctx.reply_int(0);
            return Ok(());
        };
        queue.queue.expire(watched.bytes(), deadline, ending, value)?;
        call.ctx.reply_int(1);
        call.replicate();
        let now = call.now();
        let signals = Signals::of(call.ctx, name, queue, || now);
        drop(key);
        signals.send(call.ctx, name, [Expiry::VERBS.ready.event]);
        Ok(())
    }
}
