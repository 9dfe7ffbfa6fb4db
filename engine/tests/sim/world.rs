//! A server, its replica, its log and its workers: the same for every family.

use crate::family::{Delivery, Family, Truth};
use crate::log::Logged;
use crate::node::{Node, Role, Source};
use crate::notes::Notes;
use crate::op::{apply, Effect, Op};
use fastrand::Rng;
use std::collections::BTreeMap;
use tsgen_engine::{coalesce, Listing, Millis, TokenRange, UnixMs};

/// A worker process: what it holds, and nothing else.
struct Worker {
    name: u32,
    held: Vec<Delivery>,
}

pub struct World<F: Family> {
    rng: Rng,
    now: UnixMs,
    writers: F,
    master: Node<F>,
    replica: Node<F>,
    /// Since the last full synchronisation.
    log: Vec<Logged<F::Write>>,
    replicated: usize,
    /// The state the log starts from, and what was true then.
    base: (Node<F>, F::Truth),
    /// The last file that was saved, and how long the log was then.
    saved: Option<(Node<F>, usize)>,
    truth: F::Truth,
    /// Whether an operator has paused the key, as far as that survived; and what the log starts from.
    paused: bool,
    base_paused: bool,
    /// The last token of each entry. What a worker has seen does not go with a crash of the server.
    last_tokens: BTreeMap<u64, u64>,
    /// The last token of all that the log starts after.
    base_token: u64,
    workers: Vec<Worker>,
    next_worker: u32,
    notes: Notes,
}

impl<F: Family> World<F> {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (writers, key, around, truth) = F::start(&mut rng);
        let now = UnixMs(1_000);
        let master = Node { key, around, clock: now };
        World {
            rng,
            now,
            writers,
            replica: master.clone(),
            base: (master.clone(), truth.clone()),
            notes: Notes::of::<F>(&master),
            master,
            saved: None,
            log: Vec::new(),
            replicated: 0,
            truth,
            paused: false,
            base_paused: false,
            last_tokens: BTreeMap::new(),
            base_token: 0,
            workers: Vec::new(),
            next_worker: 0,
        }
    }

    fn run(&mut self, op: Op<F::Write>) -> Effect {
        self.run_settling(op, None)
    }

    /// `settles` is what the operation acknowledges or clears away, if its token is still good.
    fn run_settling(&mut self, mut op: Op<F::Write>, settles: Option<Delivery>) -> Effect {
        let now = self.now;
        let effect = apply::<F>(&mut self.master, &mut op, now, now);
        let beat = self.notes.next();
        self.notes.note::<F>(&op, &effect, &self.truth, now);
        let has_settled = if matches!(op, Op::Claim { .. }) { effect.acked == 1 } else { effect.count == 1 };
        let settled = settles.filter(|_| has_settled);
        if effect.changed {
            if let Op::Write(write) = &op {
                self.truth.written(write, now);
            }
            if let Op::Pause(paused) = op {
                self.paused = paused;
            }
            let delivered = effect.delivered.clone();
            let logged = Logged { op, now, beat, delivered, settled, has_more: false };
            logged.settle(&mut self.truth);
            self.log.push(logged);
        }
        for delivery in &effect.delivered {
            assert!(!self.paused, "a paused key handed something out");
            self.truth.delivered(delivery, now);
            let before = self.last_tokens.insert(F::Truth::identity(delivery), delivery.token);
            assert!(before < Some(delivery.token), "the token of an entry did not rise");
        }
        effect
    }

    /// Runs what belongs together.
    fn run_all(&mut self, writes: Vec<F::Write>) {
        let before = self.log.len();
        writes.into_iter().for_each(|write| drop(self.run(Op::Write(write))));
        if let Some((_last, others)) = self.log.get_mut(before..).and_then(<[_]>::split_last_mut) {
            others.iter_mut().for_each(|logged| logged.has_more = true);
        }
    }

    /// Both servers do by themselves what there is to do now.
    fn tick(&mut self) {
        self.master.clock = self.now;
        for write in F::tick(&mut self.rng, &mut self.master, Role::Master) {
            self.run(Op::Write(write));
        }
        self.master.key.compact(self.rng.usize(..4));
        self.tick_replica();
    }

    fn tick_replica(&mut self) {
        self.replica.clock = self.now;
        let written = F::tick(&mut self.rng, &mut self.replica, Role::Replica);
        assert!(written.is_empty(), "a replica writes nothing");
        self.replica.key.compact(self.rng.usize(..4));
    }

    /// When one of these servers does something by itself next, if that is not after `until`.
    fn wakes<const N: usize>(&self, servers: [&Node<F>; N], until: UnixMs) -> Option<UnixMs> {
        let at = servers.into_iter().filter_map(|server| F::wakes_at(server, self.now)).min()?;
        assert!(at > self.now, "a server that never sleeps");
        Some(at).filter(|at| *at <= until)
    }

    /// Time passes.
    fn pass(&mut self, ms: u64) {
        let until = self.now.after(Millis(ms));
        while let Some(at) = self.wakes([&self.master, &self.replica], until) {
            self.now = at;
            self.tick();
        }
        self.now = until;
        self.tick();
    }

    fn ack(&mut self, delivery: Delivery) {
        self.writers.worked(&delivery);
        let tokens = vec![TokenRange::one(delivery.token)];
        // Or somebody gave it up after all, and an operator cleared it away.
        let is_given_up = self.rng.u32(0..16) == 0;
        let settled = if is_given_up && self.run(Op::Nack { tokens: tokens.clone(), dead: true }).count == 1 {
            Op::Discard(tokens)
        } else {
            Op::Ack(tokens)
        };
        self.run_settling(settled, Some(delivery));
    }

    pub fn step(&mut self) {
        if F::CLOCK_STEPS && self.rng.u32(0..30) == 0 {
            // Deadlines that were set before are then as much nearer or farther.
            self.now = UnixMs(self.now.0 + self.rng.i64(-2_000..2_000));
            self.tick();
        }
        match self.rng.u32(0..100) {
            0..=37 => {
                let writes = self.writers.write(&mut self.rng, &self.master, self.now);
                self.run_all(writes);
            }
            38 => self.saved = Some((self.master.copied_by_file(), self.log.len())),
            39 if self.rng.bool() => self.look(),
            // Pauses are short beside the time between them.
            39 => drop(self.run(Op::Pause(!self.paused))),
            40..=54 => self.claim(),
            55 if self.paused => drop(self.run(Op::Pause(false))),
            55..=79 => self.work(),
            80..=84 => self.kill_a_worker(),
            85..=93 => self.replicate(),
            94..=97 => {
                let ms = self.rng.u64(1..400);
                self.pass(ms);
            }
            98 => self.crash(),
            _ => self.fail_over(),
        }
        let ms = self.rng.u64(0..5);
        self.pass(ms);
        F::check(&self.master.key, self.now);
        F::check(&self.replica.key, self.now);
    }

    /// The timer and readers look at the master only.
    fn look(&mut self) {
        self.master.key.sort_overdue(self.now, self.rng.usize(0..20));
        if self.rng.u32(0..4) == 0 {
            self.run(Op::Sweep);
        }
        if self.rng.bool() {
            self.master.key.stats(self.now);
        }
        let all = [Listing::Waiting, Listing::Ready, Listing::Delayed, Listing::Leased, Listing::Dead];
        let listing = all[self.rng.usize(0..5)];
        let first = self.master.key.peek(listing, None, self.rng.usize(1..9), self.now).next;
        self.master.key.peek(listing, first, 100, self.now);
    }

    fn claim(&mut self) {
        if self.workers.len() < 4 {
            self.workers.push(Worker { name: self.next_worker, held: Vec::new() });
            self.next_worker += 1;
        }
        let at = self.rng.usize(0..self.workers.len());
        let (worker, count) = (self.workers[at].name, self.rng.usize(1..8));
        let lease = Millis(self.rng.u64(1..300));
        // Some acknowledge in the same step what they have done last.
        let done = if self.rng.u32(0..3) == 0 { self.workers[at].held.pop() } else { None };
        done.iter().for_each(|done| self.writers.worked(done));
        let acks = done.iter().map(|done| TokenRange::one(done.token)).collect();
        let got = self.run_settling(Op::Claim { worker, count, lease, first: None, acks }, done).delivered;
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
                self.run(Op::Nack { tokens: tokens.clone(), dead });
                match self.rng.u32(0..8) {
                    0 => drop(self.run(Op::Promote(tokens))),
                    1 => drop(self.run(Op::PromoteAll)),
                    _ => {}
                }
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
            let held = self.workers.swap_remove(at).held;
            let worked = self.rng.usize(0..=held.len());
            held[..worked].iter().for_each(|delivery| self.writers.worked(delivery));
        }
    }

    fn replicate(&mut self) {
        let upto = self.rng.usize(self.replicated..=self.log.len());
        self.replicate_until(upto);
    }

    fn replicate_until(&mut self, upto: usize) {
        for logged in &self.log[self.replicated..upto] {
            let effect = apply::<F>(&mut self.replica, &mut logged.op.clone(), logged.now, self.now);
            assert!(effect.changed, "the replica found nothing to change where its master did");
            assert!(!effect.adopted, "the replica would have issued another token");
        }
        self.replicated = upto;
        if upto == self.log.len() {
            assert_eq!(self.replica.fingerprint(), self.master.fingerprint(), "a replica that is level differs");
            F::check_level(&self.master, &self.replica);
        }
    }

    /// kill -9, and a restart after a while: from the append-only file, of which an unsynced tail may be missing, or from the last
    /// file that was saved.
    fn crash(&mut self) {
        self.now = self.now.after(Millis(self.rng.u64(1..2_000)));
        let saved = self.saved.take().filter(|_| self.rng.bool());
        let source = if saved.is_some() { Source::Snapshot } else { Source::Log };
        let (mut restarted, kept) = saved.unwrap_or_else(|| {
            let mut kept = self.log.len() - self.rng.usize(0..=self.log.len().min(20));
            while kept > 0 && self.log[kept - 1].has_more {
                kept -= 1;
            }
            let mut replayed = self.base.0.clone();
            for logged in &self.log[..kept] {
                apply::<F>(&mut replayed, &mut logged.op.clone(), logged.now, self.now);
            }
            (replayed, kept)
        });
        self.notes.lost_from(self.log.get(kept).map(|logged| logged.beat));
        self.log.truncate(kept);
        restarted.clock = self.now;
        F::loaded(&mut restarted, source);
        self.start_over_with(restarted, source);
    }

    /// The replica takes over with what has reached it, once it was noticed that the master is gone: not at once, so the last of it
    /// reached it some milliseconds ago.
    fn fail_over(&mut self) {
        // Mostly little is missing, and often part of what belongs together.
        let missing = self.rng.usize(0..5);
        if self.rng.u32(0..4) > 0 && self.log.len() - missing.min(self.log.len()) > self.replicated {
            self.replicate_until(self.log.len() - missing);
        }
        self.notes.lost_from(self.log.get(self.replicated).map(|logged| logged.beat));
        self.log.truncate(self.replicated);
        let noticed = self.now.after(Millis(self.rng.u64(3..2_000)));
        while let Some(at) = self.wakes([&self.replica], noticed) {
            self.now = at;
            self.tick_replica();
        }
        self.now = noticed;
        let mut promoted = self.replica.clone();
        promoted.clock = self.now;
        F::promoted(&mut promoted);
        self.start_over_with(promoted, Source::Sync);
    }

    fn start_over_with(&mut self, master: Node<F>, source: Source) {
        // The truth is now what the log tells, from its base on: anything else never happened.
        self.truth = self.base.1.clone();
        self.paused = self.base_paused;
        for logged in self.log.drain(..) {
            if let Op::Pause(paused) = logged.op {
                self.paused = paused;
            }
            let last = logged.delivered.last().map_or(0, |delivery| delivery.token);
            self.base_token = self.base_token.max(last);
            if let Op::Write(write) = &logged.op {
                self.truth.written(write, logged.now);
            }
            logged.settle(&mut self.truth);
            logged.delivered.iter().for_each(|delivery| self.truth.delivered(delivery, logged.now));
        }
        self.truth.went_on_with(source, self.now);
        if F::CLOCK_STEPS {
            // Only as far as clocks agree are tokens that were lost with the end of the log not issued again.
            let lasting = self.base_token;
            self.last_tokens.retain(|_, token| *token <= lasting);
            self.workers.iter_mut().for_each(|worker| worker.held.retain(|delivery| delivery.token <= lasting));
        }
        self.master = master;
        self.replica = self.master.synchronised();
        self.base = (self.master.copied_by_file(), self.truth.clone());
        self.base_paused = self.paused;
        self.saved = None;
        self.replicated = 0;
        // Clients reconnect without what they held, or with it.
        if self.rng.bool() {
            self.workers.clear();
        }
    }

    pub fn finish(&mut self) {
        self.run(Op::Pause(false));
        self.run_all(F::last_writes());
        for _ in 0..10_000 {
            self.pass(500);
            self.run(Op::RequeueAll);
            for delivery in self.run(Op::claim(u32::MAX, 100, Millis(10_000))).delivered {
                self.ack(delivery);
            }
            if self.master.key.is_empty() {
                break;
            }
        }
        self.truth.judge();
        self.notes.judge();
        self.writers.judge_work(&self.truth);
    }
}
