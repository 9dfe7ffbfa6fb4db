//! The family TSGEN: elements with a timestamp behind a watermark. This file is what the family adds to delivery.

use crate::command::args::{integer, is, set, Args};
use crate::command::limits::{check_name, MAX_MS};
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::family::{Decided, Decision, Family};
use crate::delivery::fields::{Field, Shown};
use crate::delivery::gate_options::Kind::{Choice, Duration, Number};
use crate::delivery::gate_options::{fields, signed, GateOption, Range, Strings};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::call_arguments::Arguments;
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tsgen::silence::{self, Listening};
use crate::tsgen::{commands, forgetting, Tsgen, TYPE};
use std::ffi::CStr;
use tsgen_engine::{
    Delivered, DeliveryOptions, Error, Extent, Kind, Late, Millis, Queue, Ready, Source, SourceChange, UnixMs,
    Watermark, WatermarkRules, WatermarkSettings, DEFAULT_REMEMBER_MAX, MAX_SOURCES,
};

/// The options of a key that take one value.
static OPTIONS: [GateOption<WatermarkSettings>; 5] = [
    GateOption {
        word: "LATE",
        field: "late",
        kind: Choice(&["ready", "reject"]),
        is_fixed: false,
        get: |settings| Some(i64::from(settings.late == Late::Reject)),
        set: |settings, to| settings.late = if to == 0 { Late::Ready } else { Late::Reject },
    },
    GateOption {
        word: "SOURCEIDLE",
        field: "sourceidle",
        kind: Duration(Range::WithDefault { min: 0, max: MAX_MS, default: 0 }),
        is_fixed: false,
        get: |settings| signed(settings.source_idle.0),
        set: |settings, to| settings.source_idle = Millis(to.unsigned_abs()),
    },
    GateOption {
        word: "MAXJUMP",
        field: "maxjump",
        kind: Number(Range::WithDefault { min: 0, max: i64::MAX, default: 0 }),
        is_fixed: false,
        get: |settings| signed(settings.max_jump),
        set: |settings, to| settings.max_jump = to.unsigned_abs(),
    },
    GateOption {
        word: "REMEMBER",
        field: "remember",
        kind: Duration(Range::WithDefault { min: 0, max: MAX_MS, default: 0 }),
        is_fixed: false,
        get: |settings| signed(settings.remember.keep.0),
        set: |settings, to| settings.remember.keep = Millis(to.unsigned_abs()),
    },
    GateOption {
        word: "REMEMBERMAX",
        field: "remembermax",
        kind: Number(Range::WithDefault { min: 1, max: i64::MAX, default: DEFAULT_REMEMBER_MAX as i64 }),
        is_fixed: false,
        get: |settings| signed(settings.remember.max),
        set: |settings, to| settings.remember.max = to.unsigned_abs(),
    },
];

/// What ALTER does that is in no table.
#[derive(Default)]
pub struct Change {
    watermark: Option<i64>,
    /// The name of a source, and the timestamp that counts as its report from now on.
    source: Option<(Box<[u8]>, i64)>,
    /// In the order given.
    sources: Vec<SourceChange>,
}

const BAD_SOURCE: Fail =
    Fail::text("ERR SOURCE must be followed by the name of a source and a timestamp, a signed 64-bit integer");

const CLOCK: &str = "CLOCK";
const SOURCES: &str = "SOURCES";
const ADDSOURCE: &str = "ADDSOURCE";
const REMSOURCE: &str = "REMSOURCE";

fn sources_option(args: &mut Args<'_>, ctx: &Ctx) -> Result<Kind, Fail> {
    let count = args.value_of(SOURCES)?;
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
    type Rules = WatermarkSettings;
    /// What moves the watermark.
    type Plan = Option<Kind>;
    type Change = Change;

    const VERBS: Verbs = verbs!("TSGEN", "tsgen");
    const TYPE_NAME: &'static CStr = c"tsgen-tsg";
    const CREATE_SYNTAX: &'static str = "key [CLOCK | SOURCES n name [name ...]]";
    const CREATE_SUMMARY: &'static str =
        "Creates a key whose elements wait for a watermark: one that you advance, that of several sources, or the server's clock";
    const CREATE_COMPLEXITY: &'static str = "O(N) with N being the number of sources";
    const FIXED: &'static [&'static str] = &[CLOCK, SOURCES];
    const ALTER_SYNTAX: &'static str =
        "key [WATERMARK timestamp:integer] [SOURCE name timestamp:integer] [ADDSOURCE name ...] [REMSOURCE name ...]";
    const BEFORE_READY: &'static CStr = c"waiting";

    fn gate_options() -> &'static [GateOption<WatermarkSettings>] {
        &OPTIONS
    }

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    fn plan_option(plan: &mut Option<Kind>, word: &Str, args: &mut Args<'_>, ctx: &Ctx) -> Result<bool, Fail> {
        let kind = match word {
            word if is(word, CLOCK) => Kind::Clock,
            word if is(word, SOURCES) => sources_option(args, ctx)?,
            _ => return Ok(false),
        };
        match plan.replace(kind) {
            None => Ok(true),
            Some(_) => Err(Fail::text("ERR CLOCK and SOURCES exclude each other and may be given once")),
        }
    }

    fn first_rules() -> WatermarkSettings {
        WatermarkSettings::default()
    }

    fn create(
        kind: Option<Kind>,
        settings: WatermarkSettings,
        options: DeliveryOptions,
        seed: [u64; 2],
    ) -> Result<Queue<Watermark>, Error> {
        let rules = WatermarkRules { kind: kind.unwrap_or(Kind::External), late: settings.late };
        let mut queue = Queue::<Watermark>::create(rules, options, seed)?;
        queue.alter_settings(settings, UnixMs(0))?;
        Ok(queue)
    }

    fn rules(queue: &Queue<Watermark>) -> WatermarkSettings {
        queue.settings()
    }

    fn created(queue: &mut Queue<Watermark>, now: UnixMs) {
        queue.listen_from(now);
    }

    fn explain_gate(queue: &Queue<Watermark>, to: &mut Strings) {
        match &queue.rules().kind {
            Kind::External => {}
            Kind::Clock => to.push(OwnedStr::new(CLOCK.as_bytes())),
            Kind::Sources(sources) => {
                to.extend([OwnedStr::new(SOURCES.as_bytes()), OwnedStr::number(sources.len() as i64)]);
                to.extend(sources.iter().map(|source| OwnedStr::new(&source.name)));
            }
        }
    }

    fn change_option(change: &mut Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        if is(word, "WATERMARK") {
            set(&mut change.watermark, "WATERMARK", args.number_of("WATERMARK", i64::MIN, i64::MAX)?)?;
        } else if is(word, "SOURCE") {
            let name = args.value_of("SOURCE")?.bytes();
            let timestamp = args.next().and_then(|text| integer(text.bytes())).ok_or(BAD_SOURCE)?;
            set(&mut change.source, "SOURCE", (name.into(), timestamp))?;
        } else if is(word, ADDSOURCE) {
            change.sources.push(SourceChange::Add(args.value_of(ADDSOURCE)?.bytes().into()));
        } else if is(word, REMSOURCE) {
            change.sources.push(SourceChange::Remove(args.value_of(REMSOURCE)?.bytes().into()));
        } else {
            return Ok(false);
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

    fn check_change(
        queue: &Queue<Watermark>,
        change: &Change,
        settings: &WatermarkSettings,
        now: UnixMs,
    ) -> Result<(), Fail> {
        if let Some((name, to)) = &change.source {
            queue.check_source(name, *to)?;
        }
        queue.check_settings(settings)?;
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

    fn change(
        queue: &mut Queue<Watermark>,
        change: Change,
        settings: WatermarkSettings,
        now: UnixMs,
    ) -> Result<bool, Error> {
        let set_back = match change.watermark {
            Some(to) => queue.alter_watermark(to, now)?,
            None => false,
        };
        let source_set_back = change.source.is_some_and(|(name, to)| queue.alter_source(&name, to));
        let sources_changed = queue.change_sources(&change.sources, now)?;
        let settings_changed = queue.alter_settings(settings, now)?;
        Ok(set_back || source_set_back || sources_changed || settings_changed)
    }

    fn opened_between(queue: &mut Queue<Watermark>, after: UnixMs, _: UnixMs, now: UnixMs) -> bool {
        queue.is_clock() && queue.any_between(Some(after.0), now.0)
    }

    fn decide(ctx: &Ctx, name: &Str, value: &mut StoredQueue<Tsgen>, when: Decision) -> Decided {
        let forgets_at = forgetting::forget(ctx, name, value, when);
        let decided = silence::decide(ctx, name, value, when);
        Decided { again: decided.again.into_iter().chain(forgets_at).min(), ..decided }
    }

    const LISTS_WAITING: bool = true;

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
        let mut shown =
            vec![Field("gate", Shown::Word(gate)), Field("watermark", Shown::optional(queue.watermark(now)))];
        shown.extend(fields(&OPTIONS[..1], &queue.settings()));
        shown
    }

    fn last_fields(queue: &Queue<Watermark>) -> Vec<Field<'_>> {
        // LATE is above, beside the watermark.
        let mut shown = fields(&OPTIONS[1..], &queue.settings());
        // Here these have always stood behind SOURCEIDLE.
        shown.insert(1, Field("idle-sources", Shown::Number(queue.idle_sources() as u64)));
        shown.extend([
            Field("remembered", Shown::Number(queue.remembered() as u64)),
            Field("recurring", Shown::Number(queue.recurring() as u64)),
        ]);
        shown
    }
}
