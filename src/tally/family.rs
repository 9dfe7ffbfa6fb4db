//! The family TALLY: increments that are summed per field, and delivered as one batch for each window of time. This file is what
//! the family adds to delivery.

use crate::command::args::{is, set, Args};
use crate::command::limits::MAX_MS;
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::family::{Family, Strings};
use crate::delivery::fields::{Field, Shown};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::arguments::Arguments;
use crate::redis::config::{Config, Number};
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tally::{commands, Tally, TYPE};
use std::ffi::CStr;
use tsgen_engine::{
    batch_number, Batch, Delivered, DeliveryOptions, Error, Extent, FieldKind, Millis, Queue, Ready, UnixMs, Window,
    WindowRules, MAX_FIELDS,
};

/// The gate options of CREATE.
#[derive(Default)]
pub struct Plan {
    change: Change,
    field: Option<FieldKind>,
    min: Option<i64>,
    max: Option<i64>,
}

/// The gate options of ALTER.
#[derive(Default)]
pub struct Change {
    every: Option<Millis>,
    max_fields: Option<u64>,
}

impl Change {
    /// These rules, and those of `base` for all that were not given.
    fn over(self, base: WindowRules) -> WindowRules {
        WindowRules {
            every: self.every.unwrap_or(base.every),
            max_fields: self.max_fields.unwrap_or(base.max_fields),
            ..base
        }
    }
}

static EVERY: Number = Number::new(c"tally-every", 9_000, 1, MAX_MS);
static MAX_FIELDS_OF_WINDOW: Number = Number::new(c"tally-max-fields", 10_000, 1, MAX_FIELDS as i64);

/// The gate options of a key that is created now without any option.
fn defaults() -> WindowRules {
    let max_fields = MAX_FIELDS_OF_WINDOW.unsigned();
    WindowRules { every: Millis(EVERY.unsigned()), max_fields, ..WindowRules::default() }
}

fn change_option(change: &mut Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
    if is(word, "EVERY") {
        set(&mut change.every, "EVERY", args.millis_of("EVERY", 1)?)?;
    } else if is(word, "MAXFIELDS") {
        let most = i64::try_from(MAX_FIELDS).unwrap_or(i64::MAX);
        set(&mut change.max_fields, "MAXFIELDS", args.number_of("MAXFIELDS", 1, most)?.unsigned_abs())?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn field_option(args: &mut Args<'_>) -> Result<FieldKind, Fail> {
    match args.value_of("FIELD")? {
        word if is(word, "ANY") => Ok(FieldKind::Any),
        word if is(word, "UUID") => Ok(FieldKind::Uuid),
        _ => Err(Fail::text("ERR FIELD must be ANY or UUID")),
    }
}

fn field_word(kind: FieldKind) -> &'static [u8] {
    match kind {
        FieldKind::Any => b"any",
        FieldKind::Uuid => b"uuid",
    }
}

impl Content for Tally {
    type Gate = Window;
    type Local = ();

    fn opens_by_clock(_: &Queue<Window>) -> bool {
        true
    }
}

impl Family for Tally {
    type Plan = Plan;
    type Change = Change;

    const VERBS: Verbs = verbs!("TALLY", "tally");
    const TYPE_NAME: &'static CStr = c"tsgen-tal";
    const CREATE_SYNTAX: &'static str = "key [EVERY duration] [FIELD ANY|UUID] [MIN n] [MAX n] [MAXFIELDS n]";
    const CREATE_SUMMARY: &'static str =
        "Creates a key for counters: the sums of each window of time are delivered together, as one batch";
    const ALTER_SYNTAX: &'static str = "key [EVERY duration] [MAXFIELDS n]";
    const CONFIGS: &'static [Config] = &[Config::Number(&EVERY), Config::Number(&MAX_FIELDS_OF_WINDOW)];
    /// All its batches are of one kind, and a worker takes them in their order.
    const HAS_GROUPS: bool = false;
    const BEFORE_READY: &'static CStr = c"collecting";

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    fn plan_option(plan: &mut Plan, word: &Str, args: &mut Args<'_>, _: &Ctx) -> Result<bool, Fail> {
        if is(word, "FIELD") {
            set(&mut plan.field, "FIELD", field_option(args)?)?;
        } else if is(word, "MIN") {
            set(&mut plan.min, "MIN", args.number_of("MIN", i64::MIN, i64::MAX)?)?;
        } else if is(word, "MAX") {
            set(&mut plan.max, "MAX", args.number_of("MAX", i64::MIN, i64::MAX)?)?;
        } else {
            return change_option(&mut plan.change, word, args);
        }
        Ok(true)
    }

    /// A dead batch is a sum that the database never gets, so no batch dies unless CREATE says so.
    fn adjust(defaults: DeliveryOptions) -> DeliveryOptions {
        DeliveryOptions { max_deliveries: 0, ..defaults }
    }

    fn create(plan: Plan, options: DeliveryOptions, seed: [u64; 2]) -> Result<Queue<Window>, Error> {
        let rules = plan.change.over(defaults());
        let rules = WindowRules { field: plan.field.unwrap_or(rules.field), min: plan.min, max: plan.max, ..rules };
        Queue::<Window>::create(rules, options, seed)
    }

    fn explain_gate(queue: &Queue<Window>, to: &mut Strings) {
        let rules = queue.rules();
        let number = |number: u64| OwnedStr::number(i64::try_from(number).unwrap_or(i64::MAX));
        to.extend([OwnedStr::new(b"EVERY"), number(rules.every.0)]);
        to.extend([OwnedStr::new(b"FIELD"), OwnedStr::new(field_word(rules.field))]);
        for (word, bound) in [(&b"MIN"[..], rules.min), (b"MAX", rules.max)] {
            if let Some(bound) = bound {
                to.extend([OwnedStr::new(word), OwnedStr::number(bound)]);
            }
        }
        to.extend([OwnedStr::new(b"MAXFIELDS"), number(rules.max_fields)]);
    }

    fn change_option(change: &mut Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        if ["FIELD", "MIN", "MAX"].iter().any(|option| is(word, option)) {
            return Err(Fail::text("ERR FIELD, MIN and MAX are fixed when the key is created"));
        }
        change_option(change, word, args)
    }

    fn check_change(_: &Queue<Window>, _: &Change, _: UnixMs) -> Result<(), Fail> {
        Ok(())
    }

    fn change(queue: &mut Queue<Window>, change: Change, _: UnixMs) -> Result<bool, Error> {
        queue.alter_rules(change.over(*queue.rules()))
    }

    fn opened_between(queue: &mut Queue<Window>, after: UnixMs, master_since: UnixMs, now: UnixMs) -> bool {
        queue.ended_between(after, after.max(master_since), now)
    }

    const ENTRY_FIELDS: usize = 4;

    fn reply_fields(ctx: &Ctx, entry: &Delivered<'_>, extent: Extent) {
        let batch = Batch::of(entry.body);
        // The number of a batch is made when it is sealed, and so is known for sure only once it has been handed out.
        let number = batch_number(entry.name).filter(|_| entry.deliveries > 0);
        ctx.reply_optional_int(number.map(|number| number as i64));
        ctx.reply_int(batch.opened_at.0);
        ctx.reply_int(entry.key);
        if extent == Extent::Beginning {
            ctx.reply_null();
            return;
        }
        ctx.reply_array(2 * batch.len());
        for (field, sum) in batch.sums() {
            ctx.reply_bytes(field);
            ctx.reply_int(sum);
        }
    }

    fn stream_fields(entry: &Ready<'_>, to: &mut Arguments) {
        let batch = Batch::of(entry.body);
        to.extend([OwnedStr::new(b"batch"), OwnedStr::new(entry.name)]);
        to.extend([OwnedStr::new(b"opened"), OwnedStr::number(batch.opened_at.0)]);
        to.extend([OwnedStr::new(b"sealed"), OwnedStr::number(entry.key)]);
        for (field, sum) in batch.sums() {
            to.extend([OwnedStr::new(field), OwnedStr::number(sum)]);
        }
    }

    fn gate_fields(queue: &Queue<Window>, now: UnixMs) -> Vec<Field<'_>> {
        let (rules, window) = (queue.rules(), queue.window(now));
        vec![
            Field("gate", Shown::Word(b"window")),
            Field("field", Shown::Word(field_word(rules.field))),
            Field("every", Shown::Number(rules.every.0)),
            Field("min", Shown::optional(rules.min)),
            Field("max", Shown::optional(rules.max)),
            Field("maxfields", Shown::Number(rules.max_fields)),
            Field("fields", Shown::Number(window.map_or(0, |window| window.fields as u64))),
            Field("opened-at", Shown::optional(window.map(|window| window.opened_at.0))),
            Field("seals-at", Shown::optional(window.map(|window| window.seals_at.0))),
        ]
    }
}
