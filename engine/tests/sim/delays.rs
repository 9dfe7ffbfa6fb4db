//! TSGEN with CLOCK under simulation: adders, on servers whose time of day is set forward and back.
//!
//! Judged besides: nothing is handed out before its time by the clock as it is then, also if that was ahead before.

use crate::family::{self, options, Delivery};
use crate::node::Node;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{Addition, Guard, Kind, Tsgen, UnixMs, Watermark, WatermarkRules};
use tsgen_history::{Act, Terms, Unit};

#[derive(Default)]
pub struct Delayers {
    next_id: u32,
}

/// Adds an element, or puts it off.
#[derive(Clone)]
pub struct Add {
    id: u32,
    timestamp: i64,
}

impl family::Family for Delayers {
    type Gate = Watermark;
    type Write = Add;
    type Truth = Truth;
    type Around = ();

    const CLOCK_STEPS: bool = true;

    fn start(_: &mut Rng) -> (Self, Tsgen, (), Truth) {
        let key = Tsgen::create(WatermarkRules { kind: Kind::Clock, ..Default::default() }, options(), [1, 2])
            .expect("valid");
        (Delayers::default(), key, (), Truth::default())
    }

    fn write(&mut self, rng: &mut Rng, node: &Node<Self>, now: UnixMs) -> Vec<Add> {
        let timestamp = now.0 + rng.i64(-100..1_500);
        // What somebody works on is left alone: another delivery of the same id would be another piece of work.
        let known = rng.u32(0..self.next_id.max(1));
        let state = node.key.get(&known.to_be_bytes(), now).map(|element| element.state);
        if rng.u32(0..5) == 0 && state == Some("waiting") {
            return vec![Add { id: known, timestamp }];
        }
        self.next_id += 1;
        vec![Add { id: self.next_id - 1, timestamp }]
    }

    fn apply(node: &mut Node<Self>, add: &Add, now: UnixMs) -> bool {
        let added = node.key.add(&Addition::once(Guard::Always, add.timestamp, &add.id.to_be_bytes(), b"payload"), now);
        added.expect("unbounded");
        true
    }

    fn terms(_: &Tsgen) -> Option<Terms> {
        Some(Terms::under(tsgen_history::Gate::Clock))
    }

    fn noted(add: &Add, _: &Truth, _: UnixMs) -> Vec<Act> {
        vec![Act::Write(vec![Unit { name: add.id.to_string(), due: add.timestamp }])]
    }

    fn handed(delivery: &Delivery) -> tsgen_history::Delivery {
        tsgen_history::Delivery { ready_at: Some(delivery.key), ..crate::notes::one(delivery, id(delivery)) }
    }

    fn last_writes() -> Vec<Add> {
        Vec::new()
    }
}

#[derive(Clone, Default)]
pub struct Truth {
    /// The time of each element, as it was told last.
    added: BTreeMap<u32, i64>,
    /// The tokens of each element as it was told last. One whose lease has ended may be put off while a worker still has it: what that one
    /// acknowledges is what it had.
    tokens: BTreeMap<u32, BTreeSet<u64>>,
    acked: BTreeSet<u32>,
}

fn id(delivery: &Delivery) -> u32 {
    u32::from_be_bytes(delivery.name[..].try_into().expect("four bytes"))
}

impl family::Truth<Add> for Truth {
    fn written(&mut self, add: &Add, _: UnixMs) {
        self.added.insert(add.id, add.timestamp);
        self.tokens.remove(&add.id);
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) {
        let id = id(delivery);
        assert_eq!(self.added.get(&id), Some(&delivery.key), "{id} is not as it was added last");
        assert!(delivery.key <= now.0, "{id} was handed out early: at {}, not {}", now.0, delivery.key);
        assert!(!self.acked.contains(&id), "{id} came back after it was acknowledged");
        self.tokens.entry(id).or_default().insert(delivery.token);
    }

    fn acked(&mut self, delivery: &Delivery) {
        let id = id(delivery);
        if self.tokens.get(&id).is_some_and(|tokens| tokens.contains(&delivery.token)) {
            assert!(self.acked.insert(id), "acknowledged twice");
        }
    }

    fn identity(delivery: &Delivery) -> u64 {
        id(delivery).into()
    }

    fn judge(&self) {
        let lost: Vec<_> = self.added.keys().filter(|id| !self.acked.contains(id)).collect();
        assert!(lost.is_empty(), "accepted and never acknowledged: {lost:?}");
        assert!(!self.acked.is_empty());
    }
}
