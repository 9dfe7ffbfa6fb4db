//! Calls of Redis's own commands. Others hear of them, and may do anything then: no value may be lent.

use super::{api, lent, Ctx, Str};
use crate::planted;
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::c_int;

/// Runs a command that only reads, and tells the string it replies with.
pub fn read(ctx: &Ctx, command: &CStr, argument: &Str) -> Option<Vec<u8>> {
    lent::assert_none();
    // SAFETY: a live context and string; the reply is freed once, its bytes are copied before.
    unsafe {
        let reply = api!(RedisModule_Call(ctx.raw(), command.as_ptr(), c"Es".as_ptr(), argument.raw()));
        if reply.is_null() {
            return None;
        }
        let mut length = 0;
        let bytes = api!(RedisModule_CallReplyStringPtr(reply, &mut length));
        let is_string = api!(RedisModule_CallReplyType(reply)) == raw::REDISMODULE_REPLY_STRING as c_int;
        let copied = (is_string && !bytes.is_null()).then(|| std::slice::from_raw_parts(bytes.cast(), length).to_vec());
        api!(RedisModule_FreeCallReply(reply));
        copied
    }
}

/// About how many bytes of memory a key takes, from a few samples of it.
pub fn memory_usage(ctx: &Ctx, key: &Str) -> Option<i64> {
    lent::assert_none();
    // SAFETY: a live context and string; the reply is freed once, after its number was read.
    unsafe {
        let reply =
            api!(RedisModule_Call(ctx.raw(), c"MEMORY".as_ptr(), c"Ecs".as_ptr(), c"USAGE".as_ptr(), key.raw()));
        if reply.is_null() {
            return None;
        }
        let is_number = api!(RedisModule_CallReplyType(reply)) == raw::REDISMODULE_REPLY_INTEGER as c_int;
        let bytes = is_number.then(|| api!(RedisModule_CallReplyInteger(reply)));
        api!(RedisModule_FreeCallReply(reply));
        bytes
    }
}

/// Runs a command as a write of our own: replicated, and subject to the checks a client's write is subject to (role,
/// disk errors, too few replicas, maxmemory).
///
/// Errors: what Redis says why it refused it.
pub fn write(ctx: &Ctx, command: &CStr, arguments: &[&Str]) -> Result<(), String> {
    lent::assert_none();
    planted::step();
    // SAFETY: a live context, and an array with its length, as "v" asks for; the reply is freed once.
    unsafe {
        let reply =
            api!(RedisModule_Call(ctx.raw(), command.as_ptr(), c"!SMEv".as_ptr(), arguments.as_ptr(), arguments.len()));
        if reply.is_null() {
            return Err("there is no such command".to_owned());
        }
        let is_error = api!(RedisModule_CallReplyType(reply)) == raw::REDISMODULE_REPLY_ERROR as c_int;
        let why = is_error.then(|| {
            let mut length = 0;
            let text = api!(RedisModule_CallReplyStringPtr(reply, &mut length));
            let bytes = if text.is_null() { &[] } else { std::slice::from_raw_parts(text.cast(), length) };
            String::from_utf8_lossy(bytes).into_owned()
        });
        api!(RedisModule_FreeCallReply(reply));
        why.map_or(Ok(()), Err)
    }
}
