//! Which keys this node may act on by itself, in a cluster whose slots move.
//!
//! The timer acts only on keys of slots that this node serves. While a slot moves, its old owner drives its keys and tells their ends; the
//! new owner does so from the handover on. The timer puts keys of other slots aside until then.

use crate::redis::call::slots_of_others;
use crate::redis::cluster::{self, Move, Ranges, SLOTS};
use crate::redis::Ctx;
use lazy_static::lazy_static;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Millis, UnixMs};

/// A slot counts as having come lately for so long: enough time to tell of keys that ended during the handover.
pub const LATELY: Millis = Millis(10_000);

/// A key, with its database.
pub type Id = (i32, Box<[u8]>);

/// A set of slots.
pub struct Slots(Box<[bool]>);

impl Slots {
    pub fn of(ranges: &Ranges) -> Self {
        let mut slots = vec![false; usize::from(SLOTS)].into_boxed_slice();
        each(ranges).for_each(|slot| slots[usize::from(slot)] = true);
        Slots(slots)
    }

    /// Whether the slot of this key is in the set.
    pub fn has(&self, name: &[u8]) -> bool {
        self.0[usize::from(cluster::slot_of(name))]
    }
}

/// All slots of these ranges.
pub fn each(ranges: &Ranges) -> impl Iterator<Item = u16> + '_ {
    ranges.iter().flat_map(|(first, last)| *first..=*last).filter(|slot| *slot < SLOTS)
}

/// How a slot has come.
#[derive(Clone, Copy)]
pub struct Came {
    /// When the keys of the slot began to come.
    pub since: UnixMs,
    /// When the slot became this node's.
    pub at: UnixMs,
}

#[derive(Default)]
struct State {
    /// Slots whose keys come, and since when.
    coming: BTreeMap<u16, UnixMs>,
    /// Slots that have come lately.
    came: BTreeMap<u16, Came>,
    /// Keys that the timer has put aside.
    aside: BTreeSet<Id>,
    /// When this node was last asked which slots others serve, and its answer. The answer cannot change while the timer works.
    others: Option<(UnixMs, Option<Slots>)>,
}

lazy_static! {
    static ref STATE: Mutex<State> = Mutex::default();
}
/// Whether the field of the same name in `State` holds anything, so that most questions cost next to nothing.
static COMING: AtomicBool = AtomicBool::new(false);
static CAME: AtomicBool = AtomicBool::new(false);
static HAS_ASIDE: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn count(&self) {
        COMING.store(!self.coming.is_empty(), Ordering::Relaxed);
        CAME.store(!self.came.is_empty(), Ordering::Relaxed);
        HAS_ASIDE.store(!self.aside.is_empty(), Ordering::Relaxed);
    }
}

/// Whether this node may act on a key by itself, which is so if it serves the slot. A replica may not have heard yet what its master serves;
/// so on a replica, and before Redis 8.4, every key is ours unless its slot is known to be coming. O(length of the name), in a cluster.
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

/// Whether another node serves the slot of a key. The key belongs to that node then, whatever is here: it may be gone without a word (Redis
/// 7.0 says nothing when it drops a slot that was taken away), or stand here unseen. A key of a slot that nobody serves is here, or nowhere.
/// Before 7.2 every key that expires asks this: O(nodes) for the first one of a millisecond.
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

/// The timer has met a key that is not ours now, and looks at it again in a while.
pub fn put_aside(db: i32, name: &[u8]) {
    let mut state = state();
    state.aside.insert((db, name.into()));
    state.count();
}

/// The timer has met a key that is ours, or gone: the key is not aside any more.
pub fn is_taken_up(db: i32, name: &[u8]) {
    if HAS_ASIDE.load(Ordering::Relaxed) {
        let mut state = state();
        state.aside.remove(&(db, name.into()));
        state.count();
    }
}

/// How a slot has come, if it has come lately.
pub fn came(slot: u16) -> Option<Came> {
    if !CAME.load(Ordering::Relaxed) {
        return None;
    }
    state().came.get(&slot).copied()
}

/// How a slot has come lately, or is coming now: a slot may be served a moment before we are told that it has come.
pub fn comes_or_came(slot: u16, now: UnixMs) -> Option<Came> {
    if !CAME.load(Ordering::Relaxed) && !COMING.load(Ordering::Relaxed) {
        return None;
    }
    let state = state();
    state.coming.get(&slot).map(|since| Came { since: *since, at: now }).or(state.came.get(&slot).copied())
}

/// Since when a key that was made or loaded here at `since` counts as at work. A key that came with its slot was at work on the old owner, and
/// keys that ended there during the move may not all have been told: so it counts from when its slot began to come.
pub fn at_work_since(name: &[u8], since: UnixMs, now: UnixMs) -> UnixMs {
    let came = comes_or_came(cluster::slot_of(name), now).filter(|came| since <= came.at);
    came.map_or(since, |came| came.since.min(since))
}

/// Notes that slots have moved. Returns the keys that the timer shall take up again.
pub fn note(what: Move, ranges: &Ranges, now: UnixMs) -> BTreeSet<Id> {
    let mut state = state();
    match what {
        Move::Begins => state.coming.extend(each(ranges).map(|slot| (slot, now))),
        Move::Fails => {
            let slots = Slots::of(ranges);
            state.coming.retain(|slot, _| !slots.0[usize::from(*slot)]);
            state.aside.retain(|(_, name)| !slots.has(name));
        }
        Move::Arrived => {
            state.came.retain(|_, came| now <= came.at.after(LATELY));
            for slot in each(ranges) {
                let since = state.coming.remove(&slot).unwrap_or(now);
                state.came.insert(slot, Came { since, at: now });
            }
        }
        Move::Left => {
            let slots = Slots::of(ranges);
            state.aside.retain(|(_, name)| !slots.has(name));
        }
    }
    let aside = if what == Move::Arrived { std::mem::take(&mut state.aside) } else { BTreeSet::new() };
    state.count();
    aside
}
