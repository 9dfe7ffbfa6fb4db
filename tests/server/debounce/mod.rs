//! DEBOUNCE in real servers: what only this family does.

mod delivery;
mod errors;
mod events;
mod groups;
mod hour;
mod limits;
mod persistence;
mod replication;
mod sink;
mod time;
