//! The module's section of INFO.

use super::panics;
use super::{api, Ctx};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::c_int;
use std::sync::OnceLock;

/// The section that is being written.
pub struct Section(*mut raw::RedisModuleInfoCtx);

impl Section {
    pub fn number(&self, name: &CStr, value: i64) {
        // SAFETY: live until `describe` returns.
        unsafe { api!(RedisModule_InfoAddFieldLongLong(self.0, name.as_ptr(), value)) };
    }

    /// One field of several numbers: `name:one=1,other=2`.
    pub fn numbers(&self, name: &CStr, numbers: &[(&CStr, i64)]) {
        // SAFETY: live until `describe` returns; Redis copies the names.
        unsafe {
            api!(RedisModule_InfoBeginDictField(self.0, name.as_ptr()));
            for (name, value) in numbers {
                api!(RedisModule_InfoAddFieldLongLong(self.0, name.as_ptr(), *value));
            }
            api!(RedisModule_InfoEndDictField(self.0));
        }
    }

    pub fn text(&self, name: &CStr, value: &CStr) {
        // SAFETY: live until `describe` returns; Redis copies the text.
        unsafe { api!(RedisModule_InfoAddFieldCString(self.0, name.as_ptr(), value.as_ptr())) };
    }
}

static TELLER: OnceLock<fn(&Section)> = OnceLock::new();

/// Registers `teller`, which fills the section whenever a client asks for it.
pub fn register(ctx: &Ctx, teller: fn(&Section)) -> bool {
    // SAFETY: a live context during load; the callback matches.
    TELLER.set(teller).is_ok()
        && unsafe { api!(RedisModule_RegisterInfoFunc(ctx.raw(), Some(describe))) == raw::REDISMODULE_OK as c_int }
}

unsafe extern "C" fn describe(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    // A crash may have happened anywhere, even while we held a lock.
    if for_crash_report != 0 {
        return;
    }
    // SAFETY: Redis lends it until we return.
    if unsafe { api!(RedisModule_InfoAddSection(info, c"".as_ptr())) } != raw::REDISMODULE_OK as c_int {
        return;
    }
    panics::catch("INFO", || {
        if let Some(teller) = TELLER.get() {
            teller(&Section(info));
        }
    });
}
