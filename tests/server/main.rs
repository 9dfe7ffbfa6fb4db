//! The module in real servers: one file per concern, one behaviour per test.

#[path = "../harness/mod.rs"]
mod harness;

mod common;

mod config;
mod debounce;
mod docs;
mod every_family;
mod expiry;
mod info;
mod loading;
mod pages;
mod scripts;
mod selftest;
mod tally;
mod throttle;
mod tsgen;
