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

use crate::harness::Client;

/// Exact counts of a key: collecting, ready, leased, delayed, dead.
#[track_caller]
pub fn groups(client: &mut Client, key: &str) -> [i64; 5] {
    let info = client.ok(&format!("DEBOUNCE.INFO {key}"));
    ["collecting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
}
