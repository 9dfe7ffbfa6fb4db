//! The module in clusters and under Sentinels: one file per concern, one behaviour per test.

#[path = "../harness/mod.rs"]
mod harness;

mod families;
mod state;
mod traffic;

mod atomic;
mod blocking;
mod failover;
mod groups;
mod owners;
mod recurring;
mod resharding;
mod routing;
mod sentinel;
mod settling;
mod sinks;
mod watchers;
