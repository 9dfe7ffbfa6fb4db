//! TALLY in real servers: what only this family does. Here: how its tests look at batches.

mod commands;
mod delivery;
mod errors;
mod events;
mod limits;
mod oracle;
mod persistence;
mod replication;
mod sink;
mod time;
mod windows;

use crate::harness::{Client, Reply};

/// Exact counts of a key: collecting, ready, leased, delayed, dead.
#[track_caller]
pub fn batches(c: &mut Client, key: &str) -> [i64; 5] {
    let info = c.ok(&format!("TALLY.INFO {key}"));
    ["collecting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
}

/// An entry of TALLY.CLAIM.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub token: i64,
    pub deliveries: i64,
    pub number: i64,
    pub opened_at: i64,
    pub sealed_at: i64,
    /// In the order in which they came.
    pub sums: Vec<(Vec<u8>, i64)>,
}

impl Batch {
    /// Checks its form too: fields in byte order, none twice, and no window that ends before it begins.
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        let items = reply.items();
        assert_eq!(items.len(), 6, "{reply}");
        let sums: Vec<(Vec<u8>, i64)> =
            items[5].items().chunks_exact(2).map(|pair| (pair[0].bytes().to_vec(), pair[1].int())).collect();
        assert!(sums.windows(2).all(|pair| pair[0].0 < pair[1].0), "not in byte order: {reply}");
        let [token, deliveries, number, opened_at, sealed_at] = [0, 1, 2, 3, 4].map(|at| items[at].int());
        assert!(!sums.is_empty() && opened_at <= sealed_at, "{reply}");
        Batch { token, deliveries, number, opened_at, sealed_at, sums }
    }
}

/// Claims up to `count` batches, waiting for the first.
#[track_caller]
pub fn claim(c: &mut Client, key: &str, count: usize) -> Vec<Batch> {
    let reply = c.ok(&format!("TALLY.CLAIM {key} w COUNT {count} BLOCK 20000"));
    reply.items().iter().map(Batch::of).collect()
}
