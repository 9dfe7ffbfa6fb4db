//! The one timer, over the one index of deadlines.
//!
//! A tick looks at the keys whose time has come and wakes whoever waits: blocked clients, subscribers of `ready`,
//! the sink. It ends what time has ended only where a client waits for what comes of it. It works for about a
//! millisecond and then comes again at once.
//!
//! It does not know what is in a key; `Family` and `Value` tell.

use crate::debounce::family::Debounce;
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::replicate;
use crate::delivery::sink;
use crate::delivery::stored_queue::Value;
use crate::delivery::timer::lateness;
use crate::delivery::waiters;
use crate::expiry::family::Expiry;
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::key::{self, Key};
use crate::redis::timer::{arm, Armed};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::seen;
use crate::slots;
use crate::tally::family::Tally;
use crate::tsgen::family::Tsgen;
use crate::walk;
use crate::watch;
use lazy_static::lazy_static;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tsgen_engine::{Millis, Schedule, UnixMs};

/// How long a tick may work.
const BUDGET: Duration = Duration::from_millis(1);
/// Looked at often enough that a clock that jumps ahead is noticed.
const LONGEST_SLEEP: i64 = 1_000;
/// A timer that is so much late was armed before the clock was set.
const OVERDUE: i64 = 50;
/// While writing is paused.
const PAUSE_STEP: i64 = 10;
/// While data is loaded.
const LOADING_STEP: i64 = 100;
/// On a replica: keys are only kept in mind, for the day it is promoted.
const REPLICA_STEP: i64 = 10_000;
/// Asks for a look at a key when the clock has stepped back, and not before: what is ready there may wait again then.
pub const WHEN_SET_BACK: UnixMs = UnixMs(i64::MAX - 1);
/// A key with very many leases is looked at no oftener for their sake.
const CROWD_STEP: Millis = Millis(100);
/// Groups of one key that are sorted at once: some 0.2 ms.
const SETTLE: usize = 1_000;

/// What to do with a key whose time has come, for each family. True if the key is of that family.
const FAMILIES: [Drive; 4] = [drive::<Tsgen>, drive::<Debounce>, drive::<Expiry>, drive::<Tally>];
/// The same on a replica.
const KEEP: [Drive; 4] = [keep::<Tsgen>, keep::<Debounce>, keep::<Expiry>, keep::<Tally>];

type Drive = fn(&Ctx, i32, &Str, UnixMs, Instant) -> bool;

#[derive(Default)]
struct State {
    schedule: Schedule,
    armed: Option<(UnixMs, Armed)>,
    /// The time of day when it was last minded, and when that was by a clock that nobody sets.
    clock: Option<(i64, Instant)>,
    /// A tick is running; it arms the timer when it is done.
    ticking: bool,
    /// A tick is wanted at once, whatever the schedule says.
    soon: bool,
    ticks: u64,
}

static MASTER_SINCE: AtomicI64 = AtomicI64::new(i64::MIN);
/// That of the state, for those who ask often.
static SOON: AtomicBool = AtomicBool::new(false);

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}

/// Never held while Redis is called back into, only while a timer is armed or disarmed.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The time of day, and whether it has been set back. Then not every look that was asked for is for a deadline; others would wait until that time of
    /// day comes again, so all keys are looked at.
    fn read_clock(&mut self) -> (i64, bool) {
        let now = (unix_ms(), Instant::now());
        let Some(before) = self.clock.replace(now) else { return (now.0, false) };
        let passed = i64::try_from(now.1.duration_since(before.1).as_millis()).unwrap_or(i64::MAX);
        let set_back = now.0 < before.0;
        if set_back || now.0 - before.0 > passed.saturating_add(OVERDUE) {
            lateness::clock_set(UnixMs(now.0));
        }
        if set_back {
            // What fires by the new time is news, though another master announced what did so by the old.
            MASTER_SINCE.fetch_min(now.0, Ordering::Relaxed);
            self.schedule.look_at_all();
        }
        (now.0, set_back)
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

/// Redis times the timers of modules by the time of day, so that one armed before the clock was set may come far too late.
pub fn mind_the_clock() {
    let mut state = state();
    let (now, set_back) = state.read_clock();
    let overdue = state.armed.as_ref().is_some_and(|(armed_at, _)| armed_at.0 < now - OVERDUE);
    if set_back || overdue {
        if let Some((_, armed)) = state.armed.take() {
            armed.disarm();
        }
    }
    state.arm(1);
}

/// When this node became a master; what came before was announced by another.
pub fn master_since() -> UnixMs {
    UnixMs(MASTER_SINCE.load(Ordering::Relaxed))
}

/// The timer looks at this key at `at`, or earlier.
pub fn note(db: i32, name: &[u8], at: UnixMs) {
    let mut state = state();
    state.schedule.note(db, name, at);
    state.arm(1);
}

/// The timer comes as soon as it can, for what is in no schedule. Asked for again, it costs nothing.
pub fn come_soon() {
    if !SOON.load(Ordering::Relaxed) && !SOON.swap(true, Ordering::Relaxed) {
        let mut state = state();
        state.soon = true;
        state.arm(1);
    }
}

/// A key that the timer was to look at `at` is gone. Nothing is forgotten of a look that is due at once: it may be meant for
/// a value that is just taking the place of the old one.
pub fn forget_key(db: i32, name: &[u8], at: UnixMs) {
    if at.0 > 0 && at != UnixMs::NEVER {
        state().schedule.forget(db, name, at);
    }
}

/// All keys that are kept in mind are looked at now: this node has become a master.
pub fn look_at_all() {
    MASTER_SINCE.store(unix_ms(), Ordering::Relaxed);
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

/// Two databases have changed places; clients that wait have not.
pub fn swap(one: i32, other: i32) {
    state().schedule.swap_dbs(one, other);
    for db in [one, other] {
        for name in waiters::names(db) {
            note(db, &name, UnixMs(0));
        }
    }
}

/// For INFO: ticks so far, keys in mind, the next time one is looked at.
pub fn figures() -> (u64, usize, Option<UnixMs>) {
    let state = state();
    (state.ticks, state.schedule.len(), state.schedule.next().filter(|next| *next < WHEN_SET_BACK))
}

/// A running tick. However it ends, the timer is armed again.
struct Tick {
    shortest: i64,
}

impl Drop for Tick {
    fn drop(&mut self) {
        let mut state = state();
        state.ticking = false;
        state.arm(self.shortest);
    }
}

fn tick(ctx: &Ctx) {
    {
        let mut state = state();
        state.armed = None;
        state.ticking = true;
        state.soon = false;
        state.ticks += 1;
        state.read_clock();
    }
    SOON.store(false, Ordering::Relaxed);
    let mut tick = Tick { shortest: 1 };
    let flags = ctx.flags();
    let until = Instant::now() + BUDGET;
    if !flags.is_loading() {
        seen::look(ctx);
    }
    if flags.is_loading() {
        tick.shortest = LOADING_STEP;
        return;
    }
    if !flags.is_master() {
        work(ctx, &KEEP, until);
    } else if must_not_write() {
        tick.shortest = PAUSE_STEP;
        watch::copy_values(ctx, UnixMs(unix_ms()), until);
    } else {
        work(ctx, &FAMILIES, until);
    }
    // What is due goes first.
    walk::go_on(ctx, until);
}

/// Does what each family does with the keys whose time has come, as long as the budget lasts.
fn work(ctx: &Ctx, families: &[Drive], until: Instant) {
    if !slots::settle(ctx, until) {
        return;
    }
    let now = UnixMs(unix_ms());
    loop {
        let due = state().schedule.due(now);
        let Some((at, db, name)) = due else { break };
        lateness::record(at);
        let is_there = ctx.select_db(db);
        if !slots::are_ours(&name) {
            // What went with its slot is gone without a word, key by key.
            if is_there && Key::peek(ctx, &OwnedStr::new(&name)).is_some() {
                slots::put_aside(db, &name, now);
            } else {
                slots::is_taken_up(db, &name);
            }
        } else if is_there {
            slots::is_taken_up(db, &name);
            let name = OwnedStr::new(&name);
            // After a panic it is not looked at again. The others are.
            key::fenced(ctx, &name, "the timer, at one key", || {
                families.iter().any(|drive| drive(ctx, db, &name, now, until))
            });
        }
        if Instant::now() >= until {
            break;
        }
    }
}

/// On a replica: keys that will need the timer after a promotion stay in the index, others leave it.
fn keep<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, until: Instant) -> bool {
    let again = F::tick(ctx, name, now, until, false);
    let Some(mut key) = keyspace::peek::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    value.unschedule();
    F::appeared(value, db, name.bytes());
    if let Some(at) = value.compact(now, until) {
        value.schedule(db, name.bytes(), at);
    }
    if value.is_driven() || value.queue.is_crowded() {
        let settled = value.queue.settle(now, SETTLE);
        let rest = if settled { REPLICA_STEP } else { 0 };
        let at = now.after(Millis(rest.unsigned_abs()));
        value.schedule(db, name.bytes(), again.map_or(at, |again| again.min(at)));
    }
    true
}

/// Where very many leases and delays have ended, they are swept stride by stride even if nobody waits: otherwise every reader would
/// have to look at them.
fn sweep_backlog<F: Family>(ctx: &Ctx, db: i32, name: &Str, value: &mut Value<F>, now: UnixMs) {
    if value.queue.has_backlog(now) && value.queue.sweep_stride(now) {
        replicate::sweep::<F>(ctx, name, now);
        ctx.signal_modified(name);
        value.schedule(db, name.bytes(), now);
    } else {
        value.schedule_crowd(db, name.bytes(), now.after(CROWD_STEP));
    }
}

fn drive<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, until: Instant) -> bool {
    let again = F::tick(ctx, name, now, until, true);
    let Ok(mut key) = keyspace::open::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    value.unschedule();
    F::appeared(value, db, name.bytes());
    for at in again.into_iter().chain(value.compact(now, until)) {
        value.schedule(db, name.bytes(), at);
    }
    if !value.queue.settle(now, SETTLE) {
        // Very much has come due at once. What follows would have to look at all of it.
        value.schedule(db, name.bytes(), now);
        return true;
    }
    if value.queue.fires_long(now) {
        // A turn of its own: whoever is woken for it has as much work to do again.
        value.queue.sweep_stride(now);
        replicate::sweep::<F>(ctx, name, now);
        ctx.signal_modified(name);
        value.schedule(db, name.bytes(), now);
        return true;
    }
    let mut opened = false;
    let mut wake = false;
    let mut opens_at = None;
    let feed = value.has_sink() && value.queue.claimable(now) && !value.sink_rests(now);
    if F::opens_by_clock(&value.queue) {
        opened = F::opened_between(&mut value.queue, value.announced, master_since(), now);
        value.announced = now;
        opens_at = value.queue.next_opening(now).or(value.queue.closes_again().then_some(WHEN_SET_BACK));
    }
    if waiters::count(db, name.bytes()) > 0 {
        wake = value.has_sink() || value.queue.has_ready(now);
        if !wake && value.queue.sweep_stride(now) {
            // Whether what has ended is ready must be found out here: a client that is woken for nothing cannot tell
            // replicas what it found, for Redis takes what is replicated only from one that gets its reply.
            replicate::sweep::<F>(ctx, name, now);
            ctx.signal_modified(name);
            wake = value.queue.has_ready(now);
        }
        if !wake {
            value.schedule_wakeup(db, name.bytes(), now);
        }
    }
    if !feed {
        value.schedule_drive(db, name.bytes(), now, opens_at);
    } else if let Some(at) = opens_at {
        value.schedule(db, name.bytes(), at);
    }
    sweep_backlog(ctx, db, name, value, now);
    drop(key);
    if opened {
        ctx.notify(F::VERBS.ready.event, name);
    }
    if wake {
        ctx.signal_ready(name);
    }
    if feed {
        sink::feed::<F>(ctx, db, name, now, until);
    }
    true
}
