//! Applications at work: one puts things into keys of all families, others take them, while a test turns the cluster over.

use crate::families::Family;
use crate::harness::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const WORKERS: usize = 2;
/// How long workers look for what is missing once nothing more is put in.
const DRAIN: Duration = Duration::from_secs(15);

/// What applications work with.
pub struct Traffic<'a> {
    pub families: Vec<&'a Family>,
    pub tags: Vec<String>,
    /// Delivery options of the keys.
    pub options: &'a str,
    /// Counts as put in only what a replica is known to have. All tags must be of one master.
    pub waits_for_replica: bool,
}

/// What came of it.
#[derive(Default)]
pub struct Outcome {
    /// Everything whose put was answered, and confirmed by a replica if that was asked for.
    pub put: BTreeSet<String>,
    /// What workers were given, and how often.
    pub taken: BTreeMap<String, usize>,
    /// Entries that came with a delivery count above 1.
    pub redelivered: usize,
    /// ACKs that were not counted.
    pub stale: usize,
    /// Redirections and errors that clients followed, by kind.
    pub followed: BTreeMap<String, usize>,
}

impl Outcome {
    /// What was put in and never came out.
    pub fn lost(&self) -> Vec<&String> {
        self.put.iter().filter(|name| !self.taken.contains_key(*name)).collect()
    }

    /// What came out more than once.
    pub fn doubled(&self) -> Vec<&String> {
        self.taken.iter().filter(|(_, times)| **times > 1).map(|(name, _)| name).collect()
    }

    /// Fails unless everything came out exactly once.
    #[track_caller]
    pub fn assert_once(&self) {
        let (lost, doubled) = (self.lost(), self.doubled());
        assert!(lost.is_empty(), "lost {} of {}: {lost:?}", lost.len(), self.put.len());
        assert!(doubled.is_empty(), "came twice: {doubled:?}");
        assert_eq!((self.redelivered, self.stale), (0, 0), "deliveries after the first, stale tokens");
        assert!(self.put.len() > 100, "hardly anything was put in: {}", self.put.len());
    }
}

impl Traffic<'_> {
    fn keys(&self) -> Vec<(&Family, &String)> {
        self.families.iter().flat_map(|family| self.tags.iter().map(move |tag| (*family, tag))).collect()
    }

    /// Makes a key of each family under each tag, and lets applications work with them for as long as `meanwhile` runs.
    #[track_caller]
    pub fn run(&self, router: &Router, meanwhile: impl FnOnce()) -> Outcome {
        let mut setup = router.again();
        for (family, tag) in self.keys() {
            setup.ok(&family.create(tag, self.options));
        }
        let outcome = Mutex::new(Outcome::default());
        let (running, producing) = (AtomicBool::new(true), AtomicBool::new(true));
        scope(|scope| {
            // Whatever becomes of `meanwhile`, the others stop.
            let _stop = Stopper(&running);
            scope.spawn(|| {
                let _stop = Stopper(&producing);
                self.put_in(router.again(), &running, &outcome);
            });
            for worker in 0..WORKERS {
                let (outcome, producing) = (&outcome, &producing);
                scope.spawn(move || self.take_out(router.again(), worker, producing, outcome));
            }
            meanwhile();
        });
        outcome.into_inner().expect("nobody panicked")
    }

    fn put_in(&self, mut router: Router, running: &AtomicBool, outcome: &Mutex<Outcome>) {
        for nth in 0.. {
            if !running.load(Ordering::SeqCst) {
                break;
            }
            let (name, lost) = (format!("n{nth}"), router.lost());
            for (family, tag) in self.keys() {
                router.ok(&family.put(tag, &name));
            }
            // WAIT speaks for the writes of its connection: not for those that another node took before it died.
            let is_safe = |router: &mut Router| router.ok("WAIT 1 100").int() > 0 && router.lost() == lost;
            if !self.waits_for_replica || is_safe(&mut router) {
                let names = self.keys().into_iter().map(|(family, tag)| name_of(family, tag, &name));
                outcome.lock().expect("nobody panicked").put.extend(names);
            }
            // Some thousand a second are enough.
            std::thread::sleep(Duration::from_millis(2));
        }
        add(&mut outcome.lock().expect("nobody panicked").followed, router.followed);
    }

    fn take_out(&self, mut router: Router, worker: usize, producing: &AtomicBool, outcome: &Mutex<Outcome>) {
        let mut drained_by: Option<Instant> = None;
        loop {
            for (family, tag) in self.keys() {
                take_from(&mut router, worker, family, tag, outcome);
            }
            if !producing.load(Ordering::SeqCst) {
                let deadline = *drained_by.get_or_insert_with(|| Instant::now() + DRAIN);
                let mut outcome = outcome.lock().expect("nobody panicked");
                if outcome.lost().is_empty() || Instant::now() > deadline {
                    add(&mut outcome.followed, router.followed);
                    return;
                }
            }
        }
    }
}

struct Stopper<'a>(&'a AtomicBool);

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

fn name_of(family: &Family, tag: &str, name: &str) -> String {
    format!("{} {name}", family.key(tag))
}

fn take_from(router: &mut Router, worker: usize, family: &Family, tag: &str, outcome: &Mutex<Outcome>) {
    let key = family.key(tag);
    let entries = router.ok(&format!("{}.CLAIM {key} worker-{worker} COUNT 100", family.name));
    if entries.items().is_empty() {
        return;
    }
    let tokens: Vec<String> = entries.items().iter().map(|entry| entry.items()[0].to_string()).collect();
    let current = router.ok(&format!("{}.ACK {key} {}", family.name, tokens.join(" "))).int();
    let mut outcome = outcome.lock().expect("nobody panicked");
    outcome.stale += tokens.len() - usize::try_from(current).expect("a count");
    for entry in entries.items() {
        outcome.redelivered += usize::from(entry.items()[1].int() > 1);
        for name in family.named(entry) {
            *outcome.taken.entry(name_of(family, tag, &name)).or_default() += 1;
        }
    }
}

fn add(to: &mut BTreeMap<String, usize>, from: BTreeMap<String, usize>) {
    for (kind, count) in from {
        *to.entry(kind).or_default() += count;
    }
}
