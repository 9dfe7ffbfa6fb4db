//! What Redis tells modules of itself: server events, and keyspace notifications.

use super::key::Look;
use super::panics;
use super::{api, Ctx, Str};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// A server event of interest.
pub enum Event {
    /// Databases are empty now: this one, or all.
    Flushed(Option<i32>),
    Swapped(i32, i32),
    BecameMaster,
    BecameReplica,
    /// An RDB file is about to be loaded that comes from a master.
    SyncBegins,
    /// Loading of an RDB or AOF is over, well or not.
    LoadingEnded,
    /// A file is about to be written, perhaps in a child process.
    Saving,
    /// It was written.
    Saved,
    /// Comes ten times a second or so, whatever the time of day is set to.
    Cron,
}

/// Who is told.
pub type Listener = fn(&Ctx, Event);

static LISTENER: std::sync::OnceLock<Listener> = std::sync::OnceLock::new();

static BEFORE_SLEEP: std::sync::OnceLock<fn(&Ctx)> = std::sync::OnceLock::new();

/// Calls `work` before each time the server's loop sleeps, before the AOF is flushed and replies go out. At most once.
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

/// Who is told of keyspace events: context, event, key. On a master it must open no key that may have a TTL, unless data is being loaded: that
/// could end it before what has just happened to it is replicated.
pub type KeyListener = fn(ctx: &Ctx, event: &CStr, key: &Str);

/// A key whose life Redis ends this very moment, because it has expired or was evicted: its value can still be read.
pub struct End<'k> {
    key: NonNull<raw::RedisModuleKey>,
    name: &'k Str,
    is_evicted: bool,
}

impl End<'_> {
    pub fn db(&self) -> i32 {
        // SAFETY: an open key.
        unsafe { api!(RedisModule_GetDbIdFromModuleKey(self.key.as_ptr())) }
    }

    pub fn name(&self) -> &[u8] {
        self.name.bytes()
    }

    /// Whether it was thrown out for want of memory.
    pub fn is_evicted(&self) -> bool {
        self.is_evicted
    }

    pub fn look(&self) -> Look<'_> {
        // SAFETY: open for as long as `self` lives, and whoever is told of it does not keep it.
        unsafe { Look::at(self.key) }
    }
}

static END_LISTENER: std::sync::OnceLock<fn(&End<'_>)> = std::sync::OnceLock::new();

static SHOWS_ENDS: AtomicBool = AtomicBool::new(false);

/// Subscribes to the ends of keys, at most once, where the server tells of them (7.2.4). The listener must not open keys.
pub fn listen_to_ends(listener: fn(&End<'_>)) {
    let Some(ctx) = Ctx::own() else { return };
    if END_LISTENER.set(listener).is_ok() {
        let event = raw::RedisModuleEvent { id: raw::REDISMODULE_EVENT_KEY, dataver: 1 };
        // SAFETY: a live context; the callback matches the event. A server that does not know the event refuses.
        let answer = unsafe { api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event, Some(key_ends))) };
        SHOWS_ENDS.store(answer == raw::REDISMODULE_OK as c_int, Ordering::Relaxed);
    }
}

/// Whether the listener to the ends of keys is told of them.
pub fn shows_ends() -> bool {
    SHOWS_ENDS.load(Ordering::Relaxed)
}

static AFTER_UNIT: std::sync::OnceLock<fn(&Ctx)> = std::sync::OnceLock::new();

/// Whether [`after_unit`] can do anything (7.2).
pub fn has_units() -> bool {
    // SAFETY: the table is filled at load.
    unsafe {
        let add = raw::RedisModule_AddPostNotificationJob;
        add.is_some()
    }
}

/// From within a listener to events of keys: calls `work`, the same each time, when the command (transaction, script, deletion by the
/// server) that caused the event is done, before anything else is. What it replicates goes out in one transaction with what that did. False
/// where the server cannot, or will not, as on a replica. `work` may replicate, but must not end other keys: the server may be in the middle
/// of walking over them.
pub fn after_unit(ctx: &Ctx, work: fn(&Ctx)) -> bool {
    AFTER_UNIT.get_or_init(|| work);
    // SAFETY: a live context; the callback matches, and needs no data.
    unsafe {
        raw::RedisModule_AddPostNotificationJob.is_some_and(|add| {
            add(ctx.raw(), Some(unit_ended), std::ptr::null_mut(), None) == raw::REDISMODULE_OK as c_int
        })
    }
}

unsafe extern "C" fn unit_ended(ctx: *mut raw::RedisModuleCtx, _: *mut c_void) {
    // SAFETY: Redis lends the context until we return.
    let ctx = unsafe { Ctx::borrow(ctx) };
    panics::catch("the end of a command", || {
        if let Some(work) = AFTER_UNIT.get() {
            work(ctx);
        }
    });
}

unsafe extern "C" fn key_ends(_: *mut raw::RedisModuleCtx, _: raw::RedisModuleEvent, sub: u64, data: *mut c_void) {
    if !matches!(sub, raw::REDISMODULE_SUBEVENT_KEY_EXPIRED | raw::REDISMODULE_SUBEVENT_KEY_EVICTED) {
        return;
    }
    panics::catch("the end of a key", || {
        // SAFETY: this event comes with this struct, whose key is open until we return; so is its name.
        let end = unsafe {
            let Some(key) = NonNull::new((*data.cast::<raw::RedisModuleKeyInfo>()).key) else { return };
            let name = Str::borrow(api!(RedisModule_GetKeyNameFromModuleKey(key.as_ptr())).cast_mut());
            End { key, name, is_evicted: sub == raw::REDISMODULE_SUBEVENT_KEY_EVICTED }
        };
        if let Some(listener) = END_LISTENER.get() {
            listener(&end);
        }
    });
}

/// Classes of keyspace events.
#[derive(Clone, Copy)]
pub enum Events {
    /// Class `g`: del, expire, rename, restore, …
    Generic,
    /// Classes `x` and `e`: expired and evicted.
    Ends,
}

static KEY_LISTENERS: [std::sync::OnceLock<KeyListener>; 2] = [const { std::sync::OnceLock::new() }; 2];

/// Subscribes to a class of events, at most once. There is no way back, and each event then costs its writer some 0.45 us.
pub fn listen_to_keys(events: Events, listener: KeyListener) {
    let slot = &KEY_LISTENERS[events as usize];
    if slot.get().is_some() {
        return;
    }
    let Some(ctx) = Ctx::own() else { return };
    if slot.set(listener).is_err() {
        return;
    }
    // SAFETY: a live context; the callbacks match.
    unsafe {
        match events {
            Events::Generic => {
                let classes = raw::REDISMODULE_NOTIFY_GENERIC;
                api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), classes, Some(key_event::<0>)));
            }
            Events::Ends => {
                let classes = raw::REDISMODULE_NOTIFY_EXPIRED | raw::REDISMODULE_NOTIFY_EVICTED;
                api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), classes, Some(key_event::<1>)));
            }
        }
    }
}

unsafe extern "C" fn key_event<const CLASS: usize>(
    ctx: *mut raw::RedisModuleCtx,
    _: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: Redis lends context, event name and key name until we return.
    let (ctx, event, key) = unsafe { (Ctx::borrow(ctx), CStr::from_ptr(event), Str::borrow(key)) };
    panics::catch("a keyspace event", || {
        if let Some(listener) = KEY_LISTENERS[CLASS].get() {
            listener(ctx, event, key);
        }
    });
    put_back(ctx, event);
    raw::REDISMODULE_OK as c_int
}

/// The database that a key is moving out of; its other event follows at once.
static MOVED_FROM: AtomicI32 = AtomicI32::new(0);

/// Leaves the context in the database of the command. Valkey 8.1 lends that of the client here (valkey-io/valkey#4024): after a MOVE whose
/// arrival a module has heard of, the client would be in the other database, and what it sends next would be done there and replicated
/// as if it had been. Nothing is to be done for `COPY … DB`, which tells nobody where it came from.
fn put_back(ctx: &Ctx, event: &CStr) {
    match event.to_bytes() {
        b"move_from" => MOVED_FROM.store(ctx.db(), Ordering::Relaxed),
        b"move_to" => drop(ctx.select_db(MOVED_FROM.load(Ordering::Relaxed))),
        _ => {}
    }
}
