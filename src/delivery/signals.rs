//! Who is told of a change of a key, beside replicas: WATCH, the timer, subscribers of keyspace events, blocked clients.

use crate::delivery::stored_queue::{Content, StoredQueue};
use crate::delivery::timer::{deadlines, renames};
use crate::delivery::waiters;
use crate::redis::block::{is_calling, signals_do_harm};
use crate::redis::{Ctx, Str};
use std::ffi::CStr;
use tsgen_engine::{Millis, UnixMs};

/// The `opens_at` of a change after which nothing waits for time: only a clock that is set back would make its ready entries wait again.
pub use crate::delivery::timer::deadlines::WHEN_SET_BACK;

/// Remembered ids whose time is over are forgotten this much later, many of them together.
pub const FORGETS_AFTER: Millis = Millis(1_000);

/// The signals that are left to send once the key is closed.
#[must_use]
pub struct Signals {
    wake: bool,
}

impl Signals {
    /// Takes note of a change while the key is open.
    pub fn of<F: Content>(ctx: &Ctx, name: &Str, value: &mut StoredQueue<F>, now: impl FnOnce() -> UnixMs) -> Self {
        Signals::of_opening(ctx, name, value, now, None)
    }

    /// The same, of a change because of which time alone will open the gate, at `opens_at`.
    pub fn of_opening<F: Content>(
        ctx: &Ctx,
        name: &Str,
        value: &mut StoredQueue<F>,
        now: impl FnOnce() -> UnixMs,
        opens_at: Option<UnixMs>,
    ) -> Self {
        ctx.signal_modified(name);
        if value.queue.is_crowded() {
            value.schedule_crowd(ctx.db(), name.bytes(), UnixMs(i64::MIN));
        }
        let watched = waiters::anybody();
        let driven = value.has_sink() || opens_at.is_some() || value.queue.recurs();
        if !watched && !driven {
            return Signals { wake: false };
        }
        let (db, now) = (ctx.db(), now());
        if driven {
            value.schedule_drive(db, name.bytes(), now, opens_at);
            value.schedule_runs(db, name.bytes(), now);
        }
        if !watched || waiters::count(db, name.bytes()) == 0 {
            return Signals { wake: false };
        }
        let wake = value.has_sink() || value.queue.has_ready(now);
        if !wake {
            value.schedule_wakeup(db, name.bytes(), now);
        }
        Signals { wake }
    }

    /// The signals of a change by which entries have left. That makes others ready only in groups that were at their limits, or in a key with
    /// recurring elements.
    pub fn of_leaving<F: Content>(
        ctx: &Ctx,
        name: &Str,
        value: &mut StoredQueue<F>,
        now: impl FnOnce() -> UnixMs,
    ) -> Self {
        if value.queue.options().group_limit == 0 && !value.queue.recurs() {
            return Signals::quiet(ctx, name);
        }
        Signals::of(ctx, name, value, now)
    }

    /// The signals of a change that makes nothing ready, now or later.
    pub fn quiet(ctx: &Ctx, name: &Str) -> Self {
        ctx.signal_modified(name);
        Signals { wake: false }
    }

    /// The same, perhaps outside of commands: there the timer may have to wake clients.
    pub fn send_anywhere<'e>(mut self, ctx: &Ctx, name: &Str, events: impl IntoIterator<Item = &'e CStr>) {
        if self.wake && signals_do_harm() {
            self.wake = false;
            deadlines::note(ctx.db(), name.bytes(), UnixMs(0));
        }
        self.send(ctx, name, events);
    }

    /// Sends the events and wakes clients, now that the key is closed. A client that the timer has called is served outside of commands: what it leaves for
    /// others is the timer's to hand on.
    pub fn send<'e>(self, ctx: &Ctx, name: &Str, events: impl IntoIterator<Item = &'e CStr>) {
        for event in events {
            ctx.notify(event, name);
        }
        match self.wake {
            true if is_calling() => deadlines::note(ctx.db(), name.bytes(), UnixMs(0)),
            true => ctx.signal_ready(name),
            false => {}
        }
    }
}

impl<F: Content> StoredQueue<F> {
    /// Asks the timer to come when there may be an entry for a client that waits; there is none now.
    pub fn schedule_wakeup(&mut self, db: i32, name: &[u8], now: UnixMs) {
        if let Some(at) = self.queue.claimable_from(now) {
            self.schedule(db, name, at);
        }
    }

    /// If the key has very many leases or delays: asks the timer to come when one ends, but no earlier than `earliest`.
    pub fn schedule_crowd(&self, db: i32, name: &[u8], earliest: UnixMs) {
        if let Some(at) = self.queue.next_end().filter(|_| self.queue.is_crowded()) {
            self.schedule(db, name, at.max(earliest));
        }
    }

    /// In a key with recurring elements: asks the timer to come when the next run opens, or when a lease ends, which may make a run.
    pub fn schedule_runs(&mut self, db: i32, name: &[u8], now: UnixMs) {
        if let Some(at) = self.queue.recurs().then(|| self.queue.next_deadline(now)).flatten() {
            self.schedule(db, name, at);
        }
    }

    /// Asks the timer to come when it has work with this key.
    pub fn schedule_drive(&mut self, db: i32, name: &[u8], now: UnixMs, opens_at: Option<UnixMs>) {
        renames::follow();
        let rest = if self.sink_rests(now) { self.sink_rests_until } else { now };
        let feeds = self.has_sink().then(|| self.queue.claimable_from(now)).flatten().map(|at| at.max(rest));
        let forgets = self.queue.forgets_at().map(|at| at.after(FORGETS_AFTER));
        for at in feeds.into_iter().chain(opens_at).chain(forgets) {
            self.schedule(db, name, at);
        }
    }
}
