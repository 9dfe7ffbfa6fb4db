//! `EXPIRY.FIRE`, `EXPIRY.EVICT` and `EXPIRY.ENDS`: on replicas and in the AOF, what the master saw of watched keys. Clients cannot call them.

use crate::command::args::{in_range, is};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use crate::expiry::copies;
use crate::expiry::copies::type_of;
use crate::expiry::lifetime::{life_in_passing, Life};
use crate::expiry::sightings;
use crate::expiry::watcher;
use crate::expiry::watcher::{ending_name, expect_owed, DELETED, ENDS, EVICT, FIRE};
use crate::expiry::Expiry;
use crate::redis::Str;
use tsgen_engine::{Copied, Ending, UnixMs};

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
        let value = value(call)?;
        let mut key = keyspace::open_write::<Expiry>(call.ctx, name)?;
        let Some(queue) = key.value()? else {
            call.ctx.reply_int(0);
            return Ok(());
        };
        queue.queue.expire(watched.bytes(), deadline, ending, value)?;
        call.ctx.reply_int(1);
        call.replicate();
        let now = call.now();
        let signals = Signals::of(call.ctx, name, queue, || now, None);
        drop(key);
        signals.send(call.ctx, name, [Expiry::VERBS.ready.event]);
        Ok(())
    }
}

/// The number of a type, and a value.
type Value<'a> = (u8, Option<&'a [u8]>);

/// The type and the value that stand last in a command, if they do.
fn value<'a>(call: &mut Call<'a>) -> Result<Option<Value<'a>>, Fail> {
    match call.args.next() {
        Some(kind) => {
            let kind = type_of(kind).ok_or(Fail::text("ERR type must be that of a key"))?;
            Ok(Some((kind, call.args.next().map(Str::bytes))))
        }
        None => Ok(None),
    }
}

/// A key was thrown out before its deadline, which stands.
pub struct Evict;

impl Command for Evict {
    const ROW: &'static Row =
        &Row { name: EVICT, syntax: "key watched deadline [type [value]]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, watched) = (call.args.required()?, call.args.required()?.bytes());
        let deadline = UnixMs(in_range("deadline", call.args.required()?, 0, i64::MAX)?);
        let copied = value(call)?.map(|(kind, bytes)| Copied { kind, bytes: bytes.map(Into::into) });
        let mut key = keyspace::open_write::<Expiry>(call.ctx, name)?;
        if let Some(value) = key.value()? {
            value.queue.track(watched, deadline);
            value.queue.note_evicted(watched);
            if let Some(copied) = copied {
                value.queue.keep(watched, copied);
            }
            expect_owed();
            value.schedule(call.ctx.db(), name.bytes(), deadline);
        }
        call.ctx.reply_int(1);
        call.replicate();
        Ok(())
    }
}

/// A key is going to be deleted, and why: in front of the DEL, where the server lets nothing go out with that.
pub struct Ends;

impl Command for Ends {
    const ROW: &'static Row = &Row { name: ENDS, syntax: "key watched reason", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (ctx, name, watched, reason) =
            (call.ctx, call.args.required()?, call.args.required()?, call.args.required()?);
        let ending = [Ending::Expired, Ending::Evicted].into_iter().find(|ending| is(reason, ending_name(*ending)));
        if ending.is_none() && !is(reason, DELETED) {
            return Err(Fail::text("ERR reason must be expired, evicted or deleted"));
        }
        let is_tracked = watcher::note_ends(ctx, name, watched, ending);
        let comes = ending.is_some() && life_in_passing(ctx, watched) != Life::Absent;
        if comes {
            if is_tracked {
                // The last chance to copy it.
                copies::keep_now(ctx, name, watched, true);
            }
            sightings::deletion_comes(ctx.db(), watched.bytes());
        }
        ctx.reply_int(1);
        call.replicate();
        Ok(())
    }
}
