//! The family TSGEN: elements with a timestamp behind a watermark. This file is what the family adds to delivery.

use crate::command::args::{integer, is, set, Args};
use crate::command::limits::check_name;
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::family::{Decided, Decision, Family, Strings};
use crate::delivery::fields::{Field, Shown};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::arguments::Arguments;
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tsgen::silence::{self, Listening};
use crate::tsgen::{commands, forgetting, Tsgen, TYPE};
use std::ffi::CStr;
use tsgen_engine::{
    Delivered, DeliveryOptions, Error, Extent, Kind, Late, Millis, Queue, Ready, RememberRules, Source, SourceChange,
    UnixMs, Watermark, WatermarkRules, DEFAULT_REMEMBER_MAX, MAX_SOURCES,
};

/// The gate options of CREATE.
#[derive(Default)]
pub struct Plan {
    kind: Option<Kind>,
    late: Option<Late>,
    source_idle: Option<Millis>,
    max_jump: Option<u64>,
    remember: Memory,
}

/// The gate options of ALTER.
#[derive(Default)]
pub struct Change {
    watermark: Option<i64>,
    /// The name of a source, and the timestamp that counts as its report from now on.
    source: Option<(Box<[u8]>, i64)>,
    late: Option<Late>,
    source_idle: Option<Millis>,
    max_jump: Option<u64>,
    remember: Memory,
    /// In the order given.
    sources: Vec<SourceChange>,
}

/// The options of what is remembered of elements that are done.
#[derive(Default)]
struct Memory {
    keep: Option<Millis>,
    max: Option<u64>,
}

impl Memory {
    /// Reads one of them if `word` is one.
    fn read(&mut self, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        if is(word, REMEMBER) {
            set(&mut self.keep, REMEMBER, args.millis_of(REMEMBER, 0)?)?;
        } else if is(word, REMEMBERMAX) {
            set(&mut self.max, REMEMBERMAX, args.number_of(REMEMBERMAX, 1, i64::MAX)?.unsigned_abs())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Gives the key these options. True if anything changed.
    fn apply(&self, queue: &mut Queue<Watermark>) -> Result<bool, Error> {
        let RememberRules { keep, max } = queue.remember();
        queue.alter_remember(self.keep.unwrap_or(keep), self.max.unwrap_or(max))
    }
}

const BAD_SOURCE: Fail =
    Fail::text("ERR SOURCE must be followed by the name of a source and a timestamp, a signed 64-bit integer");

/// The words of options.
const SOURCEIDLE: &str = "SOURCEIDLE";
const MAXJUMP: &str = "MAXJUMP";
const ADDSOURCE: &str = "ADDSOURCE";
const REMSOURCE: &str = "REMSOURCE";
const REMEMBER: &str = "REMEMBER";
const REMEMBERMAX: &str = "REMEMBERMAX";

fn max_jump_option(args: &mut Args<'_>) -> Result<u64, Fail> {
    Ok(args.number_of(MAXJUMP, 0, i64::MAX)?.unsigned_abs())
}

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
    let count = integer(count.bytes()).filter(|count| (1..=MAX_SOURCES as i64).contains(count));
    let count = count
        .ok_or(Fail::text("ERR SOURCES must be followed by the number of names, between 1 and 1000, and the names"))?;
    let source = |_| {
        let name = args.next().ok_or(Fail::text("ERR SOURCES must be followed by as many names as it says"))?.bytes();
        check_name(ctx, "source", name)?;
        Ok(Source { name: name.into(), timestamp: None, reported_at: UnixMs(0), idle: false })
    };
    (0..count).map(source).collect::<Result<_, Fail>>().map(Kind::Sources)
}

impl Content for Tsgen {
    type Gate = Watermark;
    type Local = Listening;

    fn opens_by_clock(queue: &Queue<Watermark>) -> bool {
        queue.is_clock() || !queue.source_idle().is_zero() || queue.forgets_at().is_some()
    }
}

impl Family for Tsgen {
    type Plan = Plan;
    type Change = Change;

    const VERBS: Verbs = verbs!("TSGEN", "tsgen");
    const TYPE_NAME: &'static CStr = c"tsgen-tsg";
    const CREATE_SYNTAX: &'static str =
        "key [CLOCK | SOURCES n name [name ...]] [LATE READY|REJECT] [SOURCEIDLE duration] [MAXJUMP n] [REMEMBER duration] [REMEMBERMAX n]";
    const CREATE_SUMMARY: &'static str =
        "Creates a key whose elements wait for a watermark: one that you advance, that of several sources, or the server's clock";
    const CREATE_COMPLEXITY: &'static str = "O(N) with N being the number of sources";
    const ALTER_SYNTAX: &'static str =
        "key [WATERMARK timestamp:integer] [SOURCE name timestamp:integer] [ADDSOURCE name ...] [REMSOURCE name ...] [LATE READY|REJECT] [SOURCEIDLE duration] [MAXJUMP n] [REMEMBER duration] [REMEMBERMAX n]";
    const BEFORE_READY: &'static CStr = c"waiting";

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
            word if is(word, SOURCEIDLE) => {
                set(&mut plan.source_idle, SOURCEIDLE, args.millis_of(SOURCEIDLE, 0)?)?;
                return Ok(true);
            }
            word if is(word, MAXJUMP) => {
                set(&mut plan.max_jump, MAXJUMP, max_jump_option(args)?)?;
                return Ok(true);
            }
            word => return plan.remember.read(word, args),
        };
        match plan.kind.replace(kind) {
            None => Ok(true),
            Some(_) => Err(Fail::text("ERR CLOCK and SOURCES exclude each other and may be given once")),
        }
    }

    fn create(plan: Plan, options: DeliveryOptions, seed: [u64; 2]) -> Result<Queue<Watermark>, Error> {
        let base = WatermarkRules::default();
        let rules = WatermarkRules { kind: plan.kind.unwrap_or(base.kind), late: plan.late.unwrap_or(base.late) };
        let mut queue = Queue::<Watermark>::create(rules, options, seed)?;
        let (source_idle, max_jump) = (plan.source_idle.unwrap_or_default(), plan.max_jump.unwrap_or_default());
        queue.check_source_idle(source_idle)?;
        queue.check_max_jump(max_jump)?;
        queue.alter_source_idle(source_idle, UnixMs(0));
        queue.alter_max_jump(max_jump);
        plan.remember.apply(&mut queue)?;
        Ok(queue)
    }

    fn created(queue: &mut Queue<Watermark>, now: UnixMs) {
        queue.listen_from(now);
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
        let RememberRules { keep, max } = queue.remember();
        let max = if max == DEFAULT_REMEMBER_MAX { 0 } else { max };
        let numbers =
            [(SOURCEIDLE, queue.source_idle().0), (MAXJUMP, queue.max_jump()), (REMEMBER, keep.0), (REMEMBERMAX, max)];
        for (word, number) in numbers {
            if number != 0 {
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                to.extend([OwnedStr::new(word.as_bytes()), OwnedStr::number(number)]);
            }
        }
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
        } else if is(word, SOURCEIDLE) {
            set(&mut change.source_idle, SOURCEIDLE, args.millis_of(SOURCEIDLE, 0)?)?;
        } else if is(word, MAXJUMP) {
            set(&mut change.max_jump, MAXJUMP, max_jump_option(args)?)?;
        } else if is(word, ADDSOURCE) {
            change.sources.push(SourceChange::Add(args.value_of(ADDSOURCE)?.bytes().into()));
        } else if is(word, REMSOURCE) {
            change.sources.push(SourceChange::Remove(args.value_of(REMSOURCE)?.bytes().into()));
        } else {
            return change.remember.read(word, args);
        }
        Ok(true)
    }

    fn check_names(change: &Change, ctx: &Ctx) -> Result<(), Fail> {
        let mut added = change.sources.iter().filter_map(|change| match change {
            SourceChange::Add(name) => Some(name),
            SourceChange::Remove(_) => None,
        });
        added.try_for_each(|name| check_name(ctx, ADDSOURCE, name))
    }

    fn check_change(queue: &Queue<Watermark>, change: &Change, now: UnixMs) -> Result<(), Fail> {
        if let Some((name, to)) = &change.source {
            queue.check_source(name, *to)?;
        }
        if let Some(after) = change.source_idle {
            queue.check_source_idle(after)?;
        }
        if let Some(most) = change.max_jump {
            queue.check_max_jump(most)?;
        }
        if !change.sources.is_empty() {
            queue.changed_sources(&change.sources, now)?;
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
        let sources_changed = queue.change_sources(&change.sources, now)?;
        let idle_changed = change.source_idle.is_some_and(|after| queue.alter_source_idle(after, now));
        let jump_changed = change.max_jump.is_some_and(|most| queue.alter_max_jump(most));
        let memory_changed = change.remember.apply(queue)?;
        let late_changed = change.late.is_some_and(|late| queue.alter_late(late));
        Ok([set_back, source_set_back, sources_changed, idle_changed, jump_changed, memory_changed, late_changed]
            .contains(&true))
    }

    fn opened_between(queue: &mut Queue<Watermark>, after: UnixMs, _: UnixMs, now: UnixMs) -> bool {
        queue.is_clock() && queue.any_between(Some(after.0), now.0)
    }

    fn decide(ctx: &Ctx, name: &Str, value: &mut StoredQueue<Tsgen>, when: Decision) -> Decided {
        let forgets_at = forgetting::forget(ctx, name, value, when);
        let decided = silence::decide(ctx, name, value, when);
        Decided { again: decided.again.into_iter().chain(forgets_at).min(), ..decided }
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

    fn gate_fields(queue: &Queue<Watermark>, now: UnixMs) -> Vec<Field<'_>> {
        let gate: &[u8] = match &queue.rules().kind {
            Kind::External => b"external",
            Kind::Clock => b"clock",
            Kind::Sources(_) => b"sources",
        };
        let late: &[u8] = match queue.rules().late {
            Late::Ready => b"ready",
            Late::Reject => b"reject",
        };
        vec![
            Field("gate", Shown::Word(gate)),
            Field("watermark", Shown::optional(queue.watermark(now))),
            Field("late", Shown::Word(late)),
        ]
    }

    fn last_fields(queue: &Queue<Watermark>) -> Vec<Field<'_>> {
        let RememberRules { keep, max } = queue.remember();
        vec![
            Field("sourceidle", Shown::Number(queue.source_idle().0)),
            Field("idle-sources", Shown::Number(queue.idle_sources() as u64)),
            Field("maxjump", Shown::Number(queue.max_jump())),
            Field("remember", Shown::Number(keep.0)),
            Field("remembermax", Shown::Number(max)),
            Field("remembered", Shown::Number(queue.remembered() as u64)),
            Field("recurring", Shown::Number(queue.recurring() as u64)),
        ]
    }
}
