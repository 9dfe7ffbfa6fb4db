//! The events of keys that Redis tells modules: keyspace events, the ends of keys, and the end of the unit in which either came.

use super::key::{peeks_end_nothing, Key, Look};
use super::panics;
use super::{api, Ctx, Str};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::OnceLock;

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

    /// Whether the key was evicted for want of memory.
    pub fn is_evicted(&self) -> bool {
        self.is_evicted
    }

    pub fn look(&self) -> Look<'_> {
        // SAFETY: open for as long as `self` lives, and whoever is told of it does not keep it.
        unsafe { Look::at(self.key) }
    }
}

static END_LISTENER: OnceLock<fn(&End<'_>)> = OnceLock::new();

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

static AFTER_UNIT: OnceLock<fn(&Ctx)> = OnceLock::new();

/// Whether [`after_unit`] can do anything (7.2).
pub fn has_units() -> bool {
    // SAFETY: the table is filled at load.
    unsafe {
        let add = raw::RedisModule_AddPostNotificationJob;
        add.is_some()
    }
}

/// Called from a listener to events of keys. Calls `work`, which must be the same each time, when the unit that caused the event (command,
/// transaction, script, deletion by the server) is done, before anything else runs. What `work` replicates goes out in one transaction with
/// the unit. False where the server cannot do that, or will not, as on a replica. `work` must not end other keys: the server may be in the
/// middle of walking over them.
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

/// Classes of keyspace events. No event of the server is of two of them; one of another module that is comes twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Class `g`: del, expire, rename, restore, …
    Generic,
    /// Classes `x` and `e`: expired and evicted.
    Ends,
}

impl Class {
    /// Its events, as Redis names them.
    const fn events(self) -> c_int {
        match self {
            Class::Generic => raw::REDISMODULE_NOTIFY_GENERIC,
            Class::Ends => raw::REDISMODULE_NOTIFY_EXPIRED | raw::REDISMODULE_NOTIFY_EVICTED,
        }
    }
}

/// A listener to a class of keyspace events, for one purpose; a static.
pub struct KeyListener {
    class: Class,
    tell: fn(ctx: &Ctx, event: &CStr, key: &Str),
    is_told: AtomicBool,
    /// The listener that began to listen after this one, to whatever class.
    next: OnceLock<&'static KeyListener>,
}

/// The one that began to listen first.
static FIRST: OnceLock<&'static KeyListener> = OnceLock::new();

/// All listeners, in the order in which they began to listen.
fn listeners() -> impl Iterator<Item = &'static KeyListener> {
    std::iter::successors(FIRST.get().copied(), |listener| listener.next.get().copied())
}

impl KeyListener {
    /// `tell` gets a context in the database of the key, the event and the key. On a master it must open no key that may have a TTL: that could
    /// end the key before the change that caused the event is replicated. What ends no key is allowed: any opening while data is being loaded,
    /// and a peek where peeks end nothing ([`super::key::peeks_end_nothing`]).
    pub const fn new(class: Class, tell: fn(ctx: &Ctx, event: &CStr, key: &Str)) -> Self {
        KeyListener { class, tell, is_told: AtomicBool::new(false), next: OnceLock::new() }
    }

    /// Subscribes, once. There is no way back, and with the first listener of a class each of its events costs its writer 0.1 to 0.2 us before the
    /// listener does anything.
    pub fn listen(&'static self) {
        if self.is_told.load(Ordering::Relaxed) {
            return;
        }
        let Some(ctx) = Ctx::own() else { return };
        self.is_told.store(true, Ordering::Relaxed);
        let is_first = listeners().all(|other| other.class != self.class);
        let last = listeners().last().map_or(&FIRST, |last| &last.next);
        last.get_or_init(|| self);
        if is_first {
            // SAFETY: a live context; the callback matches.
            unsafe { api!(RedisModule_SubscribeToKeyspaceEvents(ctx.raw(), self.class.events(), Some(key_event))) };
        }
    }
}

unsafe extern "C" fn key_event(
    ctx: *mut raw::RedisModuleCtx,
    class: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: Redis lends context, event name and key name until we return.
    let (ctx, event, key) = unsafe { (Ctx::borrow(ctx), CStr::from_ptr(event), Str::borrow(key)) };
    panics::catch("a keyspace event", || {
        let told = elsewhere(ctx, event, key).unwrap_or(ctx);
        for listener in listeners().filter(|listener| listener.class.events() & class != 0) {
            panics::catch("a keyspace event", || (listener.tell)(told, event, key));
        }
    });
    put_back(ctx, event);
    raw::REDISMODULE_OK as c_int
}

/// The module's own context, in the database that a key has arrived in, if the context of the event names another one. In MULTI, Valkey 9 tells
/// of what `MOVE` and `COPY … DB` did in the other database while it names that of the transaction as the selected one; keys are opened in the
/// right one.
fn elsewhere(ctx: &Ctx, event: &CStr, key: &Str) -> Option<&'static Ctx> {
    if !matches!(event.to_bytes(), b"move_to" | b"copy_to") || !peeks_end_nothing() {
        return None;
    }
    let db = Key::peek(ctx, key)?.db();
    if db == ctx.db() {
        return None;
    }
    Ctx::own().filter(|own| own.select_db(db))
}

/// The database that a key is moving out of; its other event follows at once.
static MOVED_FROM: AtomicI32 = AtomicI32::new(0);

/// Leaves the context in the database of the command. Valkey 8.1 lends the client's own context here (valkey-io/valkey#4024): after a MOVE
/// whose arrival a module has heard of, the client would be in the other database, and its next commands would run there and be replicated
/// as if they had been sent there. `COPY … DB` is left as it is: no event tells which database the copy came from.
fn put_back(ctx: &Ctx, event: &CStr) {
    match event.to_bytes() {
        b"move_from" => MOVED_FROM.store(ctx.db(), Ordering::Relaxed),
        b"move_to" => drop(ctx.select_db(MOVED_FROM.load(Ordering::Relaxed))),
        _ => {}
    }
}
