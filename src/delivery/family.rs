//! What a family of commands adds to delivery. The delivery commands, persistence, blocking, the timer and the sink
//! are written once, for any `Family`.

use crate::command::args::{unknown_option, Args};
use crate::command::table::Entry;
use crate::command::Fail;
use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::timer::tick::Turn;
use crate::redis::arguments::Arguments;
use crate::redis::config::Config;
use crate::redis::datatype::DataType;
use crate::redis::server_events::Event;
use crate::redis::{Ctx, OwnedStr, Str};
use std::ffi::CStr;
use std::time::Instant;
use tsgen_engine::{Delivered, DeliveryOptions, Queue, Ready, UnixMs};

/// A command and the keyspace event it emits.
#[derive(Clone, Copy)]
pub struct Verb {
    pub name: &'static CStr,
    pub event: &'static CStr,
}

/// The commands that are the same for every family.
pub struct Verbs {
    /// The family in lower case.
    pub family: &'static CStr,
    /// What its commands begin with.
    pub prefix: &'static str,
    pub create: Verb,
    pub alter: Verb,
    pub claim: Verb,
    pub ack: Verb,
    pub nack: Verb,
    pub extend: Verb,
    pub release: Verb,
    pub pending: Verb,
    pub dead: Verb,
    pub promote: Verb,
    pub requeue: Verb,
    pub discard: Verb,
    pub info: Verb,
    pub drop_ready: Verb,
    pub sweep: Verb,
    /// Only its event: a gate has opened.
    pub ready: Verb,
}

/// The verbs of a family, from its upper-case and lower-case name.
macro_rules! verbs {
    ($upper:literal, $lower:literal) => {
        $crate::delivery::family::Verbs {
            family: $crate::delivery::family::c_text(concat!($lower, "\0")),
            prefix: $upper,
            create: $crate::delivery::family::verb!($upper, $lower, "CREATE", "create"),
            alter: $crate::delivery::family::verb!($upper, $lower, "ALTER", "alter"),
            claim: $crate::delivery::family::verb!($upper, $lower, "CLAIM", "claim"),
            ack: $crate::delivery::family::verb!($upper, $lower, "ACK", "ack"),
            nack: $crate::delivery::family::verb!($upper, $lower, "NACK", "nack"),
            extend: $crate::delivery::family::verb!($upper, $lower, "EXTEND", "extend"),
            release: $crate::delivery::family::verb!($upper, $lower, "RELEASE", "release"),
            pending: $crate::delivery::family::verb!($upper, $lower, "PENDING", "pending"),
            dead: $crate::delivery::family::verb!($upper, $lower, "DEAD", "dead"),
            promote: $crate::delivery::family::verb!($upper, $lower, "PROMOTE", "promote"),
            requeue: $crate::delivery::family::verb!($upper, $lower, "REQUEUE", "requeue"),
            discard: $crate::delivery::family::verb!($upper, $lower, "DISCARD", "discard"),
            info: $crate::delivery::family::verb!($upper, $lower, "INFO", "info"),
            drop_ready: $crate::delivery::family::verb!($upper, $lower, "DROPREADY", "sink"),
            sweep: $crate::delivery::family::verb!($upper, $lower, "SWEEP", "sweep"),
            ready: $crate::delivery::family::verb!($upper, $lower, "READY", "ready"),
        }
    };
}

/// One verb of a family.
macro_rules! verb {
    ($upper:literal, $lower:literal, $name:literal, $event:literal) => {
        $crate::delivery::family::Verb {
            name: $crate::delivery::family::c_text(concat!($upper, ".", $name, "\0")),
            event: $crate::delivery::family::c_text(concat!($lower, ".", $event, "\0")),
        }
    };
}
pub(crate) use {verb, verbs};

/// A text that ends with NUL, as C string.
pub const fn c_text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("one NUL, at the end"),
    }
}

/// Builds the strings of a command.
pub type Strings = Vec<OwnedStr>;

/// One family of commands.
pub trait Family: Content {
    /// What CREATE says of the gate.
    type Plan: Default;
    /// What ALTER says of the gate.
    type Change: Default;

    const VERBS: Verbs;
    /// Name and encoding version of the type of its values.
    const TYPE: (&'static CStr, i32);
    /// Name of the command that rebuilds a value from the AOF.
    const LOAD: &'static CStr;
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
