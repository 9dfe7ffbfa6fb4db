//! The module as a whole: which families there are, configs, INFO, and the command that repeats others.

pub mod at;
pub mod config;
pub mod families;
pub mod info;

use crate::command;
use crate::redis::on_load::Module;
use crate::redis::{panics, Ctx};
use crate::{debounce, delivery, expiry, slots, tally, throttle, tsgen};

/// The module. Its version is 0.1.0, as Redis counts.
pub const MODULE: Module = Module { name: c"tsgen", version: 100, start };

/// Registers everything; at load.
fn start(ctx: &Ctx) -> bool {
    let registered = tsgen::family::register(ctx)
        && debounce::family::register(ctx)
        && expiry::family::register(ctx)
        && tally::family::register(ctx)
        && throttle::register(ctx)
        && command::table::register(ctx, families::all())
        && config::register(ctx)
        && info::register(ctx)
        && delivery::events::register(ctx)
        && slots::register(ctx);
    if registered {
        panics::log_panics();
    }
    registered
}
