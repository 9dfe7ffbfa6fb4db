//! Clients that wait for a key.

use super::owed::Reply;
use super::panics;
use super::{api, Ctx, OwnedStr, Str};
use redis_module::raw;
use std::cell::{Cell, RefCell};
use std::os::raw::{c_int, c_void};
use std::ptr;

/// What a blocked client waits for; dropped once the client waits no more, for whatever reason.
pub trait Wait: Sized + 'static {
    /// The key was signalled: replies if there is something to reply. True if the client has its reply.
    fn wake(&mut self, ctx: &Ctx, key: &Str) -> bool;
    /// The timeout of the client is over: replies.
    fn expire(&mut self, ctx: &Ctx);
}

/// A client that is blocked, until its [`Wait`] is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Blocked(*mut raw::RedisModuleBlockedClient);

// SAFETY: an address, which is used on the thread of Redis only.
unsafe impl Send for Blocked {}

/// Whether signals that are sent outside of commands do harm. Redis before 7.2 takes the client that it asked last, in vain, for the current one,
/// and looks at it even when CLIENT KILL has freed it. There clients are [called](Blocked::call) one by one instead.
pub fn signals_do_harm() -> bool {
    // SAFETY: it takes nothing, and every server that loads the module has it.
    let version = unsafe { api!(RedisModule_GetServerVersion()) };
    version < 0x0007_0200
}

thread_local! {
    /// The key for which a client is called at this moment.
    static CALLED: RefCell<Option<OwnedStr>> = const { RefCell::new(None) };
    static IS_CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a client is being called, outside of commands.
pub fn is_calling() -> bool {
    IS_CALLING.get()
}

impl Blocked {
    /// Has the client served from this key, which must have something for it. For use outside of commands. Does nothing if the client waits no more.
    pub fn call(self, key: &Str) {
        CALLED.set(Some(OwnedStr::new(key.bytes())));
        IS_CALLING.set(true);
        // SAFETY: whoever has this has not dropped its `Wait`, so Redis has not freed it.
        unsafe { api!(RedisModule_UnblockClient(self.0, ptr::null_mut())) };
        IS_CALLING.set(false);
        CALLED.set(None);
    }
}

/// Blocks the client of the current command until one of `keys` is signalled and `wait` is served, or `timeout_ms` are over
/// (0: never). The caller has made sure that blocking is allowed.
pub fn block_on<W: Wait>(ctx: &Ctx, keys: &[&Str], timeout_ms: i64, wait: W) -> Blocked {
    let data = Box::into_raw(Box::new(wait));
    let mut keys: Vec<_> = keys.iter().map(|key| key.raw()).collect();
    let count = c_int::try_from(keys.len()).unwrap_or(c_int::MAX);
    // SAFETY: a live context, names of keys with their number, to which Redis keeps references, and data that `free` takes back.
    let blocked = unsafe {
        api!(RedisModule_BlockClientOnKeys(
            ctx.raw(),
            Some(woken::<W>),
            Some(expired::<W>),
            Some(free::<W>),
            timeout_ms,
            keys.as_mut_ptr(),
            count,
            data.cast()
        ))
    };
    Blocked(blocked)
}

/// # Safety
/// `ctx` must be the context of a reply or timeout callback of a client blocked with a `W`.
unsafe fn waiting<'a, W: Wait>(ctx: *mut raw::RedisModuleCtx) -> (&'a Ctx, &'a mut W) {
    // SAFETY: the caller vouches; the data is the box of `block_on`, which nobody else has while the callback runs.
    unsafe { (Ctx::borrow(ctx), &mut *api!(RedisModule_GetBlockedClientPrivateData(ctx)).cast::<W>()) }
}

unsafe extern "C" fn woken<W: Wait>(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    // SAFETY: registered by `block_on::<W>` only; Redis tells the key that was signalled.
    let (ctx, wait, key) = unsafe {
        let (ctx, wait) = waiting::<W>(ctx);
        (ctx, wait, api!(RedisModule_GetBlockedClientReadyKey(ctx.raw())))
    };
    if key.is_null() {
        return raw::REDISMODULE_ERR as c_int;
    }
    // SAFETY: not null; it lives until we return.
    let key = unsafe { Str::borrow(key) };
    let reply = Reply::begin();
    let served = panics::catch("a blocked CLAIM", || wait.wake(ctx, key)).unwrap_or_else(|| {
        reply.complete(ctx);
        ctx.close_client();
        true
    });
    if served {
        raw::REDISMODULE_OK as c_int
    } else {
        raw::REDISMODULE_ERR as c_int
    }
}

unsafe extern "C" fn expired<W: Wait>(
    ctx: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    // SAFETY: registered by `block_on::<W>` only.
    let (ctx, wait) = unsafe { waiting::<W>(ctx) };
    let reply = Reply::begin();
    let called = CALLED.take();
    let answer = || {
        // A client that is called comes this way too: to Redis its time is over.
        let is_served = called.is_some_and(|key| wait.wake(ctx, &key));
        if !is_served {
            wait.expire(ctx);
        }
    };
    if panics::catch("the end of a wait", answer).is_none() {
        reply.complete(ctx);
        ctx.close_client();
    }
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn free<W: Wait>(_: *mut raw::RedisModuleCtx, data: *mut c_void) {
    // SAFETY: the box of `block_on`, given back once.
    let wait = unsafe { Box::from_raw(data.cast::<W>()) };
    panics::catch("the end of a wait", || drop(wait));
}
