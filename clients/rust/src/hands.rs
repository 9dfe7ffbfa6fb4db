//! What one worker holds, from the claim until the server has confirmed how it ended, and its consumer names. It sends nothing.
//!
//! No claim uses a name under which anything is held. So, if the reply of a CLAIM is lost, RELEASE of its name hands back what that one
//! got, and nothing else. There are at most as many names as hands, and one: consumer, consumer.1, …

use crate::job::Claimed;
use crate::name::Name;
use crate::tokens::Tokens;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A delivery: worked on, or done and not confirmed yet.
pub(crate) struct Hand {
    nth: u64,
    pub claimed: Claimed,
    /// The consumer name under which it was claimed.
    name: String,
}

/// What is to be acknowledged, by key. Whoever takes it confirms it, or puts it back.
pub(crate) type Settled = BTreeMap<Name, Vec<Arc<Hand>>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Working,
    Done,
    /// The result does not count, for the token is not current, or the worker has handed it back.
    Lost,
}

pub(crate) struct Hands {
    consumer: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    began: u64,
    held: HashMap<u64, (Arc<Hand>, Phase)>,
    done: Settled,
    /// How often each name is in use.
    names: HashMap<String, usize>,
    idle: Vec<String>,
    running: usize,
}

impl Inner {
    fn let_go(&mut self, name: &str) {
        if let Some(uses) = self.names.get_mut(name) {
            *uses -= 1;
            if *uses == 0 {
                self.idle.push(name.to_owned());
            }
        }
    }

    fn remove(&mut self, hand: &Hand) {
        if let Some((_, phase)) = self.held.remove(&hand.nth) {
            if phase != Phase::Done {
                self.running -= 1;
            }
            self.let_go(&hand.name);
        }
    }
}

impl Hands {
    pub fn new(consumer: String) -> Self {
        Self { consumer, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are worked on.
    pub fn running(&self) -> usize {
        self.inner().running
    }

    pub fn is_empty(&self) -> bool {
        self.inner().held.is_empty()
    }

    /// A name for a claim, until [`let_go`](Self::let_go).
    pub fn take_name(&self) -> String {
        let mut inner = self.inner();
        let count = inner.names.len();
        let name = inner.idle.pop().unwrap_or_else(|| match count {
            0 => self.consumer.clone(),
            _ => format!("{}.{count}", self.consumer),
        });
        *inner.names.entry(name.clone()).or_default() += 1;
        name
    }

    pub fn let_go(&self, name: &str) {
        self.inner().let_go(name);
    }

    /// The names under which something is, or may be, held.
    pub fn names_in_use(&self) -> Vec<String> {
        let inner = self.inner();
        inner.names.iter().filter(|(_, uses)| **uses > 0).map(|(name, _)| name.clone()).collect()
    }

    pub fn start(&self, claimed: Claimed, name: &str) -> Arc<Hand> {
        let mut inner = self.inner();
        inner.began += 1;
        let hand = Arc::new(Hand { nth: inner.began, claimed, name: name.to_owned() });
        *inner.names.entry(name.to_owned()).or_default() += 1;
        inner.held.insert(hand.nth, (hand.clone(), Phase::Working));
        inner.running += 1;
        hand
    }

    /// Moves on what is worked on; whether it was.
    fn pass(&self, hand: &Hand, to: Phase) -> bool {
        let inner = &mut *self.inner();
        match inner.held.get_mut(&hand.nth) {
            Some((_, phase)) if *phase == Phase::Working => {
                *phase = to;
                inner.running -= usize::from(to == Phase::Done);
                true
            }
            _ => false,
        }
    }

    /// Whether the work counts. If so it is done, and still held.
    pub fn finish(&self, hand: &Hand) -> bool {
        self.pass(hand, Phase::Done)
    }

    /// Says that the work will not count, unless it is done already; whether that is news.
    pub fn lose(&self, hand: &Hand) -> bool {
        self.pass(hand, Phase::Lost)
    }

    pub fn is_lost(&self, hand: &Hand) -> bool {
        matches!(self.inner().held.get(&hand.nth), Some((_, Phase::Lost)) | None)
    }

    /// It is held no more.
    pub fn drop(&self, hand: &Hand) {
        self.inner().remove(hand);
    }

    /// Those whose work goes on and counts.
    pub fn in_work(&self) -> Vec<Arc<Hand>> {
        let inner = self.inner();
        inner.held.values().filter(|(_, phase)| *phase == Phase::Working).map(|(hand, _)| hand.clone()).collect()
    }

    pub fn add_done(&self, hand: Arc<Hand>) {
        self.inner().done.entry(hand.claimed.key.clone()).or_default().push(hand);
    }

    pub fn take_done(&self) -> Settled {
        std::mem::take(&mut self.inner().done)
    }

    pub fn put_back(&self, settled: Settled) {
        for (key, hands) in settled {
            self.inner().done.entry(key).or_default().extend(hands);
        }
    }

    pub fn confirm(&self, settled: &Settled) {
        let mut inner = self.inner();
        for hand in settled.values().flatten() {
            inner.remove(hand);
        }
    }
}

pub(crate) fn tokens(hands: &[Arc<Hand>]) -> Tokens {
    hands.iter().map(|hand| hand.claimed.token).collect()
}

/// By key.
pub(crate) fn by_key(hands: Vec<Arc<Hand>>) -> Settled {
    let mut sorted = Settled::new();
    for hand in hands {
        sorted.entry(hand.claimed.key.clone()).or_default().push(hand);
    }
    sorted
}
