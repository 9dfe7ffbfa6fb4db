//! A server, its replica, its log and its workers: the same for every family.

use fastrand::Rng;
use std::collections::BTreeMap;
use tsgen_engine::{coalesce, DeliveryOptions, Gate, Loader, Millis, Nack, Queue, TokenRange, UnixMs, Which};

/// The writers of a family. What they remember outlives the server.
pub trait Family: Sized {
    type Gate: Gate;
    /// A write as it is replicated.
    type Write: Clone;
    type Truth: Truth<Self::Write>;

    /// Writers, an empty key, and the truth of it.
    fn start(rng: &mut Rng) -> (Self, Queue<Self::Gate>, Self::Truth);

    fn write(&mut self, rng: &mut Rng, key: &Queue<Self::Gate>, now: UnixMs) -> Self::Write;

    /// Tells whether anything changed.
    fn apply(key: &mut Queue<Self::Gate>, write: &Self::Write, now: UnixMs) -> bool;

    /// After these time alone makes everything ready.
    fn last_writes() -> Vec<Self::Write>;
}

/// What must be true of the history: told by what survived, and never asked of the engine.
pub trait Truth<W>: Clone {
    fn written(&mut self, write: &W, now: UnixMs);

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs);

    fn acked(&mut self, delivery: &Delivery);

    /// What makes deliveries of one entry known as such.
    fn identity(delivery: &Delivery) -> u32;

    /// Everything must have been acknowledged by now.
    fn judge(&self);
}

#[derive(Clone)]
pub struct Delivery {
    pub token: u64,
    pub key: i64,
    pub name: Vec<u8>,
    pub body: Vec<u8>,
}

/// What the log carries: the operation as it is replicated.
#[derive(Clone)]
enum Op<W> {
    Write(W),
    Claim { worker: u32, count: usize, lease: Millis, first: Option<u64> },
    Ack(Vec<TokenRange>),
    Nack { tokens: Vec<TokenRange>, dead: bool },
    Extend { tokens: Vec<TokenRange>, lease: Millis },
    Release { worker: u32 },
    RequeueAll,
}

struct Logged<W> {
    op: Op<W>,
    now: UnixMs,
    delivered: Vec<Delivery>,
    acked: Option<Delivery>,
}

/// What an operation did, and whether it belongs in the log.
#[derive(Default)]
struct Effect {
    changed: bool,
    /// Entries settled.
    count: usize,
    delivered: Vec<Delivery>,
}

pub fn options() -> DeliveryOptions {
    DeliveryOptions {
        lease: Millis(1_000),
        max_deliveries: 4,
        backoff: Millis(20),
        max_backoff: Millis(200),
        ..DeliveryOptions::default()
    }
}

fn apply<F: Family>(key: &mut Queue<F::Gate>, op: &mut Op<F::Write>, now: UnixMs) -> Effect {
    let settled = match op {
        Op::Write(write) => return Effect { changed: F::apply(key, write, now), ..Effect::default() },
        Op::Claim { worker, count, lease, first } => {
            let claim = key.claim(&worker.to_be_bytes(), *count, *lease, *first, now).expect("no sink");
            assert!(!claim.adopted, "a replica would have issued another token");
            *first = Some(claim.first);
            let delivered = key.delivered(&claim).map(|entry| Delivery {
                token: entry.token,
                key: entry.key,
                name: entry.name.to_vec(),
                body: entry.body.to_vec(),
            });
            return Effect { changed: claim.changed, count: claim.count, delivered: delivered.collect() };
        }
        Op::Ack(tokens) => key.ack(tokens).expect("few"),
        Op::Nack { tokens, dead } => {
            key.nack(tokens, &Nack { delay: None, dead: *dead, reason: b"sim" }, now).expect("few")
        }
        Op::Extend { tokens, lease } => key.extend(tokens, *lease, now).expect("few"),
        Op::Release { worker } => key.release(&worker.to_be_bytes(), now),
        Op::RequeueAll => key.requeue(Which::All(1_000), now).expect("all"),
    };
    Effect { changed: settled.changed, count: settled.count, delivered: Vec::new() }
}

fn snapshot<G: Gate>(key: &Queue<G>) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn reload<G: Gate>(key: &Queue<G>) -> Queue<G> {
    let mut loader = Loader::new([3, 4]);
    snapshot(key).iter().try_for_each(|chunk| loader.push(chunk)).expect("sound");
    loader.finish().expect("whole")
}

/// A worker process: what it holds, and nothing else.
struct Worker {
    name: u32,
    held: Vec<Delivery>,
}

pub struct World<F: Family> {
    rng: Rng,
    now: UnixMs,
    writers: F,
    master: Queue<F::Gate>,
    replica: Queue<F::Gate>,
    /// Since the last full synchronisation.
    log: Vec<Logged<F::Write>>,
    replicated: usize,
    /// The state the log starts from, and what was true then.
    base: (Queue<F::Gate>, F::Truth),
    truth: F::Truth,
    /// The last token of each entry. What a worker has seen does not go with a crash of the server.
    last_tokens: BTreeMap<u32, u64>,
    workers: Vec<Worker>,
    next_worker: u32,
}

impl<F: Family> World<F> {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (writers, master, truth) = F::start(&mut rng);
        World {
            rng,
            now: UnixMs(1_000),
            writers,
            replica: master.clone(),
            base: (master.clone(), truth.clone()),
            master,
            log: Vec::new(),
            replicated: 0,
            truth,
            last_tokens: BTreeMap::new(),
            workers: Vec::new(),
            next_worker: 0,
        }
    }

    fn run(&mut self, mut op: Op<F::Write>) -> Effect {
        let now = self.now;
        let effect = apply::<F>(&mut self.master, &mut op, now);
        if effect.changed {
            if let Op::Write(write) = &op {
                self.truth.written(write, now);
            }
            let delivered = effect.delivered.clone();
            self.log.push(Logged { op, now, delivered, acked: None });
        }
        for delivery in &effect.delivered {
            self.truth.delivered(delivery, now);
            let before = self.last_tokens.insert(F::Truth::identity(delivery), delivery.token);
            assert!(before < Some(delivery.token), "the token of an entry did not rise");
        }
        effect
    }

    fn ack(&mut self, delivery: Delivery) {
        if self.run(Op::Ack(vec![TokenRange::one(delivery.token)])).count == 1 {
            self.truth.acked(&delivery);
            self.log.last_mut().expect("just logged").acked = Some(delivery);
        }
    }

    pub fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..=38 => {
                let write = self.writers.write(&mut self.rng, &self.master, self.now);
                self.run(Op::Write(write));
            }
            39 => self.look(),
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

    /// The timer and readers look at the master only.
    fn look(&mut self) {
        self.master.settle(self.now, self.rng.usize(0..20));
        if self.rng.bool() {
            self.master.stats(self.now);
        }
    }

    fn claim(&mut self) {
        if self.workers.len() < 4 {
            self.workers.push(Worker { name: self.next_worker, held: Vec::new() });
            self.next_worker += 1;
        }
        let at = self.rng.usize(0..self.workers.len());
        let (worker, count) = (self.workers[at].name, self.rng.usize(1..8));
        let lease = Millis(self.rng.u64(1..300));
        let got = self.run(Op::Claim { worker, count, lease, first: None }).delivered;
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
        coalesce(&mut tokens);
        match self.rng.u32(0..10) {
            0..=5 => some.into_iter().for_each(|delivery| self.ack(delivery)),
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
            let effect = apply::<F>(&mut self.replica, &mut logged.op.clone(), logged.now);
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
        let mut restarted = reload(&self.base.0);
        for logged in &self.log[..kept] {
            apply::<F>(&mut restarted, &mut logged.op.clone(), logged.now);
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

    fn start_over_with(&mut self, master: Queue<F::Gate>) {
        // The truth is now what the log tells, from its base on: anything else never happened.
        self.truth = self.base.1.clone();
        for logged in self.log.drain(..) {
            if let Op::Write(write) = &logged.op {
                self.truth.written(write, logged.now);
            }
            logged.delivered.iter().for_each(|delivery| self.truth.delivered(delivery, logged.now));
            logged.acked.iter().for_each(|delivery| self.truth.acked(delivery));
        }
        self.master = master;
        self.replica = reload(&self.master);
        self.base = (reload(&self.master), self.truth.clone());
        self.replicated = 0;
        // Noticing takes a while, and clients reconnect without what they held, or with it.
        self.now = self.now.after(Millis(1_000));
        if self.rng.bool() {
            self.workers.clear();
        }
    }

    pub fn finish(&mut self) {
        for write in F::last_writes() {
            self.run(Op::Write(write));
        }
        for _ in 0..10_000 {
            self.now = self.now.after(Millis(500));
            self.run(Op::RequeueAll);
            let claim = Op::Claim { worker: u32::MAX, count: 100, lease: Millis(10_000), first: None };
            for delivery in self.run(claim).delivered {
                self.ack(delivery);
            }
            if self.master.is_empty() {
                break;
            }
        }
        self.truth.judge();
    }
}
