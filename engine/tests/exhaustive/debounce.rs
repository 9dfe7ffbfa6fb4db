//! DEBOUNCE: publishers that push numbered items to groups and repeat pushes, flush and cancel.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::node::Node;
use std::collections::BTreeMap;
use tsgen_engine::{fired, Debounce, DeliveryOptions, Idle, IdleRules, UnixMs};

#[derive(Clone)]
pub struct Publishers {
    pub rules: IdleRules,
    pub options: DeliveryOptions,
    pub groups: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    Push { group: u8, item: u8 },
    Flush(u8),
    Cancel(u8),
}

impl Family for Publishers {
    type Gate = Idle;
    type Write = Write;
    type Around = ();
    type Truth = Truth;

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Push { group, item } => key.push(&[*group], &[[*item]], now).is_ok(),
            Write::Flush(group) => key.flush(&[[*group]], now).changed,
            Write::Cancel(group) => key.cancel(&[[*group]], now).changed,
        }
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let key = Debounce::create(self.rules, self.options.clone(), [1, 2]).expect("valid");
        Node { key, around: (), clock: now }
    }

    fn truth(&self, _: UnixMs) -> Truth {
        Truth { rules: self.rules, open: BTreeMap::new(), owed: Vec::new() }
    }

    fn commands(&self, node: &Node<Self>, written: u8, now: UnixMs) -> Vec<Vec<Write>> {
        let mut commands = Vec::new();
        for group in 1..=self.groups {
            commands.push(Write::Push { group, item: written });
            if let Some(collecting) = node.key.collecting(&[group], now) {
                let last = collecting.items.last().expect("it has one").0[0];
                commands.extend([Write::Push { group, item: last }, Write::Flush(group), Write::Cancel(group)]);
            }
        }
        commands.into_iter().map(|write| vec![write]).collect()
    }
}

#[derive(Clone, Debug, Hash)]
struct Open {
    items: Vec<u8>,
    since: i64,
    fires_at: i64,
}

/// An entry: its group, when it fired, and its items in order.
type Fired = (u8, i64, Vec<u8>);

#[derive(Clone, Debug)]
pub struct Truth {
    rules: IdleRules,
    open: BTreeMap<u8, Open>,
    /// In order.
    owed: Vec<Fired>,
}

impl std::hash::Hash for Truth {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        (&self.open, &self.owed).hash(hasher);
    }
}

impl Truth {
    fn fire(&mut self, group: u8, at: i64) {
        if let Some(open) = self.open.remove(&group) {
            self.owed.push((group, at, open.items));
            self.owed.sort();
        }
    }

    /// Whether its time is over.
    fn is_due(&self, group: u8, now: UnixMs) -> bool {
        self.open.get(&group).is_some_and(|open| open.fires_at <= now.0)
    }

    fn fire_due(&mut self, group: u8, now: UnixMs) {
        if self.is_due(group, now) {
            self.fire(group, self.open[&group].fires_at);
        }
    }

    fn push(&mut self, group: u8, item: u8, now: UnixMs) {
        self.fire_due(group, now);
        let new = Open { items: Vec::new(), since: now.0, fires_at: 0 };
        let open = self.open.entry(group).or_insert(new);
        open.since = open.since.min(now.0);
        if !open.items.contains(&item) {
            open.items.push(item);
        }
        let quiet = now.after(self.rules.idle).0;
        let waited = UnixMs(open.since).after(self.rules.max_wait).0.max(now.0);
        open.fires_at = if self.rules.max_wait.is_zero() { quiet } else { quiet.min(waited) };
        if self.rules.max_items > 0 && open.items.len() as u64 >= self.rules.max_items {
            self.fire(group, now.0);
        }
    }
}

fn entry(delivery: &Delivery) -> Fired {
    (delivery.name[0], delivery.key, fired(&delivery.body).items.map(|(item, _)| item[0]).collect())
}

impl family::Truth<Write> for Truth {
    fn identity(delivery: &Delivery) -> Vec<u8> {
        entry(delivery).2
    }

    fn written(&mut self, write: &Write, now: UnixMs) -> Before {
        match write {
            Write::Push { group, item } => self.push(*group, *item, now),
            Write::Flush(group) if !self.is_due(*group, now) => self.fire(*group, now.0),
            Write::Cancel(group) if !self.is_due(*group, now) => drop(self.open.remove(group)),
            _ => {}
        }
        Before::Stands
    }

    fn swept(&mut self, now: UnixMs) {
        for group in self.open.keys().copied().collect::<Vec<_>>() {
            self.fire_due(group, now);
        }
    }

    /// What has fired stays ready, also where the clock is set back.
    fn delivered(&mut self, delivery: &Delivery, _: UnixMs) -> Result<(), Broken> {
        let entry = entry(delivery);
        match self.owed.contains(&entry) {
            true => Ok(()),
            false if self.open.values().any(|open| open.items == entry.2) => Err(Broken::Early),
            false => Err(Broken::Settled),
        }
    }

    fn settled(&mut self, delivery: &Delivery, _: Option<UnixMs>) {
        let entry = entry(delivery);
        self.owed.retain(|owed| *owed != entry);
    }

    fn owes(&self, deliveries: &[Delivery], _: &[Write], at: UnixMs) -> bool {
        let mut in_the_end = self.clone();
        in_the_end.swept(at);
        let mut came: Vec<Fired> = deliveries.iter().map(entry).collect();
        came.sort();
        came == in_the_end.owed
    }
}
