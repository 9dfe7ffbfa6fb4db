//! The configs of the module: what CONFIG GET `tsgen.*` shows. Each stands beside its reader.
//!
//! Defaults for keys that are made by their first write are read when such a key is made, and made explicit to replicas;
//! changing them changes no key that exists.

use crate::command::{caller, limits};
use crate::delivery::options;
use crate::redis::config::{load, Config};
use crate::redis::Ctx;
use crate::server::families::FAMILIES;

/// Tells Redis of them, and takes what redis.conf says.
pub fn register(ctx: &Ctx) -> bool {
    let mut all: Vec<Config> = options::configs().chain(limits::CONFIGS).chain(caller::CONFIGS).collect();
    FAMILIES.iter().for_each(|family| all.extend(family.configs));
    #[cfg(feature = "planted-panic")]
    all.push(Config::Number(&crate::redis::planted::AT));
    all.drain(..).all(|config| config.register(ctx)) && load(ctx)
}
