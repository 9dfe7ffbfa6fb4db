//! A million groups that collect one item each: the memory they take, and the CPU they take while nothing is due.

use crate::gauge;
use crate::harness::{Blocked, Server};
use crate::load::KEY;
use crate::push::{self, Way};
use crate::scale::Scale;
use crate::table::{Table, Unit};
use std::thread;
use std::time::Instant;

pub fn measure(scale: &Scale, table: &mut Table) {
    let count = scale.live_groups;
    table.section(
        "groups",
        "groups of one 16-byte item (16-byte names); theirs: a list each, a sorted set of deadlines",
    );
    let (server, ours) = bytes_per_group(Way::Debounce, count);
    let (_, theirs) = bytes_per_group(Way::ByHand, count);
    table.limit(&format!("used_memory per group, {count} groups"), ours, Some(theirs), Unit::Bytes, Some(200.0));
    idle(scale, table, &server);
}

fn bytes_per_group(way: Way, count: usize) -> (Server, f64) {
    let server = push::server(way, "", &[]);
    let before = gauge::used_memory(&mut server.client());
    push::fill(&server, way, count);
    let bytes = (gauge::used_memory(&mut server.client()) - before) / count as f64;
    (server, bytes)
}

/// Beside a server that is empty, over the same time. A worker waits on both: nobody may poll for it.
fn idle(scale: &Scale, table: &mut Table, server: &Server) {
    let empty = Server::start(&[]);
    let servers = [server, &empty];
    let _workers = servers.map(|server| Blocked::new(server, &format!("DEBOUNCE.CLAIM {KEY} worker BLOCK 0")));
    // What the filling left to do (resizing, handing memory back) is over.
    thread::sleep(scale.idling / 5);
    let mut clients = servers.map(Server::client);
    let start = Instant::now();
    let before = clients.each_mut().map(gauge::cpu_us);
    thread::sleep(scale.idling);
    let after = clients.each_mut().map(gauge::cpu_us);
    let percent = |nth: usize| (after[nth] - before[nth]) / start.elapsed().as_micros() as f64 * 100.0;
    let (ours, empty) = (percent(0), percent(1));
    let what = format!("{} idle groups: CPU above that of an empty server", scale.live_groups);
    table.limit(&what, ours - empty, None, Unit::Percent, Some(0.5));
    table.note(&format!("{ours:.2} % of a core with the groups, {empty:.2} % without, over {:?}", scale.idling));
}
