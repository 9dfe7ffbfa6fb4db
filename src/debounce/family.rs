//! The family DEBOUNCE: items that are delivered in groups, once a group has been quiet. This file is what the family adds
//! to delivery.

use crate::command::limits::MAX_MS;
use crate::command::table::Entry;
use crate::debounce::items::reply_items;
use crate::debounce::{commands, Debounce, TYPE};
use crate::delivery::family::Family;
use crate::delivery::fields::{Field, Shown};
use crate::delivery::gate_options::{fields, signed, GateOption, Kind, Range};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::call_arguments::Arguments;
use crate::redis::config::Number;
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr};
use std::ffi::CStr;
use tsgen_engine::{
    fired, Delivered, DeliveryOptions, Error, Extent, Fired, Idle, IdleRules, Millis, Queue, Ready, UnixMs, MAX_ITEMS,
};

/// The options of the gate.
static OPTIONS: [GateOption<IdleRules>; 4] = [
    GateOption {
        word: "IDLE",
        field: "idle",
        kind: Kind::Duration(Range::OfConfig(Number::new(c"debounce-idle", 60_000, 1, MAX_MS))),
        is_fixed: false,
        get: |rules| signed(rules.idle.0),
        set: |rules, to| rules.idle = Millis(to.unsigned_abs()),
    },
    GateOption {
        word: "MAXWAIT",
        field: "maxwait",
        kind: Kind::Duration(Range::OfConfig(Number::new(c"debounce-max-wait", 0, 0, MAX_MS))),
        is_fixed: false,
        get: |rules| signed(rules.max_wait.0),
        set: |rules, to| rules.max_wait = Millis(to.unsigned_abs()),
    },
    GateOption {
        word: "MAXITEMS",
        field: "maxitems",
        kind: Kind::Number(Range::OfConfig(Number::new(c"debounce-max-items", 0, 0, MAX_ITEMS as i64))),
        is_fixed: false,
        get: |rules| signed(rules.max_items),
        set: |rules, to| rules.max_items = to.unsigned_abs(),
    },
    GateOption {
        word: "UNIQUE",
        field: "unique",
        kind: Kind::Switch(Some(Number::new(c"debounce-unique", 1, 0, 1))),
        is_fixed: true,
        get: |rules| Some(i64::from(rules.unique)),
        set: |rules, to| rules.unique = to != 0,
    },
];

impl Content for Debounce {
    type Gate = Idle;
    type Local = ();

    fn opens_by_clock(_: &Queue<Idle>) -> bool {
        true
    }
}

impl Family for Debounce {
    type Rules = IdleRules;
    type Plan = ();
    type Change = ();

    const VERBS: Verbs = verbs!("DEBOUNCE", "debounce");
    const TYPE_NAME: &'static CStr = c"tsgen-deb";
    const CREATE_SUMMARY: &'static str =
        "Creates a key for groups of items: each group is delivered as one once nothing was pushed to it for a while";
    const BEFORE_READY: &'static CStr = c"collecting";

    fn gate_options() -> &'static [GateOption<IdleRules>] {
        &OPTIONS
    }

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    fn first_rules() -> IdleRules {
        IdleRules::default()
    }

    fn create(_: (), rules: IdleRules, options: DeliveryOptions, seed: [u64; 2]) -> Result<Queue<Idle>, Error> {
        Queue::<Idle>::create(rules, options, seed)
    }

    fn rules(queue: &Queue<Idle>) -> IdleRules {
        *queue.rules()
    }

    fn change(queue: &mut Queue<Idle>, _: (), rules: IdleRules, _: UnixMs) -> Result<bool, Error> {
        queue.alter_rules(rules)
    }

    fn opened_between(queue: &mut Queue<Idle>, after: UnixMs, master_since: UnixMs, now: UnixMs) -> bool {
        queue.fired_between(after, after.max(master_since), now)
    }

    const ENTRY_FIELDS: usize = 3;

    fn reply_fields(ctx: &Ctx, entry: &Delivered<'_>, extent: Extent) {
        let Fired { reason, items } = fired(entry.body);
        ctx.reply_bytes(entry.name);
        ctx.reply_bytes(reason.as_str().as_bytes());
        match extent {
            Extent::Whole => reply_items(ctx, &items),
            Extent::Beginning => ctx.reply_null(),
        }
    }

    fn stream_fields(entry: &Ready<'_>, to: &mut Arguments) {
        let Fired { reason, items } = fired(entry.body);
        to.extend([b"group", entry.name, b"reason", reason.as_str().as_bytes()].map(OwnedStr::new));
        let [item_word, at_word] = [b"item".as_slice(), b"at"].map(|word| to.intern(OwnedStr::new(word)));
        // Items that came together have the same time, which is one string.
        let mut last = None;
        for (item, at) in items {
            let time = match last.filter(|(before, _)| *before == at) {
                Some((_, time)) => time,
                None => to.intern(OwnedStr::number(at.0)),
            };
            last = Some((at, time));
            to.push_interned(item_word);
            to.push(OwnedStr::new(item));
            to.push_interned(at_word);
            to.push_interned(time);
        }
    }

    fn gate_fields(queue: &Queue<Idle>, _: UnixMs) -> Vec<Field<'_>> {
        let mut shown = vec![Field("gate", Shown::Word(b"idle"))];
        shown.extend(fields(&OPTIONS, queue.rules()));
        shown
    }
}
