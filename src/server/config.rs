//! The configs of the module, which CONFIG GET `tsgen.*` shows. Each config stands beside the code that reads it.
//!
//! Defaults for keys are read when a key is made, also by a first write, and are made explicit to replicas; changing a
//! default changes no key that exists.

use crate::command::{caller, limits};
use crate::delivery::options;
use crate::redis::config::{load, Config};
use crate::redis::Ctx;
use crate::server::families::FAMILIES;

/// Registers the configs with Redis, and takes their values from redis.conf.
pub fn register(ctx: &Ctx) -> bool {
    let mut all: Vec<Config> = options::configs().chain(limits::CONFIGS).chain(caller::CONFIGS).collect();
    FAMILIES.iter().for_each(|family| all.extend((family.configs)()));
    #[cfg(feature = "planted-panic")]
    all.extend([&crate::redis::planted::AT, &crate::redis::planted::AT_LOOK].map(Config::Number));
    all.drain(..).all(|config| config.register(ctx)) && load(ctx)
}
