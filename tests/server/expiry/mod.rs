//! EXPIRY in real servers: what only this family does. Here: watchers, and how its tests look at their entries.

mod checkout;
mod crash;
mod crowd;
mod deadlines;
mod entries;
mod fences;
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

use crate::common::at_once;
use crate::harness::*;

/// An entry of EXPIRY.CLAIM.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub token: i64,
    pub key: String,
    pub kind: Option<String>,
    pub value: Option<Vec<u8>>,
    pub deadline: i64,
    pub reason: String,
}

impl Entry {
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        let items = reply.items();
        assert_eq!(items.len(), 7, "{reply}");
        let bytes = |item: &Reply| (*item != Reply::Nil).then(|| item.bytes().to_vec());
        Entry {
            token: items[0].int(),
            key: items[2].text(),
            kind: bytes(&items[3]).map(|kind| String::from_utf8(kind).expect("the name of a type")),
            value: bytes(&items[4]),
            deadline: items[5].int(),
            reason: items[6].text(),
        }
    }

    /// Key and value, the value as text.
    pub fn pair(&self) -> (String, String) {
        let value = self.value.as_ref().map_or("(nil)".to_owned(), |value| String::from_utf8_lossy(value).into_owned());
        (self.key.clone(), value)
    }
}

/// Waits for the next entries of a watcher, and takes them.
#[track_caller]
pub fn take(c: &mut Client, watcher: &str, count: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let reply = c.ok(&format!("EXPIRY.CLAIM {watcher} w COUNT {} BLOCK 10000", count - entries.len()));
        assert!(!reply.items().is_empty(), "{watcher}: waited for {count} entries, got {entries:?}");
        entries.extend(reply.items().iter().map(Entry::of));
    }
    entries
}

#[track_caller]
pub fn take_one(c: &mut Client, watcher: &str) -> Entry {
    take(c, watcher, 1).remove(0)
}

/// What is delivered up to the end of a key that is set now to live for `ms`, without that. A watcher delivers in the order
/// of deadlines, so whatever had to come before has come by then.
#[track_caller]
pub fn delivered(c: &mut Client, watcher: &str, prefix: &str, ms: i64) -> Vec<Entry> {
    c.ok(&format!("SET {prefix}fence x PX {ms}"));
    let mut entries = Vec::new();
    loop {
        let entry = take_one(c, watcher);
        if entry.key == format!("{prefix}fence") {
            return entries;
        }
        entries.push(entry);
    }
}

pub fn pairs(entries: &[Entry]) -> Vec<(String, String)> {
    entries.iter().map(Entry::pair).collect()
}

/// What an entry of a string should be.
pub fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// The tracked keys of a watcher, with their deadlines.
#[track_caller]
pub fn tracked(c: &mut Client, watcher: &str) -> Vec<(String, i64)> {
    let reply = c.ok(&format!("EXPIRY.TRACKED {watcher} COUNT 10000"));
    reply.items().iter().map(|one| (one.items()[0].text(), one.items()[1].int())).collect()
}

#[track_caller]
pub fn tracked_names(c: &mut Client, watcher: &str) -> Vec<String> {
    tracked(c, watcher).into_iter().map(|(name, _)| name).collect()
}

/// Exact counts of a watcher: waiting, ready, leased, delayed, dead.
#[track_caller]
pub fn expiries(c: &mut Client, watcher: &str) -> [i64; 5] {
    let info = c.ok(&format!("EXPIRY.INFO {watcher}"));
    ["waiting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
}

/// No test machine stalls longer. How late it is on one that does not stall, the benchmark tells.
pub const LATE_MS: i64 = 5_000;

/// How far ahead something is to end, in ms under a clock, while a test prepares all else: then it lets that time pass. Less than the
/// minute after which a master and a replica that hear nothing of each other part.
pub const AHEAD: i64 = 40_000;

/// Waits until the watcher `w` has copies of values, of so many bytes together. From 7.2.4 on there are none, for the server shows values
/// at their ends.
#[track_caller]
pub fn wait_for_copies(server: &Server, bytes: i64) {
    let mut c = server.client();
    if !server.has_version("7.2.4") {
        wait_until("the values are copied", || c.ok("EXPIRY.INFO w").field("held-bytes").int() >= bytes);
    }
}

/// A server with a watcher `w` over `k:`.
#[track_caller]
pub fn watching(args: &[&str]) -> (Server, Client) {
    watching_on(Server::start(args))
}

/// The same under a clock.
#[track_caller]
pub fn watching_under(clock: &Clock, args: &[&str]) -> (Server, Client) {
    watching_on(Server::start_under(clock, args))
}

#[track_caller]
fn watching_on(server: Server) -> (Server, Client) {
    let mut c = server.client();
    c.expect("EXPIRY.CREATE w PREFIX k:", "OK");
    (server, c)
}

/// Lets Redis evict every key that it may, and then gives it all memory again.
#[track_caller]
pub fn evict(c: &mut Client, key: &str) {
    // Less than any server takes that holds nothing.
    c.ok("CONFIG SET maxmemory 1kb");
    wait_until("the key is evicted", || {
        c.run("SET other x");
        c.run(&format!("EXISTS {key}")) == 0
    });
    c.ok("CONFIG SET maxmemory 0");
}
