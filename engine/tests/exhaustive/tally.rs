//! TALLY: clients that count, and windows that are over, full, or sealed.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::node::Node;
use std::collections::BTreeMap;
use tsgen_engine::{Batch, Counted, DeliveryOptions, Tally, UnixMs, Window, WindowRules};

#[derive(Clone)]
pub struct Clients {
    pub rules: WindowRules,
    pub options: DeliveryOptions,
    pub fields: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// A plain one is told as it came, another with its time.
    Count {
        field: u8,
        is_plain: bool,
    },
    Seal,
}

fn count(key: &mut Tally, field: u8, now: UnixMs) -> Counted {
    key.incr(&[field], 1, now).expect("there is room").counted
}

impl Family for Clients {
    type Gate = Window;
    type Write = Write;
    type Around = ();
    type Truth = Truth;

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        match write {
            Write::Count { field, is_plain } => {
                // Whoever repeats a plain one takes its window for open, whatever its own clock says.
                count(&mut node.key, *field, if *is_plain { UnixMs::EVER } else { now });
                true
            }
            Write::Seal => node.key.seal(now).changed,
        }
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let key = Tally::create(self.rules, self.options.clone(), [1, 2]).expect("valid");
        Node { key, around: (), clock: now }
    }

    fn truth(&self, _: UnixMs) -> Truth {
        Truth { rules: self.rules, open: None, owed: Vec::new(), numbers: BTreeMap::new() }
    }

    fn commands(&self, node: &Node<Self>, _: u8, now: UnixMs) -> Vec<Vec<Write>> {
        let increments = (1..=self.fields).map(|field| {
            let is_plain = count(&mut node.key.clone(), field, now).is_plain;
            vec![Write::Count { field, is_plain }]
        });
        increments.chain([vec![Write::Seal]]).collect()
    }
}

#[derive(Clone, Debug, Hash)]
struct Open {
    opened_at: i64,
    seals_at: i64,
    sums: BTreeMap<u8, i64>,
}

/// When the window opened, when it was sealed, and its sums.
type Content = (i64, i64, Vec<(u8, i64)>);

#[derive(Clone, Debug)]
pub struct Truth {
    rules: WindowRules,
    open: Option<Open>,
    /// In order.
    owed: Vec<Content>,
    /// Of those that were handed out.
    numbers: BTreeMap<Vec<u8>, Content>,
}

impl std::hash::Hash for Truth {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        (&self.open, &self.owed, &self.numbers).hash(hasher);
    }
}

impl Truth {
    fn seal(&mut self, at: i64) {
        if let Some(Open { opened_at, sums, .. }) = self.open.take() {
            self.owed.push((opened_at.min(at), at, sums.into_iter().collect()));
            self.owed.sort();
        }
    }

    fn is_due(&self, now: UnixMs) -> bool {
        self.open.as_ref().is_some_and(|open| open.seals_at <= now.0)
    }

    fn count(&mut self, field: u8, now: UnixMs) {
        family::Truth::swept(self, now);
        let seals_at = now.after(self.rules.every).0;
        let new = || Open { opened_at: now.0, seals_at, sums: BTreeMap::new() };
        let open = self.open.get_or_insert_with(new);
        if open.opened_at > now.0 {
            // The clock was set back.
            (open.opened_at, open.seals_at) = (now.0, seals_at);
        }
        let before = open.sums.len();
        *open.sums.entry(field).or_default() += 1;
        let fields = open.sums.len();
        if fields > before && fields as u64 >= self.rules.max_fields {
            self.seal(now.0);
        }
    }
}

fn content(delivery: &Delivery) -> Content {
    let batch = Batch::of(&delivery.body);
    (batch.opened_at.0, delivery.key, batch.sums().map(|(field, sum)| (field[0], sum)).collect())
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, now: UnixMs) -> Before {
        match write {
            Write::Count { field, .. } => self.count(*field, now),
            Write::Seal if !self.is_due(now) => self.seal(now.0),
            Write::Seal => {}
        }
        Before::Stands
    }

    fn swept(&mut self, now: UnixMs) {
        if let Some(at) = self.open.as_ref().map(|open| open.seals_at).filter(|at| *at <= now.0) {
            self.seal(at);
        }
    }

    /// What was sealed stays ready, also where the clock is set back.
    fn delivered(&mut self, delivery: &Delivery, _: UnixMs) -> Result<(), Broken> {
        let content = content(delivery);
        let same = |other: &&Content| **other == content;
        match self.numbers.get(&delivery.name) {
            Some(before) if *before == content => return Ok(()),
            Some(_) => return Err(Broken::Batch),
            None => {}
        }
        if self.owed.iter().filter(same).count() <= self.numbers.values().filter(same).count() {
            let is_open = self.open.as_ref().is_some_and(|open| open.opened_at == content.0);
            return Err(if is_open { Broken::Early } else { Broken::Settled });
        }
        self.numbers.insert(delivery.name.clone(), content);
        Ok(())
    }

    fn settled(&mut self, delivery: &Delivery, _: Option<UnixMs>) {
        let content = content(delivery);
        self.numbers.remove(&delivery.name);
        if let Some(at) = self.owed.iter().position(|owed| *owed == content) {
            self.owed.remove(at);
        }
    }

    fn owes(&self, deliveries: &[Delivery], _: &[Write], at: UnixMs) -> bool {
        let mut in_the_end = self.clone();
        family::Truth::swept(&mut in_the_end, at);
        let mut came: Vec<Content> = deliveries.iter().map(content).collect();
        came.sort();
        came == in_the_end.owed
    }
}
