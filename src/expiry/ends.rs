//! The ends that were seen: has the engine judge them, and tells them.

use crate::expiry::endings::{self, Case, Told};
use crate::expiry::handover;
use crate::expiry::sightings::state;
use crate::expiry::watcher_index;
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::key;
use crate::redis::key_events::has_units;
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use std::collections::VecDeque;
use std::time::Instant;
use tsgen_engine::{judge_end, Ending, SeenEnd, UnixMs, Voice};

/// Keys whose ends are told between two looks at the clock.
const STRIDE: usize = 16;

/// Whether this node may say now what has ended.
pub fn voice(ctx: &Ctx) -> Voice {
    let flags = ctx.flags();
    match flags.is_master() && !flags.is_loading() {
        false => Voice::Follows,
        true if must_not_write() => Voice::Waits,
        true => Voice::Tells,
    }
}

/// Tells the ends of a key, if any were seen. False if they may not be told yet.
pub fn tell_end_of(ctx: &Ctx, key: &Str) -> bool {
    if !state().sightings.has_end_of(ctx.db(), key.bytes()) {
        return true;
    }
    let voice = voice(ctx);
    if voice == Voice::Waits {
        return false;
    }
    let ends = state().sightings.take_ends_of(ctx.db(), key.bytes());
    ends.into_iter().for_each(|ends| judge_the_ends(ctx, key, &ends, voice));
    true
}

/// Tells all ends that were seen, as far as they may be told.
pub fn tell_ends(ctx: &Ctx) {
    tell_ends_until(ctx, None);
}

pub fn tell_ends_until(ctx: &Ctx, until: Option<Instant>) {
    if !state().sightings.has_ends() {
        return;
    }
    let voice = voice(ctx);
    if voice == Voice::Waits {
        return;
    }
    let selected = ctx.db();
    for nth in 1.. {
        let Some(ends) = state().sightings.take_ends() else { break };
        let Some((db, name)) = ends.front().map(|seen| &seen.key) else { continue };
        if ctx.select_db(*db) {
            judge_the_ends(ctx, &OwnedStr::new(name), &ends, voice);
        }
        if nth % STRIDE == 0 && until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
    }
    ctx.select_db(selected);
}

/// Judges the ends of one key, and tells of them.
pub fn judge_the_ends(ctx: &Ctx, key: &Str, ends: &VecDeque<SeenEnd>, voice: Voice) {
    let (db, now) = (ctx.db(), UnixMs(unix_ms()));
    let watchers = watcher_index::watchers_of(db, key.bytes());
    for seen in ends {
        handover::adopt(ctx, &watchers, key, seen.end.deadline);
        for watcher in (0..seen.times).flat_map(|_| &watchers) {
            let judge = |known| judge_end(&seen.end, known, voice, now);
            let case = Case { last: seen.value.as_ref(), ..Case::new(watcher, key, voice) };
            let told = fenced(ctx, watcher, || endings::carry_out(ctx, &case, judge));
            let is_none =
                told == Some(Told::Untracked) || (told == Some(Told::Nothing) && seen.end.how == Ending::Expired);
            if is_none && voice == Voice::Tells && !has_units() {
                // The end was announced, and is not what it seemed: the announcement is taken back.
                endings::announce(ctx, std::slice::from_ref(watcher), key, None);
            }
            took_note(db, watcher, told);
        }
    }
}

/// Runs `what` for one watcher. A panic damages that watcher only; the others still learn what was seen.
pub fn fenced(ctx: &Ctx, watcher: &Str, what: impl FnOnce() -> Option<Told>) -> Option<Told> {
    key::fenced(ctx, watcher, "a watcher", what).flatten()
}

/// Takes note of the outcome of a verdict: a watcher with new entries is kept for `signal_fired`, and a watcher that is gone is forgotten.
pub fn took_note(db: i32, watcher: &Str, told: Option<Told>) {
    match told {
        None => watcher_index::remove(db, watcher.bytes()),
        Some(Told::Fired) => drop(state().fired.insert((db, watcher.bytes().into()))),
        Some(Told::Nothing | Told::Untracked | Told::Noted | Told::Waits) => {}
    }
}

/// Tells whoever waits for entries, once per watcher for any number of entries.
pub fn signal_fired(ctx: &Ctx) {
    let fired = std::mem::take(&mut state().fired);
    if fired.is_empty() {
        return;
    }
    let selected = ctx.db();
    for (db, watcher) in fired {
        if ctx.select_db(db) {
            panics::catch("a watcher", || endings::signal_ready(ctx, &OwnedStr::new(&watcher)));
        }
    }
    ctx.select_db(selected);
}
