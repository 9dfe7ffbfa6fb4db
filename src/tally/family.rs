//! The family TALLY: increments that are summed per field, and delivered as one batch for each window of time. This file is what
//! the family adds to delivery.

use crate::command::limits::MAX_MS;
use crate::command::table::Entry;
use crate::delivery::family::Family;
use crate::delivery::fields::{Field, Shown};
use crate::delivery::gate_options::{fields, signed, GateOption, Kind, Range};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::call_arguments::Arguments;
use crate::redis::config::Number;
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr};
use crate::tally::{commands, Tally, TYPE};
use std::ffi::CStr;
use tsgen_engine::{
    batch_number, Batch, Delivered, DeliveryOptions, Error, Extent, FieldKind, Millis, Queue, Ready, UnixMs, Window,
    WindowRules, MAX_FIELDS,
};

/// The options of the gate.
static OPTIONS: [GateOption<WindowRules>; 5] = [
    GateOption {
        word: "EVERY",
        field: "every",
        kind: Kind::Duration(Range::OfConfig(Number::new(c"tally-every", 9_000, 1, MAX_MS))),
        is_fixed: false,
        get: |rules| signed(rules.every.0),
        set: |rules, to| rules.every = Millis(to.unsigned_abs()),
    },
    GateOption {
        word: "FIELD",
        field: "field",
        kind: Kind::Choice(&["any", "uuid"]),
        is_fixed: true,
        get: |rules| Some(i64::from(rules.field == FieldKind::Uuid)),
        set: |rules, to| rules.field = if to == 0 { FieldKind::Any } else { FieldKind::Uuid },
    },
    GateOption {
        word: "MIN",
        field: "min",
        kind: Kind::Number(Range::Of { min: i64::MIN, max: i64::MAX }),
        is_fixed: true,
        get: |rules| rules.min,
        set: |rules, to| rules.min = Some(to),
    },
    GateOption {
        word: "MAX",
        field: "max",
        kind: Kind::Number(Range::Of { min: i64::MIN, max: i64::MAX }),
        is_fixed: true,
        get: |rules| rules.max,
        set: |rules, to| rules.max = Some(to),
    },
    GateOption {
        word: "MAXFIELDS",
        field: "maxfields",
        kind: Kind::Number(Range::OfConfig(Number::new(c"tally-max-fields", 10_000, 1, MAX_FIELDS as i64))),
        is_fixed: false,
        get: |rules| signed(rules.max_fields),
        set: |rules, to| rules.max_fields = to.unsigned_abs(),
    },
];

impl Content for Tally {
    type Gate = Window;
    type Local = ();

    fn opens_by_clock(_: &Queue<Window>) -> bool {
        true
    }
}

impl Family for Tally {
    type Rules = WindowRules;
    type Plan = ();
    type Change = ();

    const VERBS: Verbs = verbs!("TALLY", "tally");
    const TYPE_NAME: &'static CStr = c"tsgen-tal";
    const CREATE_SUMMARY: &'static str =
        "Creates a key for counters: the sums of each window of time are delivered together, as one batch";
    /// All its batches are of one kind, and a worker takes them in their order.
    const HAS_GROUPS: bool = false;
    const BEFORE_READY: &'static CStr = c"collecting";

    fn gate_options() -> &'static [GateOption<WindowRules>] {
        &OPTIONS
    }

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    /// A dead batch is a sum that the database never gets, so no batch dies unless CREATE says so.
    fn adjust(defaults: DeliveryOptions) -> DeliveryOptions {
        DeliveryOptions { max_deliveries: 0, ..defaults }
    }

    fn first_rules() -> WindowRules {
        WindowRules::default()
    }

    fn create(_: (), rules: WindowRules, options: DeliveryOptions, seed: [u64; 2]) -> Result<Queue<Window>, Error> {
        Queue::<Window>::create(rules, options, seed)
    }

    fn rules(queue: &Queue<Window>) -> WindowRules {
        *queue.rules()
    }

    fn change(queue: &mut Queue<Window>, _: (), rules: WindowRules, _: UnixMs) -> Result<bool, Error> {
        queue.alter_rules(rules)
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
        let window = queue.window(now);
        let mut shown = vec![Field("gate", Shown::Word(b"window"))];
        shown.extend(fields(&OPTIONS, queue.rules()));
        // Here FIELD has always stood before EVERY.
        shown.swap(1, 2);
        shown.extend([
            Field("fields", Shown::Number(window.map_or(0, |window| window.fields as u64))),
            Field("opened-at", Shown::optional(window.map(|window| window.opened_at.0))),
            Field("seals-at", Shown::optional(window.map(|window| window.seals_at.0))),
        ]);
        shown
    }
}
