//! The module as a whole: the list of families, configs, INFO, and the command that repeats others.

mod at;
mod config;
mod events;
mod families;
mod info;
mod names;

use crate::command::table::{self, Entry};
use crate::delivery::timer::{moves, tick};
use crate::redis::on_load::Module;
use crate::redis::{panics, Ctx};
use crate::throttle;
use families::FAMILIES;

/// The module. Its version 0.1.0 is 100 as Redis counts.
pub const MODULE: Module = Module { name: c"tsgen", version: 100, start };

/// Registers everything; at load.
fn start(ctx: &Ctx) -> bool {
    let registered = FAMILIES.iter().all(|family| (family.register)(ctx))
        && throttle::register(ctx)
        && table::register(ctx, commands())
        && config::register(ctx)
        && info::register(ctx)
        && events::register(ctx)
        && moves::register(ctx);
    if registered {
        tick::start(FAMILIES.iter().map(|family| (family.driver)()).collect());
        panics::log_panics();
    }
    registered
}

/// Every command there is.
fn commands() -> Vec<Entry> {
    let of_families = FAMILIES.iter().flat_map(|family| (family.commands)());
    of_families.chain(throttle::commands::all()).chain([Entry::of::<at::At>()]).collect()
}
