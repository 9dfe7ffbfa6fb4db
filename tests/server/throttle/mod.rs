//! THROTTLE in real servers. It delivers nothing, so `FAMILIES` lacks it, and all that it does is tested here.

mod commands;
mod errors;
mod persistence;
mod random;
mod replication;
mod take;
