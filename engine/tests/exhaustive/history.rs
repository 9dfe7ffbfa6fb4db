//! The history that a server has: the operations that reached it, and what must be true because of them.

use crate::family::{Before, Truth};
use crate::op::{Effect, Op};
use std::collections::BTreeMap;
use tsgen_engine::UnixMs;

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
    /// A claim got less than it asked for, and something was ready.
    Withheld,
    /// A group was served twice while another could have been.
    Turn,
    /// A source was left out that was heard, or that could not be heard.
    LeftOut,
    /// An id was added again that is remembered as done.
    Remembered,
    /// An element was refused for no reason.
    Refused,
    /// A run at a time that is none of its element's.
    Period,
    /// Two runs of one element in hand.
    TwoRuns,
    /// Something of a later key was handed out, and an earlier one had something.
    Priority,
}

/// Those that are broken, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Breaches(u32);

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
    /// Dead letters were requeued: of what comes again there may be extra runs.
    has_extras: bool,
    hands: BTreeMap<u64, Hand>,
    truth: T,
}

impl<T> History<T> {
    pub fn new(truth: T) -> Self {
        History { last_token: 0, is_paused: false, has_extras: false, hands: BTreeMap::new(), truth }
    }

    /// The tokens that an operator may name.
    pub fn tokens(&self) -> impl Iterator<Item = u64> + '_ {
        self.hands.keys().copied()
    }

    pub fn truth(&self) -> &T {
        &self.truth
    }

    pub fn last_token(&self) -> u64 {
        self.last_token
    }

    /// A server with this history is the master from now on.
    pub fn went_on<W>(&mut self, now: UnixMs)
    where
        T: Truth<W>,
    {
        self.truth.went_on(now);
    }

    /// Whether something is ready for sure.
    pub fn has_fresh<W>(&self, now: UnixMs) -> bool
    where
        T: Truth<W>,
    {
        let is_free = |name: &Vec<u8>| {
            let group = self.truth.group(name);
            group.is_none() || self.hands.values().all(|hand| self.truth.group(&hand.delivery.name) != group)
        };
        !self.is_paused && self.truth.fresh(now).iter().any(is_free)
    }

    /// An operation that changed nothing was done at `now`.
    pub fn note_refusal<W>(&self, op: &Op<W>, now: UnixMs, broken: &mut Breaches)
    where
        T: Truth<W>,
    {
        if let Op::Write(write) = op {
            self.truth.refused(write, now).into_iter().for_each(|breach| broken.add(breach));
        }
    }

    /// An operation that changed something was done at `now`.
    pub fn note<W>(&mut self, op: &Op<W>, effect: &Effect, now: UnixMs, broken: &mut Breaches)
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
                Before::Breaks(breach) => broken.add(breach),
            },
            Op::Claim { worker, lease, acks, .. } => {
                if effect.acked > 0 {
                    self.settle(acks[0].first, Some(now), broken);
                }
                self.truth.swept(now);
                for delivery in &effect.delivered {
                    self.deliver(delivery, *worker, now.after(*lease).0, now, broken);
                }
            }
            Op::Ack(tokens) if effect.count > 0 => self.settle(tokens[0].first, Some(now), broken),
            Op::Discard(tokens) if effect.count > 0 => self.settle(tokens[0].first, None, broken),
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
            Op::RequeueAll | Op::PromoteAll | Op::Sweep => {
                self.truth.swept(now);
                self.has_extras |= T::COMES_AGAIN && matches!(op, Op::RequeueAll);
            }
            _ => {}
        }
    }

    /// This token has settled something: it was acknowledged at `done_at`, or discarded.
    fn settle<W>(&mut self, token: u64, done_at: Option<UnixMs>, broken: &mut Breaches)
    where
        T: Truth<W>,
    {
        let hand = self.hands.remove(&token);
        match hand.filter(|hand| !hand.is_nacked || done_at.is_none()) {
            Some(hand) if !hand.is_superseded => self.truth.settled(&hand.delivery, done_at),
            Some(_) => {}
            None => broken.add(Broken::Stale),
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
        let group = self.truth.group(&delivery.name);
        let beside = |hand: &Hand| hand.until.is_some() && self.truth.group(&hand.delivery.name) == group;
        if group.is_some() && self.hands.values().any(beside) {
            broken.add(Broken::Group);
        }
        let series = self.truth.series(&delivery.name);
        let beside = |hand: &Hand| {
            hand.until.is_some() && !hand.is_superseded && self.truth.series(&hand.delivery.name) == series
        };
        if series.is_some() && !self.has_extras && self.hands.values().any(beside) {
            broken.add(Broken::TwoRuns);
        }
        let delivery = delivery.clone();
        let hand = Hand { worker, until: Some(until), is_nacked: false, is_superseded: false, delivery };
        self.hands.insert(hand.delivery.token, hand);
    }
}
