//! Stalls while a key grows to its full size: tables that grow, nodes that split.
//!
//! They come at the same sizes every time; what a busy machine or its hypervisor adds comes at any time, and some of
//! it (memory that answers slowly) even shows as CPU of the server. So the key is filled twice, the fill is cut
//! into segments, and of each segment the fill that did better counts.

use crate::gauge;
use crate::harness::Server;
use crate::load::{self, Order, Store, KEY, PAYLOAD};
use crate::pipe::{Pipe, Requests};
use crate::probe::Probe;
use crate::sched::Longest;

/// Elements of a segment: few, so that the machine hardly ever disturbs the same one twice.
const SEGMENT: usize = 10_000;
/// Elements of one MADD, and of the run of ADDs before it in the same write.
const PER_MADD: usize = 100;

/// The longest stalls of a segment.
pub struct Stalls {
    /// One command, in milliseconds.
    pub command: f64,
    pub ping: Longest,
}

/// A server with a key of `count` elements, and the worst that happened at any size of the key.
pub fn twice(store: Store, count: usize) -> (Server, Stalls) {
    let discarded = load::server(store, &[]);
    let first = fill(&discarded, store, count);
    drop(discarded);
    let server = load::server(store, &[]);
    let worst = first.iter().zip(fill(&server, store, count)).fold(
        Stalls { command: 0.0, ping: Longest::default() },
        |worst, (a, b)| Stalls {
            command: worst.command.max(a.command.min(b.command)),
            ping: worst.ping.or(if a.ping.own < b.ping.own { a.ping } else { b.ping }),
        },
    );
    (server, worst)
}

fn fill(server: &Server, store: Store, count: usize) -> Vec<Stalls> {
    let (mut client, mut pipe) = (server.client(), Pipe::to(server));
    let probe = Probe::start(server);
    let commands: &[&str] = if store == Store::Tsgen { &["TSGEN.ADD", "TSGEN.MADD"] } else { &["ZADD"] };
    let mut stalls = Vec::new();
    for start in (0..count).step_by(SEGMENT) {
        let end = count.min(start + SEGMENT);
        gauge::reset_in_command(&mut client);
        push(&mut pipe, store, start, end);
        stalls.push(Stalls { command: gauge::slowest_us(&mut client, commands) / 1000.0, ping: probe.take() });
    }
    stalls
}

/// By ADD and by MADD in turn; into a sorted set by ZADD.
fn push(pipe: &mut Pipe, store: Store, start: usize, end: usize) {
    let mut requests = Requests::default();
    for from in (start..end).step_by(PER_MADD) {
        let to = end.min(from + PER_MADD);
        if store == Store::Tsgen && from / PER_MADD % 2 == 1 {
            push_madd(&mut requests, from, to);
        } else {
            (from..to).for_each(|n| load::push(&mut requests, store, Order::Random, n));
        }
        pipe.run(&mut requests);
    }
}

fn push_madd(requests: &mut Requests, start: usize, end: usize) {
    requests.begin(2 + 3 * (end - start));
    requests.arg(b"TSGEN.MADD");
    requests.arg(KEY.as_bytes());
    for n in start..end {
        requests.arg(load::timestamp(Order::Random, n).to_string().as_bytes());
        requests.arg(&load::id(n));
        requests.arg(&PAYLOAD);
    }
}
