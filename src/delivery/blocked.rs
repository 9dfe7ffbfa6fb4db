//! Workers that wait in a blocking CLAIM or MCLAIM.
//!
//! Redis keeps the queues of blocked clients and asks the first client first; this file keeps what a client waits for.

use crate::command::{Call, Fail};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::serve::{serve, serve_several, Wanted};
use crate::delivery::stored_queue::StoredQueue;
use crate::delivery::timer::{deadlines, slots};
use crate::delivery::waiters::{self, Waiter};
use crate::redis::block::{block_on, signals_do_harm, Wait};
use crate::redis::ctx::{must_not_write, unix_ms};
use crate::redis::{Ctx, OwnedStr, Str};
use std::marker::PhantomData;
use tsgen_engine::{Millis, UnixMs};

/// While nothing may be written, blocked workers are asked again at this interval.
const PAUSE_STEP: Millis = Millis(10);

/// The form of the reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The entries of one key: CLAIM.
    Entries,
    /// Keys, each with its entries: MCLAIM.
    ByKey,
}

/// One blocked CLAIM or MCLAIM.
struct Waiting<F> {
    /// `None` once the client has its reply.
    waiter: Option<Waiter>,
    form: Form,
    consumer: OwnedStr,
    count: usize,
    lease: Option<Millis>,
    _family: PhantomData<F>,
}

/// A claim that has found nothing.
pub struct Unserved<'a> {
    pub names: &'a [&'a Str],
    pub form: Form,
    pub wanted: Wanted<'a>,
    /// How long to wait; 0: for ever, `None`: not at all.
    pub block: Option<Millis>,
}

/// Has the client wait if it asked for that and may; else it gets an empty reply.
pub fn wait_or_reply<F: Family>(call: &Call<'_>, claim: Unserved<'_>, now: UnixMs) {
    let ctx = call.ctx;
    let Unserved { names, form, wanted, block } = claim;
    let flags = ctx.flags();
    // A master that waits holds up all that it has to tell. None of ours asks for it.
    let may_wait = !call.is_repetition() && !flags.denies_blocking() && !flags.is_replicated();
    let Some(timeout) = block.filter(|_| may_wait) else {
        return ctx.reply_array(0);
    };
    for name in names {
        // Asks the timer to come when the key may have a ready entry.
        if let Some(mut key) = keyspace::open_read::<F>(ctx, name) {
            if let Ok(Some(value)) = key.value() {
                value.schedule_wakeup(ctx.db(), name.bytes(), now);
            }
        }
    }
    let waiter = Waiter::new(ctx.db(), names);
    let number = waiter.number;
    let waiting = Waiting::<F> {
        waiter: Some(waiter),
        form,
        consumer: OwnedStr::new(wanted.consumer.bytes()),
        count: wanted.count,
        lease: wanted.lease,
        _family: PhantomData,
    };
    let blocked = block_on(ctx, names, i64::try_from(timeout.0).unwrap_or(0), waiting);
    waiters::is_blocked(number, blocked);
}

/// Has those served who wait for this key, now that it has something for them. For use outside of commands.
pub fn ask<F: Family>(ctx: &Ctx, db: i32, name: &Str) {
    if !signals_do_harm() {
        return ctx.signal_ready(name);
    }
    let now = UnixMs(unix_ms());
    if must_not_write() {
        return deadlines::note(db, name.bytes(), now.after(PAUSE_STEP));
    }
    if !slots::are_ours(name.bytes()) {
        return;
    }
    for number in waiters::in_order(db, name.bytes()) {
        let Ok(Some(true)) = Waiting::<F>::look(ctx, name, now, |value| value.queue.has_ready(now)) else { break };
        if let Some(blocked) = waiters::blocked(number) {
            blocked.call(name);
        }
    }
    // Nothing was left for those who still wait: the timer comes when that may change.
    if let Some(mut key) = keyspace::open_read::<F>(ctx, name).filter(|_| waiters::count(db, name.bytes()) > 0) {
        if let Ok(Some(value)) = key.value() {
            value.schedule_wakeup(db, name.bytes(), now);
        }
    }
}

impl<F: Family> Wait for Waiting<F> {
    fn wake(&mut self, ctx: &Ctx, name: &Str) -> bool {
        let Some(waiter) = &self.waiter else { return false };
        let outcome = self.try_to_serve(ctx, waiter, name);
        let is_served = outcome.as_ref().is_ok_and(|served| *served);
        if let Err(fail) = outcome {
            fail.reply(ctx, if self.form == Form::Entries { F::VERBS.claim.name } else { F::VERBS.mclaim.name });
            self.waiter = None;
            return true;
        }
        if is_served {
            // It is dropped here, because others who wait for the same keys are asked before Redis drops `self`.
            self.waiter = None;
        }
        is_served
    }

    fn expire(&mut self, ctx: &Ctx) {
        ctx.reply_array(0);
    }
}

impl<F: Family> Waiting<F> {
    /// The claim of the client. It has no token: who repeats a claim does not wait.
    fn wanted(&self) -> Wanted<'_> {
        Wanted { consumer: &self.consumer, count: self.count, lease: self.lease, token: None }
    }

    /// Serves the client if there is something for it, now that this key was signalled. True if it has its reply; false if nothing has changed.
    fn try_to_serve(&self, ctx: &Ctx, waiter: &Waiter, signalled: &Str) -> Result<bool, Fail> {
        if ctx.flags().is_loading() {
            // The key is only half loaded, and may still hold entries that were acknowledged later. `data_is_there` asks again.
            return Ok(false);
        }
        if F::data_type().damages() != 0 {
            if let Some(Err(Fail::Damaged)) =
                keyspace::open_read::<F>(ctx, signalled).map(|mut key| key.view().map(drop))
            {
                return Err(Fail::Damaged);
            }
        }
        let now = UnixMs(unix_ms());
        if must_not_write() {
            // A claim would replicate, and replicating now would abort the server. The timer repeats the signal, so that it is not lost.
            deadlines::note(waiter.db, signalled.bytes(), now.after(PAUSE_STEP));
            return Ok(false);
        }
        if !slots::are_ours(signalled.bytes()) {
            // Redis sends the client on to the new owner within a second.
            return Ok(false);
        }
        let names = self.worth_trying(ctx, waiter, signalled, now)?;
        match (self.form, names.first()) {
            (_, None) => Ok(false),
            (Form::Entries, Some(name)) => serve::<F>(ctx, name, &self.wanted(), None, now),
            (Form::ByKey, _) => Ok(serve_several::<F>(ctx, &names, &self.wanted(), now)),
        }
    }

    /// The keys to claim from, in their order. None unless the signalled key is sure to have something: a client that is woken for nothing
    /// could not tell replicas what it swept. At the signalled key Redis asks the clients in their order; another key is looked at only if
    /// nobody waits longer for it. That misses nothing, because a key that becomes ready is signalled itself.
    ///
    /// No other key is opened before the signalled one is sure: Redis 7.0 deletes a key that has expired when it is opened, and aborts if the
    /// client gets no reply that could carry the deletion. (The signalled key was opened by Redis itself.)
    fn worth_trying<'w>(
        &self,
        ctx: &Ctx,
        waiter: &'w Waiter,
        signalled: &Str,
        now: UnixMs,
    ) -> Result<Vec<&'w Str>, Fail> {
        let mut names = Vec::new();
        if !Self::is_sure(ctx, waiter, signalled, now)? {
            return Ok(names);
        }
        for name in waiter.names.iter().map(|name| &**name) {
            if name.bytes() == signalled.bytes() {
                names.push(name);
            } else if waiter.is_first(name) {
                let claimable = Self::look(ctx, name, now, |value| value.queue.claimable(now))?;
                names.extend(claimable.filter(|claimable| *claimable).map(|_| name));
            }
        }
        Ok(names)
    }

    /// Whether a claim from the signalled key is sure to get something; if not, the timer comes when that may change.
    fn is_sure(ctx: &Ctx, waiter: &Waiter, signalled: &Str, now: UnixMs) -> Result<bool, Fail> {
        let is_sure = Self::look(ctx, signalled, now, |value| {
            let is_sure = value.queue.has_ready(now);
            if !is_sure {
                value.schedule_wakeup(waiter.db, signalled.bytes(), now);
            }
            is_sure
        });
        Ok(is_sure?.unwrap_or(false))
    }

    /// Looks at a key; `None` if there is nothing to claim from. Fails if a claim would.
    fn look<T>(
        ctx: &Ctx,
        name: &Str,
        now: UnixMs,
        look: impl FnOnce(&mut StoredQueue<F>) -> T,
    ) -> Result<Option<T>, Fail> {
        let Some(mut key) = keyspace::open_read::<F>(ctx, name) else { return Ok(None) };
        let value = match key.value() {
            Ok(Some(value)) => value,
            Err(Fail::Damaged) => return Err(Fail::Damaged),
            // A key of another type counts as absent, as with BLPOP.
            Ok(None) | Err(_) => return Ok(None),
        };
        value.queue.check_claim(None, now)?;
        Ok(Some(look(value)))
    }
}
