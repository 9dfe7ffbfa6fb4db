//! One-shot timers of Redis.

use super::{api, Ctx};
use crate::guard;
use redis_module::raw;
use std::os::raw::c_void;
use std::ptr;

/// A timer that has not fired yet.
pub struct Armed(raw::RedisModuleTimerID);

/// Calls `tick` once, `delay_ms` from now. `None` before the module has a context of its own.
pub fn arm(delay_ms: i64, tick: fn(&Ctx)) -> Option<Armed> {
    let ctx = Ctx::own()?;
    // SAFETY: a live context; the data is a function pointer, made back into one by `fired`.
    let id = unsafe { api!(RedisModule_CreateTimer(ctx.raw(), delay_ms, Some(fired), tick as *mut c_void)) };
    Some(Armed(id))
}

impl Armed {
    /// Must not be called while it fires.
    pub fn disarm(self) {
        if let Some(ctx) = Ctx::own() {
            // SAFETY: a live context; an unknown timer is an error answer, and the data is not asked for.
            unsafe { api!(RedisModule_StopTimer(ctx.raw(), self.0, ptr::null_mut())) };
        }
    }
}

unsafe extern "C" fn fired(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    // SAFETY: `arm` gave a `fn(&Ctx)` as data; Redis lends the context until we return.
    let (ctx, tick) = unsafe { (Ctx::borrow(ctx), std::mem::transmute::<*mut c_void, fn(&Ctx)>(data)) };
    guard::catch("the timer", || tick(ctx));
}
