//! Has the engine judge what was seen of watched keys, at the right moment: changes here, ends in `ends`. `endings` carries out the verdicts.
//!
//! A keyspace event only says that something happened to a key, and opening the key in the event could end it before that is replicated.
//! So changes are put together per key, and each key is looked at before the server's loop sleeps, about a millisecond's worth in each turn.
//! Where a look in the event can end nothing (7.2), the deadline is noted there, and only a key that ends soon is looked at again.
//! Ends are told sooner, because an end must not be parted from the deletion that replicas and the AOF see. Where the server lets modules in
//! (7.2), the end is told in the unit of the command or of the deletion; elsewhere `EXPIRY.ENDS` announces the deletion in front of it.
//! A replica, and a node that reads its files, looks at each key in the event: a look ends no key there, even if its clock is ahead.

use crate::delivery::timer::deadlines;
use crate::delivery::timer::slots;
use crate::expiry::endings::{self, Changed};
use crate::expiry::ends::{
    fenced, judge_the_ends, signal_fired, tell_end_of, tell_ends, tell_ends_until, took_note, voice,
};
use crate::expiry::lifetime::{deadline_in_event, life, life_in_passing, Life};
use crate::expiry::sightings::{clear_away, state, KeyEvent};
use crate::expiry::watcher::{is_soon, with_queue};
use crate::expiry::watcher_index;
use crate::redis::ctx::{command_ms, must_not_write, unix_ms};
use crate::redis::key;
use crate::redis::key_events::{after_unit, has_units};
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tsgen_engine::{Change, ChangedKey, Ending, Sightings, UnixMs, Voice};

/// How long changed keys are looked at before the loop goes on; the rest waits for the next turn.
const BUDGET: Duration = Duration::from_millis(1);
/// Changed keys that are judged between two looks at the clock. One that ends soon counts as [`SOON`] keys, because its value may be copied.
const TOGETHER: usize = 64;
const SOON: usize = 4;

/// We are looking at keys ourselves, and tell in the same unit of the keys that end by our looks.
static LOOKING: AtomicBool = AtomicBool::new(false);

/// Something has happened to a key that is watched.
pub fn note(ctx: &Ctx, key: &Str, what: KeyEvent) {
    let (db, name) = (ctx.db(), key.bytes());
    if !slots::are_ours(name) {
        // The owner of the slot tells. A Set above all must not be noted: if its deadline were over by the time of the look, the Set would
        // seem to have deleted the key.
        return;
    }
    let voice = voice(ctx);
    if voice == Voice::Follows {
        return follow(ctx, key, what);
    }
    match what {
        KeyEvent::Set | KeyEvent::Unset => {
            if voice == Voice::Tells {
                tell_before(ctx, key, what);
            }
            let is_set = what == KeyEvent::Set;
            let until = if is_set { deadline_in_event(ctx, key) } else { None };
            let mut state = state();
            let after = state.turn_began;
            let change = if is_set { Change::Set { after, until } } else { Change::Unset };
            state.sightings.note_change(db, name, change);
        }
        KeyEvent::Expired => note_end(ctx, key, Ending::Expired),
        KeyEvent::Evicted => note_end(ctx, key, Ending::Evicted),
    }
    // The timer is asked here: asked by the look before the next sleep, it would come only after that sleep.
    deadlines::come_soon();
}

fn note_end(ctx: &Ctx, key: &Str, how: Ending) {
    if !has_units() && !LOOKING.load(Ordering::Relaxed) && !must_not_write() {
        endings::announce(ctx, &watcher_index::watchers_of(ctx.db(), key.bytes()), key, Some(how));
    }
    let asks = {
        let mut state = state();
        state.sightings.note_end(ctx.db(), key.bytes(), how);
        state.sightings.has_ends() && !state.is_asked_for
    };
    if asks && !LOOKING.load(Ordering::Relaxed) && after_unit(ctx, unit_ended) {
        state().is_asked_for = true;
    }
}

/// Tells the ends that are owed of a key before another key takes its name, in one transaction with that.
fn tell_before(ctx: &Ctx, key: &Str, what: KeyEvent) {
    if !has_units() && what == KeyEvent::Set {
        tell_end_of(ctx, key);
    }
    if endings::may_owe() {
        for watcher in watcher_index::watchers_of(ctx.db(), key.bytes()) {
            let told = fenced(ctx, &watcher, || endings::tell_owed(ctx, &watcher, key));
            took_note(ctx.db(), &watcher, told);
        }
    }
}

fn unit_ended(ctx: &Ctx) {
    state().is_asked_for = false;
    tell_ends(ctx);
}

/// What `note` does on a replica, or on a node that reads its files: looks at the key at once.
fn follow(ctx: &Ctx, key: &Str, what: KeyEvent) {
    let db = ctx.db();
    {
        let mut state = state();
        let is_announced = state.announced.as_ref().is_some_and(|(of, name)| *of == db && **name == *key.bytes());
        if is_announced {
            state.announced = None;
            if what == KeyEvent::Unset {
                return;
            }
        }
    }
    let (change, how) = match what {
        KeyEvent::Set => (Change::Set { after: None, until: None }, None),
        KeyEvent::Unset => (Change::Unset, None),
        KeyEvent::Expired => return,
        KeyEvent::Evicted => (Change::Unset, Some(Ending::Evicted)),
    };
    match how {
        Some(how) => {
            let mut seen = Sightings::new();
            seen.note_end(db, key.bytes(), how);
            seen.take_ends().into_iter().for_each(|ends| judge_the_ends(ctx, key, &ends, Voice::Follows));
        }
        None => {
            let watchers = watcher_index::watchers_of(db, key.bytes());
            let life = if what == KeyEvent::Set { life(ctx, key) } else { Life::Absent };
            let changed = Changed { name: key.bytes(), change, life };
            judge_the_changes(ctx, &watchers, &[changed], Voice::Follows, |_| {});
        }
    }
}

/// The turn of the server's loop ends: the loop is about to sleep.
pub fn turn_ends(ctx: &Ctx) {
    look(ctx);
    state().turn_began = command_ms().map(UnixMs);
}

/// This node has become a replica: it looks at all changed keys now, because from now on it looks at each key in the event.
pub fn became_replica(ctx: &Ctx) {
    look_until(ctx, None);
    state().announced = None;
}

/// This node has read its files, or is told by nobody from now on: a deletion that was announced and has not come will not come. A key that
/// was to be evicted lives on, so its value is copied as any other's. (If its deadline has passed by now, `overdue` looks at it.)
///
/// A replica that is promoted needs this: its walk looks for overdue keys only. After loading, the walk of the watchers would find the key too,
/// but maybe only after its deadline, and then the end would be told without the value. One look costs nothing beside loading.
pub fn no_deletion_comes(ctx: &Ctx) {
    let Some((db, name)) = state().announced.take() else { return };
    let (selected, name) = (ctx.db(), OwnedStr::new(&name));
    if ctx.select_db(db) {
        for watcher in watcher_index::watchers_of(db, name.bytes()) {
            key::fenced(ctx, &watcher, "a watcher", || lives_on(ctx, &watcher, &name));
        }
    }
    ctx.select_db(selected);
}

/// A key that a watcher knows as evicted lives on: tracks it as any other.
fn lives_on(ctx: &Ctx, watcher: &Str, key: &Str) {
    let known = with_queue(ctx, watcher, |queue| queue.known(key.bytes())).flatten();
    let evicted = known.filter(|known| known.ended == Some(Ending::Evicted));
    if evicted.is_none_or(|known| known.deadline.is_due(UnixMs(unix_ms()))) {
        return;
    }
    if let Life::Until(deadline) = life(ctx, key) {
        with_queue(ctx, watcher, |queue| queue.track(key.bytes(), deadline));
    }
}

/// Looks at the keys that were seen, as far as `BUDGET` reaches, and tells what may be told.
pub fn look(ctx: &Ctx) {
    look_until(ctx, Some(Instant::now() + BUDGET));
}

/// The same for the timer.
pub fn look_in_tick(ctx: &Ctx, until: Instant) {
    look_until(ctx, Some(until));
}

fn look_until(ctx: &Ctx, until: Option<Instant>) {
    if !state().sightings.is_empty() {
        let selected = ctx.db();
        looking(|| look_at_changes(ctx, until));
        ctx.select_db(selected);
    }
    state().sightings.turn_ends();
    clear_away();
    signal_fired(ctx);
}

/// Runs `what`, whose looks may end keys; the caller tells of those ends in the same unit.
pub fn looking<R>(what: impl FnOnce() -> R) -> R {
    /// Restores the flag, also if `what` panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            LOOKING.store(self.0, Ordering::Relaxed);
        }
    }
    let _before = Before(LOOKING.swap(true, Ordering::Relaxed));
    what()
}

fn look_at_changes(ctx: &Ctx, until: Option<Instant>) {
    let voice = voice(ctx);
    // Without units the ends were announced, so telling them can wait.
    tell_ends_until(ctx, until.filter(|_| !has_units()));
    let mut left = state().sightings.changes();
    let mut run = Run::default();
    while left > 0 {
        left -= look_at_some(ctx, &mut run, left, voice);
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
    }
    // During a pause the server's own timer comes often enough.
    if voice == Voice::Tells && !state().sightings.is_empty() {
        deadlines::come_soon();
    }
}

/// Looks at [`TOGETHER`] keys that were changed, or at `most`, and judges the changes; returns how many it looked at, or `most` if there are no
/// others. Keys in a row with the same watchers are judged together.
fn look_at_some(ctx: &Ctx, run: &mut Run, most: usize, voice: Voice) -> usize {
    let now = UnixMs(unix_ms());
    let (mut count, mut work) = (0, 0);
    while count < most && work < TOGETHER {
        let Some(Next { db, change, life, may_come_again }) = next(&mut run.next, now) else {
            count = most;
            break;
        };
        count += 1;
        // A key that comes again may have ended since the first look: its first change must be judged first.
        if may_come_again || run.db != db || !watcher_index::are_watchers_of(db, &run.next, &run.watchers) {
            run.judge(ctx, voice);
            run.watchers = watcher_index::watchers_of(db, &run.next);
            run.db = db;
        }
        let life = match life {
            _ if run.watchers.is_empty() || !ctx.select_db(db) => {
                state().sightings.looked();
                None
            }
            Some(_) => life,
            // A panic loses this key only.
            None => panics::catch("a changed key", || look_at(ctx, &OwnedStr::new(&run.next), change, voice)).flatten(),
        };
        work += match life {
            Some(Life::Until(deadline)) if !is_soon(deadline, now) => 1,
            _ => SOON,
        };
        if let Some(life) = life {
            run.add(change, life);
        }
    }
    run.judge(ctx, voice);
    count
}

/// A key that was changed, and is to be judged now.
struct Next {
    db: i32,
    change: Change,
    /// How the key stands, if that is known without a look.
    life: Option<Life>,
    /// Whether the key may have been looked at already for an earlier change.
    may_come_again: bool,
}

/// Takes the next key that was changed, and writes its name into `name`.
fn next(name: &mut Vec<u8>, now: UnixMs) -> Option<Next> {
    let mut state = state();
    let may_come_again = state.sightings.begins_round();
    let ChangedKey { db, name: taken, change } = state.sightings.look_at_next()?;
    name.clear();
    name.extend_from_slice(taken);
    let life = match change {
        // An end must be told before a later key of the same name.
        _ if state.sightings.has_ends() => None,
        Change::Unset => Some(Life::Absent),
        // A key that ends soon may be over by now.
        Change::Set { until, .. } => until.filter(|until| !is_soon(*until, now)).map(Life::Until),
    };
    if life.is_some() {
        state.sightings.looked();
    }
    Some(Next { db, change, life, may_come_again })
}

/// Looks at a key that was changed. `None` if the change cannot be judged yet, or the look shows that the key has ended.
fn look_at(ctx: &Ctx, key: &Str, change: Change, voice: Voice) -> Option<Life> {
    let life = match (change, voice) {
        (Change::Unset, _) => Life::Absent,
        (Change::Set { .. }, Voice::Waits) => life_in_passing(ctx, key),
        (Change::Set { .. }, _) => life(ctx, key),
    };
    let (looked, has_ends) = {
        let mut state = state();
        (state.sightings.looked(), state.sightings.has_ends())
    };
    // An end must be told before a later key of the same name; the look may just have ended this one.
    let is_told = !has_ends || tell_end_of(ctx, key);
    let change = looked?;
    if !is_told {
        state().sightings.note_change(ctx.db(), key.bytes(), change);
        return None;
    }
    Some(life)
}

/// Changed keys in a row with the same watchers.
#[derive(Default)]
struct Run {
    db: i32,
    watchers: Vec<OwnedStr>,
    /// The names of the keys, one behind the other.
    names: Vec<u8>,
    /// Of each key where its name ends, and what is to be judged.
    changed: Vec<(usize, Change, Life)>,
    /// The name of the key that may come next.
    next: Vec<u8>,
}

impl Run {
    /// Adds the next key.
    fn add(&mut self, change: Change, life: Life) {
        self.names.extend_from_slice(&self.next);
        self.changed.push((self.names.len(), change, life));
    }

    /// Judges these changes, and forgets them. Changes that have to wait are noted again.
    fn judge(&mut self, ctx: &Ctx, voice: Voice) {
        if !self.changed.is_empty() && ctx.select_db(self.db) {
            let mut start = 0;
            let named = |(end, change, life): &(usize, Change, Life)| {
                let name = &self.names[std::mem::replace(&mut start, *end)..*end];
                Changed { name, change: *change, life: *life }
            };
            let changed: Vec<Changed<'_>> = self.changed.iter().map(named).collect();
            judge_the_changes(ctx, &self.watchers, &changed, voice, |waits| {
                state().sightings.note_change(self.db, waits.name, waits.change);
            });
            // Copying its value may have ended a key whose deadline was near. Where ends are announced in front of deletions, we announce
            // none of those that our own looks cause.
            if state().sightings.has_ends() {
                for changed in changed {
                    tell_end_of(ctx, &OwnedStr::new(changed.name));
                }
            }
        }
        self.names.clear();
        self.changed.clear();
    }
}

fn judge_the_changes(
    ctx: &Ctx,
    watchers: &[OwnedStr],
    changed: &[Changed<'_>],
    voice: Voice,
    waits: impl Fn(&Changed<'_>),
) {
    let db = ctx.db();
    for watcher in watchers {
        let told = fenced(ctx, watcher, || endings::carry_out_changes(ctx, watcher, changed, voice, &waits));
        took_note(db, watcher, told);
    }
}
