//! The family TSGEN: elements with a timestamp behind a watermark. This file is what the family adds to delivery.

use crate::command::args::{integer, is, set, Args};
use crate::command::limits::check_name;
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::family::{Family, Strings};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::arguments::Arguments;
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tsgen::{commands, Tsgen, TYPE};
use std::ffi::CStr;
use tsgen_engine::{
    Delivered, DeliveryOptions, Error, Extent, Kind, Late, Queue, Ready, Source, UnixMs, Watermark, WatermarkRules,
};

/// The most sources of one key: the watermark is their minimum, which is found by looking at each source.
const MAX_SOURCES: i64 = 1_000;

/// The gate options of CREATE.
#[derive(Default)]
pub struct Plan {
    kind: Option<Kind>,
    late: Option<Late>,
}

/// The gate options of ALTER.
#[derive(Default)]
pub struct Change {
    watermark: Option<i64>,
    /// The name of a source, and the timestamp that counts as its report from now on.
    source: Option<(Box<[u8]>, i64)>,
    late: Option<Late>,
}

const BAD_SOURCE: Fail =
    Fail::text("ERR SOURCE must be followed by the name of a source and a timestamp, a signed 64-bit integer");

fn late_option(args: &mut Args<'_>) -> Result<Late, Fail> {
    let word = args.value_of("LATE")?;
    match word {
        word if is(word, "READY") => Ok(Late::Ready),
        word if is(word, "REJECT") => Ok(Late::Reject),
        _ => Err(Fail::text("ERR LATE must be READY or REJECT")),
    }
}

fn sources_option(args: &mut Args<'_>, ctx: &Ctx) -> Result<Kind, Fail> {
    let count = args.value_of("SOURCES")?;
    let count = integer(count.bytes()).filter(|count| (1..=MAX_SOURCES).contains(count));
    let count = count
        .ok_or(Fail::text("ERR SOURCES must be followed by the number of names, between 1 and 1000, and the names"))?;
    let source = |_| {
        let name = args.next().ok_or(Fail::text("ERR SOURCES must be followed by as many names as it says"))?.bytes();
        check_name(ctx, "source", name)?;
        Ok(Source { name: name.into(), timestamp: None, reported_at: UnixMs(0) })
    };
    (0..count).map(source).collect::<Result<_, Fail>>().map(Kind::Sources)
}

impl Content for Tsgen {
    type Gate = Watermark;
    type Local = ();

    fn opens_by_clock(queue: &Queue<Watermark>) -> bool {
        queue.is_clock()
    }
}

impl Family for Tsgen {
    type Plan = Plan;
    type Change = Change;

    const VERBS: Verbs = verbs!("TSGEN", "tsgen");
    const TYPE_NAME: &'static CStr = c"tsgen-tsg";
    const CREATE_SYNTAX: &'static str = "key [CLOCK | SOURCES n name [name ...]] [LATE READY|REJECT]";
    const CREATE_SUMMARY: &'static str =
        "Creates a key whose elements wait for a watermark: one that you advance, that of several sources, or the server's clock";
    const CREATE_COMPLEXITY: &'static str = "O(N) with N being the number of sources";
    const ALTER_SYNTAX: &'static str =
        "key [WATERMARK timestamp:integer] [SOURCE name timestamp:integer] [LATE READY|REJECT]";
    const BEFORE_READY: &'static CStr = c"waiting";
    const GATE_FIELDS: usize = 3;

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    fn plan_option(plan: &mut Plan, word: &Str, args: &mut Args<'_>, ctx: &Ctx) -> Result<bool, Fail> {
        let kind = match word {
            word if is(word, "CLOCK") => Kind::Clock,
            word if is(word, "SOURCES") => sources_option(args, ctx)?,
            word if is(word, "LATE") => {
                set(&mut plan.late, "LATE", late_option(args)?)?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        match plan.kind.replace(kind) {
            None => Ok(true),
            Some(_) => Err(Fail::text("ERR CLOCK and SOURCES exclude each other and may be given once")),
        }
    }

    fn create(plan: Plan, options: DeliveryOptions, seed: [u64; 2]) -> Result<Queue<Watermark>, Error> {
        let base = WatermarkRules::default();
        let rules = WatermarkRules { kind: plan.kind.unwrap_or(base.kind), late: plan.late.unwrap_or(base.late) };
        Queue::<Watermark>::create(rules, options, seed)
    }

    fn explain_gate(queue: &Queue<Watermark>, to: &mut Strings) {
        match &queue.rules().kind {
            Kind::External => {}
            Kind::Clock => to.push(OwnedStr::new(b"CLOCK")),
            Kind::Sources(sources) => {
                to.extend([OwnedStr::new(b"SOURCES"), OwnedStr::number(sources.len() as i64)]);
                to.extend(sources.iter().map(|source| OwnedStr::new(&source.name)));
            }
        }
        let late: &[u8] = match queue.rules().late {
            Late::Ready => b"READY",
            Late::Reject => b"REJECT",
        };
        to.extend([OwnedStr::new(b"LATE"), OwnedStr::new(late)]);
    }

    fn change_option(change: &mut Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        if is(word, "CLOCK") || is(word, "SOURCES") {
            return Err(Fail::text("ERR CLOCK and SOURCES are fixed when the key is created"));
        }
        if is(word, "LATE") {
            set(&mut change.late, "LATE", late_option(args)?)?;
        } else if is(word, "WATERMARK") {
            set(&mut change.watermark, "WATERMARK", args.number_of("WATERMARK", i64::MIN, i64::MAX)?)?;
        } else if is(word, "SOURCE") {
            let name = args.value_of("SOURCE")?.bytes();
            let timestamp = args.next().and_then(|text| integer(text.bytes())).ok_or(BAD_SOURCE)?;
            set(&mut change.source, "SOURCE", (name.into(), timestamp))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn check_change(queue: &Queue<Watermark>, change: &Change, now: UnixMs) -> Result<(), Fail> {
        if let Some((name, to)) = &change.source {
            queue.check_source(name, *to)?;
        }
        let Some(to) = change.watermark else { return Ok(()) };
        if queue.is_clock() {
            return Err(Error::ClockDriven.into());
        }
        match queue.watermark(now) {
            Some(watermark) if watermark >= to => Ok(()),
            _ => Err(Error::WatermarkNotBelow.into()),
        }
    }

    fn change(queue: &mut Queue<Watermark>, change: Change, now: UnixMs) -> Result<bool, Error> {
        let set_back = match change.watermark {
            Some(to) => queue.alter_watermark(to, now)?,
            None => false,
        };
        let source_set_back = change.source.is_some_and(|(name, to)| queue.alter_source(&name, to));
        Ok(change.late.is_some_and(|late| queue.alter_late(late)) || set_back || source_set_back)
    }

    fn opened_between(queue: &mut Queue<Watermark>, after: UnixMs, _: UnixMs, now: UnixMs) -> bool {
        queue.any_between(Some(after.0), now.0)
    }

    const ENTRY_FIELDS: usize = 3;

    fn reply_fields(ctx: &Ctx, entry: &Delivered<'_>, extent: Extent) {
        ctx.reply_bytes(entry.name);
        ctx.reply_int(entry.key);
        match extent {
            Extent::Whole => ctx.reply_bytes(entry.body),
            Extent::Beginning => ctx.reply_null(),
        }
    }

    fn stream_fields(entry: &Ready<'_>, to: &mut Arguments) {
        let fields = [
            (&b"id"[..], OwnedStr::new(entry.name)),
            (b"timestamp", OwnedStr::number(entry.key)),
            (b"payload", OwnedStr::new(entry.body)),
        ];
        for (field, value) in fields {
            to.extend([OwnedStr::new(field), value]);
        }
    }

    fn reply_gate_fields(ctx: &Ctx, queue: &Queue<Watermark>, now: UnixMs) {
        let gate: &[u8] = match &queue.rules().kind {
            Kind::External => b"external",
            Kind::Clock => b"clock",
            Kind::Sources(_) => b"sources",
        };
        let late: &[u8] = match queue.rules().late {
            Late::Ready => b"ready",
            Late::Reject => b"reject",
        };
        ctx.reply_bytes(b"gate");
        ctx.reply_bytes(gate);
        ctx.reply_bytes(b"watermark");
        ctx.reply_optional_int(queue.watermark(now));
        ctx.reply_bytes(b"late");
        ctx.reply_bytes(late);
    }
}
