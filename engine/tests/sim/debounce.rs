//! DEBOUNCE under simulation: publishers that push numbered items to a few groups, flush and cancel.
//!
//! Judged besides: an item is in one entry; an entry has all items of its group between its first and its last, in order of arrival;
//! it fires when its reason says, at its deadline to the millisecond, and that is when its group was quiet or had waited.

use crate::family::{self, options, Delivery};
use crate::node::Node;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{fired, Debounce, DeliveryOptions, Fired, Idle, IdleRules, Millis, UnixMs};

const GROUPS: u8 = 10;

#[derive(Default)]
pub struct Publishers {
    next_item: u32,
}

#[derive(Clone)]
pub enum Write {
    /// New items, after one that the group has already.
    Push {
        group: u8,
        again: Option<u32>,
        items: Vec<u32>,
    },
    Flush(u8),
    FlushAll(usize),
    /// With the items that collected there.
    Cancel {
        group: u8,
        dropped: Vec<u32>,
    },
}

fn number(item: &[u8]) -> u32 {
    u32::from_be_bytes(item.try_into().expect("four bytes"))
}

fn collecting(key: &Debounce, group: u8, now: UnixMs) -> Vec<u32> {
    key.collecting(&[group], now).map_or(Vec::new(), |group| group.items.map(|(item, _)| number(item)).collect())
}

impl family::Family for Publishers {
    type Gate = Idle;
    type Write = Write;
    type Truth = Truth;
    type Around = ();

    fn start(rng: &mut Rng) -> (Self, Debounce, (), Truth) {
        let or_none = |rng: &mut Rng, some: u64| if rng.bool() { some } else { 0 };
        let (max_wait, max_items, max_len) = (rng.u64(50..600), rng.u64(1..12), rng.u64(5..60));
        let rules = IdleRules {
            idle: Millis(rng.u64(10..400)),
            max_wait: Millis(or_none(rng, max_wait)),
            max_items: or_none(rng, max_items),
            unique: true,
        };
        let options = DeliveryOptions { max_len: or_none(rng, max_len), ..options() };
        let key = Debounce::create(rules, options, [1, 2]).expect("valid");
        (Publishers::default(), key, (), Truth::new(rules))
    }

    fn write(&mut self, rng: &mut Rng, node: &Node<Self>, now: UnixMs) -> Vec<Write> {
        let (key, group) = (&node.key, rng.u8(0..GROUPS));
        let write = match rng.u32(0..40) {
            0 | 1 => Write::Flush(group),
            2 => Write::FlushAll(rng.usize(1..4)),
            3 | 4 => Write::Cancel { group, dropped: collecting(key, group, now) },
            nth => {
                let first = self.next_item;
                self.next_item += rng.u32(1..=5);
                let again = collecting(key, group, now).last().copied().filter(|_| nth < 12);
                Write::Push { group, again, items: (first..self.next_item).collect() }
            }
        };
        vec![write]
    }

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Push { group, again, items } => {
                let items: Vec<_> = again.iter().chain(items).map(|item| item.to_be_bytes()).collect();
                // Refused only where there is no room.
                key.push(&[*group], &items, now).is_ok()
            }
            Write::Flush(group) => key.flush(&[[*group]], now).changed,
            Write::FlushAll(count) => key.flush_all(*count, now).changed,
            Write::Cancel { group, .. } => key.cancel(&[[*group]], now).changed,
        }
    }

    fn terms(_: &Debounce) -> Option<tsgen_history::Terms> {
        Some(tsgen_history::Terms::under(tsgen_history::Gate::ClockOnce))
    }

    fn noted(write: &Write, _: &Truth, _: UnixMs) -> Vec<tsgen_history::Act> {
        let name = |item: &u32| item.to_string();
        match write {
            Write::Push { items, .. } => {
                let unit = |item| tsgen_history::Unit { name: name(item), due: i64::MIN };
                vec![tsgen_history::Act::Write(items.iter().map(unit).collect())]
            }
            Write::Cancel { dropped, .. } => vec![tsgen_history::Act::Remove(dropped.iter().map(name).collect())],
            Write::Flush(_) | Write::FlushAll(_) => Vec::new(),
        }
    }

    fn handed(delivery: &Delivery) -> tsgen_history::Delivery {
        let units = fired(&delivery.body).items.map(|(item, _)| number(item).to_string()).collect();
        tsgen_history::Delivery { units, ready_at: Some(delivery.key), ..crate::notes::one(delivery, 0) }
    }

    fn last_writes() -> Vec<Write> {
        Vec::new()
    }
}

#[derive(Clone)]
pub struct Truth {
    rules: IdleRules,
    items: BTreeMap<u32, Item>,
    /// For each group the times of its pushes, and how many items it has had.
    pushes: BTreeMap<u8, (BTreeSet<i64>, usize)>,
    flushes: BTreeSet<(u8, i64)>,
    cancelled: BTreeSet<u32>,
    acked: BTreeSet<u32>,
    /// For each item its entry, as it was handed out first.
    entries: BTreeMap<u32, (i64, Vec<u8>)>,
}

#[derive(Clone, Copy)]
struct Item {
    group: u8,
    at: i64,
    /// In order of arrival in the group.
    nth: usize,
}

impl Truth {
    fn new(rules: IdleRules) -> Self {
        Truth {
            rules,
            items: BTreeMap::new(),
            pushes: BTreeMap::new(),
            flushes: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            acked: BTreeSet::new(),
            entries: BTreeMap::new(),
        }
    }

    /// These items of one group were right to fire together at `at`, for this reason.
    fn check_firing(&self, items: &[Item], at: i64, reason: &str) {
        let (first, last) = (items[0], items[items.len() - 1]);
        let (idle, max_wait) = (self.rules.idle.0 as i64, self.rules.max_wait.0 as i64);
        let pushes = &self.pushes[&first.group].0;
        let mut before = first.at;
        for push in pushes.range(first.at..=last.at) {
            assert!(*push == first.at || *push < before + idle, "it was quiet in between");
            before = *push;
        }
        let last_push = *pushes.range(..at).next_back().unwrap_or(&last.at).max(&last.at);
        let quiet = last_push + idle;
        let waited = if max_wait == 0 { i64::MAX } else { first.at + max_wait };
        match reason {
            "idle" => assert!(at == quiet && quiet <= waited, "fired at {at}, quiet at {quiet}"),
            "maxwait" => assert!(at == waited && waited < quiet, "fired at {at}, had waited at {waited}"),
            "full" => assert_eq!((at, self.rules.max_items), (last.at, items.len() as u64)),
            _ => assert!(self.flushes.contains(&(first.group, at)) && at < quiet.min(waited), "nobody flushed"),
        }
        assert!(last.at <= at && last.at < waited, "an item of a later collection");
    }
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, now: UnixMs) {
        match write {
            Write::Push { group, items, .. } => {
                let (pushes, had) = self.pushes.entry(*group).or_default();
                pushes.insert(now.0);
                for item in items {
                    self.items.insert(*item, Item { group: *group, at: now.0, nth: *had });
                    *had += 1;
                }
            }
            Write::Flush(group) => drop(self.flushes.insert((*group, now.0))),
            Write::FlushAll(_) => self.flushes.extend((0..GROUPS).map(|group| (group, now.0))),
            Write::Cancel { dropped, .. } => self.cancelled.extend(dropped),
        }
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) {
        let Fired { reason, items } = fired(&delivery.body);
        let mut had: Vec<Item> = Vec::new();
        for (item, at) in items {
            let number = number(item);
            let item = *self.items.get(&number).unwrap_or_else(|| panic!("{number} was never pushed"));
            assert_eq!((&[item.group][..], item.at), (&delivery.name[..], at.0), "{number} is not as it was pushed");
            assert!(had.last().is_none_or(|before| before.nth + 1 == item.nth), "{number} is out of order");
            assert!(!self.cancelled.contains(&number), "{number} was cancelled");
            assert!(!self.acked.contains(&number), "{number} came back after it was acknowledged");
            let entry = self.entries.entry(number).or_insert_with(|| (delivery.key, delivery.body.clone()));
            assert!(*entry == (delivery.key, delivery.body.clone()), "{number} was in another entry before");
            had.push(item);
        }
        assert!(delivery.key <= now.0, "handed out early");
        self.check_firing(&had, delivery.key, reason.as_str());
    }

    fn acked(&mut self, delivery: &Delivery) {
        for (item, _) in fired(&delivery.body).items {
            assert!(self.acked.insert(number(item)), "{} was acknowledged twice", number(item));
        }
    }

    fn identity(delivery: &Delivery) -> u64 {
        fired(&delivery.body).items.next().map(|(item, _)| number(item).into()).expect("an entry has items")
    }

    fn judge(&self) {
        let settled: BTreeSet<u32> = self.acked.union(&self.cancelled).copied().collect();
        let lost: Vec<_> = self.items.keys().filter(|item| !settled.contains(item)).collect();
        assert!(lost.is_empty(), "accepted and never acknowledged: {lost:?}");
        assert!(!self.acked.is_empty());
    }
}
