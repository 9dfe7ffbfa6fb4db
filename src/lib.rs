//! The Redis side of tsgen: connects the engine to a Redis server, and decides nothing about elements itself.
//!
//! From outside in: `redis/` makes the module API safe; `command`, `args`, `syntax` and `table` turn what a client
//! sends into a call of a handler; `commands/` holds the handlers, those of delivery once for all families;
//! `family` says what a family of commands adds to delivery; `value`, `keyspace` and `datatype` keep engine values under
//! keys, `throttle` a value that is no queue; `effects` and `replicate` tell others what changed; `waiting`, `timer`, `sink` and `events` act when time has
//! come; `config` and `info` are for the operator, and so is `failures`; `wrong_type` names keys of other types.

#![deny(unsafe_code)]

mod command;
mod copies;
mod debounce;
mod delivery;
mod expiry;
mod last_values;
mod life;
mod redis;
mod seen;
mod server;
mod slots;
mod tally;
mod throttle;
mod tracking;
mod tsgen;
mod walk;
mod watch;

use redis::Ctx;

/// 0.1.0, as Redis counts versions of modules.
const VERSION: i32 = 100;

/// Registers everything; at load. False if Redis refused something: the module is not loaded then.
fn start(ctx: &Ctx) -> bool {
    let registered = tsgen::family::register(ctx)
        && debounce::family::register(ctx)
        && expiry::family::register(ctx)
        && tally::family::register(ctx)
        && throttle::register(ctx)
        && command::table::register(ctx)
        && server::config::register(ctx)
        && server::info::register(ctx)
        && delivery::events::register(ctx)
        && slots::register(ctx);
    if registered {
        redis::panics::log_panics();
    }
    registered
}
