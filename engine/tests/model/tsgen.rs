//! The model of TSGEN: its own operations, on all three.

use crate::naive::watermark::Source as NaiveSource;
use crate::naive::{self, Naive, State};
use crate::world::{name, Content, Family, World};
use proptest::prelude::*;
use tsgen_engine::{
    Added, Addition, Element, Guard, Kind, Millis, Queue, Source, SourceChange, Tsgen, UnixMs, Watermark,
};

const IDS: u8 = 25;

#[derive(Clone, Debug)]
pub enum Op {
    /// Into a group, if the key has groups; again and again, if the watermark is the clock.
    Add {
        group: Option<u8>,
        every: Option<u64>,
        guard: Guard,
        timestamp: i64,
        id: u8,
        /// `None`: none, or the one that is there.
        payload: Option<Vec<u8>>,
    },
    Madd(Option<u8>, Vec<(i64, u8)>),
    Rem(u8),
    Advance(i64),
    Lower(i64),
    Report {
        source: u8,
        to: i64,
    },
    Decide,
    Change(Vec<(bool, u8)>),
    SourceIdle(i64),
    MaxJump(i64),
    Remember {
        keep: i64,
        max: usize,
    },
    Forget(u8),
    ForgetOver,
}

/// Three, named 0 to 2.
pub fn sources() -> Kind {
    let source = |name: u8| Source { name: [name].into(), timestamp: None, reported_at: UnixMs(0), idle: false };
    Kind::Sources((0..3).map(source).collect())
}

pub fn op() -> impl Strategy<Value = Op> {
    let guard = prop_oneof![6 => Just(Guard::Always), 1 => Just(Guard::IfAbsent), 1 => Just(Guard::IfPresent)];
    let payload = prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..40));
    let every = prop::option::weighted(0.3, 1u64..50);
    prop_oneof![
        23 => (group(), every, guard, -5i64..60, 0..IDS, payload)
            .prop_map(|(group, every, guard, timestamp, id, payload)| Op::Add { group, every, guard, timestamp, id, payload }),
        3 => (group(), prop::collection::vec((-5i64..60, 0..IDS), 1..6)).prop_map(|(group, elements)| Op::Madd(group, elements)),
        3 => (0..IDS).prop_map(Op::Rem),
        6 => (-5i64..60).prop_map(Op::Advance),
        1 => (-5i64..60).prop_map(Op::Lower),
        8 => (0u8..5, -5i64..60).prop_map(|(source, to)| Op::Report { source, to }),
        3 => Just(Op::Decide),
        2 => prop::collection::vec((any::<bool>(), 0u8..5), 1..3).prop_map(Op::Change),
        1 => prop_oneof![Just(0i64), 10i64..60].prop_map(Op::SourceIdle),
        1 => prop_oneof![Just(0i64), 5i64..30].prop_map(Op::MaxJump),
        2 => (prop_oneof![1 => Just(0i64), 4 => 5i64..100], prop_oneof![1usize..6, Just(1_000_000)]).prop_map(|(keep, max)| Op::Remember { keep, max }),
        2 => (0..IDS).prop_map(Op::Forget),
        1 => Just(Op::ForgetOver),
    ]
}

/// Few, so that each has several elements; some bear the names of ids.
fn group() -> impl Strategy<Value = Option<u8>> {
    prop::option::weighted(0.6, prop_oneof![0u8..3, 20u8..30])
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
            Op::Add { group, every, guard, timestamp, id, payload } => {
                let (id, group) = (name(id), group.map(name).filter(|_| world.has_groups()));
                let (group, payload) = (group.as_deref(), payload.as_deref());
                let every = every.map(Millis).filter(|_| world.naive.gate.clock);
                let addition = Addition { guard, group, every, timestamp, id: &id, payload };
                let run = |key: &mut Tsgen| key.add(&addition, UnixMs(now)).map_err(|error| error.code());
                let added = run(&mut world.master);
                assert_eq!(added, world.naive.add(&addition, now));
                if matches!(added, Ok(Added::Waits | Added::Ready)) {
                    assert_eq!(run(&mut world.replica), added);
                }
            }
            Op::Madd(group, elements) => madd(world, group, &elements),
            Op::Rem(id) => {
                let removed = world.master.rem(&name(id));
                assert_eq!(removed, world.naive.rem(&name(id)));
                assert!(!removed || world.replica.rem(&name(id)));
            }
            Op::Report { .. } | Op::Decide | Op::Change(_) | Op::SourceIdle(_)
                if world.naive.gate.sources.is_empty() =>
            {
                let names = [SourceChange::Add([0].into())];
                assert!(world.master.advance(1, Some(&[0]), UnixMs(now)).is_err());
                assert!(world.master.change_sources(&names, UnixMs(now)).is_err());
                assert!(world.master.check_source_idle(Millis(1)).is_err());
            }
            Op::Report { source, to } => report(world, source, to),
            Op::Decide => {
                let silent = world.naive.gate.silent(now);
                let named: Vec<u8> = world.master.silent(UnixMs::EVER, UnixMs(now)).concat();
                assert_eq!(named, silent);
                let names: Vec<&[u8]> = silent.chunks(1).collect();
                for source in world.naive.gate.sources.iter_mut().filter(|source| silent.contains(&source.name)) {
                    source.idle = true;
                }
                world.naive.gate.rise();
                let left_out = world.master.leave_out(&names, UnixMs(now));
                assert_eq!(left_out.watermark, world.naive.gate.watermark);
                if left_out.changed {
                    assert_eq!(world.replica.leave_out(&names, UnixMs(now)), left_out);
                }
            }
            Op::Change(changes) => change(world, &changes),
            Op::SourceIdle(after) => {
                let changed = world.master.alter_source_idle(Millis(after.unsigned_abs()), UnixMs(now));
                let gate = &mut world.naive.gate;
                let before = std::mem::replace(&mut gate.source_idle, after);
                assert_eq!(changed, before != after);
                if changed {
                    for source in &mut gate.sources {
                        if before == 0 && source.timestamp.is_none() {
                            source.reported_at = now;
                        }
                        source.idle = source.idle && after != 0 && source.reported_at + after <= now;
                    }
                    assert!(world.replica.alter_source_idle(Millis(after.unsigned_abs()), UnixMs(now)));
                }
            }
            Op::Remember { keep, max } => {
                let alter =
                    |key: &mut Tsgen| key.alter_remember(Millis(keep.unsigned_abs()), max as u64).expect("valid");
                let gate = &mut world.naive.gate;
                let before = (gate.keep, gate.max);
                let changed = alter(&mut world.master);
                assert_eq!(changed, before != (keep, max));
                (gate.keep, gate.max) = (keep, max);
                assert!(!changed || alter(&mut world.replica));
            }
            Op::Forget(id) => {
                let forgotten = world.master.forget(&name(id));
                assert_eq!(forgotten, world.naive.gate.forget(&name(id)));
                assert!(!forgotten || world.replica.forget(&name(id)));
            }
            Op::ForgetOver => {
                let forgotten = world.master.forget_stride(UnixMs(now));
                assert_eq!(forgotten, world.naive.gate.forget_over(now));
                assert!(!forgotten || world.replica.forget_stride(UnixMs(now)));
            }
            Op::MaxJump(most) => {
                let allowed = !world.naive.gate.clock || most == 0;
                assert_eq!(world.master.check_max_jump(most.unsigned_abs()).is_ok(), allowed);
                if allowed && world.master.alter_max_jump(most.unsigned_abs()) {
                    assert!(world.replica.alter_max_jump(most.unsigned_abs()));
                    world.naive.gate.max_jump = most;
                }
            }
            Op::Advance(_) if !world.naive.gate.sources.is_empty() => {
                assert!(world.master.advance(1, None, UnixMs(now)).is_err());
            }
            Op::Advance(to) if !world.naive.gate.clock => {
                let (is, most) = (world.naive.gate.watermark, world.naive.gate.max_jump);
                let far = most != 0 && is.is_some_and(|is| to - is > most);
                assert_eq!(world.master.check_jump(to, None).is_err(), far);
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
                    for timestamp in world.naive.gate.sources.iter_mut().filter_map(|source| source.timestamp.as_mut())
                    {
                        *timestamp = to.min(*timestamp);
                    }
                    assert_eq!(world.replica.alter_watermark(to, UnixMs(now)), Ok(true));
                }
            }
            Op::Advance(_) | Op::Lower(_) => assert!(world.master.advance(1, None, UnixMs(now)).is_err()),
        }
    }

    fn check(key: &Queue<Self>, naive: &Naive<Self::Naive>, now: i64) {
        assert_eq!(key.remembered(), naive.gate.remembered.len());
        assert_eq!(key.recurring(), naive.entries.iter().filter(|entry| entry.every.is_some()).count());
        let told = |source: &Source| (source.name[0], source.timestamp, source.reported_at.0, source.idle);
        let known = |source: &NaiveSource| (source.name, source.timestamp, source.reported_at, source.idle);
        assert!(key.sources().iter().map(told).eq(naive.gate.sources.iter().map(known)), "{:?}", key.sources());
        for id in 0..IDS {
            let expected = naive.newest(&name(id)).map(|index| &naive.entries[index]);
            let expected =
                expected.map(|entry| (naive.state_name(entry, now), entry.key, &entry.content[..], entry.every));
            let got = key.get(&name(id), UnixMs(now));
            let period = |element: &Element<'_>| element.every.map(|every| every.0 as i64);
            let got = got.map(|element| (element.state, element.timestamp, element.payload, period(&element)));
            assert_eq!(got, expected, "element {id}");
            let group = naive.newest(&name(id)).map(|index| &naive.entries[index].group[..]);
            let group = group.filter(|group| *group != name(id) && key.options().has_groups());
            assert_eq!(key.group_of(&name(id)), group, "the group of element {id}");
        }
        let mut entries: Vec<_> = naive.entries.iter().filter(|entry| entry.state == State::Queued).collect();
        entries.sort_by_key(|entry| (entry.key, entry.seq));
        let queued = entries.iter().filter(|entry| (0..=40).contains(&entry.key)).take(10);
        let queued: Vec<_> = queued.map(|entry| (&entry.name[..], entry.key)).collect();
        let range = key.range(0, 40, 10, UnixMs(now));
        assert_eq!(range.iter().map(|element| (element.id, element.timestamp)).collect::<Vec<_>>(), queued);
    }
}

fn report(world: &mut World<Watermark>, name: u8, to: i64) {
    let now = UnixMs(world.now);
    let gate = &mut world.naive.gate;
    let Some(source) = gate.sources.iter_mut().find(|source| source.name == name) else {
        assert!(world.master.advance(to, Some(&[name]), now).is_err());
        return;
    };
    let from = source.timestamp.map(|timestamp| timestamp.max(gate.watermark.unwrap_or(timestamp)));
    let far = gate.max_jump != 0 && from.is_some_and(|from| to - from > gate.max_jump);
    assert_eq!(world.master.check_jump(to, Some(&[name])).is_err(), far);
    source.timestamp = source.timestamp.max(Some(to));
    (source.reported_at, source.idle) = (now.0, false);
    gate.rise();
    let advanced = world.master.advance(to, Some(&[name]), now).expect("a source");
    assert_eq!(advanced.watermark, gate.watermark);
    if advanced.changed {
        assert_eq!(world.replica.advance(to, Some(&[name]), now), Ok(advanced));
    }
}

fn change(world: &mut World<Watermark>, changes: &[(bool, u8)]) {
    let now = UnixMs(world.now);
    let mut sources = world.naive.gate.sources.clone();
    let mut possible = true;
    for (comes, name) in changes {
        let there = sources.iter().any(|source| source.name == *name);
        possible &= if *comes { !there } else { there && sources.len() > 1 };
        sources.retain(|source| *comes || source.name != *name);
        sources.extend(comes.then(|| NaiveSource::new(*name, now.0)));
    }
    let named = |(comes, name): &(bool, u8)| {
        let name = [*name].into();
        if *comes {
            SourceChange::Add(name)
        } else {
            SourceChange::Remove(name)
        }
    };
    let changes: Vec<_> = changes.iter().map(named).collect();
    let changed = world.master.change_sources(&changes, now);
    assert_eq!(changed.is_ok(), possible);
    if possible {
        world.naive.gate.sources = sources;
        world.naive.gate.rise();
        assert_eq!(world.replica.change_sources(&changes, now), changed);
    }
}

fn madd(world: &mut World<Watermark>, group: Option<u8>, elements: &[(i64, u8)]) {
    let now = UnixMs(world.now);
    let group = group.map(name).filter(|_| world.has_groups());
    let group = group.as_deref();
    let ids: Vec<_> = elements.iter().map(|(_, id)| name(*id)).collect();
    let args: Vec<_> = elements.iter().zip(&ids).map(|((timestamp, _), id)| (*timestamp, &id[..], &b"p"[..])).collect();
    let added = world.master.madd_into(group, args.iter().copied(), now);
    let mut tried = world.naive.clone();
    let expected: Result<Vec<_>, _> = args
        .iter()
        .map(|(timestamp, id, payload)| {
            tried.add(&Addition { group, ..Addition::once(Guard::Always, *timestamp, id, payload) }, now.0)
        })
        .collect();
    if expected.is_ok() {
        world.naive = tried;
        // What changes nothing is not replicated.
        if expected.as_ref().is_ok_and(|added| added.iter().any(|one| *one != Added::Refused)) {
            assert_eq!(world.replica.madd_into(group, args.iter().copied(), now), added);
        }
    }
    assert_eq!(added.as_ref().ok(), expected.as_ref().ok());
}
