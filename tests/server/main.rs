//! The module in real servers: one file per concern, one behaviour per test.

#[path = "../harness/mod.rs"]
mod harness;

mod common;

mod acl;
mod blocking;
mod config;
mod data;
mod debounce;
mod debounce_delivery;
mod debounce_errors;
mod debounce_events;
mod debounce_hour;
mod debounce_limits;
mod debounce_persistence;
mod debounce_random;
mod debounce_replication;
mod debounce_sink;
mod debounce_time;
mod delivery;
mod docs;
mod elements;
mod errors;
mod events;
mod expiry;
mod expiry_checkout;
mod expiry_crash;
mod expiry_hazards;
mod expiry_memory;
mod expiry_random;
mod expiry_replication;
mod expiry_sources;
mod expiry_time;
mod expiry_watchers;
mod families;
mod hostile;
mod identity;
mod info;
mod keys;
mod limits;
mod pages;
mod persistence;
mod regressions;
mod replication;
mod scenarios;
mod selftest;
mod sink;
mod throttle;
mod throttle_persistence;
mod throttle_random;
mod throttle_replication;
