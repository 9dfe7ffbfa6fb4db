//! Keys that come due, and who learns of it: a worker of ours, a client that listens to Redis's own events, or nobody.
//!
//! A key's name tells its number and thereby its deadline, which is compared with the time of receipt by the same clock. Redis
//! shows a key up to and with the millisecond of its deadline, so what comes less than one millisecond after it came too early.

use crate::firing::now_ms;
use crate::harness::{scope, wait_until, Server};
use crate::load::{self, KEY, PAYLOAD};
use crate::pipe::{leaves, Pipe, Requests};
use crate::probe::Probe;
use crate::push::PER_WRITE;
use crate::scale::Due;
use crate::sched::{Longest, Thread};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

/// Names that are watched begin so.
const PREFIX: &str = "due:";
pub const COUNT: &str = "100";
/// In milliseconds. How long a worker waits before it looks whether all have come.
const BLOCK: &str = "100";
/// In milliseconds. What is done ahead of a deadline belongs to what is measured.
const AHEAD: f64 = 50.0;
const TOO_LATE_MS: f64 = 30_000.0;
/// Published in place of an event, it ends the listening.
const END: &str = "end";

/// Keys that have a time to live and are not due.
#[derive(Clone, Copy)]
pub struct Others {
    pub count: usize,
    pub is_watched: bool,
}

/// What came of one run.
pub struct Run {
    /// Milliseconds, in order, of what came.
    pub lateness: Vec<f64>,
    /// How many came without their value.
    pub bare: usize,
    pub ping: Longest,
    /// Milliseconds of the server's main thread: on a processor, and kept waiting for one.
    pub server: (f64, f64),
}

/// An entry, or an event, which never has a value.
struct Came {
    /// The key's number.
    n: usize,
    /// In milliseconds.
    late: f64,
    is_bare: bool,
}

impl Run {
    fn new(came: Vec<Came>, ping: Longest, server: (f64, f64)) -> Self {
        let mut lateness: Vec<f64> = came.iter().map(|came| came.late).collect();
        lateness.sort_by(f64::total_cmp);
        let bare = came.iter().filter(|came| came.is_bare).count();
        Self { lateness, bare, ping, server }
    }

    /// So late was the given share of what came, at most.
    pub fn within(&self, share: f64) -> f64 {
        self.lateness[((self.lateness.len() - 1) as f64 * share) as usize]
    }
}

impl Due {
    fn deadline(&self, first: i64, n: usize) -> i64 {
        first + (n as u64 * self.over_ms / self.keys as u64) as i64
    }

    /// Sets the keys; the deadline of the first.
    fn set(&self, server: &Server) -> i64 {
        let first = now_ms() as i64 + self.lead_ms;
        set_all(server, self.keys, |requests, n| {
            let deadline = self.deadline(first, n).to_string();
            requests.push(&[b"SET", name(n).as_bytes(), &PAYLOAD, b"PXAT", deadline.as_bytes()]);
        });
        assert!(now_ms() < first as f64 - AHEAD, "the first keys were due before the last was set");
        first
    }
}

fn name(n: usize) -> String {
    format!("{PREFIX}{n:016}")
}

/// What came of a key of this name at `at`.
fn came(due: &Due, first: i64, name: &[u8], is_bare: bool, at: f64) -> Came {
    let name = std::str::from_utf8(name).expect("text");
    let n: usize = name.strip_prefix(PREFIX).and_then(|n| n.parse().ok()).expect("a key that is due");
    let late = at - due.deadline(first, n) as f64;
    assert!(late >= 1.0, "{name} came {:.3} ms too early", 1.0 - late);
    Came { n, late, is_bare }
}

fn set_all(server: &Server, count: usize, push: impl Fn(&mut Requests, usize)) {
    let (mut pipe, mut requests) = (Pipe::to(server), Requests::default());
    for n in 0..count {
        push(&mut requests, n);
        if requests.count == PER_WRITE {
            pipe.run(&mut requests);
        }
    }
    pipe.run(&mut requests);
}

fn set_others(server: &Server, others: Others) {
    let prefix = if others.is_watched { PREFIX } else { "" };
    set_all(server, others.count, |requests, n| {
        let name = [prefix.as_bytes(), b"other:", &load::id(n)].concat();
        requests.push(&[b"SET", &name, &PAYLOAD, b"EX", b"100000"]);
    });
}

/// Watched by us.
pub fn delivered(due: Due, others: Others, workers: usize) -> Run {
    let server = Server::start(&[]);
    server.client().ok(&format!("EXPIRY.CREATE {KEY} PREFIX {PREFIX}"));
    set_others(&server, others);
    let first = due.set(&server);
    let came = &AtomicUsize::new(0);
    scope(|scope| {
        let work = || work(&server, &due, first, came);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let (ping, cpu) = beside(&server, first, || {
            while came.load(Ordering::Relaxed) < due.keys && !workers.iter().any(ScopedJoinHandle::is_finished) {
                thread::sleep(Duration::from_millis(1));
            }
            wait_until_left(&server, others.count as i64 + 1);
        });
        let came: Vec<Came> = workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect();
        let keys: HashSet<usize> = came.iter().map(|came| came.n).collect();
        assert_eq!((came.len(), keys.len()), (due.keys, due.keys), "every key is delivered once");
        Run::new(came, ping, cpu)
    })
}

/// Acknowledges what it has by range and asks for more in one write. What came.
fn work(server: &Server, due: &Due, first: i64, came: &AtomicUsize) -> Vec<Came> {
    let (mut pipe, mut requests, mut entries) = (Pipe::to(server), Requests::default(), Vec::new());
    let key = KEY.as_bytes();
    let last_call = due.deadline(first, due.keys) as f64 + TOO_LATE_MS;
    while came.load(Ordering::Relaxed) < due.keys {
        assert!(now_ms() < last_call, "not all keys have come");
        requests.push(&[b"EXPIRY.CLAIM", key, b"worker", b"COUNT", COUNT.as_bytes(), b"BLOCK", BLOCK.as_bytes()]);
        for _ in 1..pipe.send(&mut requests) {
            pipe.read();
        }
        let reply = pipe.read();
        let at = now_ms();
        let leaves = leaves(reply);
        // token, deliveries, key, type, value, deadline, reason
        for entry in leaves.chunks(7) {
            let is_bare = entry[4].is_empty();
            assert_eq!((is_bare || entry[4] == PAYLOAD, entry[6]), (true, &b"expired"[..]));
            entries.push(self::came(due, first, entry[2], is_bare, at));
        }
        came.fetch_add(leaves.len() / 7, Ordering::Relaxed);
        if let (Some(oldest), Some(newest)) = (leaves.chunks(7).next(), leaves.chunks(7).last()) {
            requests.push(&[b"EXPIRY.ACK", key, &[oldest[0], b"-", newest[0]].concat()]);
        }
    }
    pipe.run(&mut requests);
    entries
}

/// Told of by Redis's own events, to a client that has subscribed to them.
pub fn announced(due: Due, others: Others, patience: Duration) -> Run {
    let server = Server::plain(&["--notify-keyspace-events", "Ex"]);
    set_others(&server, others);
    let mut pipe = Pipe::to(&server);
    let mut subscribe = Requests::default();
    subscribe.push(&[b"PSUBSCRIBE", b"__keyevent@*__:expired"]);
    pipe.run(&mut subscribe);
    let first = due.set(&server);
    scope(|scope| {
        let listener = scope.spawn(move || {
            let mut late = Vec::new();
            while late.len() < due.keys {
                let message = pipe.read();
                let at = now_ms();
                // "pmessage", pattern, channel, key
                match leaves(message)[3] {
                    name if name == END.as_bytes() => break,
                    name => late.push(came(&due, first, name, true, at)),
                }
            }
            late
        });
        let (ping, cpu) = beside(&server, first, || {
            let enough = due.deadline(first, due.keys) as f64 + patience.as_secs_f64() * 1e3;
            while now_ms() < enough && !listener.is_finished() {
                thread::sleep(Duration::from_millis(1));
            }
            server.client().ok(&format!("PUBLISH __keyevent@0__:expired {END}"));
        });
        Run::new(listener.join().expect("a listener"), ping, cpu)
    })
}

/// Nobody watches or listens: what Redis does by itself.
pub fn expired_by_redis(due: Due) -> Run {
    let server = Server::plain(&[]);
    let first = due.set(&server);
    let (ping, cpu) = beside(&server, first, || wait_until_left(&server, 0));
    Run::new(Vec::new(), ping, cpu)
}

fn wait_until_left(server: &Server, keys: i64) {
    let mut client = server.client();
    wait_until("what has expired is gone", || client.ok("DBSIZE").int() == keys);
}

/// The longest PING, and what the server took of a processor, from shortly before the first deadline until `what` is done.
fn beside(server: &Server, first: i64, what: impl FnOnce()) -> (Longest, (f64, f64)) {
    let probe = Probe::start(server);
    let left = first as f64 - AHEAD - now_ms();
    thread::sleep(Duration::from_secs_f64(left.max(0.0) / 1e3));
    let main_thread = Thread::of(server);
    let (_, before) = (probe.take(), main_thread.times());
    what();
    let (ping, after) = (probe.take(), main_thread.times());
    (ping, (after.cpu - before.cpu, after.not_run - before.not_run))
}
