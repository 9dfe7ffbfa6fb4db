//! TALLY in real servers: what only this family does.

mod commands;
mod delivery;
mod errors;
mod events;
mod limits;
mod model;
mod persistence;
mod replication;
mod sink;
mod time;
mod windows;
