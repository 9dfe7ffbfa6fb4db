//! A hundred thousand groups that come due within one second: how late what they collected reaches a client, and how long a
//! PING waits meanwhile.
//!
//! They are pushed to evenly over one second, so their deadlines are as far apart as the pushes. A group is due IDLE after the
//! time that its item tells; that time and the time of receipt come from the same clock. Lateness is therefore all of it: the
//! timer's grain of a millisecond, the tick, the wire, the client's own wait for a processor. What the kernel ran instead is
//! noted in sum, as nobody can tell which group it delayed.

use crate::harness::{scope, Server};
use crate::load::KEY;
use crate::pipe::{leaves, Pipe, Requests};
use crate::probe::Probe;
use crate::push::{self, Way};
use crate::rounds::median;
use crate::scale::{Firing, Scale};
use crate::sched::{Longest, Thread};
use crate::table::{Table, Unit};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const WORKERS: usize = 4;
const COUNT: &str = "100";
const STREAM: &str = "bench:sink";
/// In milliseconds. How long a client waits before it looks whether all have come.
const BLOCK: &str = "500";
const TOO_LATE: Duration = Duration::from_secs(30);

/// Receives until all groups have come, to all receivers together.
type Receiver = fn(&mut Receipts, Pipe);

/// What one client received.
struct Receipts<'a> {
    /// How many have come to all clients, and how many there will be.
    came: &'a AtomicUsize,
    expected: usize,
    idle_ms: i64,
    /// Group, when it was due, when it came; both in milliseconds since 1970.
    groups: Vec<(Vec<u8>, i64, f64)>,
    not_run: f64,
}

/// What came of one run.
struct Run {
    /// Milliseconds, in order.
    lateness: Vec<f64>,
    ping: Longest,
    /// From the first deadline to the last, in milliseconds.
    due_within: i64,
    /// Milliseconds of the server's main thread while they fired: on a processor, and kept waiting for one.
    server: (f64, f64),
    /// What all receivers together were kept waiting for a processor, in milliseconds.
    clients_not_run: f64,
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let firing = &scale.firing;
    let title = format!("{} groups due within {} ms: lateness at the client, and PING", firing.groups, firing.over_ms);
    table.section("firing", &title);
    let at_once = Firing { over_ms: 0, ..*firing };
    let workers = format!("{WORKERS} workers in CLAIM BLOCK COUNT {COUNT}");
    for (what, firing, is_sink, is_target) in [
        (workers.clone(), firing, false, true),
        ("SINK, one client in XREAD BLOCK".to_owned(), firing, true, true),
        (format!("pushed at once, {workers}"), &at_once, false, false),
        ("pushed at once, SINK".to_owned(), &at_once, true, false),
    ] {
        let runs: Vec<Run> = (0..scale.rounds.min(3)).map(|_| run(firing, is_sink)).collect();
        tell(table, &what, &runs, is_target);
    }
}

fn tell(table: &mut Table, what: &str, runs: &[Run], is_target: bool) {
    let median = |quantity: &dyn Fn(&Run) -> f64| median(runs.iter().map(quantity));
    let at = |share: f64| move |run: &Run| run.lateness[((run.lateness.len() - 1) as f64 * share) as usize];
    let limit = |limit| Some(limit).filter(|_| is_target);
    table.limit(&format!("{what}: p99"), median(&at(0.99)), None, Unit::Milliseconds, limit(10.0));
    let (p50, max, due_within) = (median(&at(0.5)), median(&at(1.0)), median(&|run| run.due_within as f64));
    let worst = runs.iter().filter_map(|run| run.lateness.last()).fold(0.0, |worst, ms| ms.max(worst));
    table.note(&format!(
        "half within {p50:.2} ms, all within {max:.2} ms ({worst:.2} ms in the worst round); deadlines over {due_within:.0} ms"
    ));
    let ping = median(&|run| run.ping.own);
    table.limit(&format!("{what}: the longest PING"), ping, None, Unit::Milliseconds, limit(5.0));
    let wall = median(&|run| run.ping.wall);
    table.note(&format!("{wall:.2} ms with the time the kernel ran something else"));
    let (cpu, not_run) = (median(&|run| run.server.0), median(&|run| run.server.1));
    let clients = median(&|run| run.clients_not_run);
    table.note(&format!(
        "while they fired: server {cpu:.0} ms on a processor, {not_run:.1} ms kept waiting for one; clients {clients:.1} ms"
    ));
}

fn run(firing: &Firing, is_sink: bool) -> Run {
    let server = Server::start(&[]);
    let sink = if is_sink { format!("SINK {STREAM}") } else { String::new() };
    server.client().ok(&format!("DEBOUNCE.CREATE {KEY} IDLE {} {sink}", firing.idle_ms));
    let receivers: Vec<Receiver> = if is_sink { vec![read] } else { vec![work; WORKERS] };
    let came = AtomicUsize::new(0);
    let probe = Probe::start(&server);
    scope(|scope| {
        let receive = |receiver: Receiver| {
            let (server, came) = (&server, &came);
            scope.spawn(move || {
                let mut receipts = Receipts {
                    came,
                    expected: firing.groups,
                    idle_ms: firing.idle_ms,
                    groups: Vec::new(),
                    not_run: 0.0,
                };
                receiver(&mut receipts, Pipe::to(server));
                receipts.not_run = Thread::here().times().not_run;
                receipts
            })
        };
        let receivers: Vec<_> = receivers.into_iter().map(receive).collect();
        let started = Instant::now();
        push_evenly(&server, firing);
        // Pushing is not what is measured. The first deadline is close, but not there yet.
        let quiet = Duration::from_millis(firing.idle_ms.unsigned_abs()).saturating_sub(Duration::from_millis(20));
        thread::sleep(quiet.saturating_sub(started.elapsed()));
        let main_thread = Thread::of(&server);
        let (_, before) = (probe.take(), main_thread.times());
        while came.load(Ordering::Relaxed) < firing.groups && !receivers.iter().any(ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(1));
        }
        let (ping, after) = (probe.take(), main_thread.times());
        let receipts: Vec<Receipts> =
            receivers.into_iter().map(|receiver| receiver.join().expect("a receiver")).collect();
        Run { ping, server: (after.cpu - before.cpu, after.not_run - before.not_run), ..judge(firing, receipts) }
    })
}

/// Checks that every group has come once and none too early.
fn judge(firing: &Firing, receipts: Vec<Receipts>) -> Run {
    let clients_not_run = receipts.iter().map(|receipts| receipts.not_run).sum();
    let came: Vec<_> = receipts.into_iter().flat_map(|receipts| receipts.groups).collect();
    let names: HashSet<&[u8]> = came.iter().map(|(group, ..)| &group[..]).collect();
    assert_eq!((came.len(), names.len()), (firing.groups, firing.groups), "every group fires once");
    let mut lateness: Vec<f64> = came.iter().map(|(_, due_at, at)| at - *due_at as f64).collect();
    lateness.sort_by(f64::total_cmp);
    assert!(lateness[0] >= 0.0, "a group came {} ms too early", -lateness[0]);
    let due = || came.iter().map(|(_, due_at, _)| *due_at);
    let due_within = due().max().unwrap_or(0) - due().min().unwrap_or(0);
    Run { lateness, ping: Longest::default(), due_within, server: (0.0, 0.0), clients_not_run }
}

/// A part of the groups in each millisecond.
fn push_evenly(server: &Server, firing: &Firing) {
    let mut pipe = Pipe::to(server);
    let mut requests = Requests::default();
    let start = Instant::now();
    let steps = firing.over_ms.max(1) as usize;
    for step in 0..steps {
        let part = |step| firing.groups * step / steps;
        for group in part(step)..part(step + 1) {
            push::request(&mut requests, Way::Debounce, (group, group));
            if requests.count == push::PER_WRITE {
                pipe.run(&mut requests);
            }
        }
        pipe.run(&mut requests);
        thread::sleep(Duration::from_millis(step as u64 + 1).saturating_sub(start.elapsed()));
    }
}

impl Receipts<'_> {
    fn is_over(&self, started: Instant) -> bool {
        assert!(started.elapsed() < TOO_LATE, "not all groups have come");
        self.came.load(Ordering::Relaxed) >= self.expected
    }

    /// An entry that came at `at`: its group, and when that was pushed to.
    fn add(&mut self, group: &[u8], pushed_at: &[u8], at: f64) {
        let pushed_at: i64 = std::str::from_utf8(pushed_at).ok().and_then(|ms| ms.parse().ok()).expect("a time");
        self.groups.push((group.to_vec(), pushed_at + self.idle_ms, at));
        self.came.fetch_add(1, Ordering::Relaxed);
    }
}

/// Acknowledges what it has by range and asks for more in one write.
fn work(receipts: &mut Receipts, mut pipe: Pipe) {
    let key = KEY.as_bytes();
    let claim: [&[u8]; 7] = [b"DEBOUNCE.CLAIM", key, b"worker", b"COUNT", COUNT.as_bytes(), b"BLOCK", BLOCK.as_bytes()];
    let mut requests = Requests::default();
    let started = Instant::now();
    loop {
        if receipts.is_over(started) {
            return pipe.run(&mut requests);
        }
        requests.push(&claim);
        for _ in 1..pipe.send(&mut requests) {
            pipe.read();
        }
        let reply = pipe.read();
        let at = now_ms();
        let leaves = leaves(reply);
        // token, deliveries, group, reason, item, pushed-at
        for entry in leaves.chunks(6) {
            receipts.add(entry[2], entry[5], at);
        }
        if let (Some(first), Some(last)) = (leaves.chunks(6).next(), leaves.chunks(6).last()) {
            requests.push(&[b"DEBOUNCE.ACK", key, &[first[0], b"-", last[0]].concat()]);
        }
    }
}

fn read(receipts: &mut Receipts, mut pipe: Pipe) {
    let mut last = b"0-0".to_vec();
    let mut requests = Requests::default();
    let started = Instant::now();
    while !receipts.is_over(started) {
        requests.push(&[b"XREAD", b"BLOCK", BLOCK.as_bytes(), b"STREAMS", STREAM.as_bytes(), &last]);
        pipe.send(&mut requests);
        let reply = pipe.read();
        let at = now_ms();
        let leaves = leaves(reply);
        // The stream's name, and then: id, "group", group, "reason", reason, "item", item, "at", pushed-at
        for entry in leaves.get(1..).unwrap_or_default().chunks(9) {
            receipts.add(entry[2], entry[8], at);
            last = entry[0].to_vec();
        }
    }
}

/// Milliseconds since 1970, and parts of one.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3
}
