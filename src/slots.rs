//! Which keys this node may act on by itself, in a cluster whose slots move.
//!
//! Time acts only on keys of slots that this node serves: a key that is on its way is driven, and its end told, by the node that it comes
//! from until the slot has a new owner, and by that one from then on. What the timer meets of other slots is put aside until then.
//!
//! It does not know what is in a key. What is asked of watchers: to forget the keys of slots that have gone, and to find those of slots
//! that have come. Until that is done, the timer does nothing else, for a watcher that remembers keys of a slot that went and came back
//! would tell of what others have deleted meanwhile.

use crate::delivery::timer::tick;
use crate::life::{life, Life};
use crate::redis::call::{keys_in_slot, slots_of_others};
use crate::redis::cluster::{self, Move, Ranges, SLOTS};
use crate::redis::ctx::unix_ms;
use crate::redis::key;
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::tracking::{self, with_queue, BATCH};
use crate::watch;
use lazy_static::lazy_static;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tsgen_engine::{Mark, Millis, Queue, Ttl, UnixMs};

/// What is put aside is looked at again so often, should no event tell that its slot has come.
const ASIDE: Millis = Millis(1_000);
/// A slot of so many keys is listed at once: a few milliseconds. Those of a larger one are found by a walk over all keys.
const LISTED: usize = 20_000;

/// A slot has come lately, if it was not longer ago than this: long enough for what ended with the handover to be told.
const LATELY: Millis = Millis(10_000);

/// What a panic at one of them is logged as.
const WATCHER: &str = "a watcher, after slots have moved";

/// A key, with its database.
type Id = (i32, Box<[u8]>);

/// A set of slots.
struct Slots(Box<[bool]>);

impl Slots {
    fn of(ranges: &Ranges) -> Self {
        let mut slots = vec![false; usize::from(SLOTS)].into_boxed_slice();
        each(ranges).for_each(|slot| slots[usize::from(slot)] = true);
        Slots(slots)
    }

    fn has(&self, name: &[u8]) -> bool {
        self.0[usize::from(cluster::slot_of(name))]
    }
}

fn each(ranges: &Ranges) -> impl Iterator<Item = u16> + '_ {
    ranges.iter().flat_map(|(first, last)| *first..=*last).filter(|slot| *slot < SLOTS)
}

/// How a slot has come.
#[derive(Clone, Copy)]
struct Came {
    /// When its keys began to come.
    since: UnixMs,
    /// When it was this node's.
    at: UnixMs,
}

/// What is to be done about slots that have moved.
enum Job {
    /// These watchers forget their keys of slots that have gone; the last one has forgotten them up to the mark.
    Forget(Slots, Vec<Id>, Mark),
    /// Keys of these slots are still to be found, and those already listed to be looked at.
    Find { slots: Slots, left: Vec<u16>, listed: Vec<Id> },
}

#[derive(Default)]
struct State {
    /// Slots whose keys come, and since when.
    coming: BTreeMap<u16, UnixMs>,
    /// Slots that have come lately.
    came: BTreeMap<u16, Came>,
    /// In the order in which it happened.
    jobs: VecDeque<Job>,
    /// Keys that the timer has put aside.
    aside: BTreeSet<Id>,
    /// The slots that other nodes serve, as this one said at that time. Nothing changes while the timer works.
    others: Option<(UnixMs, Option<Slots>)>,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}
/// So that most questions cost next to nothing: whether there is anything in the state of that name.
static COMING: AtomicBool = AtomicBool::new(false);
static CAME: AtomicBool = AtomicBool::new(false);
static JOBS: AtomicBool = AtomicBool::new(false);
static HAS_ASIDE: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn count(&self) {
        COMING.store(!self.coming.is_empty(), Ordering::Relaxed);
        CAME.store(!self.came.is_empty(), Ordering::Relaxed);
        JOBS.store(!self.jobs.is_empty(), Ordering::Relaxed);
        HAS_ASIDE.store(!self.aside.is_empty(), Ordering::Relaxed);
    }
}

/// Asks the server to tell what happens to slots; at load.
pub fn register(ctx: &Ctx) -> bool {
    cluster::listen(ctx, moved);
    true
}

/// Whether this node may act on a key by itself: it serves the slot. A replica asks for its master, of which it may have heard nothing
/// yet; so to it only what is known to be on its way is not its own. O(length of the name), in a cluster.
pub fn are_ours(name: &[u8]) -> bool {
    if !cluster::is_on() {
        return true;
    }
    let slot = cluster::slot_of(name);
    match cluster::serves(slot).filter(|_| cluster::is_master()) {
        Some(serves) => serves,
        None => !COMING.load(Ordering::Relaxed) || !state().coming.contains_key(&slot),
    }
}

/// Whether a key is of a slot that another node serves, to which it belongs then, whatever is here: it may be gone without a word (Redis 7.0
/// says nothing when it drops a slot that was taken away), or stand here unseen. What is of a slot that nobody serves is here, or nowhere.
/// Before 7.2 all that expires asks this: O(nodes) for the first one of a millisecond.
pub fn is_anothers(ctx: &Ctx, name: &[u8], now: UnixMs) -> bool {
    if are_ours(name) && !cluster::drops_silently() {
        return false;
    }
    if state().others.as_ref().is_none_or(|(at, _)| *at != now) {
        let others = slots_of_others(ctx).map(|ranges| Slots::of(&ranges));
        state().others = Some((now, others));
    }
    let state = state();
    let others = state.others.as_ref().and_then(|(_, others)| others.as_ref());
    others.is_some_and(|others| others.has(name))
}

/// The timer has met a key that is not ours (now).
pub fn put_aside(db: i32, name: &[u8], now: UnixMs) {
    tick::note(db, name, now.after(ASIDE));
    let mut state = state();
    state.aside.insert((db, name.into()));
    state.count();
}

/// The timer has met a key that is ours, or gone: it is not aside any more.
pub fn is_taken_up(db: i32, name: &[u8]) {
    if HAS_ASIDE.load(Ordering::Relaxed) {
        let mut state = state();
        state.aside.remove(&(db, name.into()));
        state.count();
    }
}

fn moved(_: &Ctx, what: Move, ranges: Ranges) {
    let (now, watchers) = (UnixMs(unix_ms()), watch::all());
    let mut state = state();
    match what {
        Move::Begins => state.coming.extend(each(&ranges).map(|slot| (slot, now))),
        Move::Fails => {
            let slots = Slots::of(&ranges);
            state.coming.retain(|slot, _| !slots.0[usize::from(*slot)]);
            state.aside.retain(|(_, name)| !slots.has(name));
        }
        Move::Arrived => {
            state.came.retain(|_, came| now <= came.at.after(LATELY));
            for slot in each(&ranges) {
                let since = state.coming.remove(&slot).unwrap_or(now);
                state.came.insert(slot, Came { since, at: now });
            }
            let left = each(&ranges).collect();
            state.jobs.push_back(Job::Find { slots: Slots::of(&ranges), left, listed: Vec::new() });
        }
        Move::Left => {
            let slots = Slots::of(&ranges);
            state.aside.retain(|(_, name)| !slots.has(name));
            state.jobs.push_back(Job::Forget(slots, watchers, Mark::at(UnixMs(i64::MIN))));
        }
    }
    let aside = if matches!(what, Move::Arrived) { std::mem::take(&mut state.aside) } else { BTreeSet::new() };
    state.count();
    drop(state);
    for (db, name) in aside {
        tick::note(db, &name, UnixMs(0));
    }
    tick::come_soon();
}

/// A watched key of a slot that has just come has ended before it was found: its watchers learn of it now. What had ended before the slot
/// was on its way was told where it came from, and what had ended before a watcher was there is not its concern.
pub fn adopt(ctx: &Ctx, watchers: &[OwnedStr], key: &Str, deadline: Option<UnixMs>) {
    let is_new = CAME.load(Ordering::Relaxed) || COMING.load(Ordering::Relaxed);
    let Some(deadline) = deadline.filter(|_| is_new) else { return };
    let (jobs, now) = (JOBS.load(Ordering::Relaxed), UnixMs(unix_ms()));
    let came = {
        let (state, slot) = (state(), cluster::slot_of(key.bytes()));
        // It may be served a moment before we are told that it has come.
        state.coming.get(&slot).map(|since| Came { since: *since, at: now }).or(state.came.get(&slot).copied())
    };
    if came.is_some_and(|came| deadline >= came.since && (jobs || now <= came.at.after(LATELY))) {
        for watcher in watchers {
            key::fenced(ctx, watcher, WATCHER, || tracking::adopt(ctx, watcher, key, deadline));
        }
    }
}

/// Does what is to be done about slots that have moved. False if the time did not suffice: then nothing else is to be done either.
pub fn settle(ctx: &Ctx, until: Instant) -> bool {
    if !JOBS.load(Ordering::Relaxed) {
        return true;
    }
    let selected = ctx.db();
    let is_done = loop {
        let Some(mut job) = state().jobs.pop_front() else { break true };
        // What panics was taken out of the job before, so it is not tried again; all else of the job is.
        let is_done = panics::catch("slots that have moved", || match &mut job {
            Job::Forget(slots, watchers, mark) => forget(ctx, slots, watchers, mark, until),
            Job::Find { slots, left, listed } => find(ctx, slots, left, listed, until),
        });
        let mut state = state();
        if is_done != Some(true) {
            state.jobs.push_front(job);
            tick::come_soon();
            break false;
        }
        state.count();
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
            None => watch::remove(db, &watcher),
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
    let (watchers, now) = (watch::all(), UnixMs(unix_ms()));
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
        let since = state().came.get(&slot).map_or(now, |came| came.since);
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
        key::fenced(ctx, &watcher, WATCHER, || tracking::walk_anew(ctx, db, &watcher, since));
    }
}

/// How a key stands that has come with its slot.
fn look_at(ctx: &Ctx, db: i32, key: &Str) {
    let watchers = watch::watchers_of(db, key.bytes());
    if watchers.is_empty() {
        return;
    }
    let came = state().came.get(&cluster::slot_of(key.bytes())).copied();
    match life(ctx, key) {
        Life::Until(deadline) if came.is_none_or(|came| deadline >= came.since) => {
            for watcher in &watchers {
                key::fenced(ctx, watcher, WATCHER, || tracking::found(ctx, db, watcher, key, deadline));
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
