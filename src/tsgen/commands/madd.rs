//! `TSGEN.MADD`: adds several elements, all or none.

use crate::command::args::{is, set};
use crate::command::limits::{check_name, check_payload};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::keyspace;
use crate::redis::Str;
use crate::tsgen::adding::{self, Placements};
use crate::tsgen::timestamp::When;
use crate::tsgen::Tsgen;
use tsgen_engine::{Added, Queue, Watermark};

pub struct Madd;

type PlacedAll = Placements<Vec<When>, Vec<Added>>;

/// The elements as they were given, and the group of all of them. There may be very many: beside the arguments, which Redis holds, only the
/// timestamps are kept.
struct Elements<'a> {
    group: Option<&'a [u8]>,
    given: &'a [&'a Str],
    whens: Vec<When>,
}

impl<'a> Elements<'a> {
    fn parse(call: &mut Call<'a>) -> Result<Self, Fail> {
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
        let mut whens = Vec::with_capacity(given.len() / 3);
        for element in given.chunks_exact(3) {
            whens.push(When::parse(element[0])?);
            check_name(call.ctx, "id", element[1].bytes())?;
            check_payload(call.ctx, "payload", element[2].bytes())?;
        }
        Ok(Elements { group, given, whens })
    }

    /// Adds all of these elements or, if it fails, none. Elements that are done already are left out; `None`: all of them are.
    fn add_to(self, queue: &mut Queue<Watermark>, call: &Call<'_>) -> Result<Option<PlacedAll>, Fail> {
        let (now, is_clock) = (adding::time(call, queue), queue.is_clock());
        self.whens.iter().try_for_each(|when| when.check(is_clock, call))?;
        let elements = self.given.chunks_exact(3).zip(&self.whens);
        let elements = elements.map(|(given, when)| (when.timestamp(now), given[1].bytes(), given[2].bytes()));
        let added = queue.madd_into(self.group, elements, now)?;
        let is_nothing = added.iter().all(|one| *one == Added::Refused);
        Ok((!is_nothing).then_some(Placements { whens: self.whens, added, now }))
    }
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
        let elements = Elements::parse(call)?;
        let count = elements.whens.len();
        let mut key = keyspace::open_write::<Tsgen>(call.ctx, name)?;
        let written = key.open_or_create(call.ctx, name, || call.now(), |queue| elements.add_to(queue, call))?;
        call.ctx.reply_array(count);
        let Some(mut written) = written else {
            (0..count).for_each(|_| call.ctx.reply_null());
            return Ok(());
        };
        for added in &written.answer.added {
            match added {
                Added::Refused => call.ctx.reply_null(),
                added => call.ctx.reply_int(i64::from(*added == Added::Waits)),
            }
        }
        let (signals, events) = (adding::replicate(call, name, &mut written), adding::events(&written));
        drop(key);
        signals.send(call.ctx, name, events);
        Ok(())
    }
}
