//! Walks over all keys of a database, a few at a time, and looks at them without touching them.

use super::key::Look;
use super::panics;
use super::{api, Ctx, Str};
use redis_module::raw;
use std::os::raw::c_void;
use std::ptr::NonNull;

/// The place of a walk. It may be kept for any time; a key that exists from the beginning to the end of the walk is met at least once.
pub struct Cursor(NonNull<raw::RedisModuleScanCursor>);

// SAFETY: a plain structure of Redis's heap, used from the main thread and freed from wherever its owner is dropped.
unsafe impl Send for Cursor {}

impl Cursor {
    pub fn new() -> Self {
        // SAFETY: no argument; Redis aborts rather than answer with null.
        let raw = unsafe { api!(RedisModule_ScanCursorCreate()) };
        Cursor(NonNull::new(raw).expect("ScanCursorCreate"))
    }

    /// Shows some more keys to `see`, including keys that have expired and are not deleted yet. False at the end of the walk.
    /// `see` must not change the keyspace.
    pub fn step(&mut self, ctx: &Ctx, mut see: impl FnMut(&Str, &Look<'_>)) -> bool {
        let mut see: &mut dyn FnMut(&Str, &Look<'_>) = &mut see;
        let data = std::ptr::from_mut(&mut see).cast::<c_void>();
        // SAFETY: a live context and cursor; the callback runs before this returns and gets back what `data` is.
        unsafe { api!(RedisModule_Scan(ctx.raw(), self.0.as_ptr(), Some(seen), data)) != 0 }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once.
        unsafe { api!(RedisModule_ScanCursorDestroy(self.0.as_ptr())) };
    }
}

unsafe extern "C" fn seen(
    _: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    key: *mut raw::RedisModuleKey,
    data: *mut c_void,
) {
    let Some(key) = NonNull::new(key) else { return };
    // SAFETY: Redis lends name and key until we return; `step` passes a pointer to its reference, which lives through the scan.
    let (name, see) = unsafe { (Str::borrow(name), &mut *data.cast::<&mut dyn FnMut(&Str, &Look<'_>)>()) };
    // SAFETY: an open key, for as long as this runs.
    let look = unsafe { Look::at(key) };
    panics::catch("a scan", || see(name, &look));
}
