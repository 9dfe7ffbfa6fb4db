//! What a family of commands adds to delivery. The delivery commands, persistence, blocking, the timer and the sink
//! are written once, for any `Family`.

use crate::command::args::{unknown_option, Args};
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::fields::Field;
use crate::delivery::gate_options::{self, GateOption, Strings};
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::timer::tick::{Turn, Visit};
use crate::delivery::verbs::Verbs;
use crate::redis::call_arguments::Arguments;
use crate::redis::config::Config;
use crate::redis::ctx::Role;
use crate::redis::datatype::DataType;
use crate::redis::server_events::Event;
use crate::redis::{Ctx, Str};
use std::ffi::{CStr, CString};
use tsgen_engine::{Delivered, DeliveryOptions, Extent, Queue, Ready, UnixMs};

/// When something is decided.
#[derive(Clone, Copy)]
pub enum Decision {
    /// By the timer, at the time of day.
    ByTimer {
        now: UnixMs,
        /// Since when clients could be heard without a break.
        heard_since: UnixMs,
        /// What clients have sent meanwhile may not have been looked at.
        is_late: bool,
    },
    /// At a time that a client names. The decision goes by the times in the key alone.
    At(UnixMs),
}

/// What came of a decision.
#[derive(Default)]
pub struct Decided {
    /// Whether the gate has opened for anything.
    pub opened: bool,
    /// When there is something to decide next.
    pub again: Option<UnixMs>,
}

/// A field of INFO that only one family has.
pub enum Figure {
    Number(&'static CStr, u64),
    Text(&'static CStr, CString),
}

/// One family of commands.
pub trait Family: Content {
    /// What the gate options in the table set.
    type Rules: 'static;
    /// What CREATE takes of the gate that is in no table.
    type Plan: Default;
    /// The same of ALTER.
    type Change: Default;

    const VERBS: Verbs;
    /// The name of its data type: nine characters.
    const TYPE_NAME: &'static CStr;
    /// The key, and what CREATE takes of the gate that is in no table.
    const CREATE_SYNTAX: &'static str = "key";
    /// Whether CREATE itself names a missing argument, instead of Redis only counting arguments.
    const CREATE_EXPLAINS: bool = false;
    const CREATE_SUMMARY: &'static str;
    const CREATE_COMPLEXITY: &'static str = "O(1)";
    /// The same of ALTER.
    const ALTER_SYNTAX: &'static str = "key";
    /// The table of the gate options that take one value. What CREATE and ALTER take, COMMAND DOCS, the configs and what replicas are told follow.
    fn gate_options() -> &'static [GateOption<Self::Rules>];
    /// What CREATE takes that is in no table, and ALTER refuses.
    const FIXED: &'static [&'static str] = &[];

    /// Its configs: the defaults of its gate options.
    fn configs() -> Vec<Config> {
        gate_options::configs(Self::gate_options())
    }

    /// Its registered data type.
    fn data_type() -> &'static DataType<StoredQueue<Self>>;

    /// Reads an option of the gate that is in no table if `word` is one.
    fn plan_option(_plan: &mut Plan<Self>, _word: &Str, _args: &mut Args<'_>, _ctx: &Ctx) -> Result<bool, Fail> {
        Ok(false)
    }
    /// The error for a word that is no option.
    fn unknown_option(_plan: &Plan<Self>, word: &Str) -> Fail {
        unknown_option(word)
    }
    /// The gate of the empty value that replaces a damaged one whose content cannot be loaded.
    fn plan_of_damaged() -> Plan<Self> {
        Plan::<Self>::default()
    }
    /// Changes the default delivery options where this family has other defaults.
    fn adjust(defaults: DeliveryOptions) -> DeliveryOptions {
        defaults
    }
    /// What the table sets, in a new key of which nobody says anything. Options with a config take the default of that.
    fn first_rules() -> Self::Rules;
    fn create(
        plan: Plan<Self>,
        rules: Self::Rules,
        options: DeliveryOptions,
        seed: [u64; 2],
    ) -> Result<Queue<Self::Gate>, tsgen_engine::Error>;
    /// What the table sets, as it is.
    fn rules(queue: &Queue<Self::Gate>) -> Self::Rules;
    /// What CREATE takes that is in no table, and would make the same gate.
    fn explain_gate(_queue: &Queue<Self::Gate>, _to: &mut Strings) {}

    /// Reads an option of the gate that is in no table if `word` is one.
    fn change_option(_change: &mut Self::Change, _word: &Str, _args: &mut Args<'_>) -> Result<bool, Fail> {
        Ok(false)
    }
    /// Fails if `change` has a name that is too long.
    fn check_names(_change: &Self::Change, _ctx: &Ctx) -> Result<(), Fail> {
        Ok(())
    }
    /// Fails if `change` would fail, because of what is in it or because of these rules.
    fn check_change(
        _queue: &Queue<Self::Gate>,
        _change: &Self::Change,
        _rules: &Self::Rules,
        _now: UnixMs,
    ) -> Result<(), Fail> {
        Ok(())
    }
    /// Applies `change`, and these rules. True if anything changed.
    fn change(
        queue: &mut Queue<Self::Gate>,
        change: Self::Change,
        rules: Self::Rules,
        now: UnixMs,
    ) -> Result<bool, tsgen_engine::Error>;

    /// Whether the gate opened for anything after `after` and up to `now`. Openings before `master_since` were announced by another node.
    fn opened_between(queue: &mut Queue<Self::Gate>, after: UnixMs, master_since: UnixMs, now: UnixMs) -> bool;

    /// A key is being made by CREATE.
    fn created(_queue: &mut Queue<Self::Gate>, _now: UnixMs) {}
    /// A value has appeared under a name, or still stands there.
    fn appeared(_value: &StoredQueue<Self>, _db: i32, _name: &[u8]) {}
    /// A copy of a value is about to appear under another name.
    fn copied(_queue: &mut Queue<Self::Gate>) {}
    /// A value has left its name.
    fn left(_db: i32, _name: &[u8]) {}
    /// A server event has happened to this node; delivery handles the event afterwards.
    fn on_event(_ctx: &Ctx, _event: &Event) {}
    /// What the timer does for a key of this family beside delivery. Returns when the timer shall come again.
    fn tick(_ctx: &Ctx, _visit: &Visit<'_>, _role: Role) -> Option<UnixMs> {
        None
    }
    /// What a master decides, and replicates, about a key because time has passed; before it looks at what is ready. Called once in each look
    /// of the timer, and before a command that a client runs at a time of its own.
    fn decide(_ctx: &Ctx, _name: &Str, _value: &mut StoredQueue<Self>, _when: Decision) -> Decided {
        Decided::default()
    }
    /// What the timer does for the whole family in each of its turns, also while nothing may be written.
    const TURN: Turn = Turn::NOTHING;

    /// The commands that only this family has.
    fn commands() -> Vec<Entry>;
    /// Replies with one entry of a CLAIM.
    fn reply_entry(ctx: &Ctx, entry: &Delivered<'_>) {
        ctx.reply_array(2 + Self::ENTRY_FIELDS);
        ctx.reply_int(entry.token as i64);
        ctx.reply_int(i64::from(entry.deliveries));
        Self::reply_fields(ctx, entry, Extent::Whole);
    }
    /// The number of fields of an entry behind its token and its deliveries.
    const ENTRY_FIELDS: usize;
    /// Replies with these fields, one by one; with null for the content if only the beginning of the body is there.
    fn reply_fields(ctx: &Ctx, entry: &Delivered<'_>, extent: Extent);
    /// The fields and values of a ready entry in the stream of the sink.
    fn stream_fields(entry: &Ready<'_>, to: &mut Arguments);
    /// Whether keys can be bounded by MAXLEN.
    const TAKES_MAXLEN: bool = true;
    /// Whether entries of a key can be in groups.
    const HAS_GROUPS: bool = true;
    /// Whether entries are stored before they are ready, so that PEEK can list them.
    const LISTS_WAITING: bool = false;
    /// The name in INFO for entries that are not ready yet.
    const BEFORE_READY: &'static CStr;
    /// What INFO shows of the family beside the sums over its keys.
    fn figures() -> Vec<Figure> {
        Vec::new()
    }
    /// The fields with which F.INFO begins.
    fn gate_fields(queue: &Queue<Self::Gate>, now: UnixMs) -> Vec<Field<'_>>;
    /// The fields with which F.INFO ends.
    fn last_fields(_queue: &Queue<Self::Gate>) -> Vec<Field<'_>> {
        Vec::new()
    }
}

/// What a family's CREATE takes of the gate that is in no table.
pub type Plan<F> = <F as Family>::Plan;
