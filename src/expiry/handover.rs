//! What watchers do about slots that have moved: they forget the keys of slots that have gone, and find the keys of slots that have come.
//!
//! The timer does nothing else until that is done: a watcher that still remembered keys of a slot that went and came back would report keys
//! that other nodes have deleted meanwhile.

use crate::delivery::timer::deadlines;
use crate::delivery::timer::slots::{self, each, Id, Slots, LATELY};
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

/// A slot with fewer keys than this is listed at once, which takes a few milliseconds. The keys of a larger slot are found by a walk over
/// all keys.
const LISTED: usize = 20_000;

/// The name in the log for a panic at one watcher.
const WATCHER: &str = "a watcher, after slots have moved";

/// Work that is to be done about slots that have moved.
enum Job {
    Forget(Forgetting),
    Find(Finding),
}

/// Watchers shall forget their keys of slots that have gone.
struct Forgetting {
    slots: Slots,
    /// The watchers that have not done so yet; the last of them has up to the mark.
    watchers: Vec<Id>,
    mark: Mark,
}

/// Keys of slots that have come shall be found.
struct Finding {
    slots: Slots,
    /// The slots that are still to be listed.
    left: Vec<u16>,
    /// The keys that are still to be looked at.
    listed: Vec<Id>,
}

/// The jobs, in the order in which slots moved.
static JOBS: Mutex<VecDeque<Job>> = Mutex::new(VecDeque::new());
/// Whether there are any jobs, so that asking costs next to nothing.
static HAS_JOBS: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn jobs() -> MutexGuard<'static, VecDeque<Job>> {
    JOBS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Slots have moved: notes the job that follows from it.
pub fn moved(what: Move, ranges: &Ranges) {
    let job = match what {
        Move::Begins | Move::Fails => return,
        Move::Arrived => {
            Job::Find(Finding { slots: Slots::of(ranges), left: each(ranges).collect(), listed: Vec::new() })
        }
        Move::Left => {
            let (watchers, mark) = (watcher_index::all(), Mark::at(UnixMs(i64::MIN)));
            Job::Forget(Forgetting { slots: Slots::of(ranges), watchers, mark })
        }
    };
    jobs().push_back(job);
    HAS_JOBS.store(true, Ordering::Relaxed);
}

/// A watched key of a slot that has just come has ended before it was found: its watchers learn of it now. A key that had ended before the
/// slot began to move was told by the old owner; a key that had ended before a watcher was there is not that watcher's concern.
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

/// Does the jobs about slots that have moved. False if the time did not suffice: then the timer must do nothing else either.
pub fn do_jobs(ctx: &Ctx, until: Instant) -> bool {
    if !HAS_JOBS.load(Ordering::Relaxed) {
        return true;
    }
    let selected = ctx.db();
    let is_done = loop {
        let Some(mut job) = jobs().pop_front() else { break true };
        // The part of the job that panics was taken out of it before, so only the rest of the job is tried again.
        let is_done = panics::catch("slots that have moved", || match &mut job {
            Job::Forget(forgetting) => forgetting.go_on(ctx, until),
            Job::Find(finding) => finding.go_on(ctx, until),
        });
        if is_done != Some(true) {
            jobs().push_front(job);
            deadlines::come_soon();
            break false;
        }
        HAS_JOBS.store(!jobs().is_empty(), Ordering::Relaxed);
    };
    ctx.select_db(selected);
    is_done
}

/// How far a watcher has forgotten its keys.
enum Forgotten {
    All,
    UpTo(Mark),
}

/// One watcher forgets some of its keys of these slots, from the mark on. `None` if there is no such watcher.
fn forget_some(ctx: &Ctx, slots: &Slots, watcher: &Str, from: Mark) -> Option<Forgotten> {
    let forget = |queue: &mut Queue<Ttl>| {
        let page = queue.ending_behind(from, UnixMs::NEVER, BATCH);
        let gone: Vec<Box<[u8]>> =
            page.iter().filter(|(one, _)| slots.has(one.name)).map(|(one, _)| one.name.into()).collect();
        let next = page.last().filter(|_| page.len() == BATCH).map(|(_, mark)| *mark);
        for name in gone {
            queue.untrack(&name);
        }
        next.map_or(Forgotten::All, Forgotten::UpTo)
    };
    with_queue(ctx, watcher, forget)
}

impl Forgetting {
    /// The watchers forget their keys, and watchers that went with their slots leave the index. True if all is done.
    fn go_on(&mut self, ctx: &Ctx, until: Instant) -> bool {
        let Forgetting { slots, watchers, mark } = self;
        while let Some((db, watcher)) = watchers.pop() {
            let from = std::mem::replace(mark, Mark::at(UnixMs(i64::MIN)));
            let name = OwnedStr::new(&watcher);
            let work = || forget_some(ctx, slots, &name, from);
            // A panic damages the watcher: if it still tracked keys of slots that have gone, it would tell lies.
            let told = if ctx.select_db(db) { key::fenced(ctx, &name, WATCHER, work).flatten() } else { None };
            match told {
                Some(Forgotten::UpTo(next)) => {
                    *mark = next;
                    watchers.push((db, watcher));
                }
                Some(Forgotten::All) => {}
                // The watcher went without an event: it leaves the index, so that no event is compared with its prefixes in vain.
                None => watcher_index::remove(db, &watcher),
            }
            if Instant::now() >= until && !watchers.is_empty() {
                return false;
            }
        }
        true
    }
}

impl Finding {
    /// Finds the watched keys, for the watchers that were here before; watchers that came with the slots walk over all keys. True if all is done.
    fn go_on(&mut self, ctx: &Ctx, until: Instant) -> bool {
        let Finding { slots, left, listed } = self;
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
                // The walk also finds the keys of a slot that cannot be listed.
                let names = panics::catch("the keys of a slot", || keys_in_slot(ctx, slot, LISTED));
                is_large |= names.as_ref().is_none_or(|names| names.len() == LISTED);
                listed.extend(names.into_iter().flatten().map(|name| (*db, name.into_boxed_slice())));
            }
            let since = slots::came(slot).map_or(now, |came| came.since);
            for (db, watcher) in watchers.iter().filter(|_| is_large) {
                walk_anew(ctx, *db, watcher, since);
            }
            // The clock is read here too, because most slots of a large move may be empty.
            if left.len() % BATCH == 0 && !left.is_empty() && Instant::now() >= until {
                return false;
            }
        }
        for (db, watcher) in watchers.iter().filter(|(_, watcher)| slots.has(watcher)) {
            walk_anew(ctx, *db, watcher, now);
        }
        true
    }
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

/// Looks at a key that has come with its slot, and tells its watchers.
fn look_at(ctx: &Ctx, db: i32, key: &Str) {
    let watchers = watcher_index::watchers_of(db, key.bytes());
    if watchers.is_empty() {
        return;
    }
    let came = slots::came(cluster::slot_of(key.bytes()));
    match life(ctx, key) {
        Life::Until(deadline) if came.is_none_or(|came| deadline >= came.since) => {
            for watcher in &watchers {
                key::fenced(ctx, watcher, WATCHER, || watcher::found(ctx, watcher, key, deadline));
                deadlines::note(db, watcher.bytes(), UnixMs(0));
            }
        }
        Life::Endless => {
            for watcher in &watchers {
                key::fenced(ctx, watcher, WATCHER, || with_queue(ctx, watcher, |queue| queue.untrack(key.bytes())));
            }
        }
        // If this look has ended the key, an event tells of that.
        Life::Until(_) | Life::Absent => {}
    }
}
