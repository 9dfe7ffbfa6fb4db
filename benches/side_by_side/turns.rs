//! A worker's turns, one entry at a time: acknowledge the one before and take the next. CLAIM … ACK, which is one command, against CLAIM and ACK, and
//! against XREADGROUP and XACK. And MCLAIM, whose first keys have nothing to give, against CLAIM.
//!
//! A worker that waits for each reply pays for round trips, most of which is the kernel's: its time is counted. Of one that has several turns in flight
//! the CPU of the server is.

use crate::gauge;
use crate::harness::{Client, Server};
use crate::load::{self, Order, Store, END, GROUP, KEY};
use crate::pipe::{leaves, Pipe, Requests};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};
use std::time::Instant;

/// Turns in flight of the worker that does not wait for each reply.
const IN_FLIGHT: usize = 50;
/// Keys before the one that has something.
const EMPTY: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Together,
    Apart,
    Stream,
}

#[derive(Clone, Copy)]
struct Work {
    entries: usize,
    in_flight: usize,
}

impl Work {
    /// Whether the worker waits for each reply.
    fn waits(self) -> bool {
        self.in_flight == 1
    }
}

/// What is counted of some work: of a worker that waits the time, else the CPU of the server.
struct Spent {
    client: Client,
    work: Work,
    began: Instant,
    cpu_us: f64,
}

impl Spent {
    fn begin(server: &Server, work: Work) -> Self {
        let mut client = server.client();
        let cpu_us = gauge::cpu_us(&mut client);
        Self { client, work, began: Instant::now(), cpu_us }
    }

    fn per_entry(mut self) -> f64 {
        let elapsed = self.began.elapsed().as_secs_f64() * 1e6;
        let us = if self.work.waits() { elapsed } else { gauge::cpu_us(&mut self.client) - self.cpu_us };
        us / self.work.entries as f64
    }
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let each = Work { entries: scale.settle_entries / 10, in_flight: 1 };
    let several = Work { entries: scale.settle_entries, in_flight: IN_FLIGHT };
    table.section("turns", "one worker, one entry at a time: per entry");
    for (name, work) in [("a round trip each", each), ("50 in flight", several)] {
        for (other, way, target) in [("CLAIM + ACK", Way::Apart, 0.6), ("XREADGROUP + XACK", Way::Stream, 0.55)] {
            // Of what is in flight a CLAIM alone is three quarters of CLAIM and ACK: there is no round trip to save.
            let target = work.waits().then_some(target);
            let samples = alternate(scale.rounds, || turns(Way::Together, work), || turns(way, work));
            let pair = Pair::of(&samples, |us| *us);
            table.ratio(&format!("CLAIM … ACK against {other}, {name}"), &pair, Unit::Microseconds, target);
        }
    }
    for (keys, are_there) in [("that are there", true), ("that are not", false)] {
        for (name, work) in [("a round trip each", each), ("50 in flight", several)] {
            let samples = alternate(scale.rounds, || claims(Some(are_there), work), || claims(None, work));
            let pair = Pair::of(&samples, |us| *us);
            let what = format!("MCLAIM of {EMPTY} empty keys {keys} and a full one against CLAIM, {name}");
            table.ratio(&what, &pair, Unit::Microseconds, Some(2.0));
        }
    }
}

fn filled(store: Store, entries: usize) -> Server {
    let server = load::server(store, &[]);
    load::fill(&server, store, Order::InOrder, entries);
    if store == Store::Tsgen {
        server.client().ok(&format!("TSGEN.ADVANCE {KEY} {END}"));
    }
    server
}

/// Takes and acknowledges everything; microseconds per entry.
fn turns(way: Way, work: Work) -> f64 {
    let server = filled(if way == Way::Stream { Store::Stream } else { Store::Tsgen }, work.entries);
    let mut pipe = Pipe::to(&server);
    let mut requests = Requests::default();
    let mut receipts: Vec<Vec<u8>> = Vec::new();
    let spent = Spent::begin(&server, work);
    for _ in 0..work.entries / work.in_flight {
        let before = std::mem::take(&mut receipts);
        for nth in 0..work.in_flight {
            let receipt = before.get(nth).map(Vec::as_slice);
            if let (false, Some(receipt)) = (way == Way::Together, receipt) {
                acknowledge(&mut requests, way, receipt);
                if work.waits() {
                    pipe.send(&mut requests);
                    acknowledged(pipe.read());
                }
            }
            take(&mut requests, way, receipt);
        }
        pipe.send(&mut requests);
        for _ in 0..work.in_flight {
            if way != Way::Together && !before.is_empty() && !work.waits() {
                acknowledged(pipe.read());
            }
            receipts.push(receipt(way, pipe.read()));
        }
    }
    spent.per_entry()
}

fn acknowledge(requests: &mut Requests, way: Way, receipt: &[u8]) {
    match way {
        Way::Stream => requests.push(&[b"XACK", KEY.as_bytes(), GROUP.as_bytes(), receipt]),
        _ => requests.push(&[b"TSGEN.ACK", KEY.as_bytes(), receipt]),
    }
}

/// ACK and XACK reply with how many were current.
fn acknowledged(reply: &[u8]) {
    assert_eq!(reply, b":1\r\n");
}

fn take(requests: &mut Requests, way: Way, receipt: Option<&[u8]>) {
    let (key, group) = (KEY.as_bytes(), GROUP.as_bytes());
    match (way, receipt) {
        (Way::Together, Some(receipt)) => requests.push(&[b"TSGEN.CLAIM", key, b"worker", b"ACK", receipt]),
        (Way::Stream, _) => {
            requests.push(&[b"XREADGROUP", b"GROUP", group, b"worker", b"COUNT", b"1", b"STREAMS", key, b">"]);
        }
        _ => requests.push(&[b"TSGEN.CLAIM", key, b"worker"]),
    }
}

/// The token of the entry in a reply, or the id of the one in a reply of XREADGROUP, behind the name of the stream.
fn receipt(way: Way, reply: &[u8]) -> Vec<u8> {
    leaves(reply)[usize::from(way == Way::Stream)].to_vec()
}

/// Claims everything, by MCLAIM whose other keys are there or not, or by CLAIM; microseconds per entry.
fn claims(others_are_there: Option<bool>, work: Work) -> f64 {
    let server = filled(Store::Tsgen, work.entries);
    let mut client = server.client();
    let others: Vec<String> = (0..EMPTY).map(|nth| format!("{KEY}:{nth}")).collect();
    if others_are_there == Some(true) {
        others.iter().for_each(|key| drop(client.ok(&format!("TSGEN.ADVANCE {key} {END}"))));
    }
    let keys = (EMPTY + 1).to_string();
    let several = [&b"TSGEN.MCLAIM"[..], keys.as_bytes()].into_iter().chain(others.iter().map(String::as_bytes));
    let command: Vec<&[u8]> = match others_are_there {
        Some(_) => several.chain([KEY.as_bytes(), b"worker"]).collect(),
        None => vec![b"TSGEN.CLAIM", KEY.as_bytes(), b"worker"],
    };
    let mut pipe = Pipe::to(&server);
    let mut requests = Requests::default();
    let spent = Spent::begin(&server, work);
    for _ in 0..work.entries / work.in_flight {
        (0..work.in_flight).for_each(|_| requests.push(&command));
        pipe.run(&mut requests);
    }
    let us = spent.per_entry();
    assert_eq!(client.ok(&format!("TSGEN.INFO {KEY}")).field("leased").int(), work.entries as i64);
    us
}
