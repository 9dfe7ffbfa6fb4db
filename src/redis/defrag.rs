//! Active defragmentation: buffers of a value move to where Redis's allocator would rather have them.
//!
//! Redis asks for it only where its allocator can give hints (`activedefrag yes` and a jemalloc with hints).

use super::api;
use redis_module::raw;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::raw::{c_int, c_ulong};
use std::ptr;
use tsgen_engine::Mover;

/// One turn of the defragmentation of one value.
pub struct Defrag<'a> {
    raw: *mut raw::RedisModuleDefragCtx,
    _turn: PhantomData<&'a ()>,
}

/// The cursor that Redis keeps for a value that was not finished in its turn.
const UNFINISHED: c_ulong = 1;

impl Defrag<'_> {
    /// # Safety
    /// `raw` must be live for `'a`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleDefragCtx) -> Self {
        Defrag { raw, _turn: PhantomData }
    }

    /// Whether this is the first turn for the value.
    pub fn is_first(&self) -> bool {
        let mut cursor: c_ulong = 0;
        // SAFETY: a live context and a place for the cursor.
        let answer: c_int = unsafe { api!(RedisModule_DefragCursorGet(self.raw, &mut cursor)) };
        answer != raw::REDISMODULE_OK as c_int || cursor != UNFINISHED
    }

    /// Asks for another turn for the value.
    pub fn want_another(&self) {
        // SAFETY: a live context. Redis refuses where it has set no end to the turn, which then goes through in one.
        unsafe { api!(RedisModule_DefragCursorSet(self.raw, UNFINISHED)) };
    }
}

impl Mover for Defrag<'_> {
    fn buffer<T>(&mut self, buffer: &mut Vec<T>) {
        if buffer.capacity() == 0 || size_of::<T>() == 0 {
            return;
        }
        let mut taken = ManuallyDrop::new(std::mem::take(buffer));
        let (place, length, capacity) = (taken.as_mut_ptr(), taken.len(), taken.capacity());
        // SAFETY: the buffer is what our global allocator got of RedisModule_Alloc, and nobody else knows of it: not even the vector, which
        // is never used again. Redis answers null and leaves it, or moves all its bytes to a new allocation of the same size class,
        // and so at least as well aligned, and frees the old one.
        let moved: *mut T = unsafe { api!(RedisModule_DefragAlloc(self.raw, place.cast())) }.cast();
        let place = ptr::NonNull::new(moved).map_or(place, ptr::NonNull::as_ptr);
        // SAFETY: the parts of the vector that was taken apart, wherever its buffer is now; values may be moved byte by byte.
        *buffer = unsafe { Vec::from_raw_parts(place, length, capacity) };
    }

    fn is_tired(&mut self) -> bool {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_DefragShouldStop(self.raw)) != 0 }
    }
}
