//! The allocator of Rust code in this module: the server's, so that all of it counts in the server's memory.
//!
//! As in the crate `redis-module`, and beyond that what grows is grown by the server: the crate leaves that to Rust, which takes the new memory
//! before it gives back the old one. So while a list doubled, a large command took three times the list.

use redis_module::alloc::RedisAlloc;
use redis_module::raw;
use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

pub(super) struct Allocator;

// SAFETY: `alloc` and `dealloc` are those of the crate. `realloc` hands on what the crate's `alloc` was given by the server, with a size that is
// rounded up as there: so it is aligned as there.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller vouches for the layout.
        unsafe { RedisAlloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches for both.
        unsafe { RedisAlloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let size = size.next_multiple_of(layout.align());
        // SAFETY: the table is filled at load, before anything is allocated; the caller vouches for the memory, which the server gave.
        unsafe { raw::RedisModule_Realloc.map_or(ptr::null_mut(), |realloc| realloc(memory.cast(), size).cast()) }
    }
}
