//! `TSGEN.MADD`: adds several elements, all or none.

use crate::command::limits::{check_name, check_payload};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Opened};
use crate::delivery::replicate;
use crate::delivery::signals::{Signals, WHEN_SET_BACK};
use crate::redis::Str;
use crate::tsgen::timestamp::{replicate_on_clock, When};
use crate::tsgen::Tsgen;
use std::ffi::CStr;
use tsgen_engine::{Added, UnixMs};

/// The event of ADD.
const EVENT: &CStr = c"tsgen.add";

pub struct Madd;

/// Timestamp, id and payload, as the engine takes them.
type Element<'a> = (i64, &'a [u8], &'a [u8]);

/// Timestamp, id and payload, as a client writes them.
#[derive(Clone, Copy)]
struct Given<'a> {
    when: When,
    id: &'a [u8],
    payload: &'a [u8],
}

fn parse<'a>(call: &mut Call<'a>) -> Result<Vec<Given<'a>>, Fail> {
    let given = call.args.take_rest();
    if given.is_empty() || given.len() % 3 != 0 {
        return Err(Fail::Groups("each element is a timestamp, an id and a payload"));
    }
    let element = |element: &[&'a Str]| {
        let (when, id, payload) = (When::parse(element[0])?, element[1].bytes(), element[2].bytes());
        check_name(call.ctx, "id", id)?;
        check_payload(call.ctx, "payload", payload)?;
        Ok(Given { when, id, payload })
    };
    given.chunks_exact(3).map(element).collect()
}

fn resolve<'a>(given: &[Given<'a>], is_clock: bool, now: UnixMs, call: &Call<'_>) -> Result<Vec<Element<'a>>, Fail> {
    given.iter().map(|element| Ok((element.when.resolve(is_clock, now, call)?, element.id, element.payload))).collect()
}

impl Command for Madd {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.MADD",
        flags: "write deny-oom",
        syntax: "key timestamp id payload [timestamp id payload ...]",
        summary: "Adds or replaces several elements, all or none",
        complexity: "O(log(N)) for each element",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let given = parse(call)?;
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let Some(value) = key.value()? else {
            return add_first(call, name, key, &given);
        };
        let is_clock = value.queue.is_clock();
        let now = if is_clock { call.now() } else { UnixMs(0) };
        let elements = resolve(&given, is_clock, now, call)?;
        let added = value.queue.madd(&elements, now)?;
        reply(call, &added);
        let mut opens_at = None;
        if is_clock {
            let resolved: Vec<_> =
                given.iter().zip(&elements).map(|(given, element)| (given.when, element.0)).collect();
            replicate_on_clock(call, now, &resolved);
            let waits = elements.iter().zip(&added).filter(|(_, added)| **added == Added::Waits);
            opens_at = waits.map(|(element, _)| UnixMs(element.0)).min().or(Some(WHEN_SET_BACK));
        } else {
            call.replicate();
        }
        let signals = Signals::of(call.ctx, name, value, || call.now(), opens_at);
        drop(key);
        let opened = added.contains(&Added::Ready).then_some(Tsgen::VERBS.ready.event);
        signals.send(call.ctx, name, [EVENT].into_iter().chain(opened));
        Ok(())
    }
}

fn reply(call: &Call<'_>, added: &[Added]) {
    call.ctx.reply_array(added.len());
    for one in added {
        call.ctx.reply_int(i64::from(*one == Added::Waits));
    }
}

fn add_first(call: &Call<'_>, name: &Str, mut key: Opened<'_, Tsgen>, given: &[Given<'_>]) -> Outcome {
    let now = call.now();
    let mut value = keyspace::by_default::<Tsgen>(now)?;
    let elements = resolve(given, false, now, call)?;
    let added = value.queue.madd(&elements, now)?;
    let value = key.create(value)?;
    reply(call, &added);
    replicate::creation(call.ctx, name, value, now);
    call.replicate();
    let signals = Signals::of(call.ctx, name, value, || now, None);
    drop(key);
    signals.send(call.ctx, name, [Tsgen::VERBS.create.event, EVENT]);
    Ok(())
}
