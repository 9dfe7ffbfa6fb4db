//! What watchers do about slots that have moved: they forget the keys of those that have gone, and find the keys of those that have come.
//!
//! Until that is done, the timer does nothing else, for a watcher that remembers keys of a slot that went and came back would tell of what
//! others have deleted meanwhile.

use crate::delivery::timer::slots::{self, each, Id, Slots, LATELY};
use crate::delivery::timer::tick;
use crate::expiry::lifetime::{life, Life};
use crate::expiry::scan;
use crate::expiry::watcher::{self, with_queue, BATCH};
use crate::expiry::watcher_index;
use crate::redis::call::keys_in_slot;
use crate::redis::cluster::{self, Move, Ranges};
use crate::redis::ctx::unix_ms;
use crate::redis::key;
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tsgen_engine::{Mark, Queue, Ttl, UnixMs};

/// A slot of so many keys is listed at once: a few milliseconds. Those of a larger one are found by a walk over all keys.
const LISTED: usize = 20_000;

/// What a panic at one of them is logged as.
const WATCHER: &str = "a watcher, after slots have moved";

/// What is to be done about slots that have moved.
enum Job {
    /// These watchers forget their keys of slots that have gone; the last one has forgotten them up to the mark.
    Forget(Slots, Vec<Id>, Mark),
    /// Keys of these slots are still to be found, and those already listed to be looked at.
    Find { slots: Slots, left: Vec<u16>, listed: Vec<Id> },
}

/// In the order in which it happened.
static JOBS: Mutex<VecDeque<Job>> = Mutex::new(VecDeque::new());
/// So that it costs next to nothing to ask: whether there are any.
static HAS_JOBS: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn jobs() -> MutexGuard<'static, VecDeque<Job>> {
    JOBS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Slots have moved.
pub fn moved(what: Move, ranges: &Ranges) {
    let job = match what {
        Move::Begins | Move::Fails => return,
        Move::Arrived => Job::Find { slots: Slots::of(ranges), left: each(ranges).collect(), listed: Vec::new() },
        Move::Left => Job::Forget(Slots::of(ranges), watcher_index::all(), Mark::at(UnixMs(i64::MIN))),
    };
    jobs().push_back(job);
    HAS_JOBS.store(true, Ordering::Relaxed);
}

/// A watched key of a slot that has just come has ended before it was found: its watchers learn of it now. What had ended before the slot
/// was on its way was told where it came from, and what had ended before a watcher was there is not its concern.
pub fn adopt(ctx: &Ctx, watchers: &[OwnedStr], key: &Str, deadline: Option<UnixMs>) {
    let now = UnixMs(unix_ms());
    let Some(deadline) = deadline else { return };
    let Some(came) = slots::comes_or_came(cluster::slot_of(key.bytes()), now) else { return };
    let is_busy = HAS_JOBS.load(Ordering::Relaxed);
    if deadline >= came.since && (is_busy || now <= came.at.after(LATELY)) {
        for watcher in watchers {
            key::fenced(ctx, watcher, WATCHER, || watcher::adopt(ctx, watcher, key, deadline));
        }
    }
}

/// Does what is to be done about slots that have moved. False if the time did not suffice: then nothing else is to be done either.
pub fn settle(ctx: &Ctx, until: Instant) -> bool {
    if !HAS_JOBS.load(Ordering::Relaxed) {
        return true;
    }
    let selected = ctx.db();
    let is_done = loop {
        let Some(mut job) = jobs().pop_front() else { break true };
        // What panics was taken out of the job before, so it is not tried again; all else of the job is.
        let is_done = panics::catch("slots that have moved", || match &mut job {
            Job::Forget(slots, watchers, mark) => forget(ctx, slots, watchers, mark, until),
            Job::Find { slots, left, listed } => find(ctx, slots, left, listed, until),
        });
        if is_done != Some(true) {
            jobs().push_front(job);
            tick::come_soon();
            break false;
        }
        HAS_JOBS.store(!jobs().is_empty(), Ordering::Relaxed);
    };
    ctx.select_db(selected);
    is_done
}

/// One watcher forgets some of its keys of these slots, from the mark on; where to go on, if there are more. `None` if there is no such
/// watcher.
fn forget_some(ctx: &Ctx, slots: &Slots, watcher: &Str, from: Mark) -> Option<Option<Mark>> {
    let forget = |queue: &mut Queue<Ttl>| {
        let page = queue.ending_behind(from, UnixMs::NEVER, BATCH);
        let gone: Vec<Box<[u8]>> =
            page.iter().filter(|(one, _)| slots.has(one.name)).map(|(one, _)| one.name.into()).collect();
        let next = page.last().filter(|_| page.len() == BATCH).map(|(_, mark)| *mark);
        for name in gone {
            queue.untrack(&name);
        }
        next
    };
    with_queue(ctx, watcher, forget)
}

/// The watchers forget their keys of these slots, and those that went with their slots are forgotten. True if that is done.
fn forget(ctx: &Ctx, slots: &Slots, watchers: &mut Vec<Id>, mark: &mut Mark, until: Instant) -> bool {
    while let Some((db, watcher)) = watchers.pop() {
        let from = std::mem::replace(mark, Mark::at(UnixMs(i64::MIN)));
        let name = OwnedStr::new(&watcher);
        let work = || forget_some(ctx, slots, &name, from);
        // One that tracked keys of slots that have gone would tell lies: a panic damages it.
        let told = if ctx.select_db(db) { key::fenced(ctx, &name, WATCHER, work).flatten() } else { None };
        match told {
            Some(Some(next)) => {
                *mark = next;
                watchers.push((db, watcher));
            }
            Some(None) => {}
            // No event told that it went, and none would be compared with its prefixes in vain.
            None => watcher_index::remove(db, &watcher),
        }
        if Instant::now() >= until && !watchers.is_empty() {
            return false;
        }
    }
    true
}

/// Finds the watched keys of slots that have come, for the watchers that were here; those that came with them walk over all keys. True
/// if it has.
fn find(ctx: &Ctx, slots: &Slots, left: &mut Vec<u16>, listed: &mut Vec<Id>, until: Instant) -> bool {
    let (watchers, now) = (watcher_index::all(), UnixMs(unix_ms()));
    let dbs: BTreeSet<i32> = watchers.iter().map(|(db, _)| *db).collect();
    loop {
        while let Some((db, name)) = listed.pop() {
            if ctx.select_db(db) {
                look_at(ctx, db, &OwnedStr::new(&name));
            }
            if listed.len() % BATCH == 0 && Instant::now() >= until {
                return false;
            }
        }
        let Some(slot) = left.pop() else { break };
        let mut is_large = false;
        for db in dbs.iter().filter(|db| ctx.select_db(**db)) {
            // Also those of a slot that cannot be listed are found by the walk.
            let names = panics::catch("the keys of a slot", || keys_in_slot(ctx, slot, LISTED));
            is_large |= names.as_ref().is_none_or(|names| names.len() == LISTED);
            listed.extend(names.into_iter().flatten().map(|name| (*db, name.into_boxed_slice())));
        }
        let since = slots::came(slot).map_or(now, |came| came.since);
        for (db, watcher) in watchers.iter().filter(|_| is_large) {
            walk_anew(ctx, *db, watcher, since);
        }
        // Most slots of a large move may be empty.
        if left.len() % BATCH == 0 && !left.is_empty() && Instant::now() >= until {
            return false;
        }
    }
    for (db, watcher) in watchers.iter().filter(|(_, watcher)| slots.has(watcher)) {
        walk_anew(ctx, *db, watcher, now);
    }
    true
}

fn walk_anew(ctx: &Ctx, db: i32, watcher: &[u8], since: UnixMs) {
    if ctx.select_db(db) {
        let watcher = OwnedStr::new(watcher);
        let asked = key::fenced(ctx, &watcher, WATCHER, || watcher::asks_anew(ctx, &watcher, since)).flatten();
        if let Some(since) = asked {
            scan::join(db, watcher.bytes(), since);
        }
    }
}

/// How a key stands that has come with its slot.
fn look_at(ctx: &Ctx, db: i32, key: &Str) {
    let watchers = watcher_index::watchers_of(db, key.bytes());
    if watchers.is_empty() {
        return;
    }
    let came = slots::came(cluster::slot_of(key.bytes()));
    match life(ctx, key) {
        Life::Until(deadline) if came.is_none_or(|came| deadline >= came.since) => {
            for watcher in &watchers {
                key::fenced(ctx, watcher, WATCHER, || watcher::found(ctx, db, watcher, key, deadline));
                tick::note(db, watcher.bytes(), UnixMs(0));
            }
        }
        Life::Endless => {
            for watcher in &watchers {
                key::fenced(ctx, watcher, WATCHER, || with_queue(ctx, watcher, |queue| queue.untrack(key.bytes())));
            }
        }
        // If it has ended by this look, that is an event of its own.
        Life::Until(_) | Life::Absent => {}
    }
}
