//! The model of TSGEN: its own operations, on all three.

use crate::naive::{self, Naive, State};
use crate::world::{name, Content, Family, World};
use proptest::prelude::*;
use tsgen_engine::{Added, Guard, Queue, Tsgen, UnixMs, Watermark};

const IDS: u8 = 25;

#[derive(Clone, Debug)]
pub enum Op {
    Add { guard: Guard, timestamp: i64, id: u8, payload: Vec<u8> },
    PutOff { timestamp: i64, id: u8 },
    Madd(Vec<(i64, u8)>),
    Rem(u8),
    Advance(i64),
    Lower(i64),
}

pub fn op() -> impl Strategy<Value = Op> {
    let guard = prop_oneof![6 => Just(Guard::Always), 1 => Just(Guard::IfAbsent), 1 => Just(Guard::IfPresent)];
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        20 => (guard, -5i64..60, 0..IDS, payload).prop_map(|(guard, timestamp, id, payload)| Op::Add { guard, timestamp, id, payload }),
        3 => (-5i64..60, 0..IDS).prop_map(|(timestamp, id)| Op::PutOff { timestamp, id }),
        3 => prop::collection::vec((-5i64..60, 0..IDS), 1..6).prop_map(Op::Madd),
        3 => (0..IDS).prop_map(Op::Rem),
        6 => (-5i64..60).prop_map(Op::Advance),
        1 => (-5i64..60).prop_map(Op::Lower),
    ]
}

impl Family for Watermark {
    type Naive = naive::watermark::Watermark;
    type Op = Op;

    fn content(body: &[u8]) -> Content<Self> {
        body.to_vec()
    }

    fn step(world: &mut World<Self>, op: Op) {
        let now = world.now;
        match op {
            Op::Add { guard, timestamp, id, payload } => {
                let id = name(id);
                let run = |key: &mut Tsgen| {
                    key.add(guard, timestamp, &id, &payload, UnixMs(now)).map_err(|error| error.code())
                };
                let added = run(&mut world.master);
                assert_eq!(added, world.naive.add(guard, timestamp, &id, &payload, now));
                if matches!(added, Ok(Added::Waits | Added::Ready)) {
                    assert_eq!(run(&mut world.replica), added);
                }
            }
            Op::PutOff { timestamp, id } => {
                let id = name(id);
                let run = |key: &mut Tsgen| key.put_off(timestamp, &id, UnixMs(now)).map_err(|error| error.code());
                let put_off = run(&mut world.master);
                let kept = world.naive.newest(&id).map(|index| world.naive.entries[index].content.clone());
                let kept = kept.unwrap_or_default();
                assert_eq!(put_off, world.naive.add(Guard::IfPresent, timestamp, &id, &kept, now));
                if matches!(put_off, Ok(Added::Waits | Added::Ready)) {
                    assert_eq!(run(&mut world.replica), put_off);
                }
            }
            Op::Madd(elements) => madd(world, &elements),
            Op::Rem(id) => {
                let removed = world.master.rem(&name(id));
                assert_eq!(removed, world.naive.rem(&name(id)));
                assert!(!removed || world.replica.rem(&name(id)));
            }
            Op::Advance(to) if !world.naive.gate.clock => {
                let advanced = world.master.advance(to, None, UnixMs(now)).expect("external");
                let was = world.naive.gate.watermark;
                let is = was.max(Some(to));
                world.naive.gate.watermark = is;
                assert_eq!((advanced.watermark, advanced.changed), (is, was != is));
                if advanced.changed {
                    assert_eq!(world.replica.advance(to, None, UnixMs(now)), Ok(advanced));
                }
            }
            Op::Lower(to) if !world.naive.gate.clock => {
                let lowered = world.master.alter_watermark(to, UnixMs(now));
                assert_eq!(lowered.is_ok(), world.naive.gate.watermark.is_some_and(|watermark| watermark >= to));
                if lowered == Ok(true) {
                    world.naive.gate.watermark = Some(to);
                    assert_eq!(world.replica.alter_watermark(to, UnixMs(now)), Ok(true));
                }
            }
            Op::Advance(_) | Op::Lower(_) => assert!(world.master.advance(1, None, UnixMs(now)).is_err()),
        }
    }

    fn check(key: &Queue<Self>, naive: &Naive<Self::Naive>, now: i64) {
        for id in 0..IDS {
            let expected = naive.newest(&name(id)).map(|index| &naive.entries[index]);
            let expected = expected.map(|entry| (naive.state_name(entry, now), entry.key, &entry.content[..]));
            let got = key.get(&name(id), UnixMs(now));
            let got = got.map(|element| (element.state, element.timestamp, element.payload));
            assert_eq!(got, expected, "element {id}");
        }
        let mut entries: Vec<_> = naive.entries.iter().filter(|entry| entry.state == State::Queued).collect();
        entries.sort_by_key(|entry| (entry.key, entry.seq));
        let queued = entries.iter().filter(|entry| (0..=40).contains(&entry.key)).take(10);
        let queued: Vec<_> = queued.map(|entry| (&entry.name[..], entry.key)).collect();
        let range = key.range(0, 40, 10, UnixMs(now));
        assert_eq!(range.iter().map(|element| (element.id, element.timestamp)).collect::<Vec<_>>(), queued);
    }
}

fn madd(world: &mut World<Watermark>, elements: &[(i64, u8)]) {
    let now = UnixMs(world.now);
    let ids: Vec<_> = elements.iter().map(|(_, id)| name(*id)).collect();
    let args: Vec<_> = elements.iter().zip(&ids).map(|((timestamp, _), id)| (*timestamp, &id[..], &b"p"[..])).collect();
    let added = world.master.madd(&args, now);
    let mut tried = world.naive.clone();
    let expected: Result<Vec<_>, _> =
        args.iter().map(|(timestamp, id, payload)| tried.add(Guard::Always, *timestamp, id, payload, now.0)).collect();
    if expected.is_ok() {
        world.naive = tried;
        assert_eq!(world.replica.madd(&args, now), added);
    }
    assert_eq!(added.as_ref().ok(), expected.as_ref().ok());
}
