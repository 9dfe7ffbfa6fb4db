//! Random operations, with a clock that jumps both ways, against a naive list; a replica that repeats what is
//! replicated; and both sides saved and restored at random points. After every step all three are equal.

#[path = "model/naive.rs"]
mod naive;

use naive::{Naive, State};
use proptest::prelude::*;
use tsgen_engine::{
    coalesce, Added, Claim, DeliveryOptions, Guard, Kind, Late, Loader, Millis, Nack, Settled, TokenRange, Tsgen,
    UnixMs, Watermark, Which,
};

const SEED: [u64; 2] = [1, 2];

#[derive(Clone, Debug)]
enum Op {
    Add { guard: Guard, timestamp: i64, id: u8, payload: Vec<u8> },
    Madd(Vec<(i64, u8)>),
    Rem(u8),
    Advance(i64),
    Lower(i64),
    Claim { consumer: u8, count: usize, lease: i64 },
    Ack(Pick),
    Nack { pick: Pick, delay: Option<u64>, dead: bool },
    Extend { pick: Pick, lease: i64 },
    Release(u8),
    Requeue(Option<usize>, Pick),
    Discard(Option<usize>, Pick),
    DropReady(usize),
    Alter { max_deliveries: u32, backoff: u64 },
    Restore { replica: bool },
    Clock(i64),
}

/// Tokens to name, chosen among those seen so far: from the end, so many, in one range or apart.
#[derive(Clone, Debug)]
struct Pick {
    back: usize,
    width: u64,
    apart: bool,
}

fn pick() -> impl Strategy<Value = Pick> {
    (0usize..12, 0u64..5, any::<bool>()).prop_map(|(back, width, apart)| Pick { back, width, apart })
}

fn op() -> impl Strategy<Value = Op> {
    let guard = prop_oneof![6 => Just(Guard::Always), 1 => Just(Guard::IfAbsent), 1 => Just(Guard::IfPresent)];
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        20 => (guard, -5i64..60, 0u8..25, payload).prop_map(|(guard, timestamp, id, payload)| Op::Add { guard, timestamp, id, payload }),
        3 => prop::collection::vec((-5i64..60, 0u8..25), 1..6).prop_map(Op::Madd),
        3 => (0u8..25).prop_map(Op::Rem),
        6 => (-5i64..60).prop_map(Op::Advance),
        1 => (-5i64..60).prop_map(Op::Lower),
        14 => (0u8..3, 1usize..7, 1i64..40).prop_map(|(consumer, count, lease)| Op::Claim { consumer, count, lease }),
        8 => pick().prop_map(Op::Ack),
        6 => (pick(), prop::option::of(0u64..20), prop::bool::weighted(0.2)).prop_map(|(pick, delay, dead)| Op::Nack { pick, delay, dead }),
        4 => (pick(), 1i64..40).prop_map(|(pick, lease)| Op::Extend { pick, lease }),
        2 => (0u8..3).prop_map(Op::Release),
        3 => (prop::option::of(1usize..5), pick()).prop_map(|(all, pick)| Op::Requeue(all, pick)),
        2 => (prop::option::of(1usize..5), pick()).prop_map(|(all, pick)| Op::Discard(all, pick)),
        1 => (1usize..4).prop_map(Op::DropReady),
        1 => (0u32..4, 0u64..10).prop_map(|(max_deliveries, backoff)| Op::Alter { max_deliveries, backoff }),
        3 => any::<bool>().prop_map(|replica| Op::Restore { replica }),
        14 => prop_oneof![5 => 0i64..15, 1 => -20i64..0, 1 => 15i64..100].prop_map(Op::Clock),
    ]
}

fn snapshot(queue: &Tsgen) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    queue.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn restore(queue: &Tsgen) -> Tsgen {
    let mut loader = Loader::<Watermark>::new([7, 8]);
    for chunk in snapshot(queue) {
        loader.push(&chunk).expect("a chunk just saved loads");
    }
    loader.finish().expect("a snapshot just taken is whole")
}

struct World {
    master: Tsgen,
    replica: Tsgen,
    naive: Naive,
    now: i64,
    tokens: Vec<u64>,
}

fn id(id: u8) -> Vec<u8> {
    vec![id; usize::from(id) % 30]
}

impl World {
    fn new(clock: bool, reject_late: bool, options: DeliveryOptions) -> Self {
        let kind = if clock { Kind::Clock } else { Kind::External };
        let late = if reject_late { Late::Reject } else { Late::Ready };
        let master = Tsgen::create(kind, late, options.clone(), SEED).expect("valid options");
        let replica = restore(&master);
        World {
            master,
            replica,
            naive: Naive { clock, reject_late, options, ..Naive::default() },
            now: 10,
            tokens: Vec::new(),
        }
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

    /// Runs an operation on the master, and, if it changed anything, on the replica.
    fn settle(&mut self, op: impl Fn(&mut Tsgen, UnixMs) -> Settled) -> usize {
        let settled = op(&mut self.master, UnixMs(self.now));
        if settled.changed {
            assert_eq!(op(&mut self.replica, UnixMs(self.now)), settled);
        }
        settled.count
    }

    fn step(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Add { guard, timestamp, id: name, payload } => {
                let run = |queue: &mut Tsgen| {
                    queue.add(guard, timestamp, &id(name), &payload, UnixMs(now)).map_err(|error| error.code())
                };
                let added = run(&mut self.master);
                assert_eq!(added, self.naive.add(guard, timestamp, name, &payload, now));
                if matches!(added, Ok(Added::Waits | Added::Ready)) {
                    assert_eq!(run(&mut self.replica), added);
                }
            }
            Op::Madd(elements) => self.madd(&elements),
            Op::Rem(name) => {
                let removed = self.master.rem(&id(name));
                assert_eq!(removed, self.naive.rem(name));
                assert!(!removed || self.replica.rem(&id(name)));
            }
            Op::Advance(to) if !self.naive.clock => {
                let advanced = self.master.advance(to, None, UnixMs(now)).expect("external");
                let was = self.naive.watermark;
                self.naive.watermark = was.max(Some(to));
                assert_eq!((advanced.watermark, advanced.changed), (self.naive.watermark, was != self.naive.watermark));
                if advanced.changed {
                    assert_eq!(self.replica.advance(to, None, UnixMs(now)), Ok(advanced));
                }
            }
            Op::Lower(to) if !self.naive.clock => {
                let lowered = self.master.alter_watermark(to, UnixMs(now));
                assert_eq!(lowered.is_ok(), self.naive.watermark.is_some_and(|watermark| watermark >= to));
                if lowered == Ok(true) {
                    self.naive.watermark = Some(to);
                    assert_eq!(self.replica.alter_watermark(to, UnixMs(now)), Ok(true));
                }
            }
            Op::Advance(_) | Op::Lower(_) => assert!(self.master.advance(1, None, UnixMs(now)).is_err()),
            Op::Claim { consumer, count, lease } => self.claim(consumer, count, lease),
            Op::Ack(pick) => {
                let ranges = self.ranges(&pick);
                let count = self.settle(|queue, _| queue.ack(&ranges).expect("narrow"));
                assert_eq!(count, self.naive.ack(&ranges));
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
            Op::DropReady(count) => {
                let batch: Vec<_> =
                    self.master.ready_batch(count, UnixMs(now)).iter().map(|ready| ready.name.to_vec()).collect();
                let dropped = self.settle(|queue, now| queue.drop_ready(count, now));
                assert_eq!((dropped, batch.len()), (self.naive.drop_ready(count, now), dropped));
                assert!(batch
                    .iter()
                    .all(|name| self.naive.newest(name.first().copied().unwrap_or(0)).is_none() || name.is_empty()));
            }
            Op::Alter { max_deliveries, backoff } => {
                let options =
                    DeliveryOptions { max_deliveries, backoff: Millis(backoff), ..self.naive.options.clone() };
                if self.master.alter_delivery(options.clone(), UnixMs(now)).expect("valid") {
                    self.replica.alter_delivery(options.clone(), UnixMs(now)).expect("valid");
                    self.naive.sweep_all(now);
                }
                self.naive.options = options;
            }
            Op::Restore { replica: true } => self.replica = restore(&self.replica),
            Op::Restore { replica: false } => self.master = restore(&self.master),
            Op::Clock(by) => self.now += by,
        }
    }

    fn madd(&mut self, elements: &[(i64, u8)]) {
        let now = UnixMs(self.now);
        let ids: Vec<_> = elements.iter().map(|(_, name)| id(*name)).collect();
        let args: Vec<_> =
            elements.iter().zip(&ids).map(|((timestamp, _), id)| (*timestamp, &id[..], &b"p"[..])).collect();
        let added = self.master.madd(&args, now);
        let mut tried = self.naive.clone();
        let expected: Result<Vec<_>, _> =
            elements.iter().map(|(timestamp, name)| tried.add(Guard::Always, *timestamp, *name, b"p", now.0)).collect();
        if expected.is_ok() {
            self.naive = tried;
            assert_eq!(self.replica.madd(&args, now), added);
        }
        assert_eq!(added.map_err(|error| error.code()).is_ok(), expected.is_ok());
    }

    fn claim(&mut self, consumer: u8, count: usize, lease: i64) {
        let (now, lease_ms) = (UnixMs(self.now), Millis(lease as u64));
        let claim = self.master.claim(&[consumer], count, lease_ms, None, now).expect("no sink");
        let got: Vec<_> =
            self.master.delivered(&claim).map(|entry| (entry.token, entry.deliveries, entry.name.to_vec())).collect();
        let expected = self.naive.claim(consumer, count, lease, self.now);
        self.tokens.extend(expected.iter().map(|(token, ..)| *token));
        assert_eq!(
            got,
            expected.into_iter().map(|(token, deliveries, name)| (token, deliveries, id(name))).collect::<Vec<_>>()
        );
        if claim.changed {
            let again = self.replica.claim(&[consumer], count, lease_ms, Some(claim.first), now);
            assert_eq!(again, Ok(Claim { adopted: false, ..claim }));
        }
    }

    /// Everything that can be read is as the naive list has it, and both sides are equal to the byte.
    fn check(&self) {
        assert_eq!(snapshot(&self.master), snapshot(&self.replica), "master and replica differ");
        let (now, naive) = (UnixMs(self.now), self.naive.swept(self.now));
        let stats = self.master.stats(now);
        let count = |name| naive.items.iter().filter(|item| naive.state_name(item, self.now) == name).count();
        assert_eq!(
            [stats.waiting, stats.ready, stats.leased, stats.delayed, stats.dead],
            ["waiting", "ready", "leased", "delayed", "dead"].map(count)
        );
        assert!(self.master.claimable(now) || stats.ready == 0);
        for name in 0..25 {
            let expected = naive.newest(name).map(|index| &naive.items[index]);
            let expected =
                expected.map(|item| (naive.state_name(item, self.now), item.timestamp, item.payload.clone()));
            let got = self
                .master
                .get(&id(name), now)
                .map(|element| (element.state, element.timestamp, element.payload.to_vec()));
            assert_eq!(got, expected, "element {name}");
        }
        self.check_listings(&naive);
    }

    fn check_listings(&self, naive: &Naive) {
        let now = UnixMs(self.now);
        let mut items = naive.items.clone();
        items.sort_by_key(|item| (item.timestamp, item.seq));
        let queued = items.iter().filter(|item| item.state == State::Queued && (0..=40).contains(&item.timestamp));
        let queued: Vec<_> = queued.take(10).map(|item| (id(item.id), item.timestamp)).collect();
        let range: Vec<_> =
            self.master.range(0, 40, 10, now).iter().map(|element| (element.id.to_vec(), element.timestamp)).collect();
        assert_eq!(range, queued);

        items.sort_by_key(|item| item.token);
        let leases = items.iter().filter_map(|item| match item.state {
            State::Leased { until } => Some((item.token, vec![item.consumer], until, item.deliveries, id(item.id))),
            _ => None,
        });
        let leases: Vec<_> = leases.collect();
        let pending = |consumer: Option<&[u8]>| -> Vec<_> {
            let listed = self.master.pending(consumer, None, 1000, now);
            listed
                .iter()
                .map(|lease| {
                    (lease.token, lease.consumer.to_vec(), lease.lease_ends_at.0, lease.deliveries, lease.name.to_vec())
                })
                .collect()
        };
        assert_eq!(pending(None), leases);
        assert_eq!(pending(Some(&[1])), leases.iter().filter(|lease| lease.1 == [1]).cloned().collect::<Vec<_>>());
        let next = leases.iter().map(|lease| lease.2);
        let delays =
            items.iter().filter_map(|item| if let State::Delayed { until } = item.state { Some(until) } else { None });
        let opens = items
            .iter()
            .filter(|item| naive.clock && naive.state_name(item, self.now) == "waiting")
            .map(|item| item.timestamp);
        assert_eq!(self.master.stats(now).next_deadline.map(|at| at.0), next.chain(delays).chain(opens).min());

        let letters = items.iter().filter_map(|item| match &item.state {
            State::Dead { at, reason, .. } => Some((item.token, item.deliveries, id(item.id), *at, reason.clone())),
            _ => None,
        });
        let dead = self.master.dead(None, 1000, now);
        let dead: Vec<_> = dead
            .iter()
            .map(|letter| {
                (letter.token, letter.deliveries, letter.name.to_vec(), letter.died_at.0, letter.reason.to_vec())
            })
            .collect();
        assert_eq!(dead, letters.collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_history_is_as_the_naive_list_has_it(
        clock in any::<bool>(),
        reject_late in prop::bool::weighted(0.1),
        max_deliveries in 0u32..4,
        backoff in prop_oneof![Just(0u64), 1u64..10],
        max_len in prop_oneof![3 => Just(0u64), 1 => 5u64..15],
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let options = DeliveryOptions { max_deliveries, backoff: Millis(backoff), max_backoff: Millis(25), max_len, ..DeliveryOptions::default() };
        let mut world = World::new(clock, reject_late, options);
        for op in ops {
            world.step(op);
            world.check();
        }
    }
}
