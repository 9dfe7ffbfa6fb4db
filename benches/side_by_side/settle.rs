//! CLAIM and ACK against XREADGROUP and XACK: the same entries, handed out in batches and acknowledged.
//!
//! Several workers compete, each on a connection of its own. A worker does what a busy worker does: it acknowledges its batch
//! and asks for the next one in one write. A worker that is alone makes the server go to sleep and wake up for every
//! batch; what that costs is the kernel's and equal on both sides, so it blurs the ratio. It is shown for information.
//! Theirs keeps the acknowledged entries in the stream until somebody trims it; ours drops them. That is not counted for us.

use crate::gauge;
use crate::harness::Server;
use crate::load::{self, Order, Store, END, GROUP, KEY, START};
use crate::pipe::{Pipe, Requests};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};

const WORKERS: usize = 8;

#[derive(Clone, Copy)]
pub struct Work {
    /// Entries in one CLAIM or XREADGROUP; divides `entries`.
    batch: usize,
    /// Acknowledge as `first-last` instead of token by token. A stream has no such form.
    by_range: bool,
    workers: usize,
    entries: usize,
    args: &'static [&'static str],
}

/// Per entry, in microseconds.
pub struct Cost {
    pub cpu: f64,
    pub in_command: f64,
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let entries = scale.settle_entries;
    let listed = |batch| Work::listed(batch, entries);
    let by_range = |batch| Work { by_range: true, ..listed(batch) };
    let alone = |work| Work { workers: 1, ..work };
    let aof = |work| Work { args: &["--appendonly", "yes", "--appendfsync", "no"], ..work };
    // A tenth of the entries says as much when each is a round trip.
    let single = Work { entries: entries / 10, ..listed(1) };

    table.section("settle", &format!("CLAIM + ACK against XREADGROUP + XACK, {WORKERS} workers: per entry"));
    for (name, work, cpu_target, in_command_target) in [
        ("batches of 100, tokens listed", listed(100), Some(0.55), Some(0.33)),
        ("batches of 1000, tokens listed", listed(1000), Some(0.33), None),
        ("batches of 100, acked by range", by_range(100), Some(0.33), None),
        ("single entries", single, None, None),
        ("one worker, batches of 100, tokens listed", alone(listed(100)), None, None),
        ("one worker, batches of 100, acked by range", alone(by_range(100)), None, None),
        ("AOF, batches of 100, tokens listed", aof(listed(100)), None, None),
        ("AOF, batches of 100, acked by range", aof(by_range(100)), None, None),
        ("AOF, single entries", aof(single), None, None),
    ] {
        let samples = alternate(scale.rounds, || ours(work), || theirs(work));
        let (cpu, in_command) = (Pair::of(&samples, |cost| cost.cpu), Pair::of(&samples, |cost| cost.in_command));
        table.ratio(&format!("{name}: CPU"), &cpu, Unit::Microseconds, cpu_target);
        table.ratio(&format!("{name}: in command"), &in_command, Unit::Microseconds, in_command_target);
    }
}

impl Work {
    /// In batches, by several workers, each token acknowledged by name.
    pub fn listed(batch: usize, entries: usize) -> Self {
        Work { batch, by_range: false, workers: WORKERS, entries, args: &[] }
    }
}

fn ours(work: Work) -> Cost {
    let server = load::server(Store::Tsgen, work.args);
    load::fill(&server, Store::Tsgen, Order::InOrder, work.entries);
    server.client().ok(&format!("TSGEN.ADVANCE {KEY} {END}"));
    drain(&server, work)
}

/// Claims and acknowledges all entries of a TSGEN key, all of which are ready.
pub fn drain(server: &Server, work: Work) -> Cost {
    let count = work.batch.to_string();
    let claim: [&[u8]; 5] = [b"TSGEN.CLAIM", KEY.as_bytes(), b"worker", b"COUNT", count.as_bytes()];
    cost(server, work, ["TSGEN.CLAIM", "TSGEN.ACK"], &claim, |requests, reply| {
        let first: i64 = line(reply, 2).strip_prefix(':').and_then(|token| token.parse().ok()).expect("a token");
        let last = first + work.batch as i64 - 1;
        let tokens: Vec<String> = if work.by_range {
            vec![format!("{first}-{last}")]
        } else {
            (first..=last).map(|token| token.to_string()).collect()
        };
        ack(requests, &[b"TSGEN.ACK", KEY.as_bytes()], &tokens);
    })
}

fn theirs(work: Work) -> Cost {
    let server = load::server(Store::Stream, work.args);
    load::fill(&server, Store::Stream, Order::InOrder, work.entries);

    let count = work.batch.to_string();
    let (group, key) = (GROUP.as_bytes(), KEY.as_bytes());
    let read: [&[u8]; 9] =
        [b"XREADGROUP", b"GROUP", group, b"worker", b"COUNT", count.as_bytes(), b"STREAMS", key, b">"];
    cost(&server, work, ["XREADGROUP", "XACK"], &read, |requests, reply| {
        // One stream with a name and its entries, each an id and its fields: the first id is the eighth line.
        let (ms, rest) = line(reply, 7).split_once('-').expect("a stream id");
        let number = |text: &str| text.parse::<i64>().expect("digits");
        let first = ((number(ms) - START) * 1000 + number(rest)) as usize;
        let ids: Vec<String> = (first..first + work.batch).map(load::stream_id).collect();
        ack(requests, &[b"XACK", key, group], &ids);
    })
}

/// Takes and acknowledges everything, the workers in turn. `push_ack` gets the raw reply of a take.
fn cost(
    server: &Server,
    work: Work,
    commands: [&str; 2],
    take: &[&[u8]],
    push_ack: impl Fn(&mut Requests, &[u8]),
) -> Cost {
    let mut client = server.client();
    let mut workers: Vec<Pipe> = (0..work.workers).map(|_| Pipe::to(server)).collect();
    let mut requests = Requests::default();
    let turns = work.entries / work.batch;
    gauge::reset_in_command(&mut client);
    let before = gauge::cpu_us(&mut client);
    for pipe in workers.iter_mut().take(turns) {
        requests.push(take);
        pipe.send(&mut requests);
    }
    for turn in 0..turns {
        let pipe = &mut workers[turn % work.workers];
        if turn >= work.workers {
            acked(pipe, work);
        }
        push_ack(&mut requests, pipe.read());
        if turn + work.workers < turns {
            requests.push(take);
        }
        pipe.send(&mut requests);
    }
    for pipe in workers.iter_mut().take(turns) {
        acked(pipe, work);
    }
    let entries = work.entries as f64;
    Cost {
        cpu: (gauge::cpu_us(&mut client) - before) / entries,
        in_command: gauge::in_command_us(&mut client, &commands) / entries,
    }
}

/// Both sides must really have handed out and settled what they say: ACK and XACK reply with how many were current.
fn acked(pipe: &mut Pipe, work: Work) {
    assert_eq!(line(pipe.read(), 0), format!(":{}", work.batch), "a batch was not acknowledged whole");
}

fn ack(requests: &mut Requests, head: &[&[u8]], receipts: &[String]) {
    requests.begin(head.len() + receipts.len());
    head.iter().for_each(|arg| requests.arg(arg));
    receipts.iter().for_each(|receipt| requests.arg(receipt.as_bytes()));
}

/// The `n`-th line of a raw reply, counted from 0.
fn line(reply: &[u8], n: usize) -> &str {
    let line = reply.split(|byte| *byte == b'\n').nth(n).expect("a longer reply");
    std::str::from_utf8(line).expect("text").trim_end()
}
