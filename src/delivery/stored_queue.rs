//! The value stored under a key: an engine queue, and what only this node knows of the key.
//!
//! Nothing beside the queue is saved, replicated or compared.

use crate::delivery::timer::deadlines;
use crate::redis::ctx::random_seed;
use crate::redis::Str;
use lazy_static::lazy_static;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Gate, Millis, Queue, UnixMs};

/// How long a sink rests after a failed append.
pub const SINK_REST: Millis = Millis(1_000);

/// The content of a family's keys, as far as storing them needs it.
pub trait Content: Sized + 'static {
    type Gate: Gate + Send;
    /// What only this node knows of a value, beside its queue.
    type Local: Default + Send;

    /// Whether time alone opens the gate.
    fn opens_by_clock(queue: &Queue<Self::Gate>) -> bool;
}

/// The value of one key.
pub struct StoredQueue<F: Content> {
    pub queue: Queue<F::Gate>,
    pub local: F::Local,
    /// A number that no other value of this process has: it tells whether the value under a name is still the same.
    pub identity: u64,
    /// When the timer looks at this key next, if at all. Kept here so that writers compare one number and touch nothing else. An atomic,
    /// because Redis tells of an unlinked value through a shared reference.
    scheduled: AtomicI64,
    /// Openings of the gate have been announced up to this time.
    pub announced: UnixMs,
    pub sink_errors: u64,
    /// When the timer last gave memory back.
    pub compacted_at: UnixMs,
    /// After a failed append, the sink rests until this time.
    pub sink_rests_until: UnixMs,
    name: LastName,
}

/// The name under which a value was seen last, for INFO, which goes through values and not through keys. Redis does not tell the new name of a
/// value that is renamed, so until somebody opens it there the name is unknown; an INFO that needs the name has it looked for. Behind atomics, as
/// `scheduled` is.
#[derive(Default)]
struct LastName {
    is_known: AtomicBool,
    name: Mutex<Box<[u8]>>,
}

impl LastName {
    fn lock(&self) -> MutexGuard<'_, Box<[u8]>> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

lazy_static! {
    static ref SEED: [u64; 2] = random_seed();
}

static NEXT_IDENTITY: AtomicU64 = AtomicU64::new(0);

/// The seed for the hashes of ids. It differs in every process, because clients choose the ids.
pub fn seed() -> [u64; 2] {
    *SEED
}

impl<F: Content> StoredQueue<F> {
    /// A new value. Openings of the gate up to `announced` are not news any more.
    pub fn new(queue: Queue<F::Gate>, announced: UnixMs) -> Self {
        StoredQueue {
            queue,
            local: F::Local::default(),
            identity: NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed),
            scheduled: AtomicI64::new(UnixMs::NEVER.0),
            announced,
            sink_errors: 0,
            compacted_at: UnixMs(i64::MIN),
            sink_rests_until: UnixMs(i64::MIN),
            name: LastName::default(),
        }
    }

    /// The value has been seen under this name. Whoever opens a key says so, and mostly that costs the reading of one flag.
    #[inline]
    pub fn seen_as(&self, name: &Str) {
        if !self.name.is_known.load(Ordering::Relaxed) {
            *self.name.lock() = name.bytes().into();
            self.name.is_known.store(true, Ordering::Relaxed);
        }
    }

    /// The value has left its name.
    pub fn lost_its_name(&self) {
        self.name.is_known.store(false, Ordering::Relaxed);
        *self.name.lock() = Box::default();
    }

    /// The name of its key, if it is known.
    pub fn last_name(&self) -> Option<Box<[u8]>> {
        self.name.is_known.load(Ordering::Relaxed).then(|| self.name.lock().clone())
    }

    /// Bytes of heap that its name takes.
    pub fn name_size(&self) -> usize {
        self.name.lock().len()
    }

    pub fn has_sink(&self) -> bool {
        self.queue.options().sink.is_some()
    }

    /// Whether the timer has work with this key even if no client waits for it.
    pub fn is_driven(&self) -> bool {
        self.has_sink() || F::opens_by_clock(&self.queue)
    }

    /// Asks the timer to look at this key at `at`, or earlier.
    pub fn schedule(&self, db: i32, name: &[u8], at: UnixMs) {
        if at.0 < self.scheduled.load(Ordering::Relaxed) {
            self.scheduled.store(at.0, Ordering::Relaxed);
            deadlines::note(db, name, at);
        }
    }

    /// Forgets the timer's next look at this key: the timer is looking just now, or the key has left its name. Returns when that look was due.
    pub fn unschedule(&self) -> UnixMs {
        UnixMs(self.scheduled.swap(UnixMs::NEVER.0, Ordering::Relaxed))
    }

    /// Whether the sink rests after a failed append. A rest that seems longer than `SINK_REST` is void: the clock has stepped back.
    pub fn sink_rests(&self, now: UnixMs) -> bool {
        now < self.sink_rests_until && self.sink_rests_until <= now.after(SINK_REST)
    }
}
