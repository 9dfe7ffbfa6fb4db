//! One seed drives adders, advancing sources, workers that die, crashes of the server and failovers in virtual time; a
//! checker judges what happened. `make sim SEED=n` repeats one history, `make sim SEEDS=n` runs so many new ones.
//!
//! What is judged: nothing is handed out before the watermark has reached it; an acknowledged element never comes back;
//! the tokens of an element rise from delivery to delivery, also across failovers; and in the end every element whose ADD
//! survived has been acknowledged. What a crash or a failover may take is only what the log had not yet carried over.

use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{
    DeliveryOptions, Guard, Kind, Late, Loader, Millis, Nack, Source, TokenRange, Tsgen, UnixMs, Watermark,
};

/// What the log carries: the operation as it is replicated.
#[derive(Clone)]
enum Op {
    Add { id: u32, timestamp: i64 },
    Advance { to: i64, source: usize },
    Claim { worker: u32, count: usize, lease: Millis, first: Option<u64> },
    Ack(Vec<TokenRange>),
    Nack { tokens: Vec<TokenRange>, dead: bool },
    Extend { tokens: Vec<TokenRange>, lease: Millis },
    Release { worker: u32 },
    RequeueAll,
}

struct Logged {
    op: Op,
    now: UnixMs,
}

/// What an operation handed out, and whether it belongs in the log.
struct Effect {
    changed: bool,
    delivered: Vec<Delivery>,
}

#[derive(Clone, Copy)]
struct Delivery {
    id: u32,
    token: u64,
    timestamp: i64,
}

const SOURCES: [&[u8]; 2] = [b"east", b"west"];

fn new_key() -> Tsgen {
    let source = |name: &&[u8]| Source { name: (*name).into(), timestamp: None, reported_at: UnixMs(0) };
    let options = DeliveryOptions {
        lease: Millis(1_000),
        max_deliveries: 4,
        backoff: Millis(20),
        max_backoff: Millis(200),
        ..DeliveryOptions::default()
    };
    Tsgen::create(Kind::Sources(SOURCES.iter().map(source).collect()), Late::Ready, options, [1, 2]).expect("valid")
}

fn apply(key: &mut Tsgen, op: &mut Op, now: UnixMs) -> Effect {
    let mut delivered = Vec::new();
    let changed = match op {
        Op::Add { id, timestamp } => {
            key.add(Guard::Always, *timestamp, &id.to_be_bytes(), b"payload", now).expect("unbounded");
            true
        }
        Op::Advance { to, source } => key.advance(*to, Some(SOURCES[*source]), now).expect("a source").changed,
        Op::Claim { worker, count, lease, first } => {
            let claim = key.claim(&worker.to_be_bytes(), *count, *lease, *first, now).expect("no sink");
            assert!(!claim.adopted, "a replica would have issued another token");
            delivered.extend(key.delivered(&claim).map(|entry| Delivery {
                id: u32::from_be_bytes(entry.name.try_into().expect("four bytes")),
                token: entry.token,
                timestamp: entry.key,
            }));
            *first = Some(claim.first);
            claim.changed
        }
        Op::Ack(tokens) => key.ack(tokens).expect("few").changed,
        Op::Nack { tokens, dead } => {
            key.nack(tokens, &Nack { delay: None, dead: *dead, reason: b"sim" }, now).expect("few").changed
        }
        Op::Extend { tokens, lease } => key.extend(tokens, *lease, now).expect("few").changed,
        Op::Release { worker } => key.release(&worker.to_be_bytes(), now).changed,
        Op::RequeueAll => key.requeue(tsgen_engine::Which::All(1_000), now).expect("all").changed,
    };
    Effect { changed, delivered }
}

fn snapshot(key: &Tsgen) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn reload(key: &Tsgen) -> Tsgen {
    let mut loader = Loader::<Watermark>::new([3, 4]);
    snapshot(key).iter().try_for_each(|chunk| loader.push(chunk)).expect("sound");
    loader.finish().expect("whole")
}

/// A worker process: what it holds, and nothing else.
struct Worker {
    name: u32,
    held: Vec<Delivery>,
}

struct World {
    rng: Rng,
    now: UnixMs,
    master: Tsgen,
    replica: Tsgen,
    /// Since the last full synchronisation.
    log: Vec<Logged>,
    replicated: usize,
    /// The state the log starts from.
    base: Tsgen,
    workers: Vec<Worker>,
    next_worker: u32,
    next_id: u32,
    clock_of_events: i64,
    checker: Checker,
}

/// What must be true of the history, told by what survived.
#[derive(Default)]
struct Checker {
    added: BTreeSet<u32>,
    acked: BTreeSet<u32>,
    last_token: BTreeMap<u32, u64>,
}

impl Checker {
    fn delivered(&mut self, delivery: Delivery, watermark: Option<i64>) {
        let Delivery { id, token, timestamp } = delivery;
        assert!(Some(timestamp) <= watermark, "{id} was handed out early");
        assert!(!self.acked.contains(&id), "{id} came back after it was acknowledged");
        let before = self.last_token.insert(id, token);
        assert!(before < Some(token), "the token of {id} did not rise");
    }

    /// The truth is now what this log tells, from its base on: anything else never happened.
    fn survived(&mut self, base: &Tsgen, log: &[Logged]) {
        let mut key = base.clone();
        let holds = |key: &Tsgen, id: &u32| key.get(&id.to_be_bytes(), UnixMs(0)).is_some();
        let logged_adds =
            log.iter().filter_map(|logged| if let Op::Add { id, .. } = logged.op { Some(id) } else { None });
        let mut added: BTreeSet<u32> = logged_adds.collect();
        added.extend(self.added.iter().filter(|id| holds(&key, id)));
        for logged in log {
            apply(&mut key, &mut logged.op.clone(), logged.now);
        }
        // What is there again is not acknowledged; what is gone although its ADD survived was.
        self.acked.retain(|id| !holds(&key, id));
        self.added.retain(|id| added.contains(id) || self.acked.contains(id));
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let master = new_key();
        World {
            rng: Rng::with_seed(seed),
            now: UnixMs(1_000),
            replica: master.clone(),
            base: master.clone(),
            master,
            log: Vec::new(),
            replicated: 0,
            workers: Vec::new(),
            next_worker: 0,
            next_id: 0,
            clock_of_events: 0,
            checker: Checker::default(),
        }
    }

    fn run(&mut self, mut op: Op) -> Vec<Delivery> {
        let effect = apply(&mut self.master, &mut op, self.now);
        if effect.changed {
            self.log.push(Logged { op, now: self.now });
        }
        let watermark = self.master.watermark(self.now);
        for delivery in &effect.delivered {
            self.checker.delivered(*delivery, watermark);
        }
        effect.delivered
    }

    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..=29 => self.add(),
            30..=39 => {
                self.clock_of_events += self.rng.i64(0..30);
                let to = self.clock_of_events - self.rng.i64(0..60);
                let source = self.rng.usize(0..SOURCES.len());
                self.run(Op::Advance { to, source });
            }
            40..=54 => self.claim(),
            55..=79 => self.work(),
            80..=84 => self.kill_a_worker(),
            85..=93 => self.replicate(),
            94..=97 => self.now = self.now.after(Millis(self.rng.u64(1..400))),
            98 => self.crash(),
            _ => self.fail_over(),
        }
        self.now = self.now.after(Millis(self.rng.u64(0..5)));
    }

    fn add(&mut self) {
        let timestamp = self.clock_of_events + self.rng.i64(-80..80);
        let id = self.next_id;
        self.next_id += 1;
        self.run(Op::Add { id, timestamp });
        self.checker.added.insert(id);
    }

    fn claim(&mut self) {
        if self.workers.len() < 4 {
            self.workers.push(Worker { name: self.next_worker, held: Vec::new() });
            self.next_worker += 1;
        }
        let at = self.rng.usize(0..self.workers.len());
        let (worker, count) = (self.workers[at].name, self.rng.usize(1..8));
        let lease = Millis(self.rng.u64(1..300));
        let got = self.run(Op::Claim { worker, count, lease, first: None });
        self.workers[at].held.extend(got);
    }

    /// A worker does something with part of what it holds. It may be late: its leases may be somebody else's by now.
    fn work(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let at = self.rng.usize(0..self.workers.len());
        let upto = self.rng.usize(0..=self.workers[at].held.len());
        let some: Vec<Delivery> = self.workers[at].held.drain(..upto).collect();
        let mut tokens: Vec<TokenRange> = some.iter().map(|delivery| TokenRange::one(delivery.token)).collect();
        tsgen_engine::coalesce(&mut tokens);
        match self.rng.u32(0..10) {
            0..=5 => {
                for delivery in &some {
                    let before = self.master.len();
                    self.run(Op::Ack(vec![TokenRange::one(delivery.token)]));
                    if self.master.len() < before {
                        self.checker.acked.insert(delivery.id);
                    }
                }
            }
            6 | 7 => {
                let dead = self.rng.u32(0..4) == 0;
                self.run(Op::Nack { tokens, dead });
            }
            8 => {
                let lease = Millis(self.rng.u64(1..300));
                self.run(Op::Extend { tokens, lease });
                self.workers[at].held.extend(some);
            }
            _ => {
                let worker = self.workers.swap_remove(at).name;
                self.run(Op::Release { worker });
            }
        }
    }

    fn kill_a_worker(&mut self) {
        if !self.workers.is_empty() {
            let at = self.rng.usize(0..self.workers.len());
            self.workers.swap_remove(at);
        }
    }

    fn replicate(&mut self) {
        let upto = self.rng.usize(self.replicated..=self.log.len());
        for logged in &self.log[self.replicated..upto] {
            let effect = apply(&mut self.replica, &mut logged.op.clone(), logged.now);
            assert!(effect.changed, "the replica found nothing to change where its master did");
        }
        self.replicated = upto;
        if upto == self.log.len() {
            assert_eq!(snapshot(&self.replica), snapshot(&self.master), "a replica that is level differs");
        }
    }

    /// kill -9 and a restart from the append-only file, of which an unsynced tail may be missing.
    fn crash(&mut self) {
        let kept = self.log.len() - self.rng.usize(0..=self.log.len().min(20));
        let mut restarted = reload(&self.base);
        for logged in &self.log[..kept] {
            apply(&mut restarted, &mut logged.op.clone(), logged.now);
        }
        self.log.truncate(kept);
        self.start_over_with(restarted);
    }

    /// The replica takes over with what has reached it.
    fn fail_over(&mut self) {
        self.log.truncate(self.replicated);
        let promoted = self.replica.clone();
        self.start_over_with(promoted);
    }

    fn start_over_with(&mut self, master: Tsgen) {
        self.checker.survived(&self.base, &self.log);
        self.master = master;
        self.replica = reload(&self.master);
        self.base = reload(&self.master);
        self.log.clear();
        self.replicated = 0;
        // Noticing takes a while, and clients reconnect without what they held, or with it.
        self.now = self.now.after(Millis(1_000));
        if self.rng.bool() {
            self.workers.clear();
        }
    }

    fn finish(&mut self) {
        for source in 0..SOURCES.len() {
            self.run(Op::Advance { to: i64::MAX, source });
        }
        for _ in 0..10_000 {
            self.now = self.now.after(Millis(500));
            self.run(Op::RequeueAll);
            let got = self.run(Op::Claim { worker: u32::MAX, count: 100, lease: Millis(10_000), first: None });
            for delivery in &got {
                self.run(Op::Ack(vec![TokenRange::one(delivery.token)]));
                self.checker.acked.insert(delivery.id);
            }
            if self.master.is_empty() {
                break;
            }
        }
        let lost: Vec<_> = self.checker.added.difference(&self.checker.acked).collect();
        assert!(lost.is_empty(), "accepted and never acknowledged: {lost:?}");
        assert!(!self.checker.acked.is_empty());
    }
}

fn history(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..2_000 {
        world.step();
    }
    world.finish();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().expect("a number"))
}

#[test]
fn every_history_holds() {
    if let Some(seed) = number("SEED") {
        return history(seed);
    }
    let first = if number("SEEDS").is_some() { fastrand::u64(..) } else { 1 };
    for seed in (0..number("SEEDS").unwrap_or(60)).map(|n| first.wrapping_add(n)) {
        if let Err(panic) = std::panic::catch_unwind(|| history(seed)) {
            eprintln!("repeat this history with: make sim SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
