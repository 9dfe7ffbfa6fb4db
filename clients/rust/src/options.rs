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

    /// How long a claimed entry belongs to its worker: 1 ms to ten years.
    pub fn lease(self, lease: Duration) -> Self {
        self.with("LEASE", ms(lease))
    }

    /// Deliveries until an entry is a dead letter; 0: no limit.
    pub fn max_deliveries(self, n: u64) -> Self {
        self.with("MAXDELIVERIES", n)
    }

    /// The delay after a first failed delivery, doubled with each further one: 0 to ten years.
    pub fn backoff(self, delay: Duration) -> Self {
        self.with("BACKOFF", ms(delay))
    }

    /// The longest delay; 0: ten years.
    pub fn max_backoff(self, delay: Duration) -> Self {
        self.with("MAXBACKOFF", ms(delay))
    }

    /// The stream that ready entries go to; empty: none.
    pub fn sink(self, stream: impl AsRef<[u8]>) -> Self {
        self.with("SINK", stream.as_ref())
    }

    /// About how many entries the stream keeps; 0: all. With `sink`.
    pub fn sink_max_len(self, n: u64) -> Self {
        self.with("SINKMAXLEN", n)
    }

    /// Whether the key hands out nothing.
    pub fn paused(self, is: bool) -> Self {
        self.with("PAUSED", yes(is))
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
    /// How many entries of one group may be leased or delayed at a time; 0: any.
    pub fn group_limit(self, n: u64) -> Self {
        self.with("GROUPLIMIT", n)
    }

    /// Whether groups that have something take turns.
    pub fn fair(self, is: bool) -> Self {
        self.with("FAIR", yes(is))
    }
}

impl<F: Bounded> Options<F> {
    /// How many entries the key may hold; 0: no limit. More are refused with `FULL`.
    pub fn max_len(self, n: u64) -> Self {
        self.with("MAXLEN", n)
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

    /// What late elements are.
    pub fn late(self, late: Late) -> Self {
        self.with("LATE", if late == Late::Ready { "READY" } else { "REJECT" })
    }

    /// After how long without a report a source is left out; 0: never.
    pub fn source_idle(self, length: Duration) -> Self {
        self.with("SOURCEIDLE", ms(length))
    }

    /// By how much an `advance` may raise the watermark; 0: any. Not with `clock`.
    pub fn max_jump(self, n: u64) -> Self {
        self.with("MAXJUMP", n)
    }

    /// For how long an id is remembered once its work is done, so that a repeated `add` adds nothing; 0: not.
    pub fn remember(self, length: Duration) -> Self {
        self.with("REMEMBER", ms(length))
    }

    /// How many ids are remembered at the most.
    pub fn remember_max(self, n: u64) -> Self {
        self.with("REMEMBERMAX", n)
    }

    /// Sets the watermark, also back. For `alter`.
    pub fn watermark(self, timestamp: i64) -> Self {
        self.with("WATERMARK", timestamp)
    }

    /// Sets what one source has reported, also back. For `alter`.
    pub fn source(mut self, name: impl AsRef<[u8]>, timestamp: i64) -> Self {
        self = self.with("SOURCE", name.as_ref());
        self.words.add(timestamp);
        self
    }

    /// Declares a source. For `alter`.
    pub fn add_source(self, name: impl AsRef<[u8]>) -> Self {
        self.with("ADDSOURCE", name.as_ref())
    }

    /// Gives a source up. For `alter`.
    pub fn rem_source(self, name: impl AsRef<[u8]>) -> Self {
        self.with("REMSOURCE", name.as_ref())
    }
}

impl Options<Debounce> {
    /// How long a group must be quiet: 1 ms to ten years.
    pub fn idle(self, length: Duration) -> Self {
        self.with("IDLE", ms(length))
    }

    /// After how long it fires at the latest; 0: never.
    pub fn max_wait(self, length: Duration) -> Self {
        self.with("MAXWAIT", ms(length))
    }

    /// With so many items it fires at once: 0 to 100000; 0: 100000.
    pub fn max_items(self, n: u64) -> Self {
        self.with("MAXITEMS", n)
    }

    /// Whether an item that a group has is not added again. For `create`.
    pub fn unique(self, is: bool) -> Self {
        self.with("UNIQUE", yes(is))
    }
}

impl Options<Expiry> {
    /// How the names of keys begin that are watched: 1 to 100 of them. For `create`.
    pub fn prefix(self, prefix: impl AsRef<[u8]>) -> Self {
        self.with("PREFIX", prefix.as_ref())
    }

    /// Values of more bytes are not kept; 0 to 134217728. For `create`.
    pub fn max_value(self, bytes: u64) -> Self {
        self.with("MAXVALUE", bytes)
    }

    /// Whether values of evicted keys are kept.
    pub fn keep_evicted(self, is: bool) -> Self {
        self.with("KEEPEVICTED", yes(is))
    }

    /// How many bytes of values the key may hold; 0: any.
    pub fn max_held(self, bytes: u64) -> Self {
        self.with("MAXHELD", bytes)
    }
}

impl Options<Tally> {
    /// A window is sealed so long after its first increment: 1 ms to ten years.
    pub fn every(self, length: Duration) -> Self {
        self.with("EVERY", ms(length))
    }

    /// A window is sealed with so many fields: 1 to 100000.
    pub fn max_fields(self, n: u64) -> Self {
        self.with("MAXFIELDS", n)
    }

    /// What the names of fields are. For `create`.
    pub fn field(self, kind: Field) -> Self {
        self.with("FIELD", if kind == Field::Any { "ANY" } else { "UUID" })
    }

    /// The smallest increment that is allowed. For `create`.
    pub fn min(self, delta: i64) -> Self {
        self.with("MIN", delta)
    }

    /// The largest increment that is allowed. For `create`.
    pub fn max(self, delta: i64) -> Self {
        self.with("MAX", delta)
    }
}
