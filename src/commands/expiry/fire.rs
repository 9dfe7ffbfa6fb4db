//! `EXPIRY.FIRE` and `EXPIRY.EVICT`: on replicas and in the AOF, what the master saw of watched keys. Clients cannot call them.

use crate::args::{in_range, is};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::copies::type_of;
use crate::effects::Effects;
use crate::expiry::Expiry;
use crate::family::Family;
use crate::keyspace;
use crate::redis::Str;
use crate::tracking::{ending_name, expect_owed, EVICT, FIRE};
use tsgen_engine::{Ending, UnixMs};

/// The life of a key has ended.
pub struct Fire;

impl Command for Fire {
    const ROW: &'static Row =
        &Row { name: FIRE, syntax: "key watched deadline reason [type [value]]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, watched) = (call.args.required()?, call.args.required()?);
        let deadline = UnixMs(in_range("deadline", call.args.required()?, i64::MIN, i64::MAX)?);
        let reason = call.args.required()?;
        let ending = [Ending::Expired, Ending::Evicted].into_iter().find(|ending| is(reason, ending_name(*ending)));
        let ending = ending.ok_or(Fail::text("ERR reason must be expired or evicted"))?;
        let kind = match call.args.next() {
            Some(kind) => Some(type_of(kind).ok_or(Fail::text("ERR type must be that of a key"))?),
            None => None,
        };
        let value = kind.map(|kind| (kind, call.args.next().map(Str::bytes)));
        let mut key = keyspace::open::<Expiry>(call.ctx, name)?;
        let Some(queue) = key.value()? else {
            call.ctx.reply_int(0);
            return Ok(());
        };
        queue.queue.expire(watched.bytes(), deadline, ending, value)?;
        call.ctx.reply_int(1);
        call.replicate();
        let now = call.now();
        let effects = Effects::of(call.ctx, name, queue, || now, None);
        drop(key);
        effects.tell(call.ctx, name, [Expiry::VERBS.ready.event]);
        Ok(())
    }
}

/// A key was thrown out before its deadline, which stands.
pub struct Evict;

impl Command for Evict {
    const ROW: &'static Row = &Row { name: EVICT, syntax: "key watched deadline", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, watched) = (call.args.required()?, call.args.required()?.bytes());
        let deadline = UnixMs(in_range("deadline", call.args.required()?, 0, i64::MAX)?);
        // The deletion that came with it was seen first.
        crate::seen::look(call.ctx, false);
        let mut key = keyspace::open::<Expiry>(call.ctx, name)?;
        if let Some(value) = key.value()? {
            value.queue.track(watched, deadline);
            value.queue.note_evicted(watched);
            expect_owed();
            value.schedule(call.ctx.db(), name.bytes(), deadline);
        }
        call.ctx.reply_int(1);
        call.replicate();
        Ok(())
    }
}
