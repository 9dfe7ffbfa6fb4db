//! What may happen in the world around a key, and what comes of it.

use crate::bounds::{Bounds, Budget, Database};
use crate::family::Family;
use crate::history::{Breaches, Broken, History};
use crate::node::{Node, Role, Source};
use crate::op::Op;
use crate::planted::Plant;
use crate::side::{hash_of, Done, Side};
use crate::state::{Action, Held, Row, Sent, State};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tsgen_engine::{Millis, TokenRange, UnixMs};

pub struct World<F: Family> {
    pub family: F,
    pub bounds: Bounds,
    pub database: Database,
    pub plant: Option<Plant>,
    pub known: Known<F>,
}

/// What has come of operations before, by hashes of these and of the servers.
pub struct Known<F: Family>(Vec<Mutex<HashMap<u64, Arc<Done<F>>>>>);

impl<F: Family> Default for Known<F> {
    fn default() -> Self {
        Known((0..64).map(|_| Mutex::default()).collect())
    }
}

impl<F: Family> Known<F> {
    fn lock(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, Arc<Done<F>>>> {
        let mut part = self.0[hash as usize % self.0.len()].lock().expect("nobody panics with it");
        if part.len() > 20_000 {
            part.clear();
        }
        part
    }
}

impl<F: Family> World<F> {
    pub fn first(&self) -> State<F> {
        let now = 10;
        let master = Arc::new(Side::new(self.family.start(UnixMs(now)), History::new(self.family.truth(UnixMs(now)))));
        let replica = Arc::new(Side::new(master.node.synchronised(), master.history.clone()));
        State {
            now,
            master,
            replica,
            on_the_way: Vec::new(),
            held: [Vec::new(), Vec::new()],
            deliveries: 0,
            rows: BTreeMap::new(),
            spent: Budget::default(),
            lost_at: i64::MIN,
            clocks_disagree: false,
            broken: Breaches::default(),
        }
    }

    pub fn offer(&self, state: &State<F>, actions: &mut Vec<Action<F::Write>>) {
        let (spent, most) = (&state.spent, &self.bounds.budget);
        if spent.commands < most.commands {
            self.offer_commands(state, actions);
        }
        if spent.works < most.works {
            for (worker, held) in state.held.iter().enumerate() {
                actions.extend(held.iter().map(|held| Action::Work(worker, held.delivery.token)));
            }
        }
        if spent.passes < most.passes {
            actions.push(Action::Pass);
        }
        if spent.backs < most.backs {
            actions.push(Action::SetBack);
        }
        if state.may_lose(&self.bounds) {
            let some = 0..=state.on_the_way.len();
            actions.extend(some.clone().map(Action::FailOver));
            let is_whole = |kept: &usize| *kept == 0 || !state.on_the_way[kept - 1].has_more;
            actions.extend(some.filter(is_whole).map(Action::Crash));
        }
        if spent.moves < most.moves {
            actions.push(Action::Move);
        }
    }

    fn offer_commands(&self, state: &State<F>, actions: &mut Vec<Action<F::Write>>) {
        let (spent, most) = (&state.spent, &self.bounds.budget);
        if spent.writes < most.writes {
            let commands = self.family.commands(&state.master.node, spent.writes, state.now());
            actions.extend(commands.into_iter().map(Action::Write));
        }
        let lease = self.bounds.lease;
        // The workers are alike: the first to get anything is the first.
        let workers = if state.held[0].is_empty() { 1 } else { 2 };
        for worker in 0..workers {
            if spent.claims < most.claims {
                let claim = |count: &usize| Op::claim(worker, *count, lease);
                actions.extend(self.bounds.counts.iter().map(claim).map(Action::Do));
            }
            if spent.claims < most.claims && spent.settles < most.settles && spent.joint < most.joint {
                for held in &state.held[worker as usize] {
                    let acks = vec![TokenRange::one(held.delivery.token)];
                    actions.push(Action::Do(Op::Claim { worker, count: 1, lease, first: None, acks }));
                }
            }
            if spent.settles < most.settles {
                for held in &state.held[worker as usize] {
                    let tokens = vec![TokenRange::one(held.delivery.token)];
                    actions.push(Action::Do(Op::Nack { tokens: tokens.clone(), dead: false }));
                    actions.push(Action::Do(Op::Nack { tokens: tokens.clone(), dead: true }));
                    actions.push(Action::Do(Op::Extend { tokens: tokens.clone(), lease }));
                    actions.push(Action::Do(Op::Ack(tokens)));
                }
                actions.push(Action::Do(Op::Release { worker }));
            }
        }
        if spent.pauses < most.pauses {
            actions.push(Action::Do(Op::Pause(!state.master.node.key.options().paused)));
        }
        if spent.operates < most.operates {
            actions.extend([Op::RequeueAll, Op::PromoteAll, Op::Sweep].map(Action::Do));
            for token in state.master.history.tokens() {
                let tokens = vec![TokenRange::one(token)];
                actions.extend([Op::Promote(tokens.clone()), Op::Discard(tokens)].map(Action::Do));
            }
        }
    }

    /// `None` if nothing comes of it.
    pub fn step(&self, state: &State<F>, action: &Action<F::Write>) -> Option<State<F>> {
        let mut next = state.clone();
        let spent = &mut next.spent;
        match action {
            Action::Write(_) => {
                (spent.commands, spent.writes) = (spent.commands + 1, spent.writes + 1);
            }
            Action::Do(op) => {
                spent.commands += 1;
                match op {
                    Op::Claim { acks, .. } => {
                        let joint = u8::from(!acks.is_empty());
                        spent.claims += 1;
                        (spent.settles, spent.joint) = (spent.settles + joint, spent.joint + joint);
                    }
                    Op::Pause(_) => spent.pauses += 1,
                    Op::Ack(_) | Op::Nack { .. } | Op::Extend { .. } | Op::Release { .. } => spent.settles += 1,
                    _ => spent.operates += 1,
                }
            }
            Action::Work(..) => spent.works += 1,
            Action::Pass => spent.passes += 1,
            Action::SetBack => spent.backs += 1,
            Action::FailOver(_) | Action::Crash(_) => spent.losses += 1,
            Action::Move => spent.moves += 1,
        }
        match action {
            Action::Write(writes) => self.run_all(&mut next, writes).then_some(next),
            Action::Do(op) => self.run(&mut next, op).then_some(next),
            Action::Work(worker, token) => self.work(&mut next, *worker, *token).then_some(next),
            Action::Pass => {
                self.pass(&mut next);
                Some(next)
            }
            Action::SetBack => {
                next.now -= self.bounds.back;
                self.tick(&mut next);
                Some(next)
            }
            Action::FailOver(arrived) => {
                self.deliver(&mut next, *arrived);
                let mut promoted = next.replica.node.clone();
                next.now += 1;
                promoted.clock = next.now();
                F::promoted(&mut promoted);
                let history = next.replica.history.clone();
                self.start_over(&mut next, promoted, history);
                Some(next)
            }
            Action::Crash(kept) => {
                self.deliver(&mut next, *kept);
                // A restart takes longer.
                next.now += 2;
                let mut restarted = next.replica.node.copied_by_file();
                restarted.clock = next.now();
                F::loaded(&mut restarted, Source::Log);
                let history = next.replica.history.clone();
                self.start_over(&mut next, restarted, history);
                Some(next)
            }
            Action::Move => {
                let before = next.master.node.snapshot();
                let mut moved = next.master.node.copied_by_file();
                moved.clock = next.now();
                F::loaded(&mut moved, Source::Snapshot);
                if self.plant == Some(Plant::MovesWithoutLeases) {
                    moved.key.release(&0u32.to_be_bytes(), next.now());
                }
                if moved.snapshot() != before {
                    next.broken.add(Broken::Moved);
                }
                let history = next.master.history.clone();
                next.on_the_way.clear();
                self.start_over(&mut next, moved, history);
                Some(next)
            }
        }
    }

    /// What comes of an operation on a server. Very many histories come to the same.
    fn perform(
        &self,
        side: &Side<F>,
        op: &Op<F::Write>,
        now: UnixMs,
        clock: UnixMs,
        plant: Option<Plant>,
    ) -> Arc<Done<F>> {
        let asked = hash_of((side.digest, op, now, clock, plant.is_some()));
        if let Some(done) = self.known.lock(asked).get(&asked) {
            return done.clone();
        }
        let done = Arc::new(side.perform(op.clone(), now, clock, plant));
        self.known.lock(asked).insert(asked, done.clone());
        done
    }

    /// Does an operation on the master. Tells whether anything came of it.
    fn run(&self, next: &mut State<F>, op: &Op<F::Write>) -> bool {
        let has_come = self.do_on_master(next, op);
        self.let_arrive(next);
        has_come
    }

    /// Does what one turn of the loop does. Tells whether anything came of it.
    fn run_all(&self, next: &mut State<F>, writes: &[F::Write]) -> bool {
        let before = next.on_the_way.len();
        let mut has_come = false;
        for write in writes {
            has_come |= self.do_on_master(next, &Op::Write(write.clone()));
        }
        if let Some((_last, others)) = next.on_the_way[before..].split_last_mut() {
            others.iter_mut().for_each(|sent| sent.has_more = true);
        }
        self.let_arrive(next);
        has_come
    }

    fn do_on_master(&self, next: &mut State<F>, op: &Op<F::Write>) -> bool {
        let now = next.now();
        let done = self.perform(&next.master, op, now, now, self.plant);
        if !done.changed && done.side.digest == next.master.digest && done.broken == Breaches::default() {
            return false;
        }
        next.master = done.side.clone();
        next.broken.join(done.broken);
        next.clocks_disagree |= now.0 <= next.lost_at;
        if let Op::Claim { worker, .. } = op {
            for delivery in &done.delivered {
                next.deliveries += 1;
                next.held[*worker as usize].push(Held { nth: next.deliveries, delivery: delivery.clone() });
            }
        }
        if done.changed {
            next.on_the_way.push(Sent { op: done.op.clone(), at: now.0, has_more: false });
        }
        true
    }

    /// Only what may be lost need be on its way: when the rest arrives makes no difference to anybody.
    fn let_arrive(&self, next: &mut State<F>) {
        let late = if next.may_lose(&self.bounds) { self.bounds.lag } else { 0 };
        let mut arrived = next.on_the_way.len().saturating_sub(late);
        // What a file has or has not as a whole is on its way as a whole.
        while arrived > 0 && next.on_the_way[arrived - 1].has_more {
            arrived -= 1;
        }
        self.deliver(next, arrived);
    }

    /// So many operations reach the replica.
    fn deliver(&self, next: &mut State<F>, arrived: usize) {
        let clock = next.now();
        for Sent { op, at, .. } in next.on_the_way.drain(..arrived) {
            let told = match self.plant {
                Some(plant) => plant.tells::<F>(op),
                None => Some(op),
            };
            let Some(op) = told else { continue };
            let done = self.perform(&next.replica, &op, UnixMs(at), clock, None);
            if !done.changed {
                next.broken.add(Broken::Level);
            }
            next.replica = done.side.clone();
            next.broken.join(done.broken);
        }
        if next.on_the_way.is_empty() {
            let is_level = next.master.fingerprint() == next.replica.fingerprint()
                && F::is_level(&next.master.node, &next.replica.node);
            if !is_level {
                next.broken.add(Broken::Level);
            }
        }
    }

    /// Another server is the master, and its replica synchronises with it.
    fn start_over(&self, next: &mut State<F>, master: Node<F>, mut history: History<F::Truth>) {
        next.lost_at = next.on_the_way.drain(..).map(|sent| sent.at).fold(next.lost_at, i64::max);
        history.went_on(next.now());
        next.replica = Arc::new(Side::new(master.synchronised(), history.clone()));
        next.master = Arc::new(Side::new(master, history));
        self.tick(next);
    }

    fn pass(&self, next: &mut State<F>) {
        let until = next.now().after(Millis(self.bounds.pass));
        let wakes = |next: &State<F>| {
            let nodes = [&next.master.node, &next.replica.node];
            nodes.into_iter().filter_map(|node| F::wakes_at(node, next.now())).min().filter(|at| *at <= until)
        };
        while let Some(at) = wakes(next) {
            next.now = at.0;
            self.tick(next);
        }
        next.now = until.0;
        self.tick(next);
    }

    /// Both servers do by themselves what there is to do now.
    fn tick(&self, next: &mut State<F>) {
        let now = next.now();
        let tick = |side: &Arc<Side<F>>, role| {
            let mut node = side.node.clone();
            node.clock = now.after(Millis(u64::from(self.plant == Some(Plant::ServesEarly))));
            let writes = F::tick(&mut node, role);
            let side = Side::new(node, side.history.clone());
            (side, writes)
        };
        if self.family.ticks() {
            let (master, writes) = tick(&next.master, Role::Master);
            next.master = Arc::new(master);
            let (replica, _none) = tick(&next.replica, Role::Replica);
            next.replica = Arc::new(replica);
            self.run_all(next, &writes);
        }
    }

    fn work(&self, next: &mut State<F>, worker: usize, token: u64) -> bool {
        let held = next.held[worker].iter().find(|held| held.delivery.token == token).expect("it was offered").clone();
        let (name, body) = (held.delivery.name.clone(), held.delivery.body.clone());
        let new = Row { token, nth: held.nth, body };
        let Some(row) = next.rows.get_mut(&name) else {
            next.rows.insert(name, new);
            return true;
        };
        if next.clocks_disagree {
            return false;
        }
        match self.database {
            Database::Numbered => {
                if row.body != new.body {
                    next.broken.add(Broken::Batch);
                    return true;
                }
                false
            }
            Database::Fenced => {
                let is_written = token > row.token || self.plant == Some(Plant::NoFence);
                if is_written != (new.nth > row.nth) && new.nth != row.nth {
                    next.broken.add(Broken::OlderWon);
                }
                if is_written {
                    *row = new;
                }
                is_written || next.has(Broken::OlderWon)
            }
        }
    }
}
