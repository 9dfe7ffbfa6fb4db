//! The family DEBOUNCE: items that are delivered in groups, once a group has been quiet. This file is what the family adds
//! to delivery.

use crate::command::args::{is, set, Args};
use crate::command::limits::MAX_MS;
use crate::command::table::Entry;
use crate::command::Fail;
use crate::debounce::items::reply_items;
use crate::debounce::{commands, Debounce, TYPE};
use crate::delivery::family::{Family, Strings};
use crate::delivery::fields::{yes_or_no, Field, Shown};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::verbs::{verbs, Verbs};
use crate::redis::arguments::Arguments;
use crate::redis::config::{Config, Number};
use crate::redis::datatype::DataType;
use crate::redis::{Ctx, OwnedStr, Str};
use std::ffi::CStr;
use tsgen_engine::{
    fired, Delivered, DeliveryOptions, Error, Extent, Fired, Idle, IdleRules, Millis, Queue, Ready, UnixMs, MAX_ITEMS,
};

/// The gate options of CREATE.
#[derive(Default)]
pub struct Plan {
    timing: Change,
    unique: Option<bool>,
}

/// The gate options of ALTER.
#[derive(Default)]
pub struct Change {
    idle: Option<Millis>,
    max_wait: Option<Millis>,
    max_items: Option<u64>,
}

impl Change {
    /// These rules, and those of `base` for all that were not given.
    fn over(self, base: IdleRules) -> IdleRules {
        IdleRules {
            idle: self.idle.unwrap_or(base.idle),
            max_wait: self.max_wait.unwrap_or(base.max_wait),
            max_items: self.max_items.unwrap_or(base.max_items),
            ..base
        }
    }
}

static IDLE: Number = Number::new(c"debounce-idle", 60_000, 1, MAX_MS);
static MAX_WAIT: Number = Number::new(c"debounce-max-wait", 0, 0, MAX_MS);
static MAX_ITEMS_OF_GROUP: Number = Number::new(c"debounce-max-items", 0, 0, MAX_ITEMS as i64);
static UNIQUE: Number = Number::new(c"debounce-unique", 1, 0, 1);

/// The gate options of a key that is created now without any option.
fn defaults() -> IdleRules {
    IdleRules {
        idle: Millis(IDLE.unsigned()),
        max_wait: Millis(MAX_WAIT.unsigned()),
        max_items: MAX_ITEMS_OF_GROUP.unsigned(),
        unique: UNIQUE.get() != 0,
    }
}

fn timing_option(change: &mut Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
    if is(word, "IDLE") {
        set(&mut change.idle, "IDLE", args.millis_of("IDLE", 1)?)?;
    } else if is(word, "MAXWAIT") {
        set(&mut change.max_wait, "MAXWAIT", args.millis_of("MAXWAIT", 0)?)?;
    } else if is(word, "MAXITEMS") {
        set(&mut change.max_items, "MAXITEMS", args.number_of("MAXITEMS", 0, MAX_ITEMS as i64)?.unsigned_abs())?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

impl Content for Debounce {
    type Gate = Idle;
    type Local = ();

    fn opens_by_clock(_: &Queue<Idle>) -> bool {
        true
    }
}

impl Family for Debounce {
    type Plan = Plan;
    type Change = Change;

    const VERBS: Verbs = verbs!("DEBOUNCE", "debounce");
    const TYPE_NAME: &'static CStr = c"tsgen-deb";
    const CREATE_SYNTAX: &'static str = "key [IDLE duration] [MAXWAIT duration] [MAXITEMS n] [UNIQUE yes|no]";
    const CREATE_SUMMARY: &'static str =
        "Creates a key for groups of items: each group is delivered as one once nothing was pushed to it for a while";
    const ALTER_SYNTAX: &'static str = "key [IDLE duration] [MAXWAIT duration] [MAXITEMS n]";
    const CONFIGS: &'static [Config] = &[
        Config::Number(&IDLE),
        Config::Number(&MAX_WAIT),
        Config::Number(&MAX_ITEMS_OF_GROUP),
        Config::Switch(&UNIQUE),
    ];
    const BEFORE_READY: &'static CStr = c"collecting";

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    fn plan_option(plan: &mut Plan, word: &Str, args: &mut Args<'_>, _: &Ctx) -> Result<bool, Fail> {
        if is(word, "UNIQUE") {
            set(&mut plan.unique, "UNIQUE", args.yes_or_no_of("UNIQUE")?)?;
            return Ok(true);
        }
        timing_option(&mut plan.timing, word, args)
    }

    fn create(plan: Plan, options: DeliveryOptions, seed: [u64; 2]) -> Result<Queue<Idle>, Error> {
        let rules = plan.timing.over(defaults());
        let rules = IdleRules { unique: plan.unique.unwrap_or(rules.unique), ..rules };
        Queue::<Idle>::create(rules, options, seed)
    }

    fn explain_gate(queue: &Queue<Idle>, to: &mut Strings) {
        let rules = queue.rules();
        for (word, number) in [("IDLE", rules.idle.0), ("MAXWAIT", rules.max_wait.0), ("MAXITEMS", rules.max_items)] {
            to.extend([OwnedStr::new(word.as_bytes()), OwnedStr::number(i64::try_from(number).unwrap_or(i64::MAX))]);
        }
        to.extend([OwnedStr::new(b"UNIQUE"), OwnedStr::new(yes_or_no(rules.unique))]);
    }

    fn change_option(change: &mut Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        if is(word, "UNIQUE") {
            return Err(Fail::text("ERR UNIQUE is fixed when the key is created"));
        }
        timing_option(change, word, args)
    }

    fn check_change(_: &Queue<Idle>, _: &Change, _: UnixMs) -> Result<(), Fail> {
        Ok(())
    }

    fn change(queue: &mut Queue<Idle>, change: Change, _: UnixMs) -> Result<bool, Error> {
        queue.alter_rules(change.over(*queue.rules()))
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
        let rules = queue.rules();
        vec![
            Field("gate", Shown::Word(b"idle")),
            Field("idle", Shown::Number(rules.idle.0)),
            Field("maxwait", Shown::Number(rules.max_wait.0)),
            Field("maxitems", Shown::Number(rules.max_items)),
            Field("unique", Shown::yes_or_no(rules.unique)),
        ]
    }
}
