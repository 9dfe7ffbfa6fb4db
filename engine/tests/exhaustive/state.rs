//! The world around a key as a value: two servers, what is on the way between them, two workers and a database; and what may happen there.

use crate::bounds::{Bounds, Budget};
use crate::family::Family;
use crate::history::{Breaches, Broken, Delivery};
use crate::op::Op;
use crate::side::Side;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tsgen_engine::UnixMs;

#[derive(Clone, Debug, PartialEq)]
pub enum Action<W> {
    /// A command of a client that writes, as the master tells it to others.
    Write(Vec<W>),
    /// A worker, an operator or the timer.
    Do(Op<W>),
    /// A worker writes to the database what it has under this token.
    Work(usize, u64),
    Pass,
    SetBack,
    /// The replica takes over, with so many of the operations that were on their way.
    FailOver(usize),
    /// kill -9, and a restart from the log, whose end is missing but for so many operations. What one turn of the loop did is there or not.
    Crash(usize),
    /// The slot of the key moves to another server, which gets a snapshot.
    Move,
}

/// A delivery, as its worker has it for ever.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Held {
    /// Which of all deliveries it was.
    pub nth: u8,
    pub delivery: Arc<Delivery>,
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Row {
    pub token: u64,
    pub nth: u8,
    pub body: Vec<u8>,
}

/// What is on its way to the replica.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Sent<W> {
    pub op: Op<W>,
    /// When it was done.
    pub at: i64,
    /// The file never ends before the next one.
    pub has_more: bool,
}

pub struct State<F: Family> {
    pub now: i64,
    pub master: Arc<Side<F>>,
    pub replica: Arc<Side<F>>,
    pub on_the_way: Vec<Sent<F::Write>>,
    pub held: [Vec<Held>; 2],
    pub deliveries: u8,
    pub rows: BTreeMap<Vec<u8>, Row>,
    pub spent: Budget,
    /// The last time of all that was lost.
    pub lost_at: i64,
    /// A master did something at such a time: the clock was set back. What another history had says nothing then.
    pub clocks_disagree: bool,
    pub broken: Breaches,
}

impl<F: Family> Clone for State<F> {
    fn clone(&self) -> Self {
        State {
            master: self.master.clone(),
            replica: self.replica.clone(),
            on_the_way: self.on_the_way.clone(),
            held: self.held.clone(),
            rows: self.rows.clone(),
            ..*self
        }
    }
}

impl<F: Family> PartialEq for State<F> {
    fn eq(&self, other: &Self) -> bool {
        self.master.digest == other.master.digest
            && self.replica.digest == other.replica.digest
            && (self.now, &self.on_the_way, &self.held, &self.rows)
                == (other.now, &other.on_the_way, &other.held, &other.rows)
            && (self.deliveries, self.spent, self.lost_at, self.clocks_disagree, self.broken)
                == (other.deliveries, other.spent, other.lost_at, other.clocks_disagree, other.broken)
    }
}

impl<F: Family> Hash for State<F> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.master.digest, self.replica.digest, self.now, &self.on_the_way, &self.held, &self.rows).hash(hasher);
        (self.deliveries, self.spent, self.lost_at, self.clocks_disagree, self.broken).hash(hasher);
    }
}

impl<F: Family> Debug for State<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("now", &self.now)
            .field("history", &self.master.history)
            .field("around", &self.master.node.around)
            .field("replica", &self.replica.history)
            .field("on_the_way", &self.on_the_way)
            .field("held", &self.held)
            .field("rows", &self.rows)
            .field("clocks_disagree", &self.clocks_disagree)
            .field("broken", &self.broken)
            .finish()
    }
}

impl<F: Family> State<F> {
    pub fn has(&self, broken: Broken) -> bool {
        self.broken.has(broken)
    }

    /// Some worker holds what the master knows nothing of.
    pub fn has_lost_a_claim(&self) -> bool {
        let known: Vec<u64> = self.master.history.tokens().collect();
        self.spent.losses > 0 && self.held.iter().flatten().any(|held| !known.contains(&held.delivery.token))
    }

    pub fn has_two_workers(&self) -> bool {
        self.held.iter().all(|held| !held.is_empty())
    }

    pub fn has_a_row(&self) -> bool {
        !self.rows.is_empty()
    }

    pub fn clocks_disagree(&self) -> bool {
        self.clocks_disagree
    }

    pub fn now(&self) -> UnixMs {
        UnixMs(self.now)
    }

    /// Whether anything that has not reached the replica can still be lost.
    pub fn may_lose(&self, bounds: &Bounds) -> bool {
        self.spent.losses < bounds.budget.losses
    }
}
