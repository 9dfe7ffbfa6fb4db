//! What a replica is sent when a thousand entries are handed out, and when they are acknowledged.

use crate::gauge;
use crate::harness::{Client, Server};
use crate::load::{self, Order, Store, END, GROUP, KEY};
use crate::scale::Scale;
use crate::table::{Table, Unit};

const COUNT: usize = 1000;
/// The master's own PING to its replicas must not be counted.
const QUIET: [&str; 2] = ["--repl-ping-replica-period", "3600"];

pub fn measure(_: &Scale, table: &mut Table) {
    table.section("replication", "bytes sent to a replica for 1000 entries");
    let (master, _replica) = replicated_pair(Store::Tsgen);
    let mut client = master.client();
    client.ok(&format!("TSGEN.ADVANCE {KEY} {END}"));
    let mut claimed = Vec::new();
    let ours = bytes(&mut client, |client| {
        let reply = client.ok(&format!("TSGEN.CLAIM {KEY} worker COUNT {COUNT}"));
        claimed = reply.items().iter().map(|entry| entry.items()[0].int()).collect::<Vec<i64>>();
    });
    assert_eq!(claimed.len(), COUNT);
    let (first, last) = (claimed[0], claimed[COUNT - 1]);
    let ours_ack =
        bytes(&mut client, |client| assert_eq!(client.run(&format!("TSGEN.ACK {KEY} {first}-{last}")), 1000));

    let (master, _replica) = replicated_pair(Store::Stream);
    let mut client = master.client();
    let theirs = bytes(&mut client, |client| {
        client.ok(&format!("XREADGROUP GROUP {GROUP} worker COUNT {COUNT} STREAMS {KEY} >"));
    });
    let ids: Vec<String> = (0..COUNT).map(load::stream_id).collect();
    let theirs_ack =
        bytes(&mut client, |client| assert_eq!(client.run(&format!("XACK {KEY} {GROUP} {}", ids.join(" "))), 1000));

    table.limit("one CLAIM COUNT 1000 against one XREADGROUP COUNT 1000", ours, Some(theirs), Unit::Bytes, Some(256.0));
    table.limit("one ACK of their range against one XACK of their ids", ours_ack, Some(theirs_ack), Unit::Bytes, None);
}

/// A master with more entries than are taken, so that the last one is not special, and its replica in sync.
fn replicated_pair(store: Store) -> (Server, Server) {
    let (master, replica) = (load::server(store, &QUIET), load::server(store, &QUIET));
    replica.replica_of(&master);
    load::fill(&master, store, Order::InOrder, COUNT + 100);
    (master, replica)
}

fn bytes(client: &mut Client, act: impl FnOnce(&mut Client)) -> f64 {
    let before = gauge::replicated(client);
    act(client);
    gauge::replicated(client) - before
}
