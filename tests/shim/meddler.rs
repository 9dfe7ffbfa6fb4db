//! Another module, as anybody may load one: when it hears of the first XADD, it changes the key `k` in which the entries of that
//! stream have waited, and replicates what it does. Tests build it with rustc, and load it beside ours.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

const OK: c_int = 0;
/// Class `t` of keyspace events.
const STREAM_EVENTS: c_int = 1 << 10;

type Call = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, ...) -> *mut c_void;
type Subscribe = unsafe extern "C" fn(*mut c_void, c_int, Listener) -> c_int;
type Listener = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, *mut c_void) -> c_int;

static CALL: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static HAS_MEDDLED: AtomicBool = AtomicBool::new(false);

/// # Safety
/// Only for Redis: `ctx` must be the context of a module that is being loaded.
#[no_mangle]
pub unsafe extern "C" fn RedisModule_OnLoad(ctx: *mut c_void, _: *mut *mut c_void, _: c_int) -> c_int {
    // SAFETY: a context begins with the function that finds the functions of the API by their names; these have the types they are given.
    unsafe {
        let find: unsafe extern "C" fn(*const c_char, *mut *mut c_void) -> c_int = transmute(*ctx.cast::<*mut c_void>());
        let function = |name: &CStr| {
            let mut found = null_mut();
            find(name.as_ptr(), &mut found);
            found
        };
        let set_attributes: unsafe extern "C" fn(*mut c_void, *const c_char, c_int, c_int) =
            transmute(function(c"RedisModule_SetModuleAttribs"));
        set_attributes(ctx, c"meddler".as_ptr(), 1, 1);
        CALL.store(function(c"RedisModule_Call"), Ordering::Relaxed);
        let subscribe: Subscribe = transmute(function(c"RedisModule_SubscribeToKeyspaceEvents"));
        subscribe(ctx, STREAM_EVENTS, heard)
    }
}

unsafe extern "C" fn heard(ctx: *mut c_void, _: c_int, event: *const c_char, _: *mut c_void) -> c_int {
    // SAFETY: Redis lends a context and a name; the arguments are as the formats say.
    unsafe {
        if CStr::from_ptr(event) != c"xadd" || HAS_MEDDLED.swap(true, Ordering::Relaxed) {
            return OK;
        }
        let call: Call = transmute(CALL.load(Ordering::Relaxed));
        call(ctx, c"TSGEN.REM".as_ptr(), c"!cc".as_ptr(), c"k".as_ptr(), c"b".as_ptr());
        for (timestamp, id, payload) in [(c"0", c"front", c"x"), (c"3", c"c", c"new")] {
            let arguments = (c"k".as_ptr(), timestamp.as_ptr(), id.as_ptr(), payload.as_ptr());
            call(ctx, c"TSGEN.ADD".as_ptr(), c"!cccc".as_ptr(), arguments.0, arguments.1, arguments.2, arguments.3);
        }
    }
    OK
}
