//! The family EXPIRY: watched keys that are delivered, with their values, once their time to live has run out. This file is what the family
//! adds to delivery.
//!
//! `events` and `sightings` say how a node learns of watched keys; `watcher` keeps what it knows of them.

use crate::command::args::{is, unknown_option, Args};
use crate::command::limits::check_name;
use crate::command::limits::{MAX_PAYLOAD_SIZE, PAYLOAD_LIMIT};
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::family::{Family, Figure};
use crate::delivery::fields::{Field, Shown};
use crate::delivery::gate_options::{fields, signed, GateOption, Kind, Range, Strings};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::timer::tick::{Turn, Visit};
use crate::delivery::verbs::{verbs, Verbs};
use crate::expiry::copies;
use crate::expiry::endings::{self, ending_word};
use crate::expiry::handover;
use crate::expiry::judge;
use crate::expiry::scan;
use crate::expiry::tick;
use crate::expiry::values::type_name;
use crate::expiry::watcher::Local;
use crate::expiry::watcher_index;
use crate::expiry::{commands, events, Expiry, TYPE};
use crate::redis::call_arguments::Arguments;
use crate::redis::ctx::{random_seed, unix_ms, Role};
use crate::redis::datatype::DataType;
use crate::redis::freeing::free_elsewhere;
use crate::redis::server_events::Event;
use crate::redis::{Ctx, OwnedStr, Str};
use std::ffi::CStr;
use tsgen_engine::{expired, Delivered, DeliveryOptions, Error, Extent, Prefix, Queue, Ready, Ttl, TtlRules, UnixMs};

/// The default of MAXVALUE: a longer value, in bytes, is not kept.
const MAX_VALUE: u64 = 64 * 1024;

const NO_PREFIX: &str = "PREFIX is missing, which says what keys are watched: EXPIRY.CREATE key PREFIX order:";

/// What is watched. It may be given several times, and so is in no table.
const PREFIX: &str = "PREFIX";

/// The other options of the gate.
static OPTIONS: [GateOption<TtlRules>; 3] = [
    GateOption {
        word: "MAXVALUE",
        field: "maxvalue",
        kind: Kind::Bytes(Range::Of { min: 0, max: PAYLOAD_LIMIT }),
        is_fixed: true,
        get: |rules| signed(rules.max_value),
        set: |rules, to| rules.max_value = to.unsigned_abs(),
    },
    GateOption {
        word: "KEEPEVICTED",
        field: "keepevicted",
        kind: Kind::Switch(None),
        is_fixed: false,
        get: |rules| Some(i64::from(rules.keep_evicted)),
        set: |rules, to| rules.keep_evicted = to != 0,
    },
    GateOption {
        word: "MAXHELD",
        field: "maxheld",
        kind: Kind::Bytes(Range::Of { min: 0, max: i64::MAX }),
        is_fixed: false,
        get: |rules| signed(rules.max_held),
        set: |rules, to| rules.max_held = to.unsigned_abs(),
    },
];

/// Fails for a user who may not read all keys of a prefix: the watcher would deliver those keys, too.
fn check_prefix(ctx: &Ctx, prefix: &[u8]) -> Result<(), Fail> {
    // Two names that nobody can foresee, with nothing but the prefix in common: only a pattern that ends with * allows both.
    let allowed = |last: u8| {
        let random = random_seed().map(u64::to_le_bytes).concat();
        ctx.may_read(&OwnedStr::new(&[prefix, &random, &[last]].concat()))
    };
    if allowed(0) && allowed(1) && ctx.may_read(&OwnedStr::new(prefix)) {
        return Ok(());
    }
    Err(Fail::text("NOPERM this user has no permission to read all keys with this PREFIX"))
}

impl Content for Expiry {
    type Gate = Ttl;
    type Local = Local;

    fn opens_by_clock(_: &Queue<Ttl>) -> bool {
        true
    }
}

impl Family for Expiry {
    type Rules = TtlRules;
    type Plan = Vec<Prefix>;
    type Change = ();

    const VERBS: Verbs = verbs!("EXPIRY", "expiry");
    const TYPE_NAME: &'static CStr = c"tsgen-exp";
    const CREATE_SYNTAX: &'static str = "key (PREFIX prefix) [PREFIX prefix ...]";
    const CREATE_SUMMARY: &'static str =
        "Creates a watcher: keys whose names begin with a prefix are delivered once their time to live has run out";
    const CREATE_COMPLEXITY: &'static str = "O(N) with N being the number of prefixes";
    const CREATE_EXPLAINS: bool = true;
    const BEFORE_READY: &'static CStr = c"waiting";
    const TAKES_MAXLEN: bool = false;
    const FIXED: &'static [&'static str] = &[PREFIX];
    const TURN: Turn = Turn {
        begins: judge::look_in_tick,
        is_free: handover::do_jobs,
        pauses: copies::copy_while_paused,
        ends: scan::go_on,
    };

    fn gate_options() -> &'static [GateOption<TtlRules>] {
        &OPTIONS
    }

    fn commands() -> Vec<Entry> {
        commands::all()
    }

    fn data_type() -> &'static DataType<StoredQueue<Self>> {
        &TYPE
    }

    fn plan_option(prefixes: &mut Vec<Prefix>, word: &Str, args: &mut Args<'_>, ctx: &Ctx) -> Result<bool, Fail> {
        if !is(word, PREFIX) {
            return Ok(false);
        }
        let prefix = args.value_of(PREFIX)?.bytes();
        check_name(ctx, PREFIX, prefix)?;
        let flags = ctx.flags();
        if !flags.is_replicated() && !flags.is_loading() {
            check_prefix(ctx, prefix)?;
        }
        prefixes.push(Prefix(prefix.into()));
        Ok(true)
    }

    fn unknown_option(prefixes: &Vec<Prefix>, word: &Str) -> Fail {
        if prefixes.is_empty() {
            return Error::OutOfRange(NO_PREFIX).into();
        }
        unknown_option(word)
    }

    /// The prefix of all keys; a damaged watcher watches none of them.
    fn plan_of_damaged() -> Vec<Prefix> {
        vec![Prefix(Box::default())]
    }

    fn first_rules() -> TtlRules {
        let max_value = MAX_VALUE.min(MAX_PAYLOAD_SIZE.get().unsigned_abs());
        TtlRules { prefixes: Vec::new(), max_value, keep_evicted: false, max_held: TtlRules::MAX_HELD }
    }

    fn create(
        prefixes: Vec<Prefix>,
        rules: TtlRules,
        options: DeliveryOptions,
        seed: [u64; 2],
    ) -> Result<Queue<Ttl>, Error> {
        if prefixes.is_empty() {
            return Err(Error::OutOfRange(NO_PREFIX));
        }
        Queue::<Ttl>::create(TtlRules { prefixes, ..rules }, DeliveryOptions { max_len: 0, ..options }, seed)
    }

    fn rules(queue: &Queue<Ttl>) -> TtlRules {
        queue.rules().clone()
    }

    fn explain_gate(queue: &Queue<Ttl>, to: &mut Strings) {
        for prefix in &queue.rules().prefixes {
            to.extend([OwnedStr::new(PREFIX.as_bytes()), OwnedStr::new(&prefix.0)]);
        }
    }

    fn change(queue: &mut Queue<Ttl>, _: (), rules: TtlRules, _: UnixMs) -> Result<bool, Error> {
        Ok(queue.alter_rules(rules))
    }

    fn opened_between(_: &mut Queue<Ttl>, _: UnixMs, _: UnixMs, _: UnixMs) -> bool {
        // The code that fires an entry tells of it.
        false
    }

    fn appeared(value: &StoredQueue<Self>, db: i32, name: &[u8]) {
        if watcher_index::add(db, name, value.queue.rules()) {
            events::listen();
        }
        if let Some(since) = value.local.walks_since {
            scan::join(db, name, since);
        }
    }

    fn left(db: i32, name: &[u8]) {
        watcher_index::remove(db, name);
    }

    /// The copy may be in another database, and finds anew which keys are there.
    fn copied(queue: &mut Queue<Ttl>) {
        queue.forget_to_come(UnixMs(unix_ms())).into_iter().for_each(free_elsewhere);
    }

    fn on_event(ctx: &Ctx, event: &Event) {
        events::on_event(ctx, event);
    }

    fn tick(ctx: &Ctx, visit: &Visit<'_>, role: Role) -> Option<UnixMs> {
        tick::tick(ctx, visit, role)
    }

    const ENTRY_FIELDS: usize = 5;

    fn reply_fields(ctx: &Ctx, entry: &Delivered<'_>, extent: Extent) {
        let expired = expired(entry.body);
        ctx.reply_bytes(entry.name);
        for text in
            [expired.kind.map(|kind| type_name(kind).as_bytes()), expired.value.filter(|_| extent == Extent::Whole)]
        {
            match text {
                Some(text) => ctx.reply_bytes(text),
                None => ctx.reply_null(),
            }
        }
        ctx.reply_int(entry.key);
        ctx.reply_bytes(ending_word(expired.ending).to_bytes());
    }

    fn stream_fields(entry: &Ready<'_>, to: &mut Arguments) {
        let expired = expired(entry.body);
        let (kind, bytes) = (expired.kind.map_or("", type_name), expired.value.unwrap_or_default());
        to.extend([b"key", entry.name, b"type", kind.as_bytes(), b"value", bytes, b"deadline"].map(OwnedStr::new));
        to.push(OwnedStr::number(entry.key));
        to.extend([b"reason", ending_word(expired.ending).to_bytes()].map(OwnedStr::new));
    }

    fn figures() -> Vec<Figure> {
        let failures = &endings::FAILURES;
        vec![
            Figure::Number(c"watchers", watcher_index::count() as u64),
            Figure::Number(c"expiry-errors", failures.count()),
            Figure::Text(c"expiry-last-error", failures.last()),
        ]
    }

    fn gate_fields(queue: &Queue<Ttl>, _: UnixMs) -> Vec<Field<'_>> {
        let rules = queue.rules();
        let prefixes = rules.prefixes.iter().map(|prefix| &*prefix.0).collect();
        let mut shown = vec![Field("gate", Shown::Word(b"ttl")), Field("prefixes", Shown::Names(prefixes))];
        shown.extend(fields(&OPTIONS, rules));
        shown.extend([
            Field("held-bytes", Shown::Number(queue.held_bytes())),
            Field("values-dropped", Shown::Number(queue.values_dropped())),
        ]);
        shown
    }
}
