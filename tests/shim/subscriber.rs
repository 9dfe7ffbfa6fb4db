//! A module that subscribes to what EXPIRY subscribes to, and does nothing when it is told: what remains of the cost of a watcher if ours is taken
//! away. The benchmark builds it with rustc.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::transmute;
use std::ptr::null_mut;

const OK: c_int = 0;
/// Classes `g`, `x` and `e` of keyspace events.
const GENERIC: c_int = 1 << 2;
const ENDS: c_int = 1 << 8 | 1 << 9;

/// An event of the server, and the version of what comes with it.
#[repr(C)]
struct Event {
    id: u64,
    version: u64,
}

/// The turns of the server's loop.
const LOOP: Event = Event { id: 15, version: 1 };
/// The ends of keys, and that they are overwritten; servers before 7.2 refuse.
const KEY: Event = Event { id: 17, version: 1 };

type Listener = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, *mut c_void) -> c_int;
type EventListener = unsafe extern "C" fn(*mut c_void, Event, u64, *mut c_void);

/// # Safety
/// Only for a server: `ctx` must be the context of a module that is being loaded.
#[no_mangle]
pub unsafe extern "C" fn RedisModule_OnLoad(ctx: *mut c_void, _: *mut *mut c_void, _: c_int) -> c_int {
    // SAFETY: a context begins with the function that finds the functions of the API by their names; these have the types they are given.
    unsafe {
        let find: unsafe extern "C" fn(*const c_char, *mut *mut c_void) -> c_int =
            transmute(*ctx.cast::<*mut c_void>());
        let function = |name: &CStr| {
            let mut found = null_mut();
            find(name.as_ptr(), &mut found);
            found
        };
        let set_attributes: unsafe extern "C" fn(*mut c_void, *const c_char, c_int, c_int) =
            transmute(function(c"RedisModule_SetModuleAttribs"));
        let subscribe: unsafe extern "C" fn(*mut c_void, c_int, Listener) -> c_int =
            transmute(function(c"RedisModule_SubscribeToKeyspaceEvents"));
        let listen: unsafe extern "C" fn(*mut c_void, Event, EventListener) -> c_int =
            transmute(function(c"RedisModule_SubscribeToServerEvent"));
        set_attributes(ctx, c"subscriber".as_ptr(), 1, 1);
        subscribe(ctx, GENERIC, told_of_key);
        subscribe(ctx, ENDS, told_of_key);
        listen(ctx, LOOP, told);
        listen(ctx, KEY, told);
    }
    OK
}

unsafe extern "C" fn told_of_key(_: *mut c_void, _: c_int, _: *const c_char, _: *mut c_void) -> c_int {
    OK
}

unsafe extern "C" fn told(_: *mut c_void, _: Event, _: u64, _: *mut c_void) {}
