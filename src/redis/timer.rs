//! One-shot timers of Redis.

use super::panics;
use super::{api, Ctx};
use redis_module::raw;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A timer that was armed.
pub struct Armed {
    id: raw::RedisModuleTimerID,
    has_fired: Arc<AtomicBool>,
}

/// What a timer does when it fires.
struct Due {
    tick: fn(&Ctx),
    has_fired: Arc<AtomicBool>,
}

/// Calls `tick` once, `delay_ms` from now. `None` before the module has a context of its own.
pub fn arm(delay_ms: i64, tick: fn(&Ctx)) -> Option<Armed> {
    let ctx = Ctx::own()?;
    let has_fired = Arc::new(AtomicBool::new(false));
    let due = Box::into_raw(Box::new(Due { tick, has_fired: has_fired.clone() }));
    // SAFETY: a live context; the data is a box, taken back once: by `fired`, or by `disarm` before that.
    let id = unsafe { api!(RedisModule_CreateTimer(ctx.raw(), delay_ms, Some(fired), due.cast())) };
    Some(Armed { id, has_fired })
}

impl Armed {
    /// Stops the timer. Does nothing if it has fired or is just firing: Redis would free it twice.
    pub fn disarm(self) {
        let Some(ctx) = Ctx::own().filter(|_| !self.has_fired.load(Ordering::Relaxed)) else { return };
        let mut due = ptr::null_mut();
        // SAFETY: a live context, and a timer that has not fired, whose data is the box of `arm`.
        unsafe {
            if api!(RedisModule_StopTimer(ctx.raw(), self.id, &mut due)) == raw::REDISMODULE_OK as c_int {
                drop(Box::from_raw(due.cast::<Due>()));
            }
        }
    }
}

unsafe extern "C" fn fired(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    // SAFETY: `arm` gave this box, which nobody else takes any more; Redis lends the context until we return.
    let (ctx, due) = unsafe { (Ctx::borrow(ctx), Box::from_raw(data.cast::<Due>())) };
    due.has_fired.store(true, Ordering::Relaxed);
    panics::catch("the timer", || (due.tick)(ctx));
}
