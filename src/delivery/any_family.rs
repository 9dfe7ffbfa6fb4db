//! A family, for whoever does not know which: what is done for each of them alike.

use crate::command::table::Entry;
use crate::delivery::commands;
use crate::delivery::drive::driver;
use crate::delivery::family::Family;
use crate::delivery::figures::{sum, Sums};
use crate::delivery::timer::tick::Driver;
use crate::redis::config::Config;
use crate::redis::info::Section;
use crate::redis::server_events::Event;
use crate::redis::Ctx;
use std::time::Instant;
use tsgen_engine::UnixMs;

pub struct AnyFamily {
    /// Tells Redis of the type of its values; at load.
    pub register: fn(&Ctx) -> bool,
    pub configs: &'static [Config],
    /// Its own commands, and those of delivery.
    pub commands: fn() -> Vec<Entry>,
    pub happened: fn(&Ctx, &Event),
    /// What its keys hold together, as far as they can be looked at until that time.
    pub sums: fn(&Section, UnixMs, Instant) -> Sums,
    pub driver: fn() -> Driver,
}

impl AnyFamily {
    pub const fn of<F: Family>() -> Self {
        AnyFamily {
            register: |ctx| F::data_type().register(ctx),
            configs: F::CONFIGS,
            commands: || F::commands().into_iter().chain(commands::all::<F>()).collect(),
            happened: F::happened,
            sums: sum::<F>,
            driver: driver::<F>,
        }
    }
}
