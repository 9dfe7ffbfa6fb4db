//! `TSGEN.MADD`: adds several elements, all or none.

use crate::command::args::{is, set};
use crate::command::limits::{check_name, check_payload};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::redis::Str;
use crate::tsgen::adding::{self, Placed, Placements};
use crate::tsgen::timestamp::When;
use crate::tsgen::Tsgen;
use tsgen_engine::{Added, Queue, Watermark};

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

/// The elements, and the group of all of them.
struct Elements<'a> {
    group: Option<&'a [u8]>,
    given: Vec<Given<'a>>,
}

fn parse<'a>(call: &mut Call<'a>) -> Result<Elements<'a>, Fail> {
    let mut group = None;
    while call.args.peek().is_some_and(|word| is(word, "GROUP")) {
        call.args.required()?;
        set(&mut group, "GROUP", adding::group(call)?)?;
    }
    let given = call.args.take_rest();
    if given.is_empty() || given.len() % 3 != 0 {
        return Err(Fail::Groups(
            "each element is a timestamp, an id and a payload; GROUP stands before the first timestamp",
        ));
    }
    let element = |element: &[&'a Str]| {
        let (when, id, payload) = (When::parse(element[0])?, element[1].bytes(), element[2].bytes());
        check_name(call.ctx, "id", id)?;
        check_payload(call.ctx, "payload", payload)?;
        Ok(Given { when, id, payload })
    };
    Ok(Elements { group, given: given.chunks_exact(3).map(element).collect::<Result<_, Fail>>()? })
}

/// Adds all of these elements or, if it fails, none. Elements that are done already are left out; `None`: all of them are.
fn add_to<'a>(
    queue: &mut Queue<Watermark>,
    group: Option<&[u8]>,
    given: &[Given<'a>],
    call: &Call<'_>,
) -> Result<Option<Placements<Vec<Placed>>>, Fail> {
    let (now, is_clock) = (adding::time(call, queue), queue.is_clock());
    let element = |given: &Given<'a>| Ok((given.when.resolve(is_clock, now, call)?, given.id, given.payload));
    let elements: Vec<Element<'_>> = given.iter().map(element).collect::<Result<_, Fail>>()?;
    let added = queue.madd_into(group, &elements, now)?;
    if added.iter().all(|one| *one == Added::Refused) {
        return Ok(None);
    }
    let placed = given.iter().zip(elements).zip(added);
    let placed = placed.map(|((given, (timestamp, ..)), added)| Placed { when: given.when, timestamp, added });
    Ok(Some(Placements { placed: placed.collect(), now }))
}

impl Command for Madd {
    const ROW: &'static Row = &Row {
        name: c"TSGEN.MADD",
        flags: "write deny-oom",
        syntax: "key [GROUP group] timestamp id payload [timestamp id payload ...]",
        summary: "Adds or replaces several elements, all or none",
        complexity: "O(log(N)) for each element",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let Elements { group, given } = parse(call)?;
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let written = key.open_or_create(call.ctx, name, || call.now(), |queue| add_to(queue, group, &given, call))?;
        call.ctx.reply_array(given.len());
        let Some(mut written) = written else {
            given.iter().for_each(|_| call.ctx.reply_null());
            return Ok(());
        };
        for one in &written.answer.placed {
            match one.added {
                Added::Refused => call.ctx.reply_null(),
                added => call.ctx.reply_int(i64::from(added == Added::Waits)),
            }
        }
        let (signals, events) = (adding::replicate(call, name, &mut written), adding::events(&written));
        drop(key);
        signals.send(call.ctx, name, events);
        Ok(())
    }
}
