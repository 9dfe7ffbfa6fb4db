//! Calls of Redis's own commands.

use super::{api, Ctx, Str};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::c_int;

/// Runs a command as a write of our own: replicated, and subject to the checks a client's write is subject to (role,
/// disk errors, too few replicas, maxmemory). False if Redis refused it.
pub fn write(ctx: &Ctx, command: &CStr, arguments: &[&Str]) -> bool {
    // SAFETY: a live context, and an array with its length, as "v" asks for; the reply is freed once.
    unsafe {
        let reply =
            api!(RedisModule_Call(ctx.raw(), command.as_ptr(), c"!SMEv".as_ptr(), arguments.as_ptr(), arguments.len()));
        if reply.is_null() {
            return false;
        }
        let done = api!(RedisModule_CallReplyType(reply)) != raw::REDISMODULE_REPLY_ERROR as c_int;
        api!(RedisModule_FreeCallReply(reply));
        done
    }
}
