//! EXPIRY under simulation: customers who book seats for some time and pay, come back, stay away, or are thrown out; the keys of
//! their bookings are watched.
//!
//! Judged besides: a booking whose deadline passed is told once, with the value that was written last; one that was paid,
//! kept for ever, extended or replaced in time never.
//!
//! What may be lost, and nothing else: a booking that was evicted and over, if its key was set without a deadline, of which no event
//! tells, before the timer came. And the value of what was evicted, on servers that do not show it.

use crate::family::{self, options, Delivery};
use crate::keyspace::{self, Fire, Keyspace, Told, Write};
use crate::life::Life;
use crate::node::{Node, Role, Source};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{expired, Ending, Expiry, Prefix, Ttl, TtlRules, UnixMs};
use tsgen_history::{Act, Terms, Unit};

const KEYS: u8 = 12;

#[derive(Default)]
pub struct Bookings {
    next_value: u32,
}

impl Bookings {
    /// What a client does to a key, if anything comes of it.
    fn command(&mut self, rng: &mut Rng, node: &Node<Self>, key: u8, now: UnixMs) -> Option<Write> {
        let lives = node.around.keys.get(&key).filter(|lives| !lives.is_over(now));
        let longest = if rng.bool() { 600 } else { 6 };
        let deadline = now.0 + rng.i64(1..=longest);
        self.next_value += 1;
        let value = self.next_value;
        match (rng.u32(0..20), lives) {
            // SET NX: the second customer is refused.
            (0..=5, lives) => lives.is_none().then_some(Write::Set { key, value, deadline: Some(deadline) }),
            (6 | 7, _) => Some(Write::Set { key, value, deadline: Some(deadline) }),
            (8, _) => Some(Write::Set { key, value, deadline: None }),
            (9..=11, Some(_)) => Some(Write::Change { key, value }),
            (12 | 13, Some(_)) => Some(Write::Expire { key, deadline }),
            (14, Some(lives)) => lives.deadline.map(|_| Write::Persist(key)),
            (15 | 16, Some(_)) => Some(Write::Del(key)),
            (17, Some(lives)) => lives.deadline.map(|_| Write::ThrownOut(key)),
            // A read.
            _ => None,
        }
    }
}

impl family::Family for Bookings {
    type Gate = Ttl;
    type Write = Write;
    type Truth = Truth;
    type Around = Keyspace;

    fn start(rng: &mut Rng) -> (Self, Expiry, Keyspace, Truth) {
        let has_units = rng.bool();
        // Room for a few values, or for all.
        let max_held = if rng.u32(0..4) == 0 { 16 } else { 0 };
        let rules = TtlRules { prefixes: vec![Prefix([].into())], max_value: 4, keep_evicted: rng.bool(), max_held };
        let truth = Truth {
            shows_values: has_units,
            keeps_evicted: rules.keep_evicted,
            has_room: max_held == 0,
            ..Truth::default()
        };
        let key = Expiry::create(rules, options(), [1, 2]).expect("valid");
        (Bookings::default(), key, Keyspace::new(has_units), truth)
    }

    /// One turn of the server's loop.
    fn write(&mut self, rng: &mut Rng, node: &Node<Self>, now: UnixMs) -> Vec<Write> {
        let key = rng.u8(0..KEYS);
        let is_over = node.around.keys.get(&key).is_some_and(|lives| lives.is_over(now));
        let Told { before: mut writes, after } = match is_over {
            true => keyspace::ends(node, key, Ending::Expired, now),
            false => Told { before: Vec::new(), after: None },
        };
        match self.command(rng, node, key, now) {
            Some(Write::ThrownOut(_)) => {
                let told = keyspace::ends(node, key, Ending::Evicted, now);
                writes.extend(told.before.into_iter().chain(told.after));
                writes.extend(after);
            }
            // Of these there are events; what is owed goes out in front of them.
            Some(command) if !matches!(command, Write::Set { deadline: None, .. } | Write::Change { .. }) => {
                writes.extend(keyspace::owed(node, key, now).filter(|_| !is_over));
                writes.extend(after);
                writes.push(command);
            }
            command => {
                writes.extend(command);
                // What has happened to keys is told before the loop sleeps.
                writes.extend(after);
            }
        }
        writes
    }

    fn apply(node: &mut Node<Self>, write: &Write, _: UnixMs) -> bool {
        keyspace::apply(node, write);
        true
    }

    fn last_writes() -> Vec<Write> {
        Vec::new()
    }

    fn wakes_at(node: &Node<Self>, now: UnixMs) -> Option<UnixMs> {
        keyspace::wakes_at(node, now)
    }

    fn tick(rng: &mut Rng, node: &mut Node<Self>, role: Role) -> Vec<Write> {
        keyspace::tick(node, role, rng.u32(0..3) == 0)
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

    fn terms(_: &Expiry) -> Option<Terms> {
        Some(Terms::under(tsgen_history::Gate::ClockOnce))
    }

    /// A key that lives until some deadline is a unit of its own, for as long as it does.
    fn noted(write: &Write, before: &Truth, now: UnixMs) -> Vec<Act> {
        let (key, until) = match *write {
            Write::Set { key, deadline, .. } => (key, deadline),
            Write::Expire { key, deadline } => (key, Some(deadline)),
            Write::Persist(key) | Write::Del(key) => (key, None),
            // What the server itself tells of a key changes nothing of what is owed.
            _ => return Vec::new(),
        };
        let ends = before.taken_away(key, until.is_none(), now).filter(|id| Some(id.1) != until);
        let begins = until.map(|until| Unit { name: unit((key, until)), due: until + 1 });
        let ends = ends.map(|id| Act::Remove(vec![unit(id)]));
        ends.into_iter().chain(begins.map(|begins| Act::Write(vec![begins]))).collect()
    }

    fn handed(delivery: &Delivery) -> tsgen_history::Delivery {
        let ready_at = Some(delivery.key + 1);
        tsgen_history::Delivery { ready_at, ..crate::notes::one(delivery, unit(Truth::id(delivery))) }
    }

    fn check_level(master: &Node<Self>, replica: &Node<Self>) {
        assert_eq!(master.around.keys, replica.around.keys);
    }
}

/// A key and the deadline under which it ended.
type Id = (u8, i64);

/// What it is to the judge.
fn unit((key, deadline): Id) -> String {
    format!("{key} until {deadline}")
}

#[derive(Clone, Default)]
pub struct Truth {
    keeps_evicted: bool,
    /// For the values of all keys at once.
    has_room: bool,
    lives: BTreeMap<u8, Life>,
    due: BTreeMap<Id, Life>,
    fired: BTreeSet<Id>,
    /// The server shows what a key was when it ends.
    shows_values: bool,
    /// May be lost.
    excused: BTreeSet<Id>,
    acked: BTreeSet<Id>,
}

impl Truth {
    /// What is over at `now` is due.
    fn time_passes(&mut self, now: UnixMs) {
        let is_over = |life: &Life| life.deadline.is_some_and(|deadline| deadline < now.0);
        let over: Vec<u8> = self.lives.iter().filter(|(_, life)| is_over(life)).map(|(key, _)| *key).collect();
        for key in over {
            let life = self.lives.remove(&key).expect("just seen");
            self.due.insert((key, life.deadline.expect("it is over")), life);
        }
    }

    fn last_due(&self, key: u8) -> Option<Id> {
        self.due.range((key, i64::MIN)..=(key, i64::MAX)).next_back().map(|(id, _)| *id)
    }

    /// An evicted key is set without a deadline, of which no event tells, before the timer came to tell of its end.
    fn excuse_overtaken(&mut self, key: u8) {
        let Some(id) = self.last_due(key).filter(|id| !self.fired.contains(id)) else { return };
        if self.due[&id].evicted {
            self.excused.insert(id);
        }
    }

    /// What need not be told any more once this key is another or gone: its life, if that is not over; or, if no event tells of the change,
    /// the end of what was evicted.
    fn taken_away(&self, key: u8, is_silent: bool, now: UnixMs) -> Option<Id> {
        let mut then = self.clone();
        then.time_passes(now);
        let lives = then.lives.get(&key).and_then(|life| Some((key, life.deadline?)));
        let overtaken = then.last_due(key).filter(|id| is_silent && !then.fired.contains(id) && then.due[id].evicted);
        lives.or(overtaken)
    }

    fn id(delivery: &Delivery) -> Id {
        (delivery.name[0], delivery.key)
    }
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, now: UnixMs) {
        self.time_passes(now);
        match *write {
            Write::Set { key, value, deadline } => {
                if deadline.is_none() {
                    self.excuse_overtaken(key);
                }
                self.lives.insert(key, Life::new(value, deadline, now.0));
            }
            Write::Change { key, value } => self.lives.get_mut(&key).expect("it lives").values.push((now.0, value)),
            Write::Expire { key, deadline } => {
                self.lives.get_mut(&key).expect("it lives").deadline = Some(deadline);
            }
            Write::Persist(key) => self.lives.get_mut(&key).expect("it lives").deadline = None,
            Write::Del(key) => drop(self.lives.remove(&key)),
            Write::Over(key) => drop(self.last_due(key).expect("it was over")),
            Write::ThrownOut(key) => self.lives.get_mut(&key).expect("it lives").evicted = true,
            Write::Evict { .. } | Write::Ends { .. } => {}
            Write::Unit(ref writes) => writes.iter().for_each(|write| self.written(write, now)),
            Write::Fire(Fire { key, deadline, .. }) => {
                let id = (key, deadline);
                assert!(self.due.contains_key(&id), "{id:?} was told and had not ended");
                assert!(self.fired.insert(id), "{id:?} was told twice");
            }
        }
    }

    fn went_on_with(&mut self, _: Source, now: UnixMs) {
        self.time_passes(now);
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) {
        self.time_passes(now);
        let id = Self::id(delivery);
        let life = self.due.get(&id).unwrap_or_else(|| panic!("{id:?} was handed out and had not ended"));
        assert!(delivery.key < now.0, "{id:?} was handed out early");
        assert!(!self.acked.contains(&id), "{id:?} came back after it was acknowledged");
        let told = expired(&delivery.body);
        assert_eq!(told.ending, if life.evicted { Ending::Evicted } else { Ending::Expired }, "of {id:?}");
        match told.value {
            Some(bytes) => {
                let value = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
                assert!(life.may_end_with(value), "{id:?} ended with {value}, and had {:?}", life.values);
            }
            None => {
                let may_be_unknown = life.evicted && !(self.shows_values && self.keeps_evicted);
                assert!(may_be_unknown || !self.has_room, "{id:?} came without its value");
            }
        }
    }

    fn acked(&mut self, delivery: &Delivery) {
        let id = Self::id(delivery);
        assert!(self.acked.insert(id), "{id:?} was acknowledged twice");
    }

    fn identity(delivery: &Delivery) -> u64 {
        let (key, deadline) = Self::id(delivery);
        u64::from(key) << 48 | deadline.unsigned_abs()
    }

    fn judge(&self) {
        let left = self.lives.iter().filter_map(|(key, life)| Some((*key, life.deadline?)));
        let ended: BTreeSet<Id> = self.due.keys().copied().chain(left).collect();
        let lost: Vec<_> = ended.iter().filter(|id| !self.acked.contains(id) && !self.excused.contains(id)).collect();
        assert!(lost.is_empty(), "ended and never acknowledged: {lost:?}");
        assert!(!self.acked.is_empty());
    }
}
