//! EXPIRY in real servers: what only this family does.

mod checkout;
mod crash;
mod crowd;
mod deadlines;
mod entries;
mod hazards;
mod hour;
mod many;
mod memory;
mod random;
mod replication;
mod time;
mod unit;
mod values;
mod watchers;
