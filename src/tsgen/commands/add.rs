//! `TSGEN.ADD`: adds one element. The hot path: nothing is allocated here unless the key is new.

use crate::command::args::is;
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
use tsgen_engine::{Added, Error, Guard, Queue, UnixMs, Watermark};

const EVENT: &CStr = c"tsgen.add";
const TWO_GUARDS: Fail = Fail::text("ERR NX and XX exclude each other and may be given once");

pub struct Add;

struct Element<'a> {
    guard: Guard,
    when: When,
    id: &'a [u8],
    /// `None`: the present payload with XX, else an empty one.
    payload: Option<&'a [u8]>,
}

impl Element<'_> {
    fn add_to(&self, queue: &mut Queue<Watermark>, timestamp: i64, now: UnixMs) -> Result<Added, Error> {
        match (self.guard, self.payload) {
            (Guard::IfPresent, None) => queue.put_off(timestamp, self.id, now),
            (guard, payload) => queue.add(guard, timestamp, self.id, payload.unwrap_or_default(), now),
        }
    }
}

fn parse<'a>(call: &mut Call<'a>) -> Result<Element<'a>, Fail> {
    let mut first = call.args.required()?;
    let guard = match first {
        word if is(word, "NX") => Guard::IfAbsent,
        word if is(word, "XX") => Guard::IfPresent,
        _ => Guard::Always,
    };
    if guard != Guard::Always {
        first = call.args.required()?;
        if is(first, "NX") || is(first, "XX") {
            return Err(TWO_GUARDS);
        }
    }
    let when = When::parse(first)?;
    let id = call.args.required()?.bytes();
    let payload = call.args.next().map(Str::bytes);
    if call.args.len() > 0 {
        return Err(Fail::Arity);
    }
    check_name(call.ctx, "id", id)?;
    check_payload(call.ctx, "payload", payload.unwrap_or_default())?;
    Ok(Element { guard, when, id, payload })
}

impl Command for Add {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.ADD",
        flags: "write deny-oom fast",
        syntax: "key [NX|XX] timestamp id [payload]",
        summary:
            "Adds an element that waits until the watermark reaches its timestamp, or replaces the one with its id",
        complexity: "O(log(N))",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let element = parse(call)?;
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let Some(value) = key.value()? else {
            return add_first(call, name, key, &element);
        };
        let is_clock = value.queue.is_clock();
        // Under an external watermark an ADD depends on no time, so the clock is not read.
        let now = if is_clock { call.now() } else { UnixMs(0) };
        let timestamp = element.when.resolve(is_clock, now, call)?;
        let added = element.add_to(&mut value.queue, timestamp, now)?;
        reply(call, added);
        if added == Added::Refused {
            return Ok(());
        }
        if is_clock {
            replicate_on_clock(call, now, &[(element.when, timestamp)]);
        } else {
            call.replicate();
        }
        let opens_at = if added == Added::Waits { UnixMs(timestamp) } else { WHEN_SET_BACK };
        let opens_at = Some(opens_at).filter(|_| is_clock);
        let signals = Signals::of(call.ctx, name, value, || call.now(), opens_at);
        drop(key);
        let opened = (added == Added::Ready).then_some(Tsgen::VERBS.ready.event);
        signals.send(call.ctx, name, [EVENT].into_iter().chain(opened));
        Ok(())
    }
}

fn reply(call: &Call<'_>, added: Added) {
    match added {
        Added::Waits => call.ctx.reply_int(1),
        Added::Ready => call.ctx.reply_int(0),
        Added::Refused => call.ctx.reply_null(),
    }
}

/// Adds the first element of a key that does not exist: the key is made, unless the element is refused.
fn add_first(call: &Call<'_>, name: &Str, mut key: Opened<'_, Tsgen>, element: &Element<'_>) -> Outcome {
    let now = call.now();
    let mut value = keyspace::by_default::<Tsgen>(now)?;
    let timestamp = element.when.resolve(false, now, call)?;
    let added = element.add_to(&mut value.queue, timestamp, now)?;
    reply(call, added);
    if added == Added::Refused {
        return Ok(());
    }
    let value = key.create(value)?;
    replicate::creation(call.ctx, name, value, now);
    call.replicate();
    let signals = Signals::of(call.ctx, name, value, || now, None);
    drop(key);
    signals.send(call.ctx, name, [Tsgen::VERBS.create.event, EVENT]);
    Ok(())
}
