//! The index of deadlines, and the one timer, which is armed for the earliest of them. What a tick does is handed in (`tick`).

use crate::delivery::timer::lateness;
use crate::redis::ctx::{monotonic_us, unix_ms};
use crate::redis::timer::{arm, Armed};
use crate::redis::Ctx;
use lazy_static::lazy_static;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tsgen_engine::{DueKey, Schedule, UnixMs};

/// The longest sleep of the timer, in ms: short enough to notice a clock that jumps ahead.
const LONGEST_SLEEP: i64 = 1_000;
/// A timer that is later than this, in ms, was armed before the clock was set.
const OVERDUE: i64 = 50;
/// The time of a look that comes only when the clock has stepped back: entries of the key that are ready may wait again then.
pub const WHEN_SET_BACK: UnixMs = UnixMs(i64::MAX - 1);

/// What the timer calls.
static TICK: OnceLock<fn(&Ctx)> = OnceLock::new();

/// The timer calls `tick` from now on; once, at load.
pub fn start(tick: fn(&Ctx)) {
    TICK.get_or_init(|| tick);
}

/// The timer, which comes at `at`.
struct Alarm {
    at: UnixMs,
    armed: Armed,
}

/// A moment by two clocks.
#[derive(Clone, Copy)]
struct Moment {
    /// The time of day, in ms.
    ms: i64,
    /// The server's monotonic clock, in microseconds, which nobody sets.
    monotonic_us: u64,
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    alarm: Option<Alarm>,
    /// When the clock was last read.
    read_at: Option<Moment>,
    /// A tick is running; it arms the timer when it is done.
    ticking: bool,
    /// A tick is wanted at once, whatever the schedule says.
    soon: bool,
    ticks: u64,
}

static MASTER_SINCE: AtomicI64 = AtomicI64::new(i64::MIN);
/// Since when clients could be heard without a break: writes were not paused, this node was master, and nobody set the clock forward.
static HEARD_SINCE: AtomicI64 = AtomicI64::new(i64::MIN);
static LATE: AtomicBool = AtomicBool::new(false);
/// A copy of `State::soon` without a lock, for callers that ask often.
static SOON: AtomicBool = AtomicBool::new(false);

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}

/// Never held while Redis is called back into, only while a timer is armed or disarmed.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the clock says.
struct ClockRead {
    /// The time of day, in ms.
    now: i64,
    /// Whether it has been set back since it was last read.
    set_back: bool,
}

impl State {
    /// Reads the clock. If it has been set back, all keys are looked at: a look that has no deadline of an entry behind it would otherwise wait
    /// until its time of day comes again.
    fn read_clock(&mut self) -> ClockRead {
        let (now, monotonic_us) = (unix_ms(), monotonic_us());
        let Some(before) = self.read_at.replace(Moment { ms: now, monotonic_us }) else {
            return ClockRead { now, set_back: false };
        };
        let passed = i64::try_from(monotonic_us.saturating_sub(before.monotonic_us) / 1_000).unwrap_or(i64::MAX);
        let set_back = now < before.ms;
        if set_back || now - before.ms > passed.saturating_add(OVERDUE) {
            lateness::clock_set(UnixMs(now));
            HEARD_SINCE.store(now, Ordering::Relaxed);
        }
        if set_back {
            // What fires by the new time is news, even if another master announced it by the old time.
            MASTER_SINCE.fetch_min(now, Ordering::Relaxed);
            self.schedule.look_at_all();
        }
        ClockRead { now, set_back }
    }

    fn arm(&mut self, shortest: i64) {
        let next = if self.soon { Some(UnixMs(0)) } else { self.schedule.next() };
        let Some(next) = next.filter(|_| !self.ticking) else { return };
        let now = unix_ms();
        let delay = next.0.saturating_sub(now).clamp(shortest, LONGEST_SLEEP.max(shortest));
        let at = UnixMs(now.saturating_add(delay));
        if self.alarm.as_ref().is_some_and(|alarm| alarm.at <= at) {
            return;
        }
        self.disarm();
        self.alarm = TICK.get().and_then(|tick| arm(delay, *tick)).map(|armed| Alarm { at, armed });
    }

    fn disarm(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            alarm.armed.disarm();
        }
    }
}

/// Arms the timer again if the clock was set. Redis runs module timers by the time of day, so a timer armed before that may come far too late.
pub fn mind_the_clock() {
    let mut state = state();
    let ClockRead { now, set_back } = state.read_clock();
    let overdue = state.alarm.as_ref().is_some_and(|alarm| alarm.at.0 < now - OVERDUE);
    if set_back || overdue {
        state.disarm();
    }
    state.arm(1);
}

/// When this node became a master; another node announced what happened before.
pub fn master_since() -> UnixMs {
    UnixMs(MASTER_SINCE.load(Ordering::Relaxed))
}

/// Since when a client that has not been heard has been silent: before that it may have been unable to speak.
pub fn heard_since() -> UnixMs {
    UnixMs(HEARD_SINCE.load(Ordering::Relaxed))
}

/// Whether the tick that runs is late: what clients have sent meanwhile may not have been looked at.
pub fn is_late() -> bool {
    LATE.load(Ordering::Relaxed)
}

/// The timer looks at this key at `at`, or earlier.
pub fn note(db: i32, name: &[u8], at: UnixMs) {
    let mut state = state();
    state.schedule.note(db, name, at);
    state.arm(1);
}

/// The timer comes as soon as it can, for work that is in no schedule. Asking again before it comes costs nothing.
pub fn come_soon() {
    if !SOON.load(Ordering::Relaxed) && !SOON.swap(true, Ordering::Relaxed) {
        let mut state = state();
        state.soon = true;
        state.arm(1);
    }
}

/// Forgets the look at a key that is gone; the look was due at `at`. A look that is due at once is kept: it may be meant for a value that
/// is just taking the place of the old one.
pub fn forget_key(db: i32, name: &[u8], at: UnixMs) {
    if at.0 > 0 && at != UnixMs::NEVER {
        state().schedule.forget(db, name, at);
    }
}

/// Looks at all keys in the index now: this node has become a master.
pub fn look_at_all() {
    MASTER_SINCE.store(unix_ms(), Ordering::Relaxed);
    HEARD_SINCE.store(unix_ms(), Ordering::Relaxed);
    let mut state = state();
    state.schedule.look_at_all();
    state.arm(1);
}

/// The keys of this database, or of all, are gone.
pub fn forget(db: Option<i32>) {
    let mut state = state();
    match db {
        Some(db) => state.schedule.forget_db(db),
        None => state.schedule.forget_all(),
    }
}

/// Two databases have changed places.
pub fn swap(one: i32, other: i32) {
    state().schedule.swap_dbs(one, other);
}

/// What INFO shows of the timer.
pub struct Figures {
    /// Ticks so far.
    pub ticks: u64,
    /// Keys in the index.
    pub scheduled: usize,
    /// When the next key is looked at.
    pub next: Option<UnixMs>,
}

pub fn figures() -> Figures {
    let state = state();
    let next = state.schedule.next().filter(|next| *next < WHEN_SET_BACK);
    Figures { ticks: state.ticks, scheduled: state.schedule.len(), next }
}

/// The next key that is due at `now`, which leaves the index.
pub fn next_due(now: UnixMs) -> Option<DueKey> {
    state().schedule.due(now)
}

/// Nothing may be written at `now`, so clients cannot be heard.
pub fn nobody_is_heard(now: UnixMs) {
    HEARD_SINCE.store(now.0, Ordering::Relaxed);
}

/// A running tick. However it ends, the timer is armed again.
pub struct Tick {
    /// The shortest sleep from here, in ms.
    pub shortest: i64,
    /// The clock was set back since it was last read, perhaps since the server began to run its timers. The server reads the clock once for
    /// all timers that are due, so one armed by the new time would be due at once, again and again, until the old time of day comes again. The
    /// next round of the server's cron arms the timer instead (`mind_the_clock`).
    set_back: bool,
}

impl Drop for Tick {
    fn drop(&mut self) {
        let mut state = state();
        state.ticking = false;
        if !self.set_back {
            state.arm(self.shortest);
        }
    }
}

impl Tick {
    /// The timer has fired.
    pub fn begin() -> Self {
        let set_back = {
            let mut state = state();
            let alarm = state.alarm.take();
            state.ticking = true;
            state.soon = false;
            state.ticks += 1;
            let ClockRead { now, set_back } = state.read_clock();
            LATE.store(alarm.is_some_and(|alarm| alarm.at.0 < now - OVERDUE), Ordering::Relaxed);
            set_back
        };
        SOON.store(false, Ordering::Relaxed);
        Tick { shortest: 1, set_back }
    }
}
