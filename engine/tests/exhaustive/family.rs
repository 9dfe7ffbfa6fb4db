//! What a family says of itself to the model.

use crate::history::Broken;
// Nodes and operations are those of the simulation, where it stands here too.
pub use crate::history::Delivery;
use crate::node::{Node, Role, Source};
use crate::op::Op;
use crate::planted::Plant;
use std::fmt::Debug;
use std::hash::Hash;
use tsgen_engine::{Gate, UnixMs};

/// A family under one configuration. The first five are what operations and nodes are made of, as in the simulation.
pub trait Family: Sized + Clone + Send + Sync + 'static {
    type Gate: Gate + Send + Sync + 'static;
    /// A write as it is replicated.
    type Write: Clone + Debug + PartialEq + Eq + Hash + Send + Sync + 'static;
    /// What a server has around the key, and saves with it.
    type Around: Clone + Debug + Hash + Send + Sync + 'static;
    type Truth: Truth<Self::Write>;

    /// Tells whether anything changed.
    fn apply(node: &mut Node<Self>, write: &Self::Write, now: UnixMs) -> bool;

    /// A server with an empty key.
    fn start(&self, now: UnixMs) -> Node<Self>;

    /// What is true before anything was written.
    fn truth(&self, now: UnixMs) -> Self::Truth;

    /// All that clients may write next, after `written` writes: each as what the master does because of it.
    fn commands(&self, node: &Node<Self>, written: u8, now: UnixMs) -> Vec<Vec<Self::Write>>;

    /// How often everything is delivered and acknowledged before the last writes.
    const ROUNDS_BEFORE_LAST: usize = 0;

    /// At this time everything is to be ready. What a master does to that end.
    fn last_writes(&self, _: &Node<Self>) -> Vec<Self::Write> {
        Vec::new()
    }

    /// Whether servers do something by themselves.
    fn ticks(&self) -> bool {
        false
    }

    /// When a server does something by itself next, after `now`.
    fn wakes_at(_: &Node<Self>, _: UnixMs) -> Option<UnixMs> {
        None
    }

    /// What a server does by itself. Tells what a master writes with it.
    fn tick(_: &mut Node<Self>, _: Role) -> Vec<Self::Write> {
        Vec::new()
    }

    /// A file is about to be written.
    fn saving(_: &mut Node<Self>) {}

    fn loaded(_: &mut Node<Self>, _: Source) {}

    /// A replica has become the master.
    fn promoted(_: &mut Node<Self>) {}

    /// What a faulty master does besides, once it has done this.
    fn planted(_: Plant, _: &mut Node<Self>, _: &Op<Self::Write>, _now: UnixMs) {}

    /// The write, as a faulty master does it.
    fn spoiled(_: Plant, _: &Self::Write) -> Option<Self::Write> {
        None
    }

    /// Whether a faulty master does not tell it.
    fn is_lost(_: Plant, _: &Self::Write) -> bool {
        false
    }

    /// Whether what is around the key is equal, as it must be where a replica is level.
    fn is_level(_master: &Node<Self>, _replica: &Node<Self>) -> bool {
        true
    }
}

/// What must be true of a history: told by the operations in it, and never asked of the engine.
pub trait Truth<W>: Clone + Debug + Hash + Send + Sync + 'static {
    /// What makes deliveries of one entry known as such.
    fn identity(delivery: &Delivery) -> Vec<u8> {
        delivery.name.clone()
    }

    /// The group of an entry of which only one may be in hand.
    fn group(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// Whether anything comes again.
    const COMES_AGAIN: bool = false;

    /// What comes again and again, of which an entry of this name is one run.
    fn series(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// The names of what is ready for sure: nobody has had it yet.
    fn fresh(&self, _now: UnixMs) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// A write that changed something.
    fn written(&mut self, write: &W, now: UnixMs) -> Before;

    /// A write that changed nothing. What that breaks.
    fn refused(&self, _: &W, _now: UnixMs) -> Option<Broken> {
        None
    }

    /// A server with this history is the master from now on.
    fn went_on(&mut self, _now: UnixMs) {}

    /// An operation ended whatever time had ended.
    fn swept(&mut self, _: UnixMs) {}

    /// Err with what this delivery breaks.
    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) -> Result<(), Broken>;

    /// It was acknowledged at `done_at`, or discarded.
    fn settled(&mut self, delivery: &Delivery, done_at: Option<UnixMs>);

    /// Whether these deliveries, and no others, are still owed to somebody.
    fn owes(&self, deliveries: &[Delivery], last_writes: &[W], at: UnixMs) -> bool;
}

/// What a write means for earlier deliveries.
pub enum Before {
    Stands,
    /// What has this name is something new, and whoever works on the old one may finish that.
    Superseded(Vec<u8>),
    /// What had this name is gone, also for whoever works on it.
    Removed(Vec<u8>),
    /// It must not have been done.
    Breaks(Broken),
}
