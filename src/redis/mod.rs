//! The module API of Redis, made safe: the only folder of the project with `unsafe` code.
//!
//! Each file wraps one concern of `redismodule.h` and nothing else. The folder does not know the engine, our commands, or
//! what is stored under a key: it calls back through the traits and function types that it declares.
//!
//! All wrappers rely on this:
//! - Redis calls us, and we call Redis, with its global lock held; only `Stored` values are dropped elsewhere.
//! - A `RedisModuleCtx`, key name or argument that Redis passes to a callback lives until that callback returns, so it
//!   is borrowed for exactly that long.
//! - One value is lent at a time, and none while other code may run on the keyspace (`lent` checks).
//! - `RedisModule_Init` fills the function table before anything else runs, and `on_load` has checked that the functions
//!   we call are in it.

#![allow(unsafe_code)]

pub mod acl;
mod allocator;
pub mod argument;
pub mod block;
pub mod call;
pub mod call_arguments;
pub mod cluster;
pub mod command;
pub mod config;
pub mod ctx;
mod damaged;
pub mod datatype;
pub mod defrag;
pub mod freeing;
pub mod info;
pub mod io;
pub mod key;
pub mod key_events;
mod lent;
pub mod log;
pub mod on_load;
mod owed;
pub mod panics;
pub mod planted;
pub mod reply;
pub mod scan;
pub mod server_events;
pub mod string;
pub mod timer;

pub use ctx::Ctx;
pub use string::{OwnedStr, Str};

/// Calls one function of the API table.
macro_rules! api {
    ($name:ident ( $($argument:expr),* $(,)? )) => {
        (redis_module::raw::$name.expect(stringify!($name)))($($argument),*)
    };
}
use api;
