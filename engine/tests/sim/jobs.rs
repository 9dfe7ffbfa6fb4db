//! Recurring elements under simulation: an administrator sets jobs, changes them and ends them; workers run them, fail and die.
//!
//! Judged besides: a run is on the grid of its job, and never early; runs of a job come one after the other; and a job is there until it is ended,
//! whatever became of its runs.

use crate::family::{self, options, Delivery};
use crate::node::Node;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{Addition, DeliveryOptions, Guard, Kind, Millis, Tsgen, UnixMs, Watermark, WatermarkRules};

const JOBS: u8 = 6;

pub struct Administrators;

#[derive(Clone)]
pub enum Write {
    /// A job begins, or is another from now on.
    Set {
        job: u8,
        at: i64,
        every: u64,
    },
    End(u8),
}

impl family::Family for Administrators {
    type Gate = Watermark;
    type Write = Write;
    type Truth = Truth;
    type Around = ();

    fn start(rng: &mut Rng) -> (Self, Tsgen, (), Truth) {
        // Some of the keys have groups.
        let group_limit = rng.u32(0..3);
        let options = DeliveryOptions { group_limit, fair: group_limit != 0 && rng.bool(), ..options() };
        let rules = WatermarkRules { kind: Kind::Clock, ..Default::default() };
        (Administrators, Tsgen::create(rules, options, [1, 2]).expect("valid"), (), Truth::default())
    }

    fn write(&mut self, rng: &mut Rng, _: &Node<Self>, now: UnixMs) -> Vec<Write> {
        let job = rng.u8(0..JOBS);
        match rng.u32(0..40) {
            0 => vec![Write::End(job)],
            1..=3 => vec![Write::Set { job, at: now.0 + rng.i64(1..300), every: rng.u64(1..400) }],
            _ => Vec::new(),
        }
    }

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        match write {
            Write::Set { job, at, every } => {
                let once = Addition::once(Guard::Always, *at, std::slice::from_ref(job), b"job");
                node.key.add(&Addition { every: Some(Millis(*every)), ..once }, now).expect("unbounded");
                true
            }
            Write::End(job) => node.key.rem(&[*job]),
        }
    }

    /// Every job that is there has a run that is not dead.
    fn check(key: &Tsgen, now: UnixMs) {
        let jobs: Vec<_> = (0..JOBS).filter_map(|job| key.get(&[job], now)).collect();
        assert_eq!(jobs.len(), key.recurring());
        assert!(jobs.iter().all(|run| run.state != "dead" && run.every.is_some()), "{jobs:?}");
    }

    fn last_writes() -> Vec<Write> {
        (0..JOBS).map(Write::End).collect()
    }
}

#[derive(Clone, Default)]
pub struct Truth {
    jobs: BTreeMap<u8, Job>,
    delivered: BTreeSet<(u8, i64)>,
    settled: BTreeSet<(u8, i64)>,
}

#[derive(Clone)]
struct Job {
    at: i64,
    every: i64,
    last: Option<i64>,
}

impl Truth {
    fn run(delivery: &Delivery) -> (u8, i64) {
        (delivery.name[0], delivery.key)
    }
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, _: UnixMs) {
        match write {
            Write::Set { job, at, every } => {
                self.jobs.insert(*job, Job { at: *at, every: *every as i64, last: None });
            }
            Write::End(job) => assert!(self.jobs.remove(job).is_some(), "ended, and never set"),
        }
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) {
        let run = Self::run(delivery);
        assert!(run.1 <= now.0, "a run that came early");
        assert!(!self.settled.contains(&run), "a run that came back after it was settled");
        if !self.delivered.insert(run) {
            return;
        }
        let job = self.jobs.get_mut(&run.0).expect("a job that is there");
        assert!(run.1 >= job.at && (run.1 - job.at) % job.every == 0, "off the grid");
        assert!(job.last.replace(run.1) < Some(run.1), "a run that came after a later one");
    }

    fn acked(&mut self, delivery: &Delivery) {
        assert!(self.settled.insert(Self::run(delivery)), "settled twice");
    }

    fn identity(delivery: &Delivery) -> u64 {
        let (job, at) = Self::run(delivery);
        u64::from(job) << 56 | at.unsigned_abs()
    }

    fn judge(&self) {
        let lost: Vec<_> = self.jobs.keys().collect();
        assert!(lost.is_empty(), "set, never ended, and not there: {lost:?}");
        let owed: Vec<_> = self.delivered.difference(&self.settled).collect();
        // A run that was going on when its job was changed or ended is nobody's any more.
        assert!(owed.len() < self.delivered.len(), "nothing was ever done: {owed:?}");
    }
}
