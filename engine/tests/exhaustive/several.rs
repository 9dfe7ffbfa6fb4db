//! MCLAIM: two keys of elements that are due at once, and workers who claim from both, the first key first. Whom they ask for how much is told by the
//! engine's [`Round`], as in the module.

use crate::bounds::Budget;
use crate::family::Family;
use crate::history::{Breaches, Broken, Delivery, History};
use crate::model;
use crate::node::Node;
use crate::op::Op;
use crate::planted::Plant;
use crate::side::Side;
use crate::tsgen::{Elements, Write};
use stateright::{Model, Property};
use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tsgen_engine::{ClaimTerms, Millis, Round, TokenRange, UnixMs};

const KEYS: usize = 2;

pub struct Several {
    pub family: Elements,
    pub budget: Budget,
    pub lease: Millis,
    /// By how many milliseconds time passes.
    pub pass: u64,
    pub plant: Option<Plant>,
}

/// What one command made of a key, and when.
type Unit = Vec<(usize, Op<Write>, i64)>;

#[derive(Clone)]
pub struct State {
    now: i64,
    master: [Arc<Side<Elements>>; KEYS],
    replica: [Arc<Side<Elements>>; KEYS],
    /// Whole commands: a replica has all of one or nothing.
    on_the_way: Vec<Unit>,
    /// What the two workers ever got, with its key.
    held: [Vec<(usize, Arc<Delivery>)>; 2],
    spent: Budget,
    broken: Breaches,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Write(usize, Write),
    /// MCLAIM, which may acknowledge a token of a key first.
    Claim {
        worker: usize,
        count: usize,
        acks: Option<(usize, u64)>,
    },
    Pass,
    /// The replica takes over, with so many of the commands that were on their way.
    FailOver(usize),
}

impl State {
    fn digests(&self) -> [u64; 2 * KEYS] {
        let [a, b] = &self.master;
        let [c, d] = &self.replica;
        [a, b, c, d].map(|side| side.digest)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.digests() == other.digests()
            && (self.now, self.spent, self.broken) == (other.now, other.spent, other.broken)
            && (&self.on_the_way, &self.held) == (&other.on_the_way, &other.held)
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.digests(), self.now, self.spent, self.broken, &self.on_the_way, &self.held).hash(hasher);
    }
}

impl Debug for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let histories = [&self.master, &self.replica].map(|sides| [&sides[0].history, &sides[1].history]);
        f.debug_struct("State")
            .field("now", &self.now)
            .field("master", &histories[0])
            .field("replica", &histories[1])
            .field("on_the_way", &self.on_the_way)
            .field("held", &self.held)
            .field("broken", &self.broken)
            .finish()
    }
}

impl Several {
    /// Does an operation on a key of the master. Tells whether it changed anything.
    fn run(&self, next: &mut State, unit: &mut Unit, key: usize, op: Op<Write>) -> (bool, Vec<Arc<Delivery>>) {
        let now = UnixMs(next.now);
        let done = next.master[key].perform(op, now, now, self.plant);
        next.master[key] = done.side;
        next.broken.join(done.broken);
        if done.changed {
            unit.push((key, done.op, next.now));
        }
        (done.changed, done.delivered)
    }

    fn claim(&self, next: &mut State, worker: usize, count: usize, acks: Option<(usize, u64)>) -> bool {
        let (now, mut unit) = (UnixMs(next.now), Vec::new());
        let mut has_come = false;
        if let Some((key, token)) = acks {
            has_come |= self.run(next, &mut unit, key, Op::Ack(vec![TokenRange::one(token)])).0;
        }
        let mut keys: Vec<usize> = (0..KEYS).collect();
        if self.plant == Some(Plant::AsksTheLastFirst) {
            keys.reverse();
        }
        let mut round = Round::of(count);
        for key in keys {
            if round.is_over() {
                break;
            }
            let mut queue = next.master[key].node.key.clone();
            let Some(asked) = round.asks(&mut queue, now) else { continue };
            let name = (worker as u32).to_be_bytes();
            let terms = ClaimTerms { consumer: &name, count: asked, lease: self.lease, first: None };
            let claim = queue.claim(&terms, now).expect("no sink");
            round.took(&queue, &claim);
            let (changed, got) = self.run(next, &mut unit, key, Op::claim(worker as u32, asked, self.lease));
            has_come |= changed;
            if key > 0 && !got.is_empty() && next.master[0].history.has_fresh(now) {
                next.broken.add(Broken::Priority);
            }
            next.held[worker].extend(got.into_iter().map(|delivery| (key, delivery)));
        }
        if !round.is_over() && next.master.iter().any(|side| side.history.has_fresh(now)) {
            next.broken.add(Broken::Withheld);
        }
        self.send(next, unit);
        has_come || next.broken != Breaches::default()
    }

    fn send(&self, next: &mut State, unit: Unit) {
        if !unit.is_empty() {
            next.on_the_way.push(unit);
        }
        let late = if next.spent.losses < self.budget.losses { 2 } else { 0 };
        let arrived = next.on_the_way.len().saturating_sub(late);
        self.deliver(next, arrived);
    }

    fn deliver(&self, next: &mut State, arrived: usize) {
        let clock = UnixMs(next.now);
        for (key, op, at) in next.on_the_way.drain(..arrived).flatten() {
            let done = next.replica[key].perform(op, UnixMs(at), clock, None);
            if !done.changed {
                next.broken.add(Broken::Level);
            }
            next.replica[key] = done.side;
            next.broken.join(done.broken);
        }
        let is_level = |key: usize| next.master[key].fingerprint() == next.replica[key].fingerprint();
        if next.on_the_way.is_empty() && !(0..KEYS).all(is_level) {
            next.broken.add(Broken::Level);
        }
    }

    fn fail_over(&self, next: &mut State, arrived: usize) {
        self.deliver(next, arrived);
        next.on_the_way.clear();
        next.now += 1;
        let begin = |node: Node<Elements>, history: &History<_>| Arc::new(Side::new(node, history.clone()));
        for key in 0..KEYS {
            let promoted = next.replica[key].clone();
            next.replica[key] = begin(promoted.node.synchronised(), &promoted.history);
            next.master[key] = promoted;
        }
    }
}

impl Model for Several {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let now = UnixMs(10);
        let side = || Arc::new(Side::new(self.family.start(now), History::new(self.family.truth(now))));
        let broken = Breaches::default();
        let (master, replica) = ([side(), side()], [side(), side()]);
        let spent = Budget::default();
        vec![State { now: now.0, master, replica, on_the_way: Vec::new(), held: Default::default(), spent, broken }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let (spent, most) = (&state.spent, &self.budget);
        if spent.commands < most.commands && spent.writes < most.writes {
            for key in 0..KEYS {
                let commands = self.family.commands(&state.master[key].node, spent.writes, UnixMs(state.now));
                actions.extend(commands.into_iter().flatten().map(|write| Action::Write(key, write)));
            }
        }
        if spent.commands < most.commands && spent.claims < most.claims {
            let workers = if state.held[0].is_empty() { 1 } else { 2 };
            for worker in 0..workers {
                actions.extend([1, 2].map(|count| Action::Claim { worker, count, acks: None }));
                let held = state.held[worker].iter().filter(|_| spent.joint < most.joint);
                let acks = held.map(|(key, delivery)| Some((*key, delivery.token)));
                actions.extend(acks.map(|acks| Action::Claim { worker, count: 1, acks }));
            }
        }
        if spent.passes < most.passes {
            actions.push(Action::Pass);
        }
        if spent.losses < most.losses {
            actions.extend((0..=state.on_the_way.len()).map(Action::FailOver));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let spent = &mut next.spent;
        match action {
            Action::Write(key, write) => {
                (spent.commands, spent.writes) = (spent.commands + 1, spent.writes + 1);
                let mut unit = Vec::new();
                let (changed, _) = self.run(&mut next, &mut unit, key, Op::Write(write));
                self.send(&mut next, unit);
                changed.then_some(next)
            }
            Action::Claim { worker, count, acks } => {
                (spent.commands, spent.claims) = (spent.commands + 1, spent.claims + 1);
                spent.joint += u8::from(acks.is_some());
                self.claim(&mut next, worker, count, acks).then_some(next)
            }
            Action::Pass => {
                spent.passes += 1;
                next.now += self.pass as i64;
                Some(next)
            }
            Action::FailOver(arrived) => {
                spent.losses += 1;
                self.fail_over(&mut next, arrived);
                Some(next)
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(model::KEPT, |several: &Self, state: &State| {
                state.master.iter().chain(&state.replica).all(|side| side.is_kept(&several.family))
            }),
            Property::always(model::PRIORITY, |_, state: &State| !state.broken.has(Broken::Priority)),
            Property::always(model::EARLY, |_, state: &State| !state.broken.has(Broken::Early)),
            Property::always(model::SETTLED, |_, state: &State| !state.broken.has(Broken::Settled)),
            Property::always(model::TOKEN, |_, state: &State| !state.broken.has(Broken::Token)),
            Property::always(model::TWO_HANDS, |_, state: &State| !state.broken.has(Broken::TwoHands)),
            Property::always(model::STALE, |_, state: &State| !state.broken.has(Broken::Stale)),
            Property::always(model::LEVEL, |_, state: &State| !state.broken.has(Broken::Level)),
            Property::always(model::WITHHELD, |_, state: &State| !state.broken.has(Broken::Withheld)),
        ];
        let from_both =
            |_: &Self, state: &State| state.held.iter().any(|held| held.windows(2).any(|two| two[0].0 != two[1].0));
        properties.push(Property::sometimes("a worker has something of each key", from_both));
        properties
    }
}
