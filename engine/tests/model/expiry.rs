//! The model of EXPIRY: its own operations. What a node tracks is its own affair, so each is done on one side; only
//! expiries are on both.

use crate::naive::ttl::Ttl as Tracking;
use crate::naive::{Entry, Naive};
use crate::world::{name, Content, Family, World};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tsgen_engine::{
    expired, Copied, Ending, Expiry, Known, Mark, OfLife, Owed, Prefix, Queue, Ttl, TtlRules, UnixMs, Update,
};

const KEYS: u8 = 12;

#[derive(Clone, Debug)]
pub enum Op {
    /// Something that one node sees or does.
    Local { replica: bool, what: Local },
    /// The life of a key ends, as the master knows it, or, if it does not or `at` is given, then; and the replica is told.
    Expire { key: u8, at: Option<i64> },
    /// What the master would do in a tick: it tells of all that is over.
    ExpireDue,
    /// Other rules of what is held.
    Alter { keep_evicted: Option<bool>, max_held: Option<u64> },
    /// The replica takes the place of the master, with what it tracks.
    FailOver,
}

#[derive(Clone, Debug)]
pub enum Local {
    /// Up to so long from now.
    Track(u8, i64),
    /// The same, with another value.
    TrackAnew(u8, i64),
    /// Many keys at once: each is tracked with another value up to so long from now, or not any more, or (`None`) left alone.
    Each(BTreeMap<u8, Option<Result<i64, ()>>>),
    /// Its end was announced, or found out; it is told some day.
    Gone(u8),
    Untrack(u8),
    Keep(u8, Copied),
    KeepForFile(u8, Copied),
    ForgetValue(u8),
    Evict(u8),
    ForgetToCome(i64),
    ForgetValues(i64),
}

pub fn op() -> impl Strategy<Value = Op> {
    let local = (any::<bool>(), local()).prop_map(|(replica, what)| Op::Local { replica, what });
    let at = prop::option::weighted(0.3, -30i64..200);
    prop_oneof![
        26 => local,
        5 => (0..KEYS, at).prop_map(|(key, at)| Op::Expire { key, at }),
        4 => Just(Op::ExpireDue),
        1 => (prop::option::of(any::<bool>()), prop::option::of(max_held()))
            .prop_map(|(keep_evicted, max_held)| Op::Alter { keep_evicted, max_held }),
        1 => Just(Op::FailOver),
    ]
}

fn local() -> impl Strategy<Value = Local> {
    let value = prop::option::weighted(0.9, prop::collection::vec(any::<u8>(), 0..12));
    let copied = (0u8..7, value).prop_map(|(kind, bytes)| Copied { kind, bytes: bytes.map(Into::into) });
    let ahead = || prop_oneof![4 => 0i64..60, 1 => -20i64..200];
    let update = prop::option::weighted(0.8, prop_oneof![3 => ahead().prop_map(Ok), 1 => Just(Err(()))]);
    prop_oneof![
        10 => (0..KEYS, ahead()).prop_map(|(key, ahead)| Local::Track(key, ahead)),
        3 => (0..KEYS, ahead()).prop_map(|(key, ahead)| Local::TrackAnew(key, ahead)),
        2 => prop::collection::btree_map(0..KEYS, update, 0..5).prop_map(Local::Each),
        2 => (0..KEYS).prop_map(Local::Gone),
        3 => (0..KEYS).prop_map(Local::Untrack),
        8 => (0..KEYS, copied.clone()).prop_map(|(key, copied)| Local::Keep(key, copied)),
        1 => (0..KEYS, copied).prop_map(|(key, copied)| Local::KeepForFile(key, copied)),
        1 => (0..KEYS).prop_map(Local::ForgetValue),
        2 => (0..KEYS).prop_map(Local::Evict),
        1 => ahead().prop_map(Local::ForgetToCome),
        1 => ahead().prop_map(Local::ForgetValues),
    ]
}

pub fn rules() -> impl Strategy<Value = TtlRules> {
    (0u64..12, any::<bool>(), max_held()).prop_map(|(max_value, keep_evicted, max_held)| TtlRules {
        prefixes: vec![Prefix([].into())],
        max_value,
        keep_evicted,
        max_held,
    })
}

fn max_held() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0u64), 2 => 1u64..40]
}

impl Family for Ttl {
    type Naive = Tracking;
    type Op = Op;

    fn content(body: &[u8]) -> Content<Self> {
        let expired = expired(body);
        (expired.ending, expired.kind, expired.value.map(<[u8]>::to_vec))
    }

    fn step(world: &mut World<Self>, op: Op) {
        match op {
            Op::Local { replica, what } => do_locally(world, replica, what),
            Op::Expire { key, at } => expire(world, &name(key), at),
            Op::ExpireDue => {
                let last = UnixMs(world.now - 1);
                let due: Vec<_> = world.master.ending_between(UnixMs(i64::MIN), last, 100);
                let due: Vec<Vec<u8>> = due.iter().map(|key| key.name.to_vec()).collect();
                due.iter().for_each(|name| expire(world, name, None));
            }
            Op::Alter { keep_evicted, max_held } => {
                let was = world.master.rules().clone();
                let rules = TtlRules {
                    keep_evicted: keep_evicted.unwrap_or(was.keep_evicted),
                    max_held: max_held.unwrap_or(was.max_held),
                    ..was.clone()
                };
                let changed = world.master.alter_rules(rules.clone());
                assert_eq!(changed, world.replica.alter_rules(rules));
                assert_eq!(changed, *world.master.rules() != was);
                for replica in [false, true] {
                    gate(world, replica).rules = world.master.rules().clone();
                }
            }
            Op::FailOver => {
                std::mem::swap(&mut world.master, &mut world.replica);
                let promoted = world.replica_gate.as_mut().expect("each node has its own");
                std::mem::swap(&mut world.naive.gate, promoted);
            }
        }
    }

    fn check(key: &Queue<Self>, naive: &Naive<Tracking>, now: i64) {
        for n in 0..KEYS {
            let (name, expected) = (name(n), naive.gate.find(&name(n)));
            assert_eq!(key.tracked_until(&name), expected.map(|key| UnixMs(key.deadline)), "key {n}");
            assert_eq!(key.was_evicted(&name), expected.is_some_and(|key| key.evicted), "key {n}");
            assert_eq!(key.kept(&name), expected.and_then(|key| key.kept.as_ref()), "the value of key {n}");
        }
        assert_eq!(key.held_bytes(), (naive.gate.held() + in_entries(naive)) as u64);
        check_listings(key, &naive.gate, now);
    }
}

/// Bytes of the values in entries.
fn in_entries(naive: &Naive<Tracking>) -> usize {
    let values = naive.entries.iter().filter_map(|entry| entry.content.2.as_ref());
    values.map(Vec::len).sum()
}

/// The gate as a side has it.
fn gate(world: &mut World<Ttl>, replica: bool) -> &mut Tracking {
    if replica {
        world.replica_gate.as_mut().expect("each node has its own")
    } else {
        &mut world.naive.gate
    }
}

fn do_locally(world: &mut World<Ttl>, replica: bool, what: Local) {
    let now = world.now;
    let (mut naive, in_entries) = (gate(world, replica).clone(), in_entries(&world.naive));
    let key = world.side(replica);
    match what {
        Local::Track(n, ahead) => {
            // No key of Redis has a deadline before 1970.
            let deadline = (now + ahead).max(0);
            key.track(&name(n), UnixMs(deadline));
            naive.track(&name(n), deadline);
            assert_eq!(key.known(&name(n)), Some(Known { deadline: UnixMs(deadline), ended: None }));
        }
        Local::TrackAnew(n, ahead) => {
            let deadline = (now + ahead).max(0);
            key.track_anew(&name(n), UnixMs(deadline));
            naive.track(&name(n), deadline);
            naive.forget_value(&name(n));
            assert_eq!(key.known(&name(n)), Some(Known { deadline: UnixMs(deadline), ended: None }));
        }
        Local::Each(updates) => {
            let names: Vec<Vec<u8>> = updates.keys().map(|n| name(*n)).collect();
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            let before: Vec<Option<Known>> = names.iter().map(|name| key.known(name)).collect();
            let updates: Vec<_> = updates.into_values().collect();
            key.update_each(&names, |nth, known| {
                assert_eq!(known, before[nth]);
                match updates[nth] {
                    None => Update::None,
                    Some(Ok(ahead)) => Update::Track(UnixMs(now + ahead)),
                    Some(Err(())) => Update::Untrack,
                }
            });
            for (name, update) in names.into_iter().zip(updates).filter_map(|(name, update)| Some((name, update?))) {
                match update {
                    Ok(ahead) => {
                        let deadline = (now + ahead).max(0);
                        naive.track(name, deadline);
                        naive.forget_value(name);
                        assert_eq!(key.known(name), Some(Known { deadline: UnixMs(deadline), ended: None }));
                    }
                    Err(()) => drop(naive.untrack(name)),
                }
            }
        }
        Local::Gone(n) => {
            key.note_gone(&name(n));
            let expected = naive.find(&name(n)).map(|key| {
                let ended = if key.evicted { Ending::Evicted } else { Ending::Expired };
                Known { deadline: UnixMs(key.deadline), ended: Some(ended) }
            });
            assert_eq!(key.known(&name(n)), expected);
        }
        Local::Untrack(n) => assert_eq!(key.untrack(&name(n)), naive.untrack(&name(n))),
        Local::Keep(n, value) => {
            key.keep(&name(n), value.clone());
            naive.keep(&name(n), value, Some(in_entries));
        }
        Local::KeepForFile(n, value) => {
            key.keep_for_file(&name(n), value.clone());
            naive.keep(&name(n), value, None);
        }
        Local::ForgetValue(n) => {
            key.forget_value(&name(n));
            naive.forget_value(&name(n));
        }
        Local::Evict(n) => {
            key.note_evicted(&name(n));
            naive.note_evicted(&name(n));
        }
        Local::ForgetToCome(ahead) => {
            key.forget_to_come(UnixMs(now + ahead));
            naive.forget_to_come(now + ahead);
        }
        Local::ForgetValues(ahead) => {
            key.forget_values(UnixMs(now + ahead));
            naive.forget_values(now + ahead);
        }
    }
    *gate(world, replica) = naive;
}

fn expire(world: &mut World<Ttl>, name: &[u8], at: Option<i64>) {
    // What the engine says of the key is compared with the list in every step.
    let tracked = world.master.tracked_until(name);
    let deadline = at.or(tracked.map(|deadline| deadline.0)).unwrap_or(world.now - 1);
    let ending = if world.master.was_evicted(name) { Ending::Evicted } else { Ending::Expired };
    // What is tracked for longer is of another life.
    let own = world.naive.gate.find(name).filter(|key| key.deadline <= deadline);
    let kept = own.and_then(|key| key.kept.clone());
    let told = world
        .master
        .end_life(name, Owed { deadline: UnixMs(deadline), ending }, None, OfLife::This)
        .expect("there are places");
    assert_eq!(told, kept);
    let value = kept.as_ref().map(Copied::as_last);
    world.replica.expire(name, UnixMs(deadline), ending, value).expect("there are places");
    for replica in [false, true] {
        gate(world, replica).ended(name, deadline);
    }
    let seq = world.naive.next_seq();
    let content = (ending, value.map(|last| last.kind), value.and_then(|last| last.bytes).map(<[u8]>::to_vec));
    world.naive.enter(Entry::new(name, deadline, seq, content));
}

/// Whatever way the tracked keys are listed, it is the same list.
fn check_listings(key: &Expiry, naive: &Tracking, now: i64) {
    let all: Vec<_> = key.tracked(None, 1000).iter().map(|key| (key.deadline.0, key.name.to_vec())).collect();
    assert!(all.is_sorted_by_key(|(deadline, _)| *deadline), "next first: {all:?}");
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, naive.listed());

    let mut paged: Vec<(i64, Vec<u8>)> = Vec::new();
    loop {
        let page = key.tracked(paged.last().map(|(_, name)| &name[..]), 3);
        paged.extend(page.iter().map(|key| (key.deadline.0, key.name.to_vec())));
        if page.len() < 3 {
            break;
        }
    }
    assert_eq!(paged, all, "in pages");

    let (from, until) = (now - 5, now + 30);
    let between: Vec<_> = all.iter().filter(|(deadline, _)| (from + 1..=until).contains(deadline)).cloned().collect();
    let listed = key.ending_between(UnixMs(from), UnixMs(until), 1000);
    assert_eq!(listed.iter().map(|key| (key.deadline.0, key.name.to_vec())).collect::<Vec<_>>(), between);

    assert_eq!(key.count_between(UnixMs(from), UnixMs(until)), between.len());

    let (mut mark, mut marked) = (Mark::at(UnixMs(from + 1)), Vec::new());
    loop {
        let page = key.ending_behind(mark, UnixMs(until), 2);
        marked.extend(page.iter().map(|(key, _)| (key.deadline.0, key.name.to_vec())));
        let Some((_, next)) = page.last() else { break };
        assert!(*next > mark);
        mark = *next;
    }
    assert_eq!(marked, between, "behind marks");
}
