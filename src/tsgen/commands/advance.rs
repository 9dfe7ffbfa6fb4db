//! `TSGEN.ADVANCE`: raises the watermark.

use crate::command::args::{in_range, is, set};
use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Written};
use crate::delivery::signals::Signals;
use crate::tsgen::Tsgen;
use std::ffi::CStr;
use tsgen_engine::{Queue, Watermark};

const EVENT: &CStr = c"tsgen.advance";

pub struct Advance;

impl Command for Advance {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.ADVANCE",
        flags: "write fast",
        syntax: "key timestamp:integer [SOURCE name] [FORCE]",
        summary: "Raises the watermark, or one source's part of it; replies with the watermark",
        complexity: "O(log(N)) and O(M) with M being the number of sources, however many elements become ready",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let timestamp = in_range("timestamp", call.args.required()?, i64::MIN, i64::MAX)?;
        let (mut source, mut force) = (None, None);
        call.args.options(|word, args| {
            let is_source = is(word, "SOURCE");
            if is_source {
                set(&mut source, "SOURCE", args.value_of("SOURCE")?.bytes())?;
            }
            if is(word, "FORCE") {
                set(&mut force, "FORCE", ())?;
                return Ok(true);
            }
            Ok(is_source)
        })?;
        let now = call.now();
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let advance = |queue: &mut Queue<Watermark>| {
            if force.is_none() {
                queue.check_jump(timestamp, source)?;
            }
            Ok(Some(queue.advance(timestamp, source, now)?))
        };
        let written = key.open_or_create(call.ctx, name, || now, advance)?;
        let Some(Written { value, answer: advanced, created_event }) = written else { return Ok(()) };
        call.ctx.reply_optional_int(advanced.watermark);
        if !advanced.changed {
            return Ok(());
        }
        call.replicate_timed(now);
        // Only a key whose sources may fall silent has anything to wait for.
        let opens_at = value.queue.next_silence(now);
        let signals = Signals::of_opening(call.ctx, name, value, || now, opens_at);
        drop(key);
        let opened = advanced.released.then_some(Tsgen::VERBS.ready.event);
        signals.send(call.ctx, name, created_event.into_iter().chain([EVENT]).chain(opened));
        Ok(())
    }
}
