//! What a family of commands adds to delivery. The delivery commands, persistence, blocking, the timer and the sink
//! are written once, for any `Family`.

use crate::command::args::{unknown_option, Args};
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::timer::tick::Turn;
use crate::delivery::verbs::Verbs;
use crate::redis::arguments::Arguments;
use crate::redis::config::Config;
use crate::redis::datatype::DataType;
use crate::redis::server_events::Event;
use crate::redis::{Ctx, OwnedStr, Str};
use std::ffi::CStr;
use std::time::Instant;
use tsgen_engine::{Delivered, DeliveryOptions, Queue, Ready, UnixMs};

/// Builds the strings of a command.
pub type Strings = Vec<OwnedStr>;

/// One family of commands.
pub trait Family: Content {
    /// What CREATE says of the gate.
    type Plan: Default;
    /// What ALTER says of the gate.
    type Change: Default;

    const VERBS: Verbs;
    /// Name of the type of its values: nine characters.
    const TYPE_NAME: &'static CStr;
    /// Key and gate options; those of delivery follow.
    const CREATE_SYNTAX: &'static str;
    /// Whether CREATE itself says what is missing, and not Redis that something is.
    const CREATE_EXPLAINS: bool = false;
    const CREATE_SUMMARY: &'static str;
    const CREATE_COMPLEXITY: &'static str = "O(1)";
    const ALTER_SYNTAX: &'static str;

    /// Its configs, above all what its gate is like unless CREATE says otherwise.
    const CONFIGS: &'static [Config] = &[];

    /// Where its registered type is.
    fn data_type() -> &'static DataType<StoredQueue<Self>>;

    /// Reads one option of the gate if `word` is one.
    fn plan_option(plan: &mut Plan<Self>, word: &Str, args: &mut Args<'_>, ctx: &Ctx) -> Result<bool, Fail>;
    /// The error of a word that is no option.
    fn unknown_option(_plan: &Plan<Self>, word: &Str) -> Fail {
        unknown_option(word)
    }
    /// How many words such an option takes, itself included; `None` if `word` is none. For key positions.
    fn plan_option_width(word: &Str, next: Option<&Str>) -> Option<usize>;
    /// The gate of a value that stands for one whose content cannot be loaded.
    fn plan_of_damaged() -> Plan<Self> {
        Plan::<Self>::default()
    }
    /// What is different for this family in the delivery options of a key that is made now and not told otherwise.
    fn adjust(defaults: DeliveryOptions) -> DeliveryOptions {
        defaults
    }
    fn create(
        plan: Plan<Self>,
        options: DeliveryOptions,
        seed: [u64; 2],
    ) -> Result<Queue<Self::Gate>, tsgen_engine::Error>;
    /// The gate options of CREATE that would make the same gate.
    fn explain_gate(queue: &Queue<Self::Gate>, to: &mut Strings);

    fn change_option(change: &mut Self::Change, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail>;
    /// Fails exactly if `change` would.
    fn check_change(queue: &Queue<Self::Gate>, change: &Self::Change, now: UnixMs) -> Result<(), Fail>;
    /// True if anything changed.
    fn change(queue: &mut Queue<Self::Gate>, change: Self::Change, now: UnixMs) -> Result<bool, tsgen_engine::Error>;

    /// Whether the gate opened for anything after `after` and up to `now`. `master_since`: what opened before was announced by another node.
    fn opened_between(queue: &mut Queue<Self::Gate>, after: UnixMs, master_since: UnixMs, now: UnixMs) -> bool;

    /// A value has appeared under a name, or stands there.
    fn appeared(_value: &StoredQueue<Self>, _db: i32, _name: &[u8]) {}
    /// A value is about to appear in another keyspace than where it was made.
    fn transplanted(_queue: &mut Queue<Self::Gate>) {}
    /// A value is gone from under its name.
    fn left(_db: i32, _name: &[u8]) {}
    /// Something has happened to this node; delivery does its part after that.
    fn happened(_ctx: &Ctx, _event: &Event) {}
    /// What the timer does for a key of this family beside delivery; tells when it wants to come again.
    fn tick(_ctx: &Ctx, _name: &Str, _now: UnixMs, _until: Instant, _is_master: bool) -> Option<UnixMs> {
        None
    }
    /// What the timer does for the whole family in each of its turns, also while nothing may be written.
    const TURN: Turn = Turn::NOTHING;

    /// The commands that only this family has.
    fn commands() -> Vec<Entry>;
    /// Replies with one entry of a CLAIM.
    fn reply_entry(ctx: &Ctx, entry: &Delivered<'_>);
    /// The fields and values of a ready entry in its stream.
    fn stream_fields(entry: &Ready<'_>, to: &mut Arguments);
    /// Whether keys can be bounded by MAXLEN.
    const TAKES_MAXLEN: bool = true;
    /// What INFO calls entries that are not ready yet.
    const BEFORE_READY: &'static CStr;
    /// Number of fields that INFO starts with, and the fields.
    const GATE_FIELDS: usize;
    fn reply_gate_fields(ctx: &Ctx, queue: &Queue<Self::Gate>, now: UnixMs);
}

/// What CREATE says of the gate of a family.
pub type Plan<F> = <F as Family>::Plan;
