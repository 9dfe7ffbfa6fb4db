//! EXPIRY: customers who book seats for some time, extend, pay, leave or are thrown out; the keys of their bookings are watched. The keyspace is
//! that of the simulation, with the servers that show last values and those that announce what ends.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::keyspace::{self, Fire, Keyspace, Write};
use crate::life::Life;
use crate::node::{Node, Role, Source};
use crate::planted::Plant;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{expired, DeliveryOptions, Ending, Expiry, Prefix, Ttl, TtlRules, UnixMs};

/// The name by which the keyspace knows whose it is.
#[derive(Clone)]
pub struct Bookings {
    pub options: DeliveryOptions,
    pub keys: u8,
    /// For how long seats are booked.
    pub lives: &'static [i64],
    /// The server tells what it tells of a deletion with it, and shows last values. Another announces it, and finds what is over by itself.
    pub has_units: bool,
    /// Keys are thrown out; with KEEPEVICTED.
    pub evictions: Option<bool>,
}

impl Family for Bookings {
    type Gate = Ttl;
    type Write = Write;
    type Around = Keyspace;
    type Truth = Truth;

    fn ticks(&self) -> bool {
        true
    }

    fn apply(node: &mut Node<Self>, write: &Write, _: UnixMs) -> bool {
        keyspace::apply(node, write);
        true
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let keep_evicted = self.evictions == Some(true);
        let rules = TtlRules { prefixes: vec![Prefix([].into())], max_value: 4, keep_evicted, max_held: 0 };
        let key = Expiry::create(rules, self.options.clone(), [1, 2]).expect("valid");
        Node { key, around: Keyspace::new(self.has_units), clock: now }
    }

    fn truth(&self, _: UnixMs) -> Truth {
        Truth { shows_values: self.has_units, keeps_evicted: self.evictions == Some(true), ..Truth::default() }
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
                if self.evictions.is_some() {
                    let told = keyspace::ends(node, key, Ending::Evicted, now);
                    commands.push(told.before.into_iter().chain(told.after).collect());
                }
            }
        }
        commands
    }

    fn wakes_at(node: &Node<Self>, now: UnixMs) -> Option<UnixMs> {
        keyspace::wakes_at(node, now)
    }

    fn tick(node: &mut Node<Self>, role: Role) -> Vec<Write> {
        keyspace::tick(node, role, !node.around.has_units)
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

    fn spoiled(plant: Plant, write: &Write) -> Option<Write> {
        match write {
            Write::Unit(writes) if plant == Plant::TakesEvictionsForDeletions => {
                let told = writes.iter().filter(|write| !matches!(write, Write::Evict { .. }));
                Some(Write::Unit(told.cloned().collect())).filter(|told| told != write)
            }
            _ => None,
        }
    }

    fn is_lost(plant: Plant, write: &Write) -> bool {
        plant == Plant::AnnouncesNothing && matches!(write, Write::Ends { .. })
    }

    fn is_level(master: &Node<Self>, replica: &Node<Self>) -> bool {
        master.around.keys == replica.around.keys
    }
}

/// A key and the deadline under which it ended.
type Id = (u8, i64);

#[derive(Clone, Debug, Default, Hash)]
pub struct Truth {
    shows_values: bool,
    keeps_evicted: bool,
    lives: BTreeMap<u8, Life>,
    /// What ended and was not settled.
    owed: BTreeMap<Id, Life>,
    settled: BTreeSet<Id>,
}

impl Truth {
    fn time_passes(&mut self, now: UnixMs) {
        let is_over = |life: &Life| life.deadline.is_some_and(|deadline| deadline < now.0);
        let over: Vec<u8> = self.lives.iter().filter(|(_, life)| is_over(life)).map(|(key, _)| *key).collect();
        for key in over {
            let life = self.lives.remove(&key).expect("just seen");
            self.owed.insert((key, life.deadline.expect("it is over")), life);
        }
    }

    fn write(&mut self, write: &Write, now: UnixMs) {
        let lives = &mut self.lives;
        match *write {
            Write::Set { key, value, deadline } => drop(lives.insert(key, Life::new(value, deadline, now.0))),
            Write::Change { key, value } => {
                let life = lives.get_mut(&key).expect("it lives");
                if self.shows_values {
                    life.values.clear();
                }
                life.values.push((now.0, value));
            }
            Write::Expire { key, deadline } => lives.get_mut(&key).expect("it lives").deadline = Some(deadline),
            Write::Persist(key) => lives.get_mut(&key).expect("it lives").deadline = None,
            Write::Del(key) => drop(lives.remove(&key)),
            Write::ThrownOut(key) => lives.get_mut(&key).expect("it lives").evicted = true,
            Write::Unit(ref writes) => writes.iter().for_each(|write| self.write(write, now)),
            // What the server tells of the end of keys says nothing about when they end.
            Write::Over(_) | Write::Ends { .. } | Write::Evict { .. } | Write::Fire(Fire { .. }) => {}
        }
    }

    /// Whether a key that had this life may be told so.
    fn is_right(&self, life: &Life, delivery: &Delivery) -> bool {
        let told = expired(&delivery.body);
        let value = told.value.map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")));
        let is_right = match value {
            Some(value) if self.shows_values => life.values.last().is_some_and(|(_, last)| *last == value),
            Some(value) => life.may_end_with(value),
            None => life.evicted && !(self.shows_values && self.keeps_evicted),
        };
        is_right && told.ending == if life.evicted { Ending::Evicted } else { Ending::Expired }
    }
}

fn id(delivery: &Delivery) -> Id {
    (delivery.name[0], delivery.key)
}

impl family::Truth<Write> for Truth {
    fn identity(delivery: &Delivery) -> Vec<u8> {
        [&delivery.name[..], &delivery.key.to_be_bytes()].concat()
    }

    fn written(&mut self, write: &Write, now: UnixMs) -> Before {
        self.time_passes(now);
        self.write(write, now);
        Before::Stands
    }

    fn swept(&mut self, now: UnixMs) {
        self.time_passes(now);
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) -> Result<(), Broken> {
        self.time_passes(now);
        let id = id(delivery);
        match self.owed.get(&id) {
            Some(life) if self.is_right(life, delivery) => Ok(()),
            None if !self.settled.contains(&id) => Err(Broken::Early),
            _ => Err(Broken::Settled),
        }
    }

    fn settled(&mut self, delivery: &Delivery, _: Option<UnixMs>) {
        self.owed.remove(&id(delivery));
        self.settled.insert(id(delivery));
    }

    fn owes(&self, deliveries: &[Delivery], _: &[Write], at: UnixMs) -> bool {
        let mut in_the_end = self.clone();
        in_the_end.time_passes(at);
        let came: BTreeMap<Id, &Delivery> = deliveries.iter().map(|delivery| (id(delivery), delivery)).collect();
        let is_right = |(id, life): (&Id, &Life)| came.get(id).is_some_and(|delivery| self.is_right(life, delivery));
        came.len() == deliveries.len() && came.len() == in_the_end.owed.len() && in_the_end.owed.iter().all(is_right)
    }
}
