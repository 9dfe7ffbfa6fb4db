//! `DEBOUNCE.FLUSH`, `FLUSHALL` and `CANCEL`: groups that end before their time.

use crate::command::args::{is, set, unknown_option};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::debounce::commands::event;
use crate::debounce::family::Debounce;
use crate::delivery::family::Family;
use crate::delivery::options::settle_with;
use crate::redis::Str;

/// Groups of one FLUSHALL that does not say how many.
const DEFAULT_COUNT: usize = 1_000;

fn groups<'a>(call: &mut Call<'a>) -> Result<&'a [&'a Str], Fail> {
    match call.args.take_rest() {
        [] => Err(Fail::Arity),
        groups => Ok(groups),
    }
}

pub struct Flush;

impl Command for Flush {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.FLUSH",
        syntax: "key group [group ...]",
        summary: "Fires groups now; replies with how many",
        complexity: "O(log(N)) for each group",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let groups = groups(call)?;
        settle_with::<Debounce>(call, name, &[event::FLUSH, Debounce::VERBS.ready.event], |queue, now| {
            Ok(queue.flush(groups, now))
        })
    }
}

pub struct FlushAll;

impl Command for FlushAll {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.FLUSHALL",
        syntax: "key [COUNT n]",
        summary: "Fires collecting groups now, up to COUNT (1000), next to fire first; replies with how many",
        complexity: "O(log(N)) for each group",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let mut count = None;
        while let Some(word) = call.args.next() {
            if !is(word, "COUNT") {
                return Err(unknown_option(word));
            }
            set(&mut count, "COUNT", call.args.count_of("COUNT")?)?;
        }
        settle_with::<Debounce>(call, name, &[event::FLUSH, Debounce::VERBS.ready.event], |queue, now| {
            Ok(queue.flush_all(count.unwrap_or(DEFAULT_COUNT), now))
        })
    }
}

pub struct Cancel;

impl Command for Cancel {
    const ROW: &'static Row = &Row {
        name: c"DEBOUNCE.CANCEL",
        syntax: "key group [group ...]",
        summary: "Drops collecting groups with their items; replies with how many",
        complexity: "O(log(N)) for each group",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let groups = groups(call)?;
        settle_with::<Debounce>(call, name, &[event::CANCEL], |queue, now| Ok(queue.cancel(groups, now)))
    }
}
