//! What replicas and the append-only file are told, and what comes of it on a server: here and in the model that is explored to its end.

use crate::family::{Delivery, Family};
use crate::node::Node;
use tsgen_engine::{ClaimTerms, DeliveryOptions, Millis, Nack, Settled, TokenRange, UnixMs, Which};

/// What the log carries: the operation as it is replicated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op<W> {
    Write(W),
    Claim {
        worker: u32,
        count: usize,
        lease: Millis,
        first: Option<u64>,
        /// These are acknowledged first, in the same step.
        acks: Vec<TokenRange>,
    },
    Ack(Vec<TokenRange>),
    Nack {
        tokens: Vec<TokenRange>,
        dead: bool,
    },
    Extend {
        tokens: Vec<TokenRange>,
        lease: Millis,
    },
    Release {
        worker: u32,
    },
    RequeueAll,
    Discard(Vec<TokenRange>),
    /// What the timer does where a worker waits.
    Sweep,
    Promote(Vec<TokenRange>),
    PromoteAll,
    /// An operator begins a pause, or ends it.
    Pause(bool),
}

/// What an operation did, and whether it belongs in the log.
#[derive(Default)]
pub struct Effect {
    pub changed: bool,
    /// Entries settled, or leased.
    pub count: usize,
    /// Entries that a claim has acknowledged.
    pub acked: usize,
    pub delivered: Vec<Delivery>,
    /// The tokens are not those that this server would have issued.
    pub adopted: bool,
}

impl<W> Op<W> {
    /// A claim that acknowledges nothing.
    pub fn claim(worker: u32, count: usize, lease: Millis) -> Self {
        Op::Claim { worker, count, lease, first: None, acks: Vec::new() }
    }
}

/// Does what was done at `now` on a server where it is `clock`.
pub fn apply<F: Family>(node: &mut Node<F>, op: &mut Op<F::Write>, now: UnixMs, clock: UnixMs) -> Effect {
    node.clock = clock;
    let key = &mut node.key;
    let settled = match op {
        Op::Write(write) => return Effect { changed: F::apply(node, write, now), ..Effect::default() },
        Op::Claim { worker, count, lease, first, acks } => {
            let acked = key.ack(acks, now).expect("few");
            let terms = ClaimTerms { consumer: &worker.to_be_bytes(), count: *count, lease: *lease, first: *first };
            let claim = key.claim(&terms, now).expect("no sink");
            *first = Some(claim.first);
            let delivered = key.delivered(&claim).map(|entry| Delivery {
                token: entry.token,
                key: entry.key,
                name: entry.name.to_vec(),
                body: entry.body.to_vec(),
            });
            return Effect {
                changed: claim.changed || acked.changed,
                count: claim.count,
                acked: acked.count,
                delivered: delivered.collect(),
                adopted: claim.adopted,
            };
        }
        Op::Pause(paused) => {
            let options = DeliveryOptions { paused: *paused, ..key.options().clone() };
            let changed = key.alter_delivery(options, now).expect("valid");
            return Effect { changed, ..Effect::default() };
        }
        Op::Ack(tokens) => key.ack(tokens, now).expect("few"),
        Op::Nack { tokens, dead } => {
            key.nack(tokens, &Nack { delay: None, dead: *dead, reason: b"sim" }, now).expect("few")
        }
        Op::Extend { tokens, lease } => key.extend(tokens, *lease, now).expect("few"),
        Op::Release { worker } => key.release(&worker.to_be_bytes(), now),
        Op::Promote(tokens) => key.promote(Which::Tokens(tokens), now).expect("few"),
        Op::PromoteAll => key.promote(Which::All(3), now).expect("all"),
        Op::Discard(tokens) => key.discard(Which::Tokens(tokens), now).expect("few"),
        Op::Sweep => Settled { count: 0, changed: key.sweep_stride(now) },
        Op::RequeueAll => key.requeue(Which::All(1_000), now).expect("all"),
    };
    Effect { changed: settled.changed, count: settled.count, ..Effect::default() }
}
