//! TSGEN in real servers: what only this family does.

mod blocking;
mod data;
mod delivery;
mod elements;
mod errors;
mod events;
mod groups;
mod identity;
mod keys;
mod limits;
mod listings;
mod persistence;
mod priorities;
mod recurring;
mod regressions;
mod remember;
mod replication;
mod scenarios;
mod silence;
mod sink;
mod waking;
