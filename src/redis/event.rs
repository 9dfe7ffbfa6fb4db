//! What Redis tells modules of itself: server events, and keyspace notifications.

use super::{api, Ctx, Str};
use crate::guard;
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};

/// A server event of interest.
pub enum Event {
    /// Databases are empty now: this one, or all.
    Flushed(Option<i32>),
    Swapped(i32, i32),
    BecameMaster,
    BecameReplica,
    /// Loading of an RDB or AOF is over, well or not.
    LoadingEnded,
}

/// Who is told.
pub type Listener = fn(&Ctx, Event);

static LISTENER: std::sync::OnceLock<Listener> = std::sync::OnceLock::new();

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
    ];
    ids.into_iter().all(|id| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: a live context; the callback matches the events.
        unsafe {
            api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event, Some(happened))) == raw::REDISMODULE_OK as c_int
        }
    })
}

unsafe extern "C" fn happened(
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
        (
            raw::REDISMODULE_EVENT_LOADING,
            raw::REDISMODULE_SUBEVENT_LOADING_ENDED | raw::REDISMODULE_SUBEVENT_LOADING_FAILED,
        ) => Event::LoadingEnded,
        _ => return,
    };
    // SAFETY: Redis lends the context until we return.
    let ctx = unsafe { Ctx::borrow(ctx) };
    guard::catch("a server event", || {
        if let Some(listener) = LISTENER.get() {
            listener(ctx, told);
        }
    });
}

/// Who is told of generic keyspace events: database, event, key. It must not open keys.
pub type KeyListener = fn(db: i32, event: &CStr, key: &Str);

static KEY_LISTENER: std::sync::OnceLock<KeyListener> = std::sync::OnceLock::new();

/// Subscribes to generic keyspace events (class `g`), at most once. There is no way back, and each event then costs its
/// writer some 0.45 us.
pub fn listen_to_keys(listener: KeyListener) {
    if KEY_LISTENER.get().is_some() {
        return;
    }
    let Some(ctx) = Ctx::own() else { return };
    if KEY_LISTENER.set(listener).is_ok() {
        // SAFETY: a live context; the callback matches.
        unsafe {
            api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), raw::REDISMODULE_NOTIFY_GENERIC, Some(key_event)))
        };
    }
}

unsafe extern "C" fn key_event(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: Redis lends context, event name and key name until we return.
    let (ctx, event, key) = unsafe { (Ctx::borrow(ctx), CStr::from_ptr(event), Str::borrow(key)) };
    guard::catch("a keyspace event", || {
        if let Some(listener) = KEY_LISTENER.get() {
            listener(ctx.db(), event, key);
        }
    });
    raw::REDISMODULE_OK as c_int
}
