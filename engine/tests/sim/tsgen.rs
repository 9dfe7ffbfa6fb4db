//! TSGEN under simulation: adders, and two sources that advance.

use crate::family::{self, options, Delivery};
use crate::node::Node;
use fastrand::Rng;
use std::collections::BTreeSet;
use tsgen_engine::{Guard, Kind, Source, Tsgen, UnixMs, Watermark, WatermarkRules};

const SOURCES: [&[u8]; 2] = [b"east", b"west"];

#[derive(Default)]
pub struct Writers {
    next_id: u32,
    clock_of_events: i64,
}

#[derive(Clone)]
pub enum Write {
    Add {
        id: u32,
        timestamp: i64,
    },
    Advance {
        to: i64,
        source: usize,
    },
    /// An operator finds that a source has reported too much.
    SetBack {
        to: i64,
        source: usize,
    },
}

impl family::Family for Writers {
    type Gate = Watermark;
    type Write = Write;
    type Truth = Truth;
    type Around = ();

    fn start(_: &mut Rng) -> (Self, Tsgen, (), Truth) {
        let source = |name: &&[u8]| Source { name: (*name).into(), timestamp: None, reported_at: UnixMs(0) };
        let kind = Kind::Sources(SOURCES.iter().map(source).collect());
        let key = Tsgen::create(WatermarkRules { kind, ..Default::default() }, options(), [1, 2]).expect("valid");
        (Writers::default(), key, (), Truth::default())
    }

    fn write(&mut self, rng: &mut Rng, _: &Node<Self>, _: UnixMs) -> Vec<Write> {
        if rng.u32(0..4) == 0 {
            self.clock_of_events += rng.i64(0..30);
            let to = self.clock_of_events - rng.i64(0..60);
            let source = rng.usize(0..SOURCES.len());
            return vec![if rng.u32(0..20) == 0 {
                Write::SetBack { to, source }
            } else {
                Write::Advance { to, source }
            }];
        }
        self.next_id += 1;
        vec![Write::Add { id: self.next_id, timestamp: self.clock_of_events + rng.i64(-80..80) }]
    }

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Add { id, timestamp } => {
                key.add(Guard::Always, *timestamp, &id.to_be_bytes(), b"payload", now).expect("unbounded");
                true
            }
            Write::Advance { to, source } => key.advance(*to, Some(SOURCES[*source]), now).expect("a source").changed,
            Write::SetBack { to, source } => key.alter_source(SOURCES[*source], *to),
        }
    }

    fn last_writes() -> Vec<Write> {
        (0..SOURCES.len()).map(|source| Write::Advance { to: i64::MAX, source }).collect()
    }
}

#[derive(Clone, Default)]
pub struct Truth {
    added: BTreeSet<u32>,
    acked: BTreeSet<u32>,
    sources: [Option<i64>; SOURCES.len()],
    watermark: Option<i64>,
}

impl Truth {
    fn id(delivery: &Delivery) -> u32 {
        u32::from_be_bytes(delivery.name[..].try_into().expect("four bytes"))
    }
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, _: UnixMs) {
        match write {
            Write::Add { id, .. } => drop(self.added.insert(*id)),
            Write::Advance { to, source } => {
                self.sources[*source] = self.sources[*source].max(Some(*to));
                self.watermark = self.watermark.max(self.sources.into_iter().min().flatten());
            }
            Write::SetBack { to, source } => self.sources[*source] = Some(*to),
        }
    }

    fn delivered(&mut self, delivery: &Delivery, _: UnixMs) {
        let id = Self::id(delivery);
        assert!(Some(delivery.key) <= self.watermark, "{id} was handed out early");
        assert!(!self.acked.contains(&id), "{id} came back after it was acknowledged");
        assert!(self.added.contains(&id), "{id} was never added");
    }

    fn acked(&mut self, delivery: &Delivery) {
        assert!(self.acked.insert(Self::id(delivery)), "acknowledged twice");
    }

    fn identity(delivery: &Delivery) -> u64 {
        Self::id(delivery).into()
    }

    fn judge(&self) {
        let lost: Vec<_> = self.added.difference(&self.acked).collect();
        assert!(lost.is_empty(), "accepted and never acknowledged: {lost:?}");
        assert!(!self.acked.is_empty());
    }
}
