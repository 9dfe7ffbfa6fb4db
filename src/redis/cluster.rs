//! Slots of a cluster: the slot of a key, the slots that this node serves, and the events of slots that move as a whole (Redis 8.4,
//! Valkey 9.0). This API is newer than Redis 7.0, so it is looked up at run time.

use super::ctx::is_valkey;
use super::panics;
use super::{api, Ctx};
use redis_module::raw;
use std::ffi::c_char;
use std::os::raw::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::OnceLock;

/// How many slots a cluster has.
pub const SLOTS: u16 = 16_384;

static IS_ON: AtomicBool = AtomicBool::new(false);

/// Whether this server is a node of a cluster. Free.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Whether this node is a master.
pub fn is_master() -> bool {
    Ctx::own().is_some_and(|ctx| ctx.flags().is_master())
}

/// The slot of a key: the slot of its hash tag, if it has one.
pub fn slot_of(name: &[u8]) -> u16 {
    let tag = name.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &name[open + 1..];
        rest.iter().position(|byte| *byte == b'}').map(|close| &rest[..close])
    });
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(name)) % SLOTS
}

/// CRC-16/XMODEM, from which Redis computes slots.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut nth = 0;
    while nth < 256 {
        let (mut crc, mut bit) = ((nth as u16) << 8, 0);
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 };
            bit += 1;
        }
        table[nth] = crc;
        nth += 1;
    }
    table
};

/// Whether this node, or the master that it replicates, serves a slot, or imports it key by key. `None` before Redis 8.4.
pub fn serves(slot: u16) -> Option<bool> {
    // SAFETY: the table is filled at load; the function only looks.
    unsafe { raw::RedisModule_ClusterCanAccessKeysInSlot.map(|may| may(c_int::from(slot)) != 0) }
}

/// Whether the server does not tell modules when it deletes the keys of a slot that was taken away (before Redis 7.2).
pub fn drops_silently() -> bool {
    // SAFETY: the table is filled at load.
    let is_new = unsafe { raw::RedisModule_AddPostNotificationJob.map(|_| ()) };
    is_on() && is_new.is_none()
}

/// Slots as ranges, ends included.
pub type Ranges = Vec<(u16, u16)>;

/// The events of slots that move as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The slots are going to arrive; their keys are coming, but still belong to another node.
    Begins,
    /// The slots are not going to arrive after all; the keys that have come are dropped.
    Fails,
    /// The slots belong to this node now, or to its master.
    Arrived,
    /// The keys of the slots are gone from this node, without an event each.
    Left,
}

static LISTENER: OnceLock<fn(&Ctx, Move, Ranges)> = OnceLock::new();

/// Finds out whether this is a cluster, and subscribes to moves of slots where the server tells of them; at load.
pub fn listen(ctx: &Ctx, listener: fn(&Ctx, Move, Ranges)) {
    IS_ON.store(ctx.flags().is_cluster(), Ordering::Relaxed);
    if !is_on() || LISTENER.set(listener).is_err() {
        return;
    }
    let subscribe = |id, callback| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: a live context; the callback matches the event. A server that does not know the event refuses.
        unsafe { api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event, Some(callback))) };
    };
    // Redis and Valkey use the same numbers for different events.
    if is_valkey() {
        subscribe(VALKEY_EVENT, valkey_moves);
    } else {
        subscribe(raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION, redis_moves);
        subscribe(raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION_TRIM, redis_trims);
    }
}

/// # Safety
/// `ctx` must be the context of a callback that has not returned.
unsafe fn pass_on(ctx: *mut raw::RedisModuleCtx, what: Move, ranges: Ranges) {
    // SAFETY: the caller vouches.
    let ctx = unsafe { Ctx::borrow(ctx) };
    panics::catch("a slot that moves", || {
        if let Some(listener) = LISTENER.get() {
            listener(ctx, what, ranges);
        }
    });
}

/// # Safety
/// `slots` must be null or point to an array that lives through the call.
unsafe fn redis_ranges(slots: *const raw::RedisModuleSlotRangeArray) -> Ranges {
    let Some(slots) = NonNull::new(slots.cast_mut()) else { return Ranges::new() };
    // SAFETY: the caller vouches; the ranges follow their number in memory.
    unsafe {
        let count = usize::try_from((*slots.as_ptr()).num_ranges).unwrap_or(0);
        let ranges = std::slice::from_raw_parts((*slots.as_ptr()).ranges.as_ptr(), count);
        ranges.iter().map(|range| (range.start, range.end)).collect()
    }
}

unsafe extern "C" fn redis_moves(ctx: *mut raw::RedisModuleCtx, _: raw::RedisModuleEvent, sub: u64, data: *mut c_void) {
    let what = match sub {
        raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_IMPORT_STARTED => Move::Begins,
        raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_IMPORT_FAILED => Move::Fails,
        raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_IMPORT_COMPLETED => Move::Arrived,
        _ => return,
    };
    // SAFETY: this event comes with this struct.
    let ranges = unsafe { redis_ranges((*data.cast::<raw::RedisModuleClusterSlotMigrationInfo>()).slots) };
    // SAFETY: Redis lends the context until we return.
    unsafe { pass_on(ctx, what, ranges) };
}

unsafe extern "C" fn redis_trims(ctx: *mut raw::RedisModuleCtx, _: raw::RedisModuleEvent, sub: u64, data: *mut c_void) {
    if sub == raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_TRIM_COMPLETED {
        return;
    }
    // SAFETY: this event comes with this struct.
    let ranges = unsafe { redis_ranges((*data.cast::<raw::RedisModuleClusterSlotMigrationTrimInfo>()).slots) };
    // SAFETY: Redis lends the context until we return.
    unsafe { pass_on(ctx, Move::Left, ranges) };
}

/// The number in `valkeymodule.h` (9.0).
const VALKEY_EVENT: u64 = 19;
const VALKEY_IMPORT_STARTED: u64 = 0;
const VALKEY_IMPORT_ABORTED: u64 = 2;
const VALKEY_IMPORT_COMPLETED: u64 = 4;
const VALKEY_EXPORT_COMPLETED: u64 = 5;

#[repr(C)]
struct ValkeyRange {
    start: c_int,
    end: c_int,
}

#[repr(C)]
struct ValkeyInfo {
    version: u64,
    job_name: [c_char; raw::REDISMODULE_NODE_ID_LEN as usize + 1],
    ranges: *const ValkeyRange,
    count: u32,
}

unsafe extern "C" fn valkey_moves(
    ctx: *mut raw::RedisModuleCtx,
    _: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    let what = match sub {
        VALKEY_IMPORT_STARTED => Move::Begins,
        VALKEY_IMPORT_ABORTED => Move::Fails,
        VALKEY_IMPORT_COMPLETED => Move::Arrived,
        VALKEY_EXPORT_COMPLETED => Move::Left,
        _ => return,
    };
    // SAFETY: this event comes with this struct, which points to `count` ranges.
    let ranges = unsafe {
        let info = &*data.cast::<ValkeyInfo>();
        let count = if info.ranges.is_null() { 0 } else { info.count as usize };
        if count == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(info.ranges, count)
        }
    };
    let slot = |number: c_int| u16::try_from(number).unwrap_or(0);
    let ranges = ranges.iter().map(|range| (slot(range.start), slot(range.end))).collect();
    // SAFETY: Redis lends the context until we return.
    unsafe { pass_on(ctx, what, ranges) };
}
