//! `TSGEN.ADD`: one element. The hot path: nothing is allocated here unless the key is new.

use crate::command::args::{check_name, check_payload, integer, is};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::commands::create;
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Opened};
use crate::delivery::replicate;
use crate::delivery::signals::Effects;
use crate::delivery::timer::tick::WHEN_SET_BACK;
use crate::redis::{OwnedStr, Str};
use crate::tsgen::commands::event;
use crate::tsgen::family::Tsgen;
use std::ops::RangeInclusive;
use tsgen_engine::{duration, Added, Error, Guard, Millis, Queue, UnixMs, Watermark};

const BAD_TIMESTAMP: Fail = Fail::text("ERR timestamp must be a signed 64-bit integer; it stands before the id");
const BAD_DELAY: Fail =
    Fail::text("ERR timestamp +ms must be between +0 and +315360000000 (ms), or one with a unit: +30s, +5m, +2h, +7d");
const NEEDS_CLOCK: Fail = Fail::text("ERR timestamp +ms needs a CLOCK key; TSGEN.CREATE key CLOCK makes one");
const UNIT_NEEDS_CLOCK: Fail =
    Fail::text("ERR timestamp with a unit needs a CLOCK key; under your own watermark it is a plain integer");
const TWO_GUARDS: Fail = Fail::text("ERR NX and XX exclude each other and may be given once");

/// A timestamp as clients write it.
#[derive(Clone, Copy)]
pub enum When {
    At(i64),
    /// So many milliseconds after 1970, written with a unit: only with CLOCK.
    Unix(Millis),
    /// So long from now: only with CLOCK.
    After(Millis),
}

/// What a number of seconds, microseconds or nanoseconds since 1970 looks like, of the years 2001 to 5138 or so. As milliseconds these
/// are of the first three years, or tens of thousands of years ahead.
const OTHER_UNITS: [(RangeInclusive<i64>, &str); 3] = [
    (1_000_000_000..=99_999_999_999, "seconds"),
    (1_000_000_000_000_000..=99_999_999_999_999_999, "microseconds"),
    // The largest number there is is a way to say never.
    (1_000_000_000_000_000_000..=i64::MAX - 1, "nanoseconds"),
];

impl When {
    pub fn parse(text: &Str) -> Result<Self, Fail> {
        match text.bytes() {
            [b'+', delay @ ..] => {
                let read = duration(delay).filter(|read| read.ms <= Millis::MAX_DURATION).ok_or(BAD_DELAY)?;
                Ok(When::After(read.ms))
            }
            at => match integer(at) {
                Some(at) => Ok(When::At(at)),
                None => duration(at).filter(|read| read.has_unit).map(|read| When::Unix(read.ms)).ok_or(BAD_TIMESTAMP),
            },
        }
    }

    /// The timestamp that is meant. A client that names an absolute time of a CLOCK key in another unit than ours would have its element at
    /// once, or never; what a master says was checked there.
    pub fn resolve(self, is_clock: bool, now: UnixMs, call: &Call<'_>) -> Result<i64, Fail> {
        match self {
            When::At(timestamp) => {
                let other = OTHER_UNITS.iter().find(|(range, _)| is_clock && range.contains(&timestamp));
                match other.filter(|_| call.is_by_client()) {
                    Some((_, unit)) => Err(looks_like(timestamp, unit)),
                    None => Ok(timestamp),
                }
            }
            When::Unix(ms) if is_clock => Ok(i64::try_from(ms.0).unwrap_or(i64::MAX)),
            When::Unix(_) => Err(UNIT_NEEDS_CLOCK),
            When::After(delay) if is_clock => Ok(now.after(delay).0),
            When::After(_) => Err(NEEDS_CLOCK),
        }
    }
}

#[cold]
fn looks_like(timestamp: i64, unit: &str) -> Fail {
    let write = if unit == "seconds" { format!("write {timestamp}s") } else { "divide it".to_owned() };
    let insist = format!("or {timestamp}ms if it is meant");
    format!("ERR timestamp {timestamp} looks like Unix {unit}, but CLOCK keys count milliseconds: {write}, {insist}")
        .into()
}

pub struct Add;

struct Element<'a> {
    guard: Guard,
    when: When,
    id: &'a [u8],
    /// None: what is there with XX, else an empty one.
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
        let mut key = keyspace::open::<Tsgen>(call.ctx, name)?;
        let Some(value) = key.value()? else {
            return add_first(call, name, key, &element);
        };
        let is_clock = value.queue.is_clock();
        // Under an external watermark an ADD depends on no time, and so asks for none.
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
        let effects = Effects::of(call.ctx, name, value, || call.now(), opens_at);
        drop(key);
        let opened = (added == Added::Ready).then_some(Tsgen::VERBS.ready.event);
        effects.tell(call.ctx, name, [event::ADD].into_iter().chain(opened));
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

/// The first element of a key that does not exist: the key is made, unless the element is refused.
fn add_first(call: &Call<'_>, name: &Str, mut key: Opened<'_, Tsgen>, element: &Element<'_>) -> Outcome {
    let now = call.now();
    let mut value = create::by_default::<Tsgen>(now)?;
    let timestamp = element.when.resolve(false, now, call)?;
    let added = element.add_to(&mut value.queue, timestamp, now)?;
    reply(call, added);
    if added == Added::Refused {
        return Ok(());
    }
    let value = key.create(value)?;
    replicate::creation(call.ctx, name, value, now);
    call.replicate();
    let effects = Effects::of(call.ctx, name, value, || now, None);
    drop(key);
    effects.tell(call.ctx, name, [Tsgen::VERBS.create.event, event::ADD]);
    Ok(())
}

/// Replicates the elements of a write on a CLOCK key with its time, and with absolute timestamps.
pub fn replicate_on_clock(call: &Call<'_>, now: UnixMs, elements: &[(When, i64)]) {
    let relative =
        |(when, timestamp): &(When, i64)| (!matches!(when, When::At(_))).then(|| OwnedStr::number(*timestamp));
    if elements.iter().all(|(when, _)| matches!(when, When::At(_))) {
        return call.replicate_timed(now);
    }
    let absolute: Vec<Option<OwnedStr>> = elements.iter().map(relative).collect();
    // Timestamps stand at the front of their elements, in the order of `elements`.
    let mut arguments = call.given.to_vec();
    let guarded = usize::from(arguments.get(1).is_some_and(|word| is(word, "NX") || is(word, "XX")));
    for (nth, timestamp) in absolute.iter().enumerate() {
        if let (Some(slot), Some(timestamp)) = (arguments.get_mut(1 + guarded + 3 * nth), timestamp) {
            *slot = timestamp;
        }
    }
    call.replicate_timed_as(now, &arguments);
}
