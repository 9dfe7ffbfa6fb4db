//! `EXPIRY.EVICT`: tells replicas and the AOF that a watched key was evicted. Clients cannot call it.

use crate::command::args::in_range;
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::keyspace;
use crate::expiry::endings::{expect_owed, EVICT};
use crate::expiry::values::value_named;
use crate::expiry::Expiry;
use tsgen_engine::{Copied, UnixMs};

/// A key was evicted before its deadline; the entry is still made at the deadline.
pub struct Evict;

impl Command for Evict {
    const ROW: &'static Row =
        &Row { name: EVICT, syntax: "key watched deadline [type [value]]", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, watched) = (call.args.required()?, call.args.required()?.bytes());
        let deadline = UnixMs(in_range("deadline", call.args.required()?, 0, i64::MAX)?);
        let copied = value_named(call)?.map(|last| Copied { kind: last.kind, bytes: last.bytes.map(Into::into) });
        let mut key = keyspace::open_write::<Expiry>(call.ctx, name)?;
        // A watcher that tracked another's key could be saved, and not be loaded again.
        if let Some(value) = key.value()?.filter(|value| value.queue.rules().covers(watched)) {
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
