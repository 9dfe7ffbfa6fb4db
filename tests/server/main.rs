//! The module in real servers: one file per concern, one behaviour per test.

#[path = "../harness/mod.rs"]
mod harness;

mod common;

mod config;
mod debounce;
mod docs;
mod every_family;
mod expiry;
mod expiry_checkout;
mod expiry_crash;
mod expiry_crowd;
mod expiry_hazards;
mod expiry_hour;
mod expiry_many;
mod expiry_memory;
mod expiry_random;
mod expiry_replication;
mod expiry_sources;
mod expiry_time;
mod expiry_unit;
mod expiry_values;
mod expiry_watchers;
mod info;
mod loading;
mod pages;
mod scripts;
mod selftest;
mod tally;
mod throttle;
mod throttle_persistence;
mod throttle_random;
mod throttle_replication;
mod tsgen;
