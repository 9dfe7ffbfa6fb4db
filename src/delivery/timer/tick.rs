//! The one timer, over the one index of deadlines.
//!
//! A tick drives the keys whose time has come, for about a millisecond. If keys are left, the next tick follows at once.
//!
//! The timer does not know what is in a key: each kind of key has a driver.

use crate::delivery::timer::{lateness, slots};
use crate::redis::ctx::{monotonic_us, must_not_write, unix_ms};
use crate::redis::key::{self, Key};
use crate::redis::panics;
use crate::redis::timer::{arm, Armed};
use crate::redis::{Ctx, OwnedStr, Str};
use lazy_static::lazy_static;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tsgen_engine::{DueKey, Millis, Schedule, UnixMs};

/// How long a tick may work, all kinds of work together. Each kind does at least one small step.
const BUDGET: Duration = Duration::from_millis(1);
/// The longest sleep of the timer, in ms: short enough to notice a clock that jumps ahead.
const LONGEST_SLEEP: i64 = 1_000;
/// A timer that is later than this, in ms, was armed before the clock was set.
const OVERDUE: i64 = 50;
/// The shortest sleep while writing is paused, in ms.
const PAUSE_STEP: i64 = 10;
/// The shortest sleep while data is loaded, in ms.
const LOADING_STEP: i64 = 100;
/// The time of a look that comes only when the clock has stepped back: entries of the key that are ready may wait again then.
pub const WHEN_SET_BACK: UnixMs = UnixMs(i64::MAX - 1);

/// Keys that were put aside are looked at again at this interval, should no event tell that their slot has come.
const ASIDE: Millis = Millis(1_000);

/// The timer's visit to a key whose time has come.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The database of the key; it is selected.
    pub db: i32,
    pub name: &'a Str,
    pub now: UnixMs,
    /// Until when the timer may work.
    pub until: Instant,
}

/// Drives a key whose time has come. True if the key is of the driver's kind.
pub type Drive = fn(&Ctx, &Visit<'_>) -> bool;

/// Drives the keys of one kind.
pub struct Driver {
    pub on_master: Drive,
    /// Keeps keys in the index, for the day the replica is promoted.
    pub on_replica: Drive,
    pub turn: Turn,
}

/// What else the timer does for a kind of key in each tick.
#[derive(Clone, Copy)]
pub struct Turn {
    /// Runs first of all, for up to half of the time; not while data is loaded.
    pub begins: fn(&Ctx, Instant),
    /// Does what must be done before any key is driven. False if the time did not suffice for it.
    pub is_free: fn(&Ctx, Instant) -> bool,
    /// Runs instead of driving keys, while nothing may be written.
    pub pauses: fn(&Ctx, UnixMs, Instant),
    /// Runs last, with the time that the keys which were due have left.
    pub ends: fn(&Ctx, Instant),
}

impl Turn {
    pub const NOTHING: Turn = Turn { begins: |_, _| (), is_free: |_, _| true, pauses: |_, _, _| (), ends: |_, _| () };
}

/// The drivers of all kinds of keys.
static DRIVERS: OnceLock<Vec<Driver>> = OnceLock::new();

/// Drives keys with these drivers from now on; once, at load.
pub fn start(drivers: Vec<Driver>) {
    DRIVERS.get_or_init(|| drivers);
}

fn drivers() -> &'static [Driver] {
    DRIVERS.get().map_or(&[], Vec::as_slice)
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    armed: Option<(UnixMs, Armed)>,
    /// The time of day when the clock was last read, and the same moment by the server's monotonic clock (µs), which nobody sets.
    clock: Option<(i64, u64)>,
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
        let now = (unix_ms(), monotonic_us());
        let Some(before) = self.clock.replace(now) else { return ClockRead { now: now.0, set_back: false } };
        let passed = i64::try_from(now.1.saturating_sub(before.1) / 1_000).unwrap_or(i64::MAX);
        let set_back = now.0 < before.0;
        if set_back || now.0 - before.0 > passed.saturating_add(OVERDUE) {
            lateness::clock_set(UnixMs(now.0));
            HEARD_SINCE.store(now.0, Ordering::Relaxed);
        }
        if set_back {
            // What fires by the new time is news, even if another master announced it by the old time.
            MASTER_SINCE.fetch_min(now.0, Ordering::Relaxed);
            self.schedule.look_at_all();
        }
        ClockRead { now: now.0, set_back }
    }

    fn arm(&mut self, shortest: i64) {
        let next = if self.soon { Some(UnixMs(0)) } else { self.schedule.next() };
        let Some(next) = next.filter(|_| !self.ticking) else { return };
        let now = unix_ms();
        let delay = next.0.saturating_sub(now).clamp(shortest, LONGEST_SLEEP.max(shortest));
        let at = UnixMs(now.saturating_add(delay));
        if let Some((armed_at, _)) = &self.armed {
            if *armed_at <= at {
                return;
            }
        }
        if let Some((_, armed)) = self.armed.take() {
            armed.disarm();
        }
        self.armed = arm(delay, tick).map(|armed| (at, armed));
    }
}

/// Arms the timer again if the clock was set. Redis runs module timers by the time of day, so a timer armed before that may come far too late.
pub fn mind_the_clock() {
    let mut state = state();
    let ClockRead { now, set_back } = state.read_clock();
    let overdue = state.armed.as_ref().is_some_and(|(armed_at, _)| armed_at.0 < now - OVERDUE);
    if set_back || overdue {
        if let Some((_, armed)) = state.armed.take() {
            armed.disarm();
        }
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

/// A running tick. However it ends, the timer is armed again.
struct Tick {
    shortest: i64,
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

fn tick(ctx: &Ctx) {
    let set_back = {
        let mut state = state();
        let armed = state.armed.take();
        state.ticking = true;
        state.soon = false;
        state.ticks += 1;
        let ClockRead { now, set_back } = state.read_clock();
        LATE.store(armed.is_some_and(|(at, _)| at.0 < now - OVERDUE), Ordering::Relaxed);
        set_back
    };
    SOON.store(false, Ordering::Relaxed);
    let mut tick = Tick { shortest: 1, set_back };
    let flags = ctx.flags();
    let began = Instant::now();
    let until = began + BUDGET;
    if flags.is_loading() {
        tick.shortest = LOADING_STEP;
        return;
    }
    turns(|turn| (turn.begins)(ctx, began + BUDGET / 2));
    if !flags.is_master() {
        work(ctx, |driver| driver.on_replica, until);
    } else if must_not_write() {
        tick.shortest = PAUSE_STEP;
        let now = UnixMs(unix_ms());
        HEARD_SINCE.store(now.0, Ordering::Relaxed);
        turns(|turn| (turn.pauses)(ctx, now, until));
    } else {
        work(ctx, |driver| driver.on_master, until);
    }
    // Keys that are due have gone first.
    turns(|turn| (turn.ends)(ctx, until));
}

/// Does something for each kind of key. A panic at one kind leaves the others alone.
fn turns(work: impl Fn(&Turn)) {
    for driver in drivers() {
        panics::catch("the timer, at one family", || work(&driver.turn));
    }
}

/// Drives the keys whose time has come, as long as the budget lasts.
fn work(ctx: &Ctx, how: impl Fn(&Driver) -> Drive, until: Instant) {
    if !drivers().iter().all(|driver| (driver.turn.is_free)(ctx, until)) {
        return;
    }
    let now = UnixMs(unix_ms());
    loop {
        let due = state().schedule.due(now);
        let Some(DueKey { at, db, name }) = due else { break };
        lateness::record(at);
        let is_there = ctx.select_db(db);
        if !slots::are_ours(&name) {
            // Keys that went with their slot are gone without an event each.
            if is_there && Key::peek(ctx, &OwnedStr::new(&name)).is_some() {
                slots::put_aside(db, &name);
                note(db, &name, now.after(ASIDE));
            } else {
                slots::is_taken_up(db, &name);
            }
        } else if is_there {
            slots::is_taken_up(db, &name);
            let name = OwnedStr::new(&name);
            // A key whose driver panics is not looked at again; the other keys are.
            let visit = Visit { db, name: &name, now, until };
            key::fenced(ctx, &name, "the timer, at one key", || {
                drivers().iter().any(|driver| how(driver)(ctx, &visit))
            });
        }
        if Instant::now() >= until {
            break;
        }
    }
}
