//! Workers that wait in a blocking CLAIM.
//!
//! Redis keeps the queues of blocked clients and asks the first first; here is what one waits for, and how many wait
//! for which key, so that the timer wakes only where somebody sleeps.

use crate::command::Fail;
use crate::delivery::commands::claim::{self, Wanted};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::timer::tick;
use crate::redis::block::{block_on, Wait};
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::{Ctx, OwnedStr, Str};
use crate::slots;
use lazy_static::lazy_static;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Millis, UnixMs};

/// While nothing may be written, blocked workers are asked again this often.
const PAUSE_STEP: Millis = Millis(10);

type Waiters = HashMap<i32, HashMap<Box<[u8]>, usize>>;

lazy_static! {
    static ref WAITERS: Mutex<Waiters> = Mutex::default();
}
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// Never held while Redis is called.
fn waiters() -> MutexGuard<'static, Waiters> {
    WAITERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many clients wait, all together.
pub fn total() -> usize {
    TOTAL.load(Ordering::Relaxed)
}

/// Whether any client waits for any key.
pub fn anybody() -> bool {
    total() != 0
}

/// How many clients wait for this key.
pub fn count(db: i32, name: &[u8]) -> usize {
    if !anybody() {
        return 0;
    }
    waiters().get(&db).and_then(|keys| keys.get(name)).copied().unwrap_or(0)
}

/// All data has been loaded: whoever waits is asked again, for a signal that came meanwhile went unheard.
pub fn data_is_there() {
    let all: Vec<(i32, Box<[u8]>)> =
        waiters().iter().flat_map(|(db, keys)| keys.keys().map(|name| (*db, name.clone()))).collect();
    for (db, name) in all {
        tick::note(db, &name, UnixMs(0));
    }
}

/// The keys of a database that clients wait for.
pub fn names(db: i32) -> Vec<Box<[u8]>> {
    waiters().get(&db).map_or_else(Vec::new, |keys| keys.keys().cloned().collect())
}

/// One blocked CLAIM.
struct Waiting<F> {
    db: i32,
    name: Box<[u8]>,
    consumer: OwnedStr,
    wanted: Wanted,
    _family: PhantomData<F>,
}

/// Blocks the client of this CLAIM, which has found nothing, for up to `timeout` (0: for ever).
pub fn wait<F: Family>(ctx: &Ctx, name: &Str, consumer: &Str, wanted: Wanted, timeout: Millis) {
    let waiting = Waiting::<F> {
        db: ctx.db(),
        name: name.bytes().into(),
        consumer: OwnedStr::new(consumer.bytes()),
        wanted,
        _family: PhantomData,
    };
    TOTAL.fetch_add(1, Ordering::Relaxed);
    *waiters().entry(waiting.db).or_default().entry(waiting.name.clone()).or_default() += 1;
    block_on(ctx, name, i64::try_from(timeout.0).unwrap_or(0), waiting);
}

impl<F: Family> Wait for Waiting<F> {
    fn wake(&mut self, ctx: &Ctx, name: &Str) -> bool {
        if ctx.flags().is_loading() {
            // What is there is half of it, and what was acknowledged may still be among it. `data_is_there` asks again.
            return false;
        }
        if F::data_type().damages() != 0 {
            if let Some(Err(Fail::Damaged)) = keyspace::peek::<F>(ctx, name).map(|mut key| key.view().map(drop)) {
                Fail::Damaged.reply(ctx, F::VERBS.claim.name);
                return true;
            }
        }
        let now = UnixMs(unix_ms());
        if must_not_write() {
            // A claim would replicate, and that would abort the server now. The signal must not get lost.
            tick::note(self.db, name.bytes(), now.after(PAUSE_STEP));
            return false;
        }
        if !slots::are_ours(name.bytes()) {
            // Redis sends the client on to the new owner within a second.
            return false;
        }
        let worth_trying = match keyspace::peek::<F>(ctx, name) {
            None => false,
            Some(mut key) => match key.value() {
                // As with BLPOP: a key of another type is not there.
                Ok(None) | Err(_) => false,
                Ok(Some(value)) => {
                    let serves = value.has_sink() || value.queue.has_ready(now);
                    if !serves {
                        value.schedule_wakeup(self.db, name.bytes(), now);
                    }
                    serves
                }
            },
        };
        worth_trying && claim::serve::<F>(ctx, name, &self.consumer, self.wanted, now)
    }

    fn expire(&mut self, ctx: &Ctx) {
        ctx.reply_array(0);
    }
}

impl<F> Drop for Waiting<F> {
    fn drop(&mut self) {
        TOTAL.fetch_sub(1, Ordering::Relaxed);
        let mut all = waiters();
        let Some(keys) = all.get_mut(&self.db) else { return };
        if let Some(count) = keys.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                keys.remove(&self.name);
            }
        }
        if keys.is_empty() {
            all.remove(&self.db);
        }
    }
}
