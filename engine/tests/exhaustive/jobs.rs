//! TSGEN with EVERY: an administrator sets a job, sets it anew and ends it; each run is an entry.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::node::Node;
use crate::op::Op;
use crate::planted::Plant;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{Addition, DeliveryOptions, Guard, Kind, Millis, Tsgen, UnixMs, Watermark, WatermarkRules};

#[derive(Clone)]
pub struct Administrators {
    pub options: DeliveryOptions,
    pub jobs: u8,
    pub every: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// A job begins, or is another from now on.
    Set {
        job: u8,
        at: i64,
        every: u64,
        /// No two are alike.
        nth: u8,
    },
    End(u8),
}

fn set(key: &mut Tsgen, job: u8, at: i64, every: u64, nth: u8, now: UnixMs) {
    let once = Addition::once(Guard::Always, at, std::slice::from_ref(&job), std::slice::from_ref(&nth));
    key.add(&Addition { every: Some(Millis(every)), ..once }, now).expect("unbounded");
}

impl Family for Administrators {
    type Gate = Watermark;
    type Write = Write;
    type Around = ();
    type Truth = Truth;

    /// In time, a run comes of each job; then all are ended.
    const ROUNDS_BEFORE_LAST: usize = 2;

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        match write {
            Write::Set { job, at, every, nth } => {
                set(&mut node.key, *job, *at, *every, *nth, now);
                true
            }
            Write::End(job) => node.key.rem(&[*job]),
        }
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let rules = WatermarkRules { kind: Kind::Clock, ..Default::default() };
        let key = Tsgen::create(rules, self.options.clone(), [1, 2]).expect("valid");
        Node { key, around: (), clock: now }
    }

    fn truth(&self, _: UnixMs) -> Truth {
        Truth::default()
    }

    fn commands(&self, node: &Node<Self>, nth: u8, now: UnixMs) -> Vec<Vec<Write>> {
        let mut commands = Vec::new();
        for job in 1..=self.jobs {
            // At once, and a little later.
            let set = |later| vec![Write::Set { job, at: now.0 + later, every: self.every, nth }];
            commands.extend([0, 1].map(set));
            commands.extend(node.key.get(&[job], now).map(|_| vec![Write::End(job)]));
        }
        commands
    }

    fn last_writes(&self, _: &Node<Self>) -> Vec<Write> {
        (1..=self.jobs).map(Write::End).collect()
    }

    fn planted(plant: Plant, node: &mut Node<Self>, op: &Op<Write>, now: UnixMs) {
        let job = 1;
        let Some(run) = node.key.get(&[job], now) else { return };
        let (at, every, nth) = (run.timestamp, run.every.map_or(1, |every| every.0), run.payload[0]);
        match (plant, op) {
            (Plant::CountsFromTheAck, Op::Ack(_)) => set(&mut node.key, job, now.0 + every as i64, every, nth, now),
            (Plant::EndsWithADeadRun, Op::Nack { dead: true, .. }) => drop(node.key.rem(&[job])),
            (Plant::MakesRunsWhenTheyBegin, Op::Claim { .. }) if at <= now.0 => {
                set(&mut node.key, job, at + every as i64, every, nth, now);
            }
            _ => {}
        }
    }
}

/// Of which job, when, and of which of its settings.
type Run = (u8, i64, u8);

#[derive(Clone, Debug, Hash)]
struct Job {
    nth: u8,
    at: i64,
    every: i64,
    last: Option<i64>,
}

#[derive(Clone, Debug, Default, Hash)]
pub struct Truth {
    jobs: BTreeMap<u8, Job>,
    /// Runs that somebody has had.
    handed: BTreeSet<Run>,
    /// Those of them that must be settled: their job was not set or ended since.
    owed: BTreeSet<Run>,
    settled: BTreeSet<Run>,
}

fn run(delivery: &Delivery) -> Run {
    (delivery.name[0], delivery.key, delivery.body[0])
}

impl Truth {
    /// A run that nobody has had.
    fn begin(&mut self, run: Run) -> Result<(), Broken> {
        let (name, at, nth) = run;
        let job = self.jobs.get_mut(&name).filter(|job| job.nth == nth).ok_or(Broken::Settled)?;
        if at < job.at || (at - job.at) % job.every != 0 || job.last.is_some_and(|last| last >= at) {
            return Err(Broken::Period);
        }
        job.last = Some(at);
        self.handed.insert(run);
        self.owed.insert(run);
        Ok(())
    }
}

impl family::Truth<Write> for Truth {
    fn identity(delivery: &Delivery) -> Vec<u8> {
        [&delivery.name[..], &delivery.key.to_be_bytes(), &delivery.body].concat()
    }

    const COMES_AGAIN: bool = true;

    fn series(&self, name: &[u8]) -> Option<Vec<u8>> {
        Some(name.to_vec())
    }

    fn written(&mut self, write: &Write, _: UnixMs) -> Before {
        let (Write::Set { job, .. } | Write::End(job)) = *write;
        self.owed.retain(|run| run.0 != job);
        match *write {
            Write::Set { job, at, every, nth } => {
                self.jobs.insert(job, Job { nth, at, every: every as i64, last: None });
            }
            Write::End(job) => drop(self.jobs.remove(&job)),
        }
        // Whoever works on a run may finish it. A dead one may still be requeued.
        Before::Superseded(vec![job])
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) -> Result<(), Broken> {
        let run = run(delivery);
        if delivery.key > now.0 {
            return Err(Broken::Early);
        }
        if self.settled.contains(&run) {
            return Err(Broken::Settled);
        }
        if self.handed.contains(&run) {
            return Ok(());
        }
        self.begin(run)
    }

    fn settled(&mut self, delivery: &Delivery, _: Option<UnixMs>) {
        self.owed.remove(&run(delivery));
        self.settled.insert(run(delivery));
    }

    /// Each job has a run, and was there to be ended.
    fn owes(&self, deliveries: &[Delivery], last_writes: &[Write], at: UnixMs) -> bool {
        let mut in_the_end = self.clone();
        for delivery in deliveries {
            if family::Truth::<Write>::delivered(&mut in_the_end, delivery, at).is_err() {
                return false;
            }
            family::Truth::<Write>::settled(&mut in_the_end, delivery, Some(at));
        }
        let has_run = |job: &u8| deliveries.iter().any(|delivery| delivery.name[0] == *job);
        let was_ended = |job: &u8| last_writes.contains(&Write::End(*job));
        in_the_end.owed.is_empty() && self.jobs.keys().all(|job| has_run(job) && was_ended(job))
    }
}
