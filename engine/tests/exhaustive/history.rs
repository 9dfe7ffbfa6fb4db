//! A server with the history that it has: the operations that reached it, and what must be true because of them.

use crate::family::{Before, Family, Truth};
use crate::node::Node;
use crate::op::{apply, Effect, Op};
use crate::planted::Plant;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use tsgen_engine::{Millis, TokenRange, UnixMs};

/// What can be broken. The model has a property for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Broken {
    /// Handed out before its gate has opened.
    Early,
    /// Handed out though it was settled, removed or never accepted, or as another than it was.
    Settled,
    /// A token that is not above all before it on this history.
    Token,
    /// Handed out though an operator has paused the key.
    Paused,
    /// In hand beside another of its group, where one may be.
    Group,
    /// In two hands, both under leases that run.
    TwoHands,
    /// A token that was stale settled something.
    Stale,
    /// What an older delivery wrote stands, or was kept from being overwritten by a newer one.
    OlderWon,
    /// One number for two contents.
    Batch,
    /// A replica that has repeated everything differs.
    Level,
    /// A key that was saved and loaded differs.
    Moved,
}

/// Those that are broken, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Breaches(u16);

impl Breaches {
    pub fn add(&mut self, broken: Broken) {
        self.0 |= 1 << broken as u16;
    }

    pub fn join(&mut self, other: Breaches) {
        self.0 |= other.0;
    }

    pub fn has(self, broken: Broken) -> bool {
        self.0 & 1 << broken as u16 != 0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    pub token: u64,
    pub key: i64,
    pub name: Vec<u8>,
    pub body: Vec<u8>,
}

/// A delivery whose token may still settle something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hand {
    worker: u32,
    /// `None` once the lease has ended: the clock came to its end at any time, or it was handed back.
    until: Option<i64>,
    /// A worker has handed it back: the token only names what is delayed or dead.
    is_nacked: bool,
    /// Something newer has its name.
    is_superseded: bool,
    delivery: Delivery,
}

/// What the operations of one history say.
#[derive(Clone, Debug, Hash)]
pub struct History<T> {
    last_token: u64,
    is_paused: bool,
    hands: BTreeMap<u64, Hand>,
    truth: T,
}

impl<T> History<T> {
    pub fn new(truth: T) -> Self {
        History { last_token: 0, is_paused: false, hands: BTreeMap::new(), truth }
    }

    /// The tokens that an operator may name.
    pub fn tokens(&self) -> impl Iterator<Item = u64> + '_ {
        self.hands.keys().copied()
    }

    /// An operation that changed something was done at `now`.
    fn note<W>(&mut self, op: &Op<W>, effect: &Effect, now: UnixMs, broken: &mut Breaches)
    where
        T: Truth<W>,
    {
        for hand in self.hands.values_mut() {
            hand.until = hand.until.filter(|until| *until > now.0);
        }
        match op {
            Op::Write(write) => match self.truth.written(write, now) {
                Before::Superseded(name) => {
                    let old = self.hands.values_mut().filter(|hand| hand.delivery.name == name);
                    old.for_each(|hand| hand.is_superseded = true);
                }
                Before::Removed(name) => self.hands.retain(|_, hand| hand.delivery.name != name || hand.is_superseded),
                Before::Stands => {}
            },
            Op::Claim { worker, lease, .. } => {
                self.truth.swept(now);
                for delivery in &effect.delivered {
                    self.deliver(delivery, *worker, now.after(*lease).0, now, broken);
                }
            }
            Op::Ack(tokens) | Op::Discard(tokens) if effect.count > 0 => {
                let hand = self.hands.remove(&tokens[0].first);
                match hand.filter(|hand| !hand.is_nacked || matches!(op, Op::Discard(_))) {
                    Some(hand) if !hand.is_superseded => self.truth.settled(&hand.delivery),
                    Some(_) => {}
                    None => broken.add(Broken::Stale),
                }
            }
            Op::Nack { tokens, .. } if effect.count > 0 => match self.hands.get_mut(&tokens[0].first) {
                Some(hand) if !hand.is_nacked => (hand.until, hand.is_nacked) = (None, true),
                _ => broken.add(Broken::Stale),
            },
            Op::Extend { tokens, lease } if effect.count > 0 => match self.hands.get_mut(&tokens[0].first) {
                Some(hand) if !hand.is_nacked => hand.until = Some(now.after(*lease).0),
                _ => broken.add(Broken::Stale),
            },
            Op::Release { worker } => {
                let running = |hand: &Hand| hand.worker == *worker && hand.until.is_some();
                // Where the clock was set back, a lease may still run that the clock had once passed.
                if self.hands.values().filter(|hand| running(hand)).count() == effect.count {
                    self.hands.retain(|_, hand| !running(hand));
                } else {
                    self.hands.values_mut().filter(|hand| hand.worker == *worker).for_each(|hand| hand.until = None);
                }
            }
            Op::Pause(paused) => self.is_paused = *paused,
            Op::RequeueAll | Op::PromoteAll | Op::Sweep => self.truth.swept(now),
            _ => {}
        }
    }

    fn deliver<W>(&mut self, delivery: &Delivery, worker: u32, until: i64, now: UnixMs, broken: &mut Breaches)
    where
        T: Truth<W>,
    {
        if delivery.token <= self.last_token {
            broken.add(Broken::Token);
        }
        self.last_token = self.last_token.max(delivery.token);
        if self.is_paused {
            broken.add(Broken::Paused);
        }
        if let Err(breach) = self.truth.delivered(delivery, now) {
            broken.add(breach);
        }
        let identity = T::identity(delivery);
        let before = |hand: &Hand| T::identity(&hand.delivery) == identity && !hand.is_superseded;
        if self.hands.values().any(|hand| before(hand) && hand.until.is_some()) {
            broken.add(Broken::TwoHands);
        }
        self.hands.retain(|_, hand| !before(hand));
        let group = self.truth.group(delivery);
        let beside = |hand: &Hand| hand.until.is_some() && self.truth.group(&hand.delivery) == group;
        if group.is_some() && self.hands.values().any(beside) {
            broken.add(Broken::Group);
        }
        let delivery = delivery.clone();
        let hand = Hand { worker, until: Some(until), is_nacked: false, is_superseded: false, delivery };
        self.hands.insert(hand.delivery.token, hand);
    }
}

/// A server, and its history. Never changed: what is done to one makes another.
pub struct Side<F: Family> {
    pub node: Node<F>,
    pub history: History<F::Truth>,
    /// Of all that is in it, as a file would have it: equal keys have equal bytes.
    pub digest: u64,
    /// Of what nodes are compared by.
    fingerprint: OnceLock<u64>,
    is_kept: OnceLock<bool>,
}

/// What came of an operation.
pub struct Done<F: Family> {
    pub side: Arc<Side<F>>,
    /// As it is replicated.
    pub op: Op<F::Write>,
    pub changed: bool,
    pub delivered: Vec<Arc<Delivery>>,
    pub broken: Breaches,
}

pub fn hash_of(thing: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

impl<F: Family> Side<F> {
    pub fn new(node: Node<F>, history: History<F::Truth>) -> Self {
        let digest = hash_of((node.snapshot(), &node.around, &history));
        Side { node, history, digest, fingerprint: OnceLock::new(), is_kept: OnceLock::new() }
    }

    pub fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| hash_of(self.node.fingerprint()))
    }

    /// Does `op`, as it was done at `now`, on a server where it is `clock`; `plant` spoils it.
    pub fn perform(&self, mut op: Op<F::Write>, now: UnixMs, clock: UnixMs, plant: Option<Plant>) -> Done<F> {
        let mut node = self.node.clone();
        let planted = plant.and_then(|plant| plant.instead(&mut node, &mut op, now));
        let mut effect = planted.unwrap_or_else(|| apply::<F>(&mut node, &mut op, now, clock));
        plant.into_iter().for_each(|plant| plant.spoil(&mut effect, self.history.last_token));
        let mut history = self.history.clone();
        let mut broken = Breaches::default();
        if effect.adopted {
            broken.add(Broken::Level);
        }
        if effect.changed {
            history.note(&op, &effect, now, &mut broken);
        }
        let delivered = effect.delivered.into_iter().map(Arc::new).collect();
        Done { side: Arc::new(Side::new(node, history)), op, changed: effect.changed, delivered, broken }
    }

    /// Whether all that was accepted comes, once, when there is nobody but one worker who acknowledges everything, and all the time in the world.
    pub fn is_kept(&self, family: &F) -> bool {
        *self.is_kept.get_or_init(|| {
            let mut node = self.node.clone();
            let mut now = UnixMs(1_000_000);
            node.clock = now;
            let mut last = family.last_writes(&node);
            last.extend(F::tick(&mut node, crate::node::Role::Master));
            for write in &last {
                F::apply(&mut node, write, now);
            }
            apply::<F>(&mut node, &mut Op::Pause(false), now, now);
            let mut all = Vec::new();
            for _ in 0..20 {
                now = now.after(Millis(1_000));
                apply::<F>(&mut node, &mut Op::RequeueAll, now, now);
                let mut claim = Op::claim(u32::MAX, 10, Millis(1));
                for delivery in apply::<F>(&mut node, &mut claim, now, now).delivered {
                    let mut ack = Op::Ack(vec![TokenRange::one(delivery.token)]);
                    if apply::<F>(&mut node, &mut ack, now, now).count != 1 {
                        return false;
                    }
                    all.push(delivery);
                }
                if node.key.is_empty() {
                    return self.history.truth.owes(&all, &last, now);
                }
            }
            false
        })
    }
}
