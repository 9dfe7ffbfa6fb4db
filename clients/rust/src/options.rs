//! Options of keys, for [`Key::create`](crate::Key::create) and [`Key::alter`](crate::Key::alter). What is not given has the server's
//! default, or stays as it is.

use crate::call::Words;
use crate::content::{Debounce, Elements, Expiry, Family, Tally};
use std::marker::PhantomData;
use std::time::Duration;

/// A length of time as the server takes it: whole milliseconds, rounded up, so that nothing comes early.
pub(crate) fn ms(length: Duration) -> u64 {
    u64::try_from(length.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Options with one value each: what it is, how it is called here, and what is sent for it.
macro_rules! table {
    ($($(#[$is:meta])+ $option:ident($value:ident: $type:ty) $name:literal $sent:expr;)+) => {
        $($(#[$is])+ pub fn $option(self, $value: $type) -> Self {
            self.with($name, $sent)
        })+
    };
}

fn yes(is: bool) -> &'static str {
    if is {
        "yes"
    } else {
        "no"
    }
}

/// Options of a key of a family. Lengths of time are rounded up to whole milliseconds.
pub struct Options<F> {
    pub(crate) words: Words,
    family: PhantomData<fn() -> F>,
}

impl<F> Default for Options<F> {
    fn default() -> Self {
        Self { words: Words::default(), family: PhantomData }
    }
}

/// What late elements of TSGEN are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Ready at once.
    Ready,
    /// Refused, with `LATE`.
    Reject,
}

/// What the names of fields of TALLY are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Any bytes.
    Any,
    /// UUIDs, which take less memory.
    Uuid,
}

impl<F> Options<F> {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, name: &str, value: impl redis::ToRedisArgs) -> Self {
        self.words.add(name);
        self.words.add(value);
        self
    }

    table! {
        /// How long a claimed entry belongs to its worker: 1 ms to ten years.
        lease(lease: Duration) "LEASE" ms(lease);
        /// Deliveries until an entry is a dead letter; 0: no limit.
        max_deliveries(n: u64) "MAXDELIVERIES" n;
        /// The delay after a first failed delivery, doubled with each further one: 0 to ten years.
        backoff(delay: Duration) "BACKOFF" ms(delay);
        /// The longest delay; 0: ten years.
        max_backoff(delay: Duration) "MAXBACKOFF" ms(delay);
        /// The stream that ready entries go to; empty: none.
        sink(stream: impl AsRef<[u8]>) "SINK" stream.as_ref();
        /// About how many entries the stream keeps; 0: all. With `sink`.
        sink_max_len(n: u64) "SINKMAXLEN" n;
        /// Whether the key hands out nothing.
        paused(is: bool) "PAUSED" yes(is);
    }
}

/// Families whose entries have groups.
pub trait Grouped: Family {}
impl Grouped for Elements {}
impl Grouped for Debounce {}
impl Grouped for Expiry {}

/// Families whose keys can be full.
pub trait Bounded: Family {}
impl Bounded for Elements {}
impl Bounded for Debounce {}
impl Bounded for Tally {}

impl<F: Grouped> Options<F> {
    table! {
        /// How many entries of one group may be leased or delayed at a time; 0: any.
        group_limit(n: u64) "GROUPLIMIT" n;
        /// Whether groups that have something take turns.
        fair(is: bool) "FAIR" yes(is);
    }
}

impl<F: Bounded> Options<F> {
    table! {
        /// How many entries the key may hold; 0: no limit. More are refused with `FULL`.
        max_len(n: u64) "MAXLEN" n;
    }
}

impl Options<Elements> {
    /// The watermark is the server's clock: a delay queue. For `create`.
    pub fn clock(mut self) -> Self {
        self.words.add("CLOCK");
        self
    }

    /// The watermark is the lowest of these sources'. For `create`.
    pub fn sources<S: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<S> = names.into_iter().collect();
        self = self.with("SOURCES", names.len());
        for name in names {
            self.words.add(name.as_ref());
        }
        self
    }

    /// Sets what one source has reported, also back. For `alter`.
    pub fn source(mut self, name: impl AsRef<[u8]>, timestamp: i64) -> Self {
        self = self.with("SOURCE", name.as_ref());
        self.words.add(timestamp);
        self
    }

    table! {
        /// What late elements are.
        late(late: Late) "LATE" if late == Late::Ready { "READY" } else { "REJECT" };
        /// After how long without a report a source is left out; 0: never.
        source_idle(length: Duration) "SOURCEIDLE" ms(length);
        /// By how much an `advance` may raise the watermark; 0: any. Not with `clock`.
        max_jump(n: u64) "MAXJUMP" n;
        /// For how long an id is remembered once its work is done, so that a repeated `add` adds nothing; 0: not.
        remember(length: Duration) "REMEMBER" ms(length);
        /// How many ids are remembered at the most.
        remember_max(n: u64) "REMEMBERMAX" n;
        /// Sets the watermark, also back. For `alter`.
        watermark(timestamp: i64) "WATERMARK" timestamp;
        /// Declares a source. For `alter`.
        add_source(name: impl AsRef<[u8]>) "ADDSOURCE" name.as_ref();
        /// Gives a source up. For `alter`.
        rem_source(name: impl AsRef<[u8]>) "REMSOURCE" name.as_ref();
    }
}

impl Options<Debounce> {
    table! {
        /// How long a group must be quiet: 1 ms to ten years.
        idle(length: Duration) "IDLE" ms(length);
        /// After how long it fires at the latest; 0: never.
        max_wait(length: Duration) "MAXWAIT" ms(length);
        /// With so many items it fires at once: 0 to 100000; 0: 100000.
        max_items(n: u64) "MAXITEMS" n;
        /// Whether an item that a group has is not added again. For `create`.
        unique(is: bool) "UNIQUE" yes(is);
    }
}

impl Options<Expiry> {
    table! {
        /// How the names of keys begin that are watched: 1 to 100 of them. For `create`.
        prefix(prefix: impl AsRef<[u8]>) "PREFIX" prefix.as_ref();
        /// Values of more bytes are not kept; 0 to 134217728. For `create`.
        max_value(bytes: u64) "MAXVALUE" bytes;
        /// Whether values of evicted keys are kept.
        keep_evicted(is: bool) "KEEPEVICTED" yes(is);
        /// How many bytes of values the key may hold; 0: any.
        max_held(bytes: u64) "MAXHELD" bytes;
    }
}

impl Options<Tally> {
    table! {
        /// A window is sealed so long after its first increment: 1 ms to ten years.
        every(length: Duration) "EVERY" ms(length);
        /// A window is sealed with so many fields: 1 to 100000.
        max_fields(n: u64) "MAXFIELDS" n;
        /// What the names of fields are. For `create`.
        field(kind: Field) "FIELD" if kind == Field::Any { "ANY" } else { "UUID" };
        /// The smallest increment that is allowed. For `create`.
        min(delta: i64) "MIN" delta;
        /// The largest increment that is allowed. For `create`.
        max(delta: i64) "MAX" delta;
    }
}
