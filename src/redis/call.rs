//! Calls of Redis's own commands. Other modules hear of a call and may do anything then, so no value may be lent during it.

use super::cluster::Ranges;
use super::planted;
use super::{api, lent, Ctx, Str};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_int, c_longlong};

/// Runs a command that only reads, and returns the string that it replies with.
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

/// The memory that a key takes in bytes, estimated from a few samples of it.
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

/// The slots that other nodes serve according to `CLUSTER NODES`, without slots that this node is importing key by key.
pub fn slots_of_others(ctx: &Ctx) -> Option<Ranges> {
    lent::assert_none();
    // SAFETY: a live context and C strings; the reply is freed once, its bytes are copied before.
    let nodes = unsafe {
        let reply = api!(RedisModule_Call(ctx.raw(), c"CLUSTER".as_ptr(), c"Ec".as_ptr(), c"NODES".as_ptr()));
        if reply.is_null() {
            return None;
        }
        let mut length = 0;
        let bytes = api!(RedisModule_CallReplyStringPtr(reply, &mut length));
        let text = (!bytes.is_null()).then(|| std::slice::from_raw_parts::<u8>(bytes.cast(), length).to_vec());
        api!(RedisModule_FreeCallReply(reply));
        String::from_utf8(text?).ok()?
    };
    let slots = |line: &str| line.split(' ').skip(8).map(str::to_owned).collect::<Vec<_>>();
    let is_own = |line: &&str| line.split(' ').nth(2).is_some_and(|flags| flags.contains("myself"));
    let (own, others): (Vec<&str>, Vec<&str>) = nodes.lines().partition(is_own);
    // A slot that is imported: `[93-<-` and the node that it comes from.
    let comes = |word: &String| word.strip_prefix('[')?.split_once("-<-")?.0.parse::<u16>().ok();
    let coming: Vec<u16> = own.into_iter().flat_map(slots).filter_map(|word| comes(&word)).collect();
    // A slot or a range of slots: `5`, `0-100`.
    let range = |word: &String| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?))
    };
    let ranges = others.into_iter().flat_map(slots).filter_map(|word| range(&word));
    Some(ranges.flat_map(|(first, last)| without(first, last, &coming)).collect())
}

/// The ranges that are left of one range without these slots.
fn without(first: u16, last: u16, slots: &[u16]) -> Ranges {
    let mut left = vec![(first, last)];
    for slot in slots {
        left = left
            .into_iter()
            .flat_map(|(first, last)| match (first..=last).contains(slot) {
                false => [Some((first, last)), None],
                true => [slot.checked_sub(1).map(|end| (first, end)), slot.checked_add(1).map(|begin| (begin, last))],
            })
            .flatten()
            .filter(|(first, last)| first <= last)
            .collect();
    }
    left
}

/// The names of up to `most` keys of a slot, in the selected database.
pub fn keys_in_slot(ctx: &Ctx, slot: u16, most: usize) -> Vec<Vec<u8>> {
    lent::assert_none();
    let most = c_longlong::try_from(most).unwrap_or(c_longlong::MAX);
    // SAFETY: a live context, "c" a C string and "l" a long long; the reply is freed once, and its strings are copied before.
    unsafe {
        let reply = api!(RedisModule_Call(
            ctx.raw(),
            c"CLUSTER".as_ptr(),
            c"Ecll".as_ptr(),
            c"GETKEYSINSLOT".as_ptr(),
            c_longlong::from(slot),
            most
        ));
        if reply.is_null() {
            return Vec::new();
        }
        let count = match api!(RedisModule_CallReplyType(reply)) == raw::REDISMODULE_REPLY_ARRAY as c_int {
            true => api!(RedisModule_CallReplyLength(reply)),
            false => 0,
        };
        let names = (0..count).filter_map(|nth| {
            let mut length = 0;
            let one = api!(RedisModule_CallReplyArrayElement(reply, nth));
            let bytes = api!(RedisModule_CallReplyStringPtr(one, &mut length));
            (!bytes.is_null()).then(|| std::slice::from_raw_parts(bytes.cast(), length).to_vec())
        });
        let names = names.collect();
        api!(RedisModule_FreeCallReply(reply));
        names
    }
}

/// Runs a command as a write of our own: replicated, and subject to the checks a client's write is subject to (role,
/// disk errors, too few replicas, maxmemory).
///
/// Errors: the reason that Redis gives for its refusal.
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
