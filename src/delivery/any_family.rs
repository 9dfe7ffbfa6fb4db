//! A family without its type: the functions and tables that the server needs of every family alike.

use crate::command::table::Entry;
use crate::delivery::commands;
use crate::delivery::drive::{decide_at, driver};
use crate::delivery::family::{Family, Figure};
use crate::delivery::figures::{sum, Sums};
use crate::delivery::keyspace;
use crate::delivery::timer::tick::Driver;
use crate::redis::config::Config;
use crate::redis::info::Section;
use crate::redis::server_events::Event;
use crate::redis::{Ctx, Str};
use std::time::Instant;
use tsgen_engine::UnixMs;

pub struct AnyFamily {
    /// Registers the data type of its values with Redis; at load.
    pub register: fn(&Ctx) -> bool,
    pub configs: fn() -> Vec<Config>,
    /// Its own commands and the delivery commands.
    pub commands: fn() -> Vec<Entry>,
    pub on_event: fn(&Ctx, &Event),
    /// Sums over its keys, as many of them as can be looked at until the given time.
    pub sums: fn(&Section, UnixMs, Instant) -> Sums,
    /// What INFO shows of it beside those.
    pub figures: fn() -> Vec<Figure>,
    pub driver: fn() -> Driver,
    /// Looks at a key in passing, so that its value knows its name; false if the key is not of this family.
    pub see: fn(&Ctx, &Str) -> bool,
    /// Decides about a key what was due by then; false if the key is not of this family.
    pub decide_at: fn(&Ctx, &Str, UnixMs) -> bool,
}

impl AnyFamily {
    pub const fn of<F: Family>() -> Self {
        AnyFamily {
            register: |ctx| F::data_type().register(ctx),
            configs: F::configs,
            commands: || F::commands().into_iter().chain(commands::all::<F>()).collect(),
            on_event: F::on_event,
            sums: sum::<F>,
            figures: F::figures,
            driver: driver::<F>,
            see: keyspace::see::<F>,
            decide_at: decide_at::<F>,
        }
    }
}
