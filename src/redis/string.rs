//! Strings that belong to Redis: borrowed from a callback, or made by us.

use super::api;
use redis_module::raw;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};

/// A string that Redis lends us.
///
/// Never constructed: `&Str` is a `RedisModuleString` pointer with a lifetime.
#[repr(transparent)]
pub struct Str {
    _opaque: raw::RedisModuleString,
    /// Never sent to another thread: Redis counts references to strings without locks.
    _here: PhantomData<*mut ()>,
}

impl Str {
    /// # Safety
    /// `raw` must point to a string that lives, unchanged, for `'a`.
    pub(super) unsafe fn borrow<'a>(raw: *const raw::RedisModuleString) -> &'a Str {
        // SAFETY: the caller vouches for the pointer; `Str` has the layout of what it points to.
        unsafe { &*raw.cast::<Str>() }
    }

    /// # Safety
    /// `argv` must point to `argc` strings that live, unchanged, for `'a`.
    pub(super) unsafe fn borrow_all<'a>(
        argv: *mut *mut raw::RedisModuleString,
        argc: std::os::raw::c_int,
    ) -> &'a [&'a Str] {
        let count = usize::try_from(argc).unwrap_or(0);
        if argv.is_null() || count == 0 {
            return &[];
        }
        // SAFETY: the caller vouches for the array; a `&Str` is one pointer, as each of its elements is.
        unsafe { std::slice::from_raw_parts(argv.cast::<&Str>(), count) }
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleString {
        ptr::from_ref(self).cast_mut().cast()
    }

    pub fn bytes(&self) -> &[u8] {
        let mut length = 0;
        // SAFETY: `self` is a live string; Redis answers with its bytes, which live as long as it does.
        unsafe {
            let bytes = api!(RedisModule_StringPtrLen(self.raw(), &mut length));
            std::slice::from_raw_parts(bytes.cast(), length)
        }
    }
}

impl AsRef<[u8]> for Str {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// A string that we made and give back.
pub struct OwnedStr(NonNull<raw::RedisModuleString>);

impl OwnedStr {
    pub fn new(bytes: &[u8]) -> Self {
        // SAFETY: pointer and length are of one slice. Without a context the string is ours alone; Redis aborts
        // rather than answer with null.
        let raw = unsafe { api!(RedisModule_CreateString(ptr::null_mut(), bytes.as_ptr().cast(), bytes.len())) };
        OwnedStr(NonNull::new(raw).expect("CreateString"))
    }

    pub fn number(number: i64) -> Self {
        // SAFETY: as in `new`.
        let raw = unsafe { api!(RedisModule_CreateStringFromLongLong(ptr::null_mut(), number)) };
        OwnedStr(NonNull::new(raw).expect("CreateStringFromLongLong"))
    }
}

impl Deref for OwnedStr {
    type Target = Str;

    fn deref(&self) -> &Str {
        // SAFETY: ours until dropped.
        unsafe { Str::borrow(self.0.as_ptr()) }
    }
}

impl Drop for OwnedStr {
    fn drop(&mut self) {
        // SAFETY: made by us without a context, and given back once.
        unsafe { api!(RedisModule_FreeString(ptr::null_mut(), self.0.as_ptr())) }
    }
}
