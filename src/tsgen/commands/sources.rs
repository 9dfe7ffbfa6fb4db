//! `TSGEN.SOURCES`: lists the sources and what each has reported. Stores nothing.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::keyspace;
use crate::tsgen::Tsgen;

pub struct Sources;

impl Command for Sources {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.SOURCES",
        summary: "Lists the declared sources of a key: name, timestamp, when it reported last, and whether it is idle",
        complexity: "O(N) with N being the number of sources",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let mut key = keyspace::open_read::<Tsgen>(call.ctx, name);
        let value = keyspace::view(&mut key)?;
        let sources = value.map_or(&[][..], |value| value.queue.sources());
        call.ctx.reply_array(sources.len());
        for source in sources {
            call.ctx.reply_array(4);
            call.ctx.reply_bytes(&source.name);
            call.ctx.reply_optional_int(source.timestamp);
            call.ctx.reply_optional_int(source.timestamp.map(|_| source.reported_at.0));
            call.ctx.reply_int(i64::from(source.idle));
        }
        Ok(())
    }
}
