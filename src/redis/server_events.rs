//! The events of the server itself that Redis tells modules.

use super::panics;
use super::{api, Ctx};
use redis_module::raw;
use std::os::raw::{c_int, c_void};
use std::sync::OnceLock;

/// A server event of interest.
pub enum Event {
    /// This database is empty now, or all are (`None`).
    Flushed(Option<i32>),
    Swapped(i32, i32),
    BecameMaster,
    BecameReplica,
    /// An RDB file that comes from a master is about to be loaded.
    SyncBegins,
    /// The loading of an RDB or AOF is over, successful or not.
    LoadingEnded,
    /// A file is about to be written, perhaps in a child process.
    Saving,
    /// The file was written, or its writing failed.
    Saved,
    /// Comes about ten times a second, whatever the time of day is set to.
    Cron,
}

/// The function that is told of the events.
pub type Listener = fn(&Ctx, Event);

static LISTENER: OnceLock<Listener> = OnceLock::new();

static BEFORE_SLEEP: OnceLock<fn(&Ctx)> = OnceLock::new();

/// Calls `work` each time before the server's loop sleeps, before the AOF is flushed and replies go out. Only the first `work` is kept.
pub fn before_sleep(work: fn(&Ctx)) {
    let Some(ctx) = Ctx::own() else { return };
    if BEFORE_SLEEP.set(work).is_ok() {
        let event = raw::RedisModuleEvent { id: raw::REDISMODULE_EVENT_EVENTLOOP, dataver: 1 };
        // SAFETY: a live context; the callback matches the event.
        unsafe { api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event, Some(loop_event))) };
    }
}

unsafe extern "C" fn loop_event(ctx: *mut raw::RedisModuleCtx, _: raw::RedisModuleEvent, sub: u64, _: *mut c_void) {
    if sub != raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP {
        return;
    }
    // SAFETY: Redis lends the context until we return.
    let ctx = unsafe { Ctx::borrow(ctx) };
    panics::catch("the server's loop", || {
        if let Some(work) = BEFORE_SLEEP.get() {
            work(ctx);
        }
    });
}

/// Subscribes to the events above, once.
pub fn listen(ctx: &Ctx, listener: Listener) -> bool {
    if LISTENER.set(listener).is_err() {
        return false;
    }
    let ids = [
        raw::REDISMODULE_EVENT_FLUSHDB,
        raw::REDISMODULE_EVENT_SWAPDB,
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        raw::REDISMODULE_EVENT_LOADING,
        raw::REDISMODULE_EVENT_PERSISTENCE,
        raw::REDISMODULE_EVENT_CRON_LOOP,
    ];
    ids.into_iter().all(|id| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: a live context; the callback matches the events.
        unsafe {
            api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event, Some(on_event))) == raw::REDISMODULE_OK as c_int
        }
    })
}

unsafe extern "C" fn on_event(
    ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    let told = match (event.id, sub) {
        (raw::REDISMODULE_EVENT_FLUSHDB, raw::REDISMODULE_SUBEVENT_FLUSHDB_END) => {
            // SAFETY: this event comes with this struct.
            let db = unsafe { (*data.cast::<raw::RedisModuleFlushInfoV1>()).dbnum };
            Event::Flushed((db >= 0).then_some(db))
        }
        (raw::REDISMODULE_EVENT_SWAPDB, _) => {
            // SAFETY: this event comes with this struct.
            let info = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfoV1>() };
            Event::Swapped(info.dbnum_first, info.dbnum_second)
        }
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER) => {
            Event::BecameMaster
        }
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, _) => Event::BecameReplica,
        (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_REPL_START) => Event::SyncBegins,
        (
            raw::REDISMODULE_EVENT_LOADING,
            raw::REDISMODULE_SUBEVENT_LOADING_ENDED | raw::REDISMODULE_SUBEVENT_LOADING_FAILED,
        ) => Event::LoadingEnded,
        (
            raw::REDISMODULE_EVENT_PERSISTENCE,
            raw::REDISMODULE_SUBEVENT_PERSISTENCE_RDB_START
            | raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START
            | raw::REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_RDB_START
            | raw::REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_AOF_START,
        ) => Event::Saving,
        (
            raw::REDISMODULE_EVENT_PERSISTENCE,
            raw::REDISMODULE_SUBEVENT_PERSISTENCE_ENDED | raw::REDISMODULE_SUBEVENT_PERSISTENCE_FAILED,
        ) => Event::Saved,
        (raw::REDISMODULE_EVENT_CRON_LOOP, _) => Event::Cron,
        _ => return,
    };
    // SAFETY: Redis lends the context until we return.
    let ctx = unsafe { Ctx::borrow(ctx) };
    panics::catch("a server event", || {
        if let Some(listener) = LISTENER.get() {
            listener(ctx, told);
        }
    });
}
