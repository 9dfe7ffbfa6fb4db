//! What the simulation has to be told of a family: its writers, and what must be true of their histories.

use crate::node::{Node, Role, Source};
use fastrand::Rng;
use tsgen_engine::{DeliveryOptions, Gate, Millis, Queue, UnixMs};

/// The writers of a family. What they remember outlives the server.
pub trait Family: Sized {
    type Gate: Gate;
    /// A write as it is replicated.
    type Write: Clone;
    type Truth: Truth<Self::Write>;
    /// What a server has around the key, and saves with it.
    type Around: Clone;

    /// Whether administrators set the time of day, forward and back. Otherwise it only goes on.
    const CLOCK_STEPS: bool = false;

    /// Writers, an empty key, what is around it, and the truth of it.
    fn start(rng: &mut Rng) -> (Self, Queue<Self::Gate>, Self::Around, Self::Truth);

    /// What comes of one command of a client to the master. The log has all of it or nothing, a replica may get a part.
    fn write(&mut self, rng: &mut Rng, node: &Node<Self>, now: UnixMs) -> Vec<Self::Write>;

    /// Tells whether anything changed.
    fn apply(node: &mut Node<Self>, write: &Self::Write, now: UnixMs) -> bool;

    /// What must hold of the key on each server, after every step.
    fn check(_key: &Queue<Self::Gate>, _now: UnixMs) {}

    /// After these time alone makes everything ready.
    fn last_writes() -> Vec<Self::Write>;

    /// When a server does something by itself next, after `now`.
    fn wakes_at(_: &Node<Self>, _: UnixMs) -> Option<UnixMs> {
        None
    }

    /// What a server does by itself. Tells what a master writes with it.
    fn tick(_: &mut Rng, _: &mut Node<Self>, _role: Role) -> Vec<Self::Write> {
        Vec::new()
    }

    /// A file is about to be written.
    fn saving(_: &mut Node<Self>) {}

    fn loaded(_: &mut Node<Self>, _: Source) {}

    /// A replica has become the master.
    fn promoted(_: &mut Node<Self>) {}

    /// A replica has repeated all that its master did: whatever is around the key is equal.
    fn check_level(_master: &Node<Self>, _replica: &Node<Self>) {}

    /// A worker has done its work with this. It acknowledges it next, unless it dies.
    fn worked(&mut self, _: &Delivery) {}

    /// What the judge of histories is told of the key; none: it does not judge this family.
    fn terms(_: &Queue<Self::Gate>) -> Option<tsgen_history::Terms> {
        None
    }

    /// A write as it judges it, whatever that is at once; `before` is what was true.
    fn noted(_: &Self::Write, _before: &Self::Truth, _now: UnixMs) -> Vec<tsgen_history::Act> {
        Vec::new()
    }

    /// A delivery as it judges it.
    fn handed(delivery: &Delivery) -> tsgen_history::Delivery {
        crate::notes::one(delivery, Self::Truth::identity(delivery))
    }

    /// Everything has been acknowledged: what came of the work is right.
    fn judge_work(&self, _: &Self::Truth) {}
}

/// What must be true of the history: told by what survived, and never asked of the engine.
pub trait Truth<W>: Clone {
    fn written(&mut self, write: &W, now: UnixMs);

    /// What survived does so in a server that had it from there.
    fn went_on_with(&mut self, _: Source, _now: UnixMs) {}

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs);

    fn acked(&mut self, delivery: &Delivery);

    /// Somebody gave it up, and it was cleared away: no work was done, but nothing is owed any more.
    fn given_up(&mut self, delivery: &Delivery) {
        self.acked(delivery);
    }

    /// What makes deliveries of one entry known as such.
    fn identity(delivery: &Delivery) -> u64;

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

pub fn options() -> DeliveryOptions {
    DeliveryOptions {
        lease: Millis(1_000),
        max_deliveries: 4,
        backoff: Millis(20),
        max_backoff: Millis(200),
        ..DeliveryOptions::default()
    }
}
