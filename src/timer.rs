//! The one timer, over the one index of deadlines.
//!
//! A tick looks at the keys whose time has come and wakes whoever waits: blocked clients, subscribers of `ready`,
//! the sink. It changes no queue by itself. It works for about a millisecond and then comes again at once.
//!
//! It does not know what is in a key; `Family` and `Value` tell.

use crate::family::Family;
use crate::keyspace;
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::timer::{arm, Armed};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::sink;
use crate::tsgen::Tsgen;
use crate::waiting;
use lazy_static::lazy_static;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tsgen_engine::{Millis, Schedule, UnixMs};

/// How long a tick may work.
const BUDGET: Duration = Duration::from_millis(1);
/// Looked at often enough that a clock that jumps ahead is noticed.
const LONGEST_SLEEP: i64 = 1_000;
/// While writing is paused.
const PAUSE_STEP: i64 = 10;
/// While data is loaded.
const LOADING_STEP: i64 = 100;
/// On a replica: keys are only kept in mind, for the day it is promoted.
const REPLICA_STEP: i64 = 1_000;

/// What to do with a key whose time has come, for each family. True if the key is of that family.
const FAMILIES: [Drive; 1] = [drive::<Tsgen>];

type Drive = fn(&Ctx, i32, &Str, UnixMs, Instant) -> bool;

#[derive(Default)]
struct State {
    schedule: Schedule,
    armed: Option<(UnixMs, Armed)>,
    /// A tick is running; it arms the timer when it is done.
    ticking: bool,
    ticks: u64,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}

/// Never held while Redis is called back into, only while a timer is armed or disarmed.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn arm(&mut self, shortest: i64) {
        let Some(next) = self.schedule.next().filter(|_| !self.ticking) else { return };
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

/// The timer looks at this key at `at`, or earlier.
pub fn note(db: i32, name: &[u8], at: UnixMs) {
    let mut state = state();
    state.schedule.note(db, name, at);
    state.arm(1);
}

/// All keys that are kept in mind are looked at now: this node has become a master.
pub fn look_at_all() {
    let mut state = state();
    let now = UnixMs(unix_ms());
    let mut all = Vec::with_capacity(state.schedule.len());
    while let Some(key) = state.schedule.due(UnixMs::NEVER) {
        all.push(key);
    }
    for (db, name) in all {
        state.schedule.note(db, &name, now);
    }
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
        for name in waiting::names(db) {
            note(db, &name, UnixMs(0));
        }
    }
}

/// For INFO: ticks so far, keys in mind, the next time one is looked at.
pub fn figures() -> (u64, usize, Option<UnixMs>) {
    let state = state();
    (state.ticks, state.schedule.len(), state.schedule.next())
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
        state.ticks += 1;
    }
    let mut tick = Tick { shortest: 1 };
    let flags = ctx.flags();
    if flags.is_loading() {
        tick.shortest = LOADING_STEP;
    } else if !flags.is_master() {
        tick.shortest = REPLICA_STEP;
        work(ctx, keep_in_mind);
    } else if must_not_write() {
        tick.shortest = PAUSE_STEP;
    } else {
        work(ctx, |ctx, db, name, now, until| {
            FAMILIES.iter().any(|drive| drive(ctx, db, name, now, until));
        });
    }
}

/// Does `what` with the keys whose time has come, as long as the budget lasts.
fn work(ctx: &Ctx, what: fn(&Ctx, i32, &Str, UnixMs, Instant)) {
    let until = Instant::now() + BUDGET;
    let now = UnixMs(unix_ms());
    let mut looked_at = 0u32;
    loop {
        let due = state().schedule.due(now);
        let Some((db, name)) = due else { break };
        if ctx.select_db(db) {
            what(ctx, db, &OwnedStr::new(&name), now, until);
        }
        looked_at += 1;
        if looked_at % 4 == 0 && Instant::now() >= until {
            break;
        }
    }
}

/// On a replica: keys that will need the timer after a promotion stay in the index, others leave it.
fn keep_in_mind(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, _: Instant) {
    let at = now.after(Millis(REPLICA_STEP.unsigned_abs()));
    keep::<Tsgen>(ctx, db, name, at);
}

fn keep<F: Family>(ctx: &Ctx, db: i32, name: &Str, at: UnixMs) {
    if let Some(mut key) = keyspace::peek::<F>(ctx, name) {
        if let Ok(Some(value)) = key.value() {
            value.unschedule();
            if value.is_driven() {
                value.schedule(db, name.bytes(), at);
            }
        }
    }
}

fn drive<F: Family>(ctx: &Ctx, db: i32, name: &Str, now: UnixMs, until: Instant) -> bool {
    let Ok(mut key) = keyspace::open::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    value.unschedule();
    let mut opened = false;
    let mut wake = false;
    let mut opens_at = None;
    let feed = value.has_sink() && value.queue.claimable(now) && value.sink_rests_until.is_due(now);
    if F::opens_by_clock(&value.queue) {
        opened = F::opened_between(&value.queue, value.announced, now);
        value.announced = now;
        opens_at = value.queue.next_opening(now);
    }
    if waiting::count(db, name.bytes()) > 0 {
        wake = value.has_sink() || value.queue.claimable(now);
        if !wake {
            opens_at = opens_at.into_iter().chain(value.queue.next_deadline(now)).min();
        }
    }
    if !feed {
        value.schedule_drive(db, name.bytes(), now, opens_at);
    } else if let Some(at) = opens_at {
        value.schedule(db, name.bytes(), at);
    }
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
