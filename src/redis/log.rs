//! Lines in the server's log.

use super::Ctx;
use redis_module::raw;
use std::ffi::CString;
use std::ptr;

/// Writes a warning. Safe from any thread and with any text: the text is never a format, and NULs are shown.
pub fn warn(text: &str) {
    let Ok(line) = CString::new(text.replace('\0', "\\0")) else { return };
    let ctx = Ctx::own().map_or(ptr::null_mut(), Ctx::raw);
    // SAFETY: the format is constant and takes one C string. Redis allows a null context and reads only the module's
    // name from ours.
    unsafe {
        if let Some(log) = raw::RedisModule_Log {
            log(ctx, c"warning".as_ptr(), c"%s".as_ptr(), line.as_ptr());
        }
    }
}
