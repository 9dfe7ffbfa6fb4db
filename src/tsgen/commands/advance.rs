//! `TSGEN.ADVANCE`: raises the watermark.

use crate::command::args::{in_range, is, set};
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::replicate;
use crate::delivery::signals::Signals;
use crate::tsgen::Tsgen;
use std::ffi::CStr;

const EVENT: &CStr = c"tsgen.advance";

pub struct Advance;

impl Command for Advance {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.ADVANCE",
        flags: "write fast",
        syntax: "key timestamp:integer [SOURCE name]",
        summary: "Raises the watermark, or one source's part of it; replies with the watermark",
        complexity: "O(log(N)) and O(M) with M being the number of sources, however many elements become ready",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let timestamp = in_range("timestamp", call.args.required()?, i64::MIN, i64::MAX)?;
        let mut source = None;
        call.args.options(|word, args| {
            let is_source = is(word, "SOURCE");
            if is_source {
                set(&mut source, "SOURCE", args.value_of("SOURCE")?.bytes())?;
            }
            Ok(is_source)
        })?;
        let now = call.now();
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let created = key.value()?.is_none();
        if created {
            let mut value = keyspace::by_default::<Tsgen>(now)?;
            // An ADVANCE that is refused is refused before the key is made.
            value.queue.advance(timestamp, source, now)?;
            let value = key.create(keyspace::by_default::<Tsgen>(now)?)?;
            replicate::creation(call.ctx, name, value, now);
        }
        let Some(value) = key.value()? else { return Ok(()) };
        let advanced = value.queue.advance(timestamp, source, now)?;
        call.ctx.reply_optional_int(advanced.watermark);
        if !advanced.changed {
            return Ok(());
        }
        call.replicate_timed(now);
        let signals = Signals::of(call.ctx, name, value, || now, None);
        drop(key);
        let create = created.then_some(Tsgen::VERBS.create.event);
        let opened = advanced.released.then_some(Tsgen::VERBS.ready.event);
        signals.send(call.ctx, name, create.into_iter().chain([EVENT]).chain(opened));
        Ok(())
    }
}
