//! `TSGEN.ADD`: one element. The hot path: nothing is allocated here unless the key is new.

use super::event;
use crate::args::{check_name, check_payload, integer, is};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::commands::create;
use crate::config::MAX_MS;
use crate::effects::Effects;
use crate::family::Family;
use crate::keyspace::{self, Opened};
use crate::redis::{OwnedStr, Str};
use crate::replicate;
use crate::timer::WHEN_SET_BACK;
use crate::tsgen::Tsgen;
use tsgen_engine::{Added, Error, Guard, Millis, Queue, UnixMs, Watermark};

const BAD_TIMESTAMP: Fail = Fail::text("ERR timestamp must be a signed 64-bit integer; it stands before the id");
const BAD_DELAY: Fail = Fail::text("ERR timestamp +ms must be between +0 and +315360000000");
const NEEDS_CLOCK: Fail = Fail::text("ERR timestamp +ms needs a CLOCK key; TSGEN.CREATE key CLOCK makes one");
const TWO_GUARDS: Fail = Fail::text("ERR NX and XX exclude each other and may be given once");

/// A timestamp as clients write it.
#[derive(Clone, Copy)]
pub enum When {
    At(i64),
    /// So long from now: only with CLOCK.
    After(Millis),
}

impl When {
    pub fn parse(text: &Str) -> Result<Self, Fail> {
        match text.bytes() {
            [b'+', delay @ ..] => {
                let ms = integer(delay).filter(|ms| (0..=MAX_MS).contains(ms)).ok_or(BAD_DELAY)?;
                Ok(When::After(Millis(ms.unsigned_abs())))
            }
            at => integer(at).map(When::At).ok_or(BAD_TIMESTAMP),
        }
    }

    pub fn resolve(self, is_clock: bool, now: UnixMs) -> Result<i64, Fail> {
        match self {
            When::At(timestamp) => Ok(timestamp),
            When::After(delay) if is_clock => Ok(now.after(delay).0),
            When::After(_) => Err(NEEDS_CLOCK),
        }
    }
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
        let timestamp = element.when.resolve(is_clock, now)?;
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
    let timestamp = element.when.resolve(false, now)?;
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
        |(when, timestamp): &(When, i64)| matches!(when, When::After(_)).then(|| OwnedStr::number(*timestamp));
    if !elements.iter().any(|(when, _)| matches!(when, When::After(_))) {
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
