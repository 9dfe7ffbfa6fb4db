//! ACL categories of commands. They are newer than Redis 7.0, so the API is looked up at run time; without it, commands are granted by name.

use super::Ctx;
use redis_module::raw;
use std::ffi::{CStr, CString};
use std::os::raw::c_int;

/// The category of all our commands, where modules may have one (Redis 7.4).
const OURS: &CStr = c"tsgen";

/// The categories that commands are put into.
#[derive(Clone, Copy)]
pub struct Categories {
    has_ours: bool,
}

impl Categories {
    /// Adds our own category; once, at load, before any command is put into it.
    pub fn prepare(ctx: &Ctx) -> Self {
        // SAFETY: the table is filled at load; a live context during load, and a C string that Redis copies.
        let added = unsafe { raw::RedisModule_AddACLCategory.map(|add| add(ctx.raw(), OURS.as_ptr())) };
        Categories { has_ours: added == Some(raw::REDISMODULE_OK as c_int) }
    }

    /// Puts a command into the categories that Redis would give a command of its own with these flags. True where there are none (before 7.2).
    ///
    /// # Safety
    /// `command` must be a command of this module, just created.
    pub(super) unsafe fn enter(self, command: *mut raw::RedisModuleCommand, flags: &str) -> bool {
        // SAFETY: the table is filled at load.
        let Some(set) = (unsafe { raw::RedisModule_SetCommandACLCategories }) else { return true };
        let has = |flag: &str| flags.split(' ').any(|one| one == flag);
        let mut names = vec![if has("write") { "write" } else { "read" }, if has("fast") { "fast" } else { "slow" }];
        names.extend(has("blocking").then_some("blocking"));
        names.extend(self.has_ours.then(|| OURS.to_str().unwrap_or_default()));
        let names = CString::new(names.join(" ")).unwrap_or_default();
        // SAFETY: the caller vouches for the command; Redis reads the C string during the call.
        unsafe { set(command, names.as_ptr()) == raw::REDISMODULE_OK as c_int }
    }
}
