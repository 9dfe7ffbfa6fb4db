//! The Redis side of tsgen: connects the engine to a Redis server, and decides nothing about elements itself.
//!
//! The folders import one way: `redis` makes the module API safe; `command` turns the arguments of a client into a call of a handler;
//! `delivery` holds all that is the same for every family; each family has its folder, and so has `throttle`, which delivers nothing;
//! `server` knows them all, and is the module that is loaded.

#![deny(unsafe_code)]
#![warn(clippy::too_many_lines)]

mod command;
mod debounce;
mod delivery;
mod expiry;
mod redis;
mod server;
mod tally;
mod throttle;
mod tsgen;

redis::on_load::entry_point!(server::MODULE);
