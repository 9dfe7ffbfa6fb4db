//! THROTTLE in real servers.

mod persistence;
mod random;
mod replication;
mod take;
