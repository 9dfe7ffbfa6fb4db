//! What is stored under a key: an engine queue, and what only this node knows of it.
//!
//! Nothing beside the queue is saved, replicated or compared.

use crate::delivery::timer::tick;
use crate::redis::ctx::random_seed;
use lazy_static::lazy_static;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tsgen_engine::{Gate, Millis, Queue, UnixMs};

/// Rest of a sink after an append has failed.
pub const SINK_REST: Millis = Millis(1_000);

/// What a family keeps under its keys, as far as storing it goes.
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
    /// No other value of this process has it: tells whether what stands under a name is still the same.
    pub identity: u64,
    /// When the timer looks at this key next, if at all. So writers compare one number and touch nothing else. Redis
    /// tells of an unlinked value through a shared reference, hence an atomic.
    scheduled: AtomicI64,
    /// Up to when the opening of the gate has been announced.
    pub announced: UnixMs,
    pub sink_errors: u64,
    /// After a failed append, the sink rests until then.
    pub sink_rests_until: UnixMs,
}

lazy_static! {
    static ref SEED: [u64; 2] = random_seed();
}

static NEXT_IDENTITY: AtomicU64 = AtomicU64::new(0);

/// Keys the hashes of ids, differently in every process: clients choose the ids.
pub fn seed() -> [u64; 2] {
    *SEED
}

impl<F: Content> StoredQueue<F> {
    /// `announced` says up to when openings are not news any more.
    pub fn new(queue: Queue<F::Gate>, announced: UnixMs) -> Self {
        StoredQueue {
            queue,
            local: F::Local::default(),
            identity: NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed),
            scheduled: AtomicI64::new(UnixMs::NEVER.0),
            announced,
            sink_errors: 0,
            sink_rests_until: UnixMs(i64::MIN),
        }
    }

    pub fn has_sink(&self) -> bool {
        self.queue.options().sink.is_some()
    }

    /// Whether the timer has work with this key even if no client waits for it.
    pub fn is_driven(&self) -> bool {
        self.has_sink() || F::opens_by_clock(&self.queue)
    }

    /// The timer looks at this key at `at`, or earlier.
    pub fn schedule(&self, db: i32, name: &[u8], at: UnixMs) {
        if at.0 < self.scheduled.load(Ordering::Relaxed) {
            self.scheduled.store(at.0, Ordering::Relaxed);
            tick::note(db, name, at);
        }
    }

    /// The timer is not going to look at this key: it just does, or the key has another name now. When it was going to.
    pub fn unschedule(&self) -> UnixMs {
        UnixMs(self.scheduled.swap(UnixMs::NEVER.0, Ordering::Relaxed))
    }

    /// Whether the sink rests after a failed append. A rest that seems longer than one is told by a clock that has stepped back.
    pub fn sink_rests(&self, now: UnixMs) -> bool {
        now < self.sink_rests_until && self.sink_rests_until <= now.after(SINK_REST)
    }
}
