//! The configs of the module: what CONFIG GET `tsgen.*` shows. Each stands beside its reader.
//!
//! Defaults for keys that are made by their first write are read when such a key is made, and made explicit to replicas;
//! changing them changes no key that exists.

use crate::command::{caller, limits};
use crate::debounce::family::Debounce;
use crate::delivery::family::Family;
use crate::delivery::options;
use crate::expiry::family::Expiry;
use crate::redis::config::load;
use crate::redis::Ctx;
use crate::tally::family::Tally;
use crate::tsgen::family::Tsgen;

/// Tells Redis of them, and takes what redis.conf says.
pub fn register(ctx: &Ctx) -> bool {
    let families = [Tsgen::CONFIGS, Debounce::CONFIGS, Expiry::CONFIGS, Tally::CONFIGS].concat();
    let mut all = [&options::CONFIGS[..], &limits::CONFIGS, &caller::CONFIGS, &families].concat();
    #[cfg(feature = "planted-panic")]
    all.push(crate::redis::config::Config::Number(&crate::redis::planted::AT));
    all.drain(..).all(|config| config.register(ctx)) && load(ctx)
}
