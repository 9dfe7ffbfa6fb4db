//! TSGEN: an adder that repeats its ADD and puts elements off, and a source or a clock.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::node::Node;
use std::collections::BTreeMap;
use tsgen_engine::{Addition, DeliveryOptions, Guard, Kind, Tsgen, UnixMs, Watermark, WatermarkRules};

#[derive(Clone)]
pub struct Elements {
    pub kind: Kind,
    pub options: DeliveryOptions,
    /// What may be added, again and again: ids and timestamps.
    pub elements: &'static [(u8, i64)],
    /// Whether all are in one group, of which one may be in hand at a time.
    pub is_grouped: bool,
    /// How far may be advanced.
    pub advances: &'static [i64],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    Add(u8, i64),
    Remove(u8),
    Advance(i64),
    /// An operator sets the watermark back.
    Lower(i64),
}

impl Family for Elements {
    type Gate = Watermark;
    type Write = Write;
    type Around = ();
    type Truth = Truth;

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Add(id, timestamp) => {
                let group = (key.options().group_limit > 0).then_some(&b"group"[..]);
                key.add(&Addition { group, ..Addition::once(Guard::Always, *timestamp, &[*id], b"") }, now)
                    .expect("unbounded");
                true
            }
            Write::Remove(id) => key.rem(&[*id]),
            Write::Advance(to) => key.advance(*to, None, now).expect("no clock").changed,
            Write::Lower(to) => key.alter_watermark(*to, now).unwrap_or(false),
        }
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let options = DeliveryOptions { group_limit: self.is_grouped.into(), ..self.options.clone() };
        let rules = WatermarkRules { kind: self.kind.clone(), ..Default::default() };
        let key = Tsgen::create(rules, options, [1, 2]).expect("valid");
        Node { key, around: (), clock: now }
    }

    fn truth(&self) -> Truth {
        Truth {
            is_clock: self.kind == Kind::Clock,
            is_grouped: self.is_grouped,
            watermark: None,
            owed: BTreeMap::new(),
        }
    }

    fn commands(&self, node: &Node<Self>, _: u8, now: UnixMs) -> Vec<Vec<Write>> {
        let adds = self.elements.iter().map(|(id, timestamp)| Write::Add(*id, *timestamp));
        let ids = self.elements.iter().map(|(id, _)| *id).filter(|id| node.key.get(&[*id], now).is_some());
        let removals = ids.take(1).map(Write::Remove);
        let advances = self.advances.iter().map(|to| Write::Advance(*to));
        let lowest = self.advances.first().map(|to| Write::Lower(*to));
        adds.chain(removals).chain(advances).chain(lowest).map(|write| vec![write]).collect()
    }

    fn last_writes(&self, node: &Node<Self>) -> Vec<Write> {
        if node.key.is_clock() {
            Vec::new()
        } else {
            vec![Write::Advance(i64::MAX)]
        }
    }
}

#[derive(Clone, Debug, Hash)]
pub struct Truth {
    is_clock: bool,
    is_grouped: bool,
    watermark: Option<i64>,
    /// What was added and not settled or removed, with its timestamp.
    owed: BTreeMap<u8, i64>,
}

impl family::Truth<Write> for Truth {
    fn group(&self, _: &Delivery) -> Option<Vec<u8>> {
        self.is_grouped.then(|| b"group".to_vec())
    }

    fn written(&mut self, write: &Write, _: UnixMs) -> Before {
        match write {
            Write::Add(id, timestamp) => {
                self.owed.insert(*id, *timestamp);
                return Before::Superseded(vec![*id]);
            }
            Write::Remove(id) => {
                self.owed.remove(id);
                return Before::Removed(vec![*id]);
            }
            Write::Advance(to) => self.watermark = self.watermark.max(Some(*to)),
            Write::Lower(to) => self.watermark = Some(*to),
        }
        Before::Stands
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) -> Result<(), Broken> {
        if self.owed.get(&delivery.name[0]) != Some(&delivery.key) {
            return Err(Broken::Settled);
        }
        let reached = if self.is_clock { Some(now.0) } else { self.watermark };
        if Some(delivery.key) <= reached {
            Ok(())
        } else {
            Err(Broken::Early)
        }
    }

    fn settled(&mut self, delivery: &Delivery) {
        self.owed.remove(&delivery.name[0]);
    }

    fn owes(&self, deliveries: &[Delivery], _: &[Write], _: UnixMs) -> bool {
        let came: BTreeMap<u8, i64> = deliveries.iter().map(|delivery| (delivery.name[0], delivery.key)).collect();
        came.len() == deliveries.len() && came == self.owed
    }
}
