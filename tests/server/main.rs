//! The module in real servers: one file per concern, one behaviour per test.

#[path = "../harness/mod.rs"]
mod harness;

mod common;

mod acl;
mod blocking;
mod config;
mod data;
mod delivery;
mod docs;
mod elements;
mod errors;
mod events;
mod hostile;
mod identity;
mod keys;
mod limits;
mod persistence;
mod replication;
mod scenarios;
mod selftest;
mod sink;
