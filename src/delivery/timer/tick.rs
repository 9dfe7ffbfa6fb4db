//! What a tick of the timer does: it drives the keys whose time has come, for about a millisecond. If keys are left, the next tick follows at
//! once.
//!
//! The timer does not know what is in a key: each kind of key has a driver.

use crate::delivery::timer::deadlines::{self, Tick};
use crate::delivery::timer::{lateness, slots};
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::key::{self, Key};
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tsgen_engine::{DueKey, Millis, UnixMs};

/// How long a tick may work, all kinds of work together. Each kind does at least one small step.
const BUDGET: Duration = Duration::from_millis(1);
/// The shortest sleep while writing is paused, in ms.
const PAUSE_STEP: i64 = 10;
/// The shortest sleep while data is loaded, in ms.
const LOADING_STEP: i64 = 100;
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
    deadlines::start(tick);
}

fn drivers() -> &'static [Driver] {
    DRIVERS.get().map_or(&[], Vec::as_slice)
}

fn tick(ctx: &Ctx) {
    let mut tick = Tick::begin();
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
        deadlines::nobody_is_heard(now);
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
    while let Some(DueKey { at, db, name }) = deadlines::next_due(now) {
        lateness::record(at);
        let is_there = ctx.select_db(db);
        if !slots::are_ours(&name) {
            // Keys that went with their slot are gone without an event each.
            if is_there && Key::peek(ctx, &OwnedStr::new(&name)).is_some() {
                slots::put_aside(db, &name);
                deadlines::note(db, &name, now.after(ASIDE));
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
