//! One walk over the keys of a database, for all who are new there: watchers, to which nobody told of the keys that were there before
//! them.
//!
//! The walk goes round and round, as long as anybody needs it. Whoever joins on the way is told of what is met from then on, and of one
//! whole round, which begins after it came: only of whole rounds Redis promises that each key is met. So many who join cost one or two
//! rounds, not one each.
//!
//! It goes on in the ticks of the timer, with the time that what is due leaves, and nothing that is due waits for it. It does not know
//! what becomes of the keys that it meets.

use crate::life::{life_of, Life};
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr};
use crate::{timer, tracking, watch};
use lazy_static::lazy_static;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tsgen_engine::UnixMs;

/// However much else is due, it gets on by so much in each tick.
const LEAST: Duration = Duration::from_micros(100);
/// Steps between two looks at the clock: some ten microseconds, unless many watched keys are met.
const STEPS: usize = 16;

/// The walk over one database.
#[derive(Default)]
struct Walk {
    /// Where it stands; `None` between two rounds.
    cursor: Option<Cursor>,
    /// The number of the round that it is in, or that begins next.
    round: u64,
    /// Who needs it.
    walkers: BTreeMap<Box<[u8]>, Walker>,
}

/// A watcher that is still to be told of keys.
#[derive(Clone, Copy)]
struct Walker {
    /// What had ended before this is not its concern.
    since: UnixMs,
    /// The round at whose end it has been told of all.
    last_round: u64,
}

impl Walk {
    /// The first round of which one who comes now sees all.
    fn whole_round(&self) -> u64 {
        self.round + u64::from(self.cursor.is_some())
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
/// So that a tick costs nothing while nobody walks.
static ANY: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn walks() -> MutexGuard<'static, BTreeMap<i32, Walk>> {
    WALKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A watcher that is here since then wants to be told of the keys that were there before it. It may ask again and again.
pub fn join(db: i32, name: &[u8], since: UnixMs) {
    walks().entry(db).or_default().join(name, since);
    ANY.store(true, Ordering::Relaxed);
    timer::come_soon();
}

/// The keys of this database, or of all, are gone.
pub fn forget(db: Option<i32>) {
    walks().retain(|of, _| db.is_some_and(|db| *of != db));
}

/// Two databases have changed places, and the places in them mean nothing any more in the other.
pub fn swap(one: i32, other: i32) {
    let mut walks = walks();
    for (db, walk) in [(other, walks.remove(&one)), (one, walks.remove(&other))] {
        if let Some(walk) = walk {
            walks.insert(db, walk);
        }
    }
}

/// Walks on until then, and a little in any case.
pub fn go_on(ctx: &Ctx, until: Instant) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let until = until.max(Instant::now() + LEAST);
    let dbs: Vec<i32> = walks().keys().copied().collect();
    let selected = ctx.db();
    for db in dbs {
        // While it is under way the walk is nobody else's; who joins meanwhile begins another.
        let Some(mut walk) = walks().remove(&db) else { continue };
        if !ctx.select_db(db) {
            continue;
        }
        while !walk.walkers.is_empty() && Instant::now() < until {
            go_round(ctx, db, &mut walk, until);
        }
        put_back(db, walk);
        if Instant::now() >= until {
            break;
        }
    }
    ctx.select_db(selected);
    if walks().is_empty() {
        ANY.store(false, Ordering::Relaxed);
    } else {
        timer::come_soon();
    }
}

fn put_back(db: i32, mut walk: Walk) {
    let mut walks = walks();
    if let Some(joined) = walks.remove(&db) {
        joined.walkers.iter().for_each(|(name, walker)| walk.join(name, walker.since));
    }
    if !walk.walkers.is_empty() {
        walks.insert(db, walk);
    }
}

/// Walks on to the end of the round, as far as the time reaches.
fn go_round(ctx: &Ctx, db: i32, walk: &mut Walk, until: Instant) {
    let Walk { cursor, walkers, .. } = walk;
    let at = cursor.get_or_insert_with(Cursor::new);
    loop {
        for _ in 0..STEPS {
            let more = step(ctx, db, at, walkers);
            if !more {
                walk.cursor = None;
                end_round(ctx, walk);
                return;
            }
        }
        if Instant::now() >= until {
            return;
        }
    }
}

/// Meets some more keys, and tells of them. False at the end of the round.
fn step(ctx: &Ctx, db: i32, cursor: &mut Cursor, walkers: &BTreeMap<Box<[u8]>, Walker>) -> bool {
    let mut met = Vec::new();
    let more = cursor.step(ctx, |name, look| {
        let covering = watch::names_of(db, name.bytes(), |watcher| Box::<[u8]>::from(watcher));
        if covering.is_empty() {
            return;
        }
        let Life::Until(deadline) = life_of(look) else { return };
        let concerned = covering.into_iter().filter(|watcher| {
            // What had expired before is only waiting to be deleted.
            walkers.get(watcher).is_some_and(|walker| deadline >= walker.since)
        });
        met.extend(concerned.map(|watcher| (watcher, Box::<[u8]>::from(name.bytes()), deadline)));
    });
    for (watcher, name, deadline) in met {
        tracking::found(ctx, db, &OwnedStr::new(&watcher), &OwnedStr::new(&name), deadline);
    }
    more
}

fn end_round(ctx: &Ctx, walk: &mut Walk) {
    let round = walk.round;
    walk.round += 1;
    walk.walkers.retain(|name, walker| {
        let is_done = walker.last_round <= round;
        if is_done {
            tracking::walked(ctx, &OwnedStr::new(name), walker.since);
        }
        !is_done
    });
}
