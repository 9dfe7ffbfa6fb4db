//! Replies to the client of the current command.

use super::planted;
use super::{api, owed, Ctx};
use std::ffi::{CStr, CString};
use std::os::raw::c_long;

/// Notes that one reply was sent, to which `elements` more replies belong.
#[inline]
fn sent(elements: usize) {
    owed::sent(elements);
    planted::step();
}

fn length(count: usize) -> c_long {
    c_long::try_from(count).unwrap_or(c_long::MAX)
}

impl Ctx {
    pub fn reply_int(&self, number: i64) {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_ReplyWithLongLong(self.raw(), number)) };
        sent(0);
    }

    pub fn reply_null(&self) {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_ReplyWithNull(self.raw())) };
        sent(0);
    }

    pub fn reply_bytes(&self, bytes: &[u8]) {
        // SAFETY: a live context; pointer and length are of one slice, which Redis copies.
        unsafe { api!(RedisModule_ReplyWithStringBuffer(self.raw(), bytes.as_ptr().cast(), bytes.len())) };
        sent(0);
    }

    pub fn reply_simple(&self, text: &CStr) {
        // SAFETY: a live context and C string.
        unsafe { api!(RedisModule_ReplyWithSimpleString(self.raw(), text.as_ptr())) };
        sent(0);
    }

    /// Begins an array; the next `count` replies are its elements.
    pub fn reply_array(&self, count: usize) {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_ReplyWithArray(self.raw(), length(count))) };
        sent(count);
    }

    /// Begins a map; the next `2 * count` replies are its keys and values. In RESP2 it is a flat array.
    pub fn reply_map(&self, count: usize) {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_ReplyWithMap(self.raw(), length(count))) };
        sent(2 * count);
    }

    /// Replies with an error; `text` starts with its code. Control characters would break the protocol and are replaced.
    pub fn reply_error(&self, text: &str) {
        let printable: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let line = CString::new(printable).unwrap_or_default();
        // SAFETY: a live context and C string, which Redis copies.
        unsafe { api!(RedisModule_ReplyWithError(self.raw(), line.as_ptr())) };
        sent(0);
    }

    pub fn reply_optional_int(&self, number: Option<i64>) {
        match number {
            Some(number) => self.reply_int(number),
            None => self.reply_null(),
        }
    }
}
