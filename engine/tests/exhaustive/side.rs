//! A server with the history that it has.

use crate::family::{Family, Truth};
use crate::history::{Breaches, Broken, Delivery, History};
use crate::node::{Node, Role};
use crate::op::{apply, Op};
use crate::planted::Plant;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use tsgen_engine::{Millis, TokenRange, UnixMs};

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
        if let Some(plant) = plant {
            plant.spoil(&mut effect, self.history.last_token());
            F::planted(plant, &mut node, &op, now);
        }
        let mut history = self.history.clone();
        let mut broken = Breaches::default();
        if effect.adopted {
            broken.add(Broken::Level);
        }
        if effect.changed {
            history.note(&op, &effect, now, &mut broken);
        } else {
            history.note_refusal(&op, now, &mut broken);
        }
        if matches!(op, Op::Claim { count, .. } if effect.delivered.len() < count) && history.has_fresh(now) {
            broken.add(Broken::Withheld);
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
            apply::<F>(&mut node, &mut Op::Pause(false), now, now);
            let (mut all, mut last) = (Vec::new(), Vec::new());
            for round in 0..20 {
                if round == F::ROUNDS_BEFORE_LAST {
                    last = family.last_writes(&node);
                    last.extend(F::tick(&mut node, Role::Master));
                    last.retain(|write| F::apply(&mut node, write, now));
                }
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
                    return self.history.truth().owes(&all, &last, now);
                }
            }
            false
        })
    }
}
