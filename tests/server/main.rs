//! The module in real servers: a folder per family and one for what concerns all of them, a file per concern, a behaviour per test.

#[path = "../harness/mod.rs"]
mod harness;

mod common;

mod debounce;
mod every_family;
mod expiry;
mod server;
mod tally;
mod throttle;
mod tsgen;
