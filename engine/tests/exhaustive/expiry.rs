//! EXPIRY: customers who book seats for some time, extend, pay or leave; the keys of their bookings are watched. The keyspace is that of
//! the simulation.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::keyspace::{self, Fire, Keyspace, Write};
use crate::node::{Node, Role, Source};
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{expired, DeliveryOptions, Ending, Expiry, Prefix, Ttl, TtlRules, UnixMs};

/// The name by which the keyspace knows whose it is.
#[derive(Clone)]
pub struct Bookings {
    pub options: DeliveryOptions,
    pub keys: u8,
    /// For how long seats are booked.
    pub lives: &'static [i64],
}

impl Family for Bookings {
    type Gate = Ttl;
    type Write = Write;
    type Around = Keyspace;
    type Truth = Truth;

    const TICKS: bool = true;

    fn apply(node: &mut Node<Self>, write: &Write, _: UnixMs) -> bool {
        keyspace::apply(node, write);
        true
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let rules = TtlRules { prefixes: vec![Prefix([].into())], max_value: 4, keep_evicted: false, max_held: 0 };
        let key = Expiry::create(rules, self.options.clone(), [1, 2]).expect("valid");
        Node { key, around: Keyspace::new(true), clock: now }
    }

    fn truth(&self) -> Truth {
        Truth::default()
    }

    fn commands(&self, node: &Node<Self>, written: u8, now: UnixMs) -> Vec<Vec<Write>> {
        let mut commands = Vec::new();
        for key in 1..=self.keys {
            let value = u32::from(written);
            let mut offer = |write: Write| {
                let is_over = node.around.keys.get(&key).is_some_and(|lives| lives.is_over(now));
                let mut all = Vec::new();
                if is_over {
                    let told = keyspace::ends(node, key, Ending::Expired, now);
                    all.extend(told.before.into_iter().chain(told.after));
                } else if !matches!(write, Write::Set { deadline: None, .. } | Write::Change { .. }) {
                    all.extend(keyspace::owed(node, key, now));
                }
                all.push(write);
                commands.push(all);
            };
            let lives = node.around.keys.get(&key).filter(|lives| !lives.is_over(now));
            for life in self.lives {
                offer(Write::Set { key, value, deadline: Some(now.0 + life) });
            }
            let Some(lives) = lives else { continue };
            offer(Write::Set { key, value, deadline: None });
            offer(Write::Change { key, value });
            offer(Write::Expire { key, deadline: now.0 + self.lives[0] });
            offer(Write::Del(key));
            if lives.deadline.is_some() {
                offer(Write::Persist(key));
            }
        }
        commands
    }

    fn wakes_at(node: &Node<Self>, now: UnixMs) -> Option<UnixMs> {
        keyspace::wakes_at(node, now)
    }

    fn tick(node: &mut Node<Self>, role: Role) -> Vec<Write> {
        keyspace::tick(node, role, false)
    }

    fn saving(node: &mut Node<Self>) {
        keyspace::saving(node);
    }

    fn loaded(node: &mut Node<Self>, source: Source) {
        keyspace::loaded(node, source);
    }

    fn promoted(node: &mut Node<Self>) {
        keyspace::promoted(node);
    }

    fn is_level(master: &Node<Self>, replica: &Node<Self>) -> bool {
        master.around.keys == replica.around.keys
    }
}

/// A key and the deadline under which it ended.
type Id = (u8, i64);

#[derive(Clone, Debug, Default, Hash)]
pub struct Truth {
    /// Keys with their last values and deadlines.
    lives: BTreeMap<u8, (u32, Option<i64>)>,
    /// What ended, with its last value, and was not settled.
    owed: BTreeMap<Id, u32>,
    settled: BTreeSet<Id>,
}

impl Truth {
    fn time_passes(&mut self, now: UnixMs) {
        let is_over = |deadline: Option<i64>| deadline.filter(|deadline| *deadline < now.0);
        let over = self.lives.iter().filter_map(|(key, (value, deadline))| Some((*key, is_over(*deadline)?, *value)));
        for (key, deadline, value) in over.collect::<Vec<_>>() {
            self.lives.remove(&key);
            self.owed.insert((key, deadline), value);
        }
    }

    fn write(&mut self, write: &Write) {
        match *write {
            Write::Set { key, value, deadline } => drop(self.lives.insert(key, (value, deadline))),
            Write::Change { key, value } => {
                self.lives.entry(key).and_modify(|lives| lives.0 = value).or_default().0 = value
            }
            Write::Expire { key, deadline } => self.lives.entry(key).or_default().1 = Some(deadline),
            Write::Persist(key) => self.lives.entry(key).or_default().1 = None,
            Write::Del(key) => drop(self.lives.remove(&key)),
            Write::Unit(ref writes) => writes.iter().for_each(|write| self.write(write)),
            // What the server tells of the end of keys says nothing about when they end.
            Write::Over(_) | Write::Ends { .. } | Write::Fire(Fire { .. }) => {}
            Write::ThrownOut(_) | Write::Evict { .. } => unreachable!("nobody is evicted"),
        }
    }
}

fn id(delivery: &Delivery) -> Id {
    (delivery.name[0], delivery.key)
}

fn value(delivery: &Delivery) -> Option<u32> {
    let bytes = expired(&delivery.body).value?;
    Some(u32::from_be_bytes(bytes.try_into().expect("four bytes")))
}

impl family::Truth<Write> for Truth {
    fn identity(delivery: &Delivery) -> Vec<u8> {
        [&delivery.name[..], &delivery.key.to_be_bytes()].concat()
    }

    fn written(&mut self, write: &Write, now: UnixMs) -> Before {
        self.time_passes(now);
        self.write(write);
        Before::Stands
    }

    fn swept(&mut self, now: UnixMs) {
        self.time_passes(now);
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) -> Result<(), Broken> {
        self.time_passes(now);
        let id = id(delivery);
        match self.owed.get(&id) {
            Some(last) if value(delivery) == Some(*last) => Ok(()),
            None if !self.settled.contains(&id) => Err(Broken::Early),
            _ => Err(Broken::Settled),
        }
    }

    fn settled(&mut self, delivery: &Delivery) {
        self.owed.remove(&id(delivery));
        self.settled.insert(id(delivery));
    }

    fn owes(&self, deliveries: &[Delivery], _: &[Write], at: UnixMs) -> bool {
        let mut in_the_end = self.clone();
        in_the_end.time_passes(at);
        let came: BTreeMap<Id, Option<u32>> =
            deliveries.iter().map(|delivery| (id(delivery), value(delivery))).collect();
        came.len() == deliveries.len()
            && came.into_iter().eq(in_the_end.owed.into_iter().map(|(id, last)| (id, Some(last))))
    }
}
