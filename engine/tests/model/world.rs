//! A key, its replica and the naive list, and the operations that every family has.

use crate::naive::{self, Handed, Naive};
use proptest::prelude::*;
use std::fmt::Debug;
use tsgen_engine::{
    coalesce, Claim, ClaimTerms, DeliveryOptions, Gate, Loader, Millis, Nack, Queue, Settled, TokenRange, UnixMs,
    Which, MAX_COUNT, SINK_BATCH,
};

/// What a model has to be told of a family.
pub trait Family: Gate {
    type Naive: naive::Gate;
    /// An operation of its own.
    type Op: Clone + Debug;

    /// What the body of an entry says.
    fn content(body: &[u8]) -> Content<Self>;

    fn step(world: &mut World<Self>, op: Self::Op);

    /// What can be read of `key` beyond what every family has is as `naive` has it, which is swept.
    fn check(key: &Queue<Self>, naive: &Naive<Self::Naive>, now: i64);
}

pub type Content<F> = <<F as Family>::Naive as naive::Gate>::Content;

#[derive(Clone, Debug)]
pub enum Op<O> {
    Own(O),
    Claim {
        consumer: u8,
        count: usize,
        lease: i64,
    },
    Ack(Pick),
    Nack {
        pick: Pick,
        delay: Option<u64>,
        dead: bool,
    },
    Extend {
        pick: Pick,
        lease: i64,
    },
    Release(u8),
    Requeue(Option<usize>, Pick),
    Discard(Option<usize>, Pick),
    Promote(Option<usize>, Pick),
    DropReady(usize),
    Sweep,
    /// The limit of groups only where there is one.
    Alter {
        max_deliveries: u32,
        backoff: u64,
        max_len: Option<u64>,
        group_limit: u32,
    },
    /// Begins a pause, or ends one.
    Pause(bool),
    Look {
        replica: bool,
        how: Look,
        ahead: i64,
    },
    Restore {
        replica: bool,
    },
    Compact {
        replica: bool,
        most: usize,
    },
    Clock(i64),
}

/// Reads on one side only, by a clock that jumped and is put right again: they may move what is remembered of deadlines,
/// and nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    Stats,
    Claimable,
    HasReady,
    NextDeadline,
    SortOverdue(usize),
}

/// Tokens to name, chosen among those seen so far: from the end, so many, in one range or apart.
#[derive(Clone, Debug)]
pub struct Pick {
    back: usize,
    width: u64,
    apart: bool,
}

fn pick() -> impl Strategy<Value = Pick> {
    (0usize..12, 0u64..5, any::<bool>()).prop_map(|(back, width, apart)| Pick { back, width, apart })
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![
        1 => Just(Look::Stats),
        1 => Just(Look::Claimable),
        1 => Just(Look::HasReady),
        1 => Just(Look::NextDeadline),
        2 => (0usize..4).prop_map(Look::SortOverdue),
    ]
}

/// A third of them of the family's own.
pub fn op<O: Clone + Debug + 'static>(own: impl Strategy<Value = O> + 'static) -> impl Strategy<Value = Op<O>> {
    let max_len = prop::option::weighted(0.2, prop_oneof![Just(0), 1u64..12]);
    prop_oneof![
        33 => own.prop_map(Op::Own),
        14 => (0u8..3, 1usize..7, 1i64..40).prop_map(|(consumer, count, lease)| Op::Claim { consumer, count, lease }),
        8 => pick().prop_map(Op::Ack),
        6 => (pick(), prop::option::of(0u64..20), prop::bool::weighted(0.2)).prop_map(|(pick, delay, dead)| Op::Nack { pick, delay, dead }),
        4 => (pick(), 1i64..40).prop_map(|(pick, lease)| Op::Extend { pick, lease }),
        2 => (0u8..3).prop_map(Op::Release),
        3 => (prop::option::of(1usize..5), pick()).prop_map(|(all, pick)| Op::Requeue(all, pick)),
        2 => (prop::option::of(1usize..5), pick()).prop_map(|(all, pick)| Op::Discard(all, pick)),
        3 => (prop::option::of(1usize..5), pick()).prop_map(|(all, pick)| Op::Promote(all, pick)),
        1 => (1usize..4).prop_map(Op::DropReady),
        1 => Just(Op::Sweep),
        1 => (0u32..4, 0u64..10, max_len, 1u32..4)
            .prop_map(|(max_deliveries, backoff, max_len, group_limit)| Op::Alter { max_deliveries, backoff, max_len, group_limit }),
        2 => prop::bool::weighted(0.3).prop_map(Op::Pause),
        7 => (any::<bool>(), look(), -20i64..80).prop_map(|(replica, how, ahead)| Op::Look { replica, how, ahead }),
        3 => any::<bool>().prop_map(|replica| Op::Restore { replica }),
        5 => (any::<bool>(), 0usize..4).prop_map(|(replica, most)| Op::Compact { replica, most }),
        14 => prop_oneof![5 => 0i64..15, 1 => -20i64..0, 1 => 15i64..100].prop_map(Op::Clock),
    ]
}

pub fn options() -> impl Strategy<Value = DeliveryOptions> {
    let backoff = prop_oneof![Just(0u64), 1u64..10];
    let max_len = prop_oneof![3 => Just(0u64), 1 => 5u64..15];
    (0u32..4, backoff, max_len).prop_map(|(max_deliveries, backoff, max_len)| DeliveryOptions {
        max_deliveries,
        backoff: Millis(backoff),
        max_backoff: Millis(25),
        max_len,
        ..DeliveryOptions::default()
    })
}

/// Options of keys that may have groups.
pub fn with_groups() -> impl Strategy<Value = DeliveryOptions> {
    let groups = prop_oneof![1 => Just((0, false)), 2 => (1u32..4, any::<bool>()), 1 => Just((0, true))];
    (options(), groups).prop_map(|(options, (group_limit, fair))| DeliveryOptions { group_limit, fair, ..options })
}

/// The name of the n-th element or group. The 0th is empty.
pub fn name(n: u8) -> Vec<u8> {
    vec![n; usize::from(n) % 30]
}

/// What nodes are compared by.
pub fn fingerprint<G: Gate>(queue: &Queue<G>) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    queue.fingerprint(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn restore<G: Gate>(queue: &Queue<G>) -> Queue<G> {
    let mut loader = Loader::new([7, 8]);
    queue.save(&mut |chunk| loader.push(chunk).expect("a chunk just saved loads"));
    loader.finish().expect("a snapshot just taken is whole")
}

pub struct World<F: Family> {
    pub master: Queue<F>,
    pub replica: Queue<F>,
    pub naive: Naive<F::Naive>,
    /// The gate as the replica has it, where each node collects what it sees itself.
    pub replica_gate: Option<F::Naive>,
    pub now: i64,
    pub steps: usize,
    tokens: Vec<u64>,
}

impl<F: Family> World<F> {
    pub fn new(master: Queue<F>, gate: F::Naive) -> Self {
        let replica = restore(&master);
        let replica_gate = F::COLLECTED_IS_LOCAL.then(|| gate.clone());
        let naive = Naive::new(gate, master.options().clone());
        World { master, replica, naive, replica_gate, now: 10, steps: 0, tokens: Vec::new() }
    }

    pub fn naive_of(&self, replica: bool) -> Naive<F::Naive> {
        let gate = self.replica_gate.as_ref().filter(|_| replica).unwrap_or(&self.naive.gate).clone();
        Naive { gate, ..self.naive.clone() }
    }

    pub fn has_groups(&self) -> bool {
        self.naive.options.has_groups()
    }

    pub fn side(&mut self, replica: bool) -> &mut Queue<F> {
        if replica {
            &mut self.replica
        } else {
            &mut self.master
        }
    }

    /// Runs an operation on the master, and, if it changed anything, on the replica.
    pub fn settle(&mut self, op: impl Fn(&mut Queue<F>, UnixMs) -> Settled) -> usize {
        let settled = op(&mut self.master, UnixMs(self.now));
        if settled.changed {
            assert_eq!(op(&mut self.replica, UnixMs(self.now)), settled);
        }
        settled.count
    }

    /// Everything is read behind each so many steps, and at the end: that takes most of the time.
    pub fn run_looking(&mut self, ops: Vec<Op<F::Op>>, every: usize) {
        for op in ops {
            self.steps += 1;
            self.step(op);
            if self.steps % every == 0 {
                self.check();
            }
        }
        self.check();
    }

    fn ranges(&self, pick: &Pick) -> Vec<TokenRange> {
        let Some(at) = self.tokens.len().checked_sub(pick.back + 1) else { return vec![TokenRange::one(3)] };
        let token = self.tokens[at];
        let mut ranges = if pick.apart {
            let others = self.tokens.iter().skip(at).step_by(2).take(pick.width as usize + 1);
            others.map(|token| TokenRange::one(*token)).collect()
        } else {
            vec![TokenRange { first: token, last: token + pick.width }]
        };
        coalesce(&mut ranges);
        ranges
    }

    fn step(&mut self, op: Op<F::Op>) {
        let now = self.now;
        match op {
            Op::Own(op) => F::step(self, op),
            Op::Claim { consumer, count, lease } => self.claim(consumer, count, lease),
            Op::Ack(pick) => {
                let ranges = self.ranges(&pick);
                let room = self.master.check_tokens(&ranges, MAX_COUNT).expect("narrow");
                let count = self.settle(|queue, now| queue.ack(&ranges, now).expect("narrow"));
                assert_eq!(count, self.naive.ack(&ranges, now));
                assert!(room + count <= MAX_COUNT, "what is acknowledged was counted: {room} + {count}");
            }
            Op::Nack { pick, delay, dead } => {
                let ranges = self.ranges(&pick);
                let how = Nack { delay: delay.map(Millis), dead, reason: b"why" };
                let count = self.settle(|queue, now| queue.nack(&ranges, &how, now).expect("narrow"));
                assert_eq!(count, self.naive.nack(&ranges, how.delay, dead, b"why", now));
            }
            Op::Extend { pick, lease } => {
                let ranges = self.ranges(&pick);
                let count = self.settle(|queue, now| queue.extend(&ranges, Millis(lease as u64), now).expect("narrow"));
                assert_eq!(count, self.naive.extend(&ranges, lease, now));
            }
            Op::Release(consumer) => {
                let count = self.settle(|queue, now| queue.release(&[consumer], now));
                assert_eq!(count, self.naive.release(consumer, now));
            }
            Op::Requeue(all, pick) => {
                let ranges = self.ranges(&pick);
                let which = all.map_or(Which::Tokens(&ranges), Which::All);
                let count = self.settle(|queue, now| queue.requeue(which, now).expect("narrow"));
                assert_eq!(count, self.naive.requeue(all.ok_or(&ranges), now));
            }
            Op::Discard(all, pick) => {
                let ranges = self.ranges(&pick);
                let which = all.map_or(Which::Tokens(&ranges), Which::All);
                let count = self.settle(|queue, now| queue.discard(which, now).expect("narrow"));
                assert_eq!(count, self.naive.discard(all.ok_or(&ranges), now));
            }
            Op::Promote(all, pick) => {
                let ranges = self.ranges(&pick);
                let which = all.map_or(Which::Tokens(&ranges), Which::All);
                let count = self.settle(|queue, now| queue.promote(which, now).expect("narrow"));
                assert_eq!(count, self.naive.promote(all.ok_or(&ranges), now));
            }
            // No key with groups has a sink.
            Op::DropReady(_) if self.has_groups() => {}
            Op::DropReady(count) => self.drop_ready(count),
            Op::Sweep => {
                self.settle(|queue, now| Settled { count: 0, changed: queue.sweep_stride(now) });
                self.naive.sweep_all(now);
            }
            Op::Alter { max_deliveries, backoff, max_len, group_limit } => {
                let was = self.naive.options.group_limit;
                let group_limit = if was == 0 { 0 } else { group_limit };
                let max_len = max_len.unwrap_or(self.naive.options.max_len);
                let backoff = Millis(backoff);
                let options =
                    DeliveryOptions { max_deliveries, backoff, max_len, group_limit, ..self.naive.options.clone() };
                let changed = self.master.alter_delivery(options.clone(), UnixMs(now)).expect("valid");
                assert_eq!(changed, options != self.naive.options);
                if changed {
                    self.replica.alter_delivery(options.clone(), UnixMs(now)).expect("valid");
                    let retry = |options: &DeliveryOptions| (options.max_deliveries, options.backoff);
                    if retry(&options) != retry(&self.naive.options) {
                        self.naive.sweep_all(now);
                    }
                    self.naive.options = options;
                }
            }
            Op::Pause(paused) => {
                let options = DeliveryOptions { paused, ..self.naive.options.clone() };
                let changed = self.master.alter_delivery(options.clone(), UnixMs(now)).expect("valid");
                assert_eq!(changed, paused != self.naive.options.paused);
                if changed {
                    self.replica.alter_delivery(options.clone(), UnixMs(now)).expect("valid");
                    self.naive.options = options;
                }
            }
            Op::Look { replica, how, ahead } => look_at(self.side(replica), how, UnixMs(now + ahead)),
            Op::Compact { replica, most } => drop(self.side(replica).compact(most)),
            Op::Restore { replica } => *self.side(replica) = restore(self.side(replica)),
            Op::Clock(by) => self.now += by,
        }
    }

    fn claim(&mut self, consumer: u8, count: usize, lease: i64) {
        let (now, lease_ms) = (UnixMs(self.now), Millis(lease as u64));
        let token = self.master.check_claim(None, now);
        let claim = self
            .master
            .claim(&ClaimTerms { consumer: &[consumer], count, lease: lease_ms, first: None }, now)
            .expect("no sink");
        assert_eq!(token, Ok(claim.first));
        let got = self.master.delivered(&claim).map(|entry| Handed {
            token: entry.token,
            deliveries: entry.deliveries,
            name: entry.name.to_vec(),
            key: entry.key,
            content: F::content(entry.body),
        });
        let expected = self.naive.claim(consumer, count, lease, self.now);
        assert_eq!(got.collect::<Vec<_>>(), expected);
        self.tokens.extend(expected.iter().map(|entry| entry.token));
        if claim.changed {
            let again = self
                .replica
                .claim(&ClaimTerms { consumer: &[consumer], count, lease: lease_ms, first: Some(claim.first) }, now);
            assert_eq!(again, Ok(Claim { adopted: false, ..claim }));
        }
    }

    /// One step of the sink, which takes `count` of what it is shown.
    fn drop_ready(&mut self, count: usize) {
        let now = UnixMs(self.now);
        let batch = self.master.ready_batch(now);
        let swept = batch.swept;
        let handed = batch.entries.iter().map(|ready| Handed {
            token: 0,
            deliveries: 0,
            name: ready.name.to_vec(),
            key: ready.key,
            content: F::content(ready.body),
        });
        let shown: Vec<_> = handed.collect();
        let places: Vec<_> = batch.entries.iter().take(count).map(|ready| ready.place()).collect();
        let dropped = self.master.drop_taken(&places, now);
        if swept {
            assert!(self.replica.sweep_for(SINK_BATCH, now));
        }
        if dropped.count > 0 {
            assert!(dropped.oldest, "nothing has come in between");
            assert_eq!(self.replica.drop_ready(dropped.count, now), Settled { changed: true, count: dropped.count });
        }
        assert_eq!(shown, self.naive.clone().drop_ready(SINK_BATCH, self.now));
        assert_eq!(&shown[..dropped.count], self.naive.drop_ready(count, self.now));
    }
}

fn look_at<G: Gate>(key: &mut Queue<G>, how: Look, now: UnixMs) {
    match how {
        Look::Stats => drop(key.stats(now)),
        Look::Claimable => drop(key.claimable(now)),
        Look::HasReady => drop(key.has_ready(now)),
        Look::NextDeadline => drop(key.next_deadline(now)),
        Look::SortOverdue(most) => drop(key.sort_overdue(now, most)),
    }
}
