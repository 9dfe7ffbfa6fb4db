//! What the tests of TSGEN share: servers in the settings they need, and how to look at a key.

use crate::harness::{Client, Server};

/// A server on which TSGEN.AT is open to everyone, so that a test says what time it is.
#[track_caller]
pub fn virtual_clock() -> Server {
    Server::start(&["--tsgen.virtual-clock", "yes"])
}

/// Exact counts of a key: waiting, ready, leased, delayed, dead.
#[track_caller]
pub fn counts(client: &mut Client, key: &str) -> [i64; 5] {
    let info = client.ok(&format!("TSGEN.INFO {key}"));
    ["waiting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
}

/// One integer of TSGEN.INFO.
#[track_caller]
pub fn stat(client: &mut Client, key: &str, name: &str) -> i64 {
    client.ok(&format!("TSGEN.INFO {key}")).field(name).int()
}
