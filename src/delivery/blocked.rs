//! Workers that wait in a blocking CLAIM.
//!
//! Redis keeps the queues of blocked clients and asks the first client first; this file keeps what a client waits for.

use crate::command::Fail;
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::serve::{serve, Wanted};
use crate::delivery::timer::{slots, tick};
use crate::delivery::waiters::Waiter;
use crate::redis::block::{block_on, Wait};
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::{Ctx, OwnedStr, Str};
use std::marker::PhantomData;
use tsgen_engine::{Millis, UnixMs};

/// While nothing may be written, blocked workers are asked again at this interval.
const PAUSE_STEP: Millis = Millis(10);

/// One blocked CLAIM.
struct Waiting<F> {
    waiter: Waiter,
    consumer: OwnedStr,
    wanted: Wanted,
    _family: PhantomData<F>,
}

/// Blocks the client of a CLAIM that has found nothing, for up to `timeout` (0: for ever). Asks the timer to come when the key may have a
/// ready entry.
pub fn wait<F: Family>(ctx: &Ctx, name: &Str, consumer: &Str, wanted: Wanted, timeout: Millis, now: UnixMs) {
    if let Some(mut key) = keyspace::open_read::<F>(ctx, name) {
        if let Ok(Some(value)) = key.value() {
            value.schedule_wakeup(ctx.db(), name.bytes(), now);
        }
    }
    let waiting = Waiting::<F> {
        waiter: Waiter::new(ctx.db(), name.bytes()),
        consumer: OwnedStr::new(consumer.bytes()),
        wanted,
        _family: PhantomData,
    };
    block_on(ctx, name, i64::try_from(timeout.0).unwrap_or(0), waiting);
}

impl<F: Family> Wait for Waiting<F> {
    fn wake(&mut self, ctx: &Ctx, name: &Str) -> bool {
        if ctx.flags().is_loading() {
            // The key is only half loaded, and may still hold entries that were acknowledged later. `data_is_there` asks again.
            return false;
        }
        if F::data_type().damages() != 0 {
            if let Some(Err(Fail::Damaged)) = keyspace::open_read::<F>(ctx, name).map(|mut key| key.view().map(drop)) {
                Fail::Damaged.reply(ctx, F::VERBS.claim.name);
                return true;
            }
        }
        let now = UnixMs(unix_ms());
        if must_not_write() {
            // A claim would replicate, and replicating now would abort the server. The timer repeats the signal, so that it is not lost.
            tick::note(self.waiter.db, name.bytes(), now.after(PAUSE_STEP));
            return false;
        }
        if !slots::are_ours(name.bytes()) {
            // Redis sends the client on to the new owner within a second.
            return false;
        }
        let worth_trying = match keyspace::open_read::<F>(ctx, name) {
            None => false,
            Some(mut key) => match key.value() {
                // A key of another type counts as absent, as with BLPOP.
                Ok(None) | Err(_) => false,
                Ok(Some(value)) => {
                    let serves = value.has_sink() || value.queue.has_ready(now);
                    if !serves {
                        value.schedule_wakeup(self.waiter.db, name.bytes(), now);
                    }
                    serves
                }
            },
        };
        worth_trying && serve::<F>(ctx, name, &self.consumer, self.wanted, now)
    }

    fn expire(&mut self, ctx: &Ctx) {
        ctx.reply_array(0);
    }
}
