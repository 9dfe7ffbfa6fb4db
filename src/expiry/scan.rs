//! One walk over the keys of a database, for all watchers that are new there: nobody told them of the keys that were there before them.
//!
//! The walk goes round and round, as long as anybody needs it. A watcher that joins on the way is told of all keys that are met from then
//! on, up to the end of one whole round that begins after it joined: Redis promises only for whole rounds that each key is met. So many
//! watchers that join cost one or two rounds, not one each.
//!
//! Before 7.2.4 the server does not show a key when it ends. There a round is also needed for keys that are over, whose values only a walk
//! can read: on a replica that was held up when they were to be copied; and on a replica that becomes a master, because its clock may have
//! been ahead when it copied them. The timer of that master leaves these keys alone until the round is over. Redis itself, or a client, may
//! end some of them first: they are delivered with the copies that there are.
//!
//! Each database has its own walk, and the walks share the time: a walk over millions of keys holds up no other.
//!
//! A walk goes on in the ticks of the timer, with the time that due keys leave, and no due key waits for it. It does not know what becomes
//! of the keys that it meets.

use crate::delivery::timer::deadlines;
use crate::expiry::lifetime::{life_of, Life};
use crate::expiry::values::string_met;
use crate::expiry::watcher::{self, FoundOverdue};
use crate::expiry::watcher_index;
use crate::redis::ctx::unix_ms;
use crate::redis::key;
use crate::redis::key_events::shows_ends;
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr};
use lazy_static::lazy_static;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tsgen_engine::{Copied, UnixMs};

/// The walk gets at least this time in each tick, however much else is due.
const LEAST: Duration = Duration::from_micros(100);
/// The time for the walk in the event by which a node becomes a master: enough for some ten thousand keys. The server itself needs a
/// millisecond or more then, and nobody is to wait for longer than five.
const AT_PROMOTION: Duration = Duration::from_millis(3);
/// Steps between two looks at the clock: some ten microseconds, unless many watched keys are met.
const STEPS: usize = 16;

/// The walk over one database.
#[derive(Default)]
struct Walk {
    /// The place of the walk in its round; `None` between two rounds.
    cursor: Option<Cursor>,
    /// The number of the present round or, between two rounds, of the next.
    round: u64,
    /// The watchers that need the walk, by name.
    walkers: BTreeMap<Box<[u8]>, Walker>,
    overdue: Option<Overdue>,
}

/// Keys that are over, whose values may differ from their copies.
#[derive(Clone, Copy)]
struct Overdue {
    /// The last deadline of these keys.
    until: UnixMs,
    /// The round at whose end all these keys have been met.
    last_round: u64,
}

/// A watcher that is still to be told of keys.
#[derive(Clone, Copy)]
struct Walker {
    /// Keys that had ended before this time are not its concern.
    since: UnixMs,
    /// The round at whose end it has been told of all keys.
    last_round: u64,
}

impl Walk {
    /// The first round that a watcher which joins now sees as a whole.
    fn whole_round(&self) -> u64 {
        self.round + u64::from(self.cursor.is_some())
    }

    fn is_needed(&self) -> bool {
        !self.walkers.is_empty() || self.overdue.is_some()
    }

    fn join(&mut self, name: &[u8], since: UnixMs) {
        if self.walkers.get(name).is_none_or(|walker| walker.since != since) {
            let last_round = self.whole_round();
            self.walkers.insert(name.into(), Walker { since, last_round });
        }
    }
}

lazy_static! {
    static ref WALKS: Mutex<BTreeMap<i32, Walk>> = Mutex::default();
}
/// Whether there is any walk, so that a tick costs nothing while there is none.
static ANY: AtomicBool = AtomicBool::new(false);
/// The database that was walked last.
static LAST: AtomicI32 = AtomicI32::new(-1);

/// Never held while Redis is called.
fn walks() -> MutexGuard<'static, BTreeMap<i32, Walk>> {
    WALKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A watcher that has been here since `since` wants to be told of the keys that were there before it. It may ask repeatedly.
pub fn join(db: i32, name: &[u8], since: UnixMs) {
    walks().entry(db).or_default().join(name, since);
    ANY.store(true, Ordering::Relaxed);
    deadlines::come_soon();
}

/// This node has become a master. It walks a little at once, because Redis soon ends keys that are over, too.
pub fn promoted(ctx: &Ctx) {
    if !watcher_index::anybody() || shows_ends() {
        return;
    }
    with_overdue(ctx, UnixMs(unix_ms())).into_iter().for_each(look_for_overdue);
    go_on(ctx, Instant::now() + AT_PROMOTION);
}

/// Begins to copy the values of strings whose deadlines are over and which nobody can open any more. Needed where the server does not show
/// keys at their ends.
pub fn look_for_overdue(db: i32) {
    let mut walks = walks();
    let walk = walks.entry(db).or_default();
    walk.overdue = Some(Overdue { until: UnixMs(unix_ms()), last_round: walk.whole_round() });
    drop(walks);
    ANY.store(true, Ordering::Relaxed);
    deadlines::come_soon();
}

/// Keys with deadlines up to the returned one must not be looked at yet.
pub fn held(db: i32) -> UnixMs {
    let nothing = UnixMs(i64::MIN);
    if !ANY.load(Ordering::Relaxed) {
        return nothing;
    }
    walks().get(&db).and_then(|walk| walk.overdue).map_or(nothing, |overdue| overdue.until)
}

/// The keys of this database, or of all, are gone.
pub fn forget(db: Option<i32>) {
    walks().retain(|of, _| db.is_some_and(|db| *of != db));
}

/// Two databases have changed places: each walk goes with its keys.
pub fn swap(one: i32, other: i32) {
    let mut walks = walks();
    for (db, walk) in [(other, walks.remove(&one)), (one, walks.remove(&other))] {
        if let Some(walk) = walk {
            walks.insert(db, walk);
        }
    }
}

/// The databases that are walked; the one whose turn it is comes first.
fn in_turn() -> Vec<i32> {
    let (walks, last) = (walks(), LAST.load(Ordering::Relaxed));
    let (before, behind): (Vec<i32>, Vec<i32>) = walks.keys().partition(|db| **db <= last);
    [behind, before].concat()
}

/// Walks on until `until`, and for `LEAST` in any case.
pub fn go_on(ctx: &Ctx, until: Instant) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let end = until.max(Instant::now() + LEAST);
    let dbs = in_turn();
    let selected = ctx.db();
    for (nth, db) in dbs.iter().copied().enumerate() {
        let now = Instant::now();
        let share = (end - now) / u32::try_from(dbs.len() - nth).unwrap_or(u32::MAX);
        let until = end.min(now + share.max(LEAST));
        LAST.store(db, Ordering::Relaxed);
        // Nobody else has the walk while it is under way; a watcher that joins meanwhile begins another, which `put_back` merges.
        let Some(mut walk) = walks().remove(&db) else { continue };
        if !ctx.select_db(db) {
            continue;
        }
        while walk.is_needed() && Instant::now() < until {
            go_round(ctx, db, &mut walk, until);
        }
        put_back(db, walk);
        if Instant::now() >= end {
            break;
        }
    }
    ctx.select_db(selected);
    if walks().is_empty() {
        ANY.store(false, Ordering::Relaxed);
    } else {
        deadlines::come_soon();
    }
}

fn put_back(db: i32, mut walk: Walk) {
    let mut walks = walks();
    if let Some(joined) = walks.remove(&db) {
        joined.walkers.iter().for_each(|(name, walker)| walk.join(name, walker.since));
    }
    if walk.is_needed() {
        walks.insert(db, walk);
    }
}

/// Walks on to the end of the round, as far as the time reaches.
fn go_round(ctx: &Ctx, db: i32, walk: &mut Walk, until: Instant) {
    let mut cursor = walk.cursor.take().unwrap_or_else(Cursor::new);
    loop {
        for _ in 0..STEPS {
            if !step(ctx, db, &mut cursor, walk) {
                end_round(ctx, db, walk);
                return;
            }
        }
        if Instant::now() >= until {
            walk.cursor = Some(cursor);
            return;
        }
    }
}

/// A key that was met, and a watcher that it concerns.
struct Met {
    watcher: Box<[u8]>,
    name: Box<[u8]>,
    deadline: UnixMs,
    what: What,
}

enum What {
    /// The key was there before the watcher.
    Found,
    /// The key is over. It has this value if it is a string, and is new to the watcher or tracked by it already.
    Overdue { value: Option<Copied>, is_new: bool },
}

/// Meets some more keys, and tells of them. False at the end of the round.
fn step(ctx: &Ctx, db: i32, cursor: &mut Cursor, walk: &Walk) -> bool {
    let mut all = Vec::new();
    let more = cursor.step(ctx, |name, look| {
        let covering = watcher_index::names_of(db, name.bytes(), |watcher| Box::<[u8]>::from(watcher));
        if covering.is_empty() {
            return;
        }
        let Life::Until(deadline) = life_of(look) else { return };
        let is_overdue = walk.overdue.is_some_and(|overdue| deadline <= overdue.until);
        let value = || watcher_index::max_value(db, name.bytes()).and_then(|max| string_met(look, max));
        let value = if is_overdue { value() } else { None };
        for watcher in covering {
            // A key that had expired before the watcher came only waits for its deletion.
            let is_new = walk.walkers.get(&watcher).is_some_and(|walker| deadline >= walker.since);
            let what = match is_overdue {
                true => What::Overdue { value: value.clone(), is_new },
                false if is_new => What::Found,
                false => continue,
            };
            all.push(Met { watcher, name: name.bytes().into(), deadline, what });
        }
    });
    for Met { watcher, name, deadline, what } in all {
        let (watcher, name) = (OwnedStr::new(&watcher), OwnedStr::new(&name));
        let tell = || match what {
            What::Found => drop(watcher::found(ctx, &watcher, &name, deadline)),
            What::Overdue { value, is_new } => {
                let found = FoundOverdue { deadline, value: value.as_ref(), is_new };
                watcher::found_overdue(ctx, &watcher, &name, &found);
            }
        };
        key::fenced(ctx, &watcher, "a watcher, on the walk", tell);
    }
    more
}

fn end_round(ctx: &Ctx, db: i32, walk: &mut Walk) {
    let round = walk.round;
    walk.round += 1;
    walk.walkers.retain(|name, walker| {
        let is_done = walker.last_round <= round;
        if is_done {
            let watcher = OwnedStr::new(name);
            key::fenced(ctx, &watcher, "a watcher, on the walk", || watcher::walked(ctx, &watcher, walker.since));
        }
        !is_done
    });
    if walk.overdue.is_some_and(|overdue| overdue.last_round <= round) {
        walk.overdue = None;
        look_at_all(db);
    }
}

/// The databases with watchers that track keys whose time was over at `now`.
fn with_overdue(ctx: &Ctx, now: UnixMs) -> BTreeSet<i32> {
    let (selected, mut dbs) = (ctx.db(), BTreeSet::new());
    for (db, watcher) in watcher_index::all() {
        if !dbs.contains(&db) && ctx.select_db(db) && watcher::has_overdue(ctx, &OwnedStr::new(&watcher), now) {
            dbs.insert(db);
        }
    }
    ctx.select_db(selected);
    dbs
}

/// The timer looks at all watchers of a database now.
fn look_at_all(db: i32) {
    watcher_index::all()
        .iter()
        .filter(|(of, _)| *of == db)
        .for_each(|(_, watcher)| deadlines::note(db, watcher, UnixMs(0)));
}
