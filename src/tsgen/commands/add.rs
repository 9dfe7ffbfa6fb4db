//! `TSGEN.ADD`: adds one element. The hot path: nothing is allocated here unless the key is new.

use crate::command::args::{is, set};
use crate::command::limits::{check_name, check_payload};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::redis::Str;
use crate::tsgen::adding::{self, Placements};
use crate::tsgen::timestamp::When;
use crate::tsgen::Tsgen;
use tsgen_engine::{Added, Addition, Guard, Millis, Queue, Watermark};

const TWO_GUARDS: Fail = Fail::text("ERR NX and XX exclude each other and may be given once");

const TOO_MANY: Fail = Fail::Groups(
    "the timestamp, the id and a payload, if any, come last; NX, XX, EVERY and GROUP stand before the timestamp",
);

pub struct Add;

struct Element<'a> {
    guard: Guard,
    /// `None`: the group of the present element with XX, else that of the id.
    group: Option<&'a [u8]>,
    /// `None`: the present period with XX, else it comes once.
    every: Option<Millis>,
    when: When,
    id: &'a [u8],
    /// `None`: the present payload with XX, else an empty one.
    payload: Option<&'a [u8]>,
}

type PlacedOne = Placements<[When; 1], [Added; 1]>;

impl Element<'_> {
    /// `None`: the guard forbids it.
    fn add_to(&self, queue: &mut Queue<Watermark>, call: &Call<'_>) -> Result<Option<PlacedOne>, Fail> {
        let (now, when) = (adding::time(call, queue), self.when);
        when.check(queue.is_clock(), call)?;
        let timestamp = when.timestamp(now);
        let Element { guard, group, every, id, payload, .. } = *self;
        let added = queue.add(&Addition { guard, group, every, timestamp, id, payload }, now)?;
        Ok((added != Added::Refused).then_some(Placements { whens: [when], added: [added], now }))
    }
}

fn parse<'a>(call: &mut Call<'a>) -> Result<Element<'a>, Fail> {
    let (mut guard, mut group, mut every) = (Guard::Always, None, None);
    let when = loop {
        let given = match call.args.required()? {
            word if is(word, "NX") => Guard::IfAbsent,
            word if is(word, "XX") => Guard::IfPresent,
            word if is(word, "GROUP") => {
                set(&mut group, "GROUP", adding::group(call)?)?;
                continue;
            }
            word if is(word, "EVERY") => {
                set(&mut every, "EVERY", call.args.millis_of("EVERY", 1)?)?;
                continue;
            }
            timestamp => break When::parse(timestamp)?,
        };
        if std::mem::replace(&mut guard, given) != Guard::Always {
            return Err(TWO_GUARDS);
        }
    };
    let id = call.args.required()?.bytes();
    let payload = call.args.next().map(Str::bytes);
    if call.args.len() > 0 {
        return Err(TOO_MANY);
    }
    check_name(call.ctx, "id", id)?;
    check_payload(call.ctx, "payload", payload.unwrap_or_default())?;
    Ok(Element { guard, group, every, when, id, payload })
}

impl Command for Add {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.ADD",
        flags: "write deny-oom fast",
        syntax: "key [NX|XX] [EVERY duration] [GROUP group] timestamp id [payload]",
        summary:
            "Adds an element that waits until the watermark reaches its timestamp, or replaces the one with its id",
        complexity: "O(log(N))",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let element = parse(call)?;
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let written = key.open_or_create(call.ctx, name, || call.now(), |queue| element.add_to(queue, call))?;
        let Some(mut written) = written else {
            call.ctx.reply_null();
            return Ok(());
        };
        call.ctx.reply_int(i64::from(written.answer.added == [Added::Waits]));
        let (signals, events) = (adding::replicate(call, name, &mut written), adding::events(&written));
        drop(key);
        signals.send(call.ctx, name, events);
        Ok(())
    }
}
