//! The model of DEBOUNCE: its own operations, on all three.

use crate::naive::{self, Naive};
use crate::world::{name, Content, Family, World};
use proptest::prelude::*;
use tsgen_engine::{fired, Debounce, Fired, Idle, IdleRules, Millis, Queue, UnixMs};

const GROUPS: u8 = 8;

#[derive(Clone, Debug)]
pub enum Op {
    Push { group: u8, items: Vec<u8> },
    Flush(Vec<u8>),
    FlushAll(usize),
    Cancel(Vec<u8>),
    List { replica: bool, after: Option<u8>, count: usize },
    Alter { idle: Option<u64>, max_wait: Option<u64>, max_items: Option<u64> },
}

pub fn op() -> impl Strategy<Value = Op> {
    // Mostly those that a group has already, but also enough for it to index them.
    let item = prop_oneof![3 => 0u8..6, 2 => 0u8..40];
    let push = (0..GROUPS, prop::collection::vec(item, 1..=6));
    let groups = || prop::collection::vec(0..GROUPS, 1..4);
    let after = prop::option::weighted(0.8, 0..GROUPS);
    let alter = (prop::option::of(1u64..60), prop::option::of(0u64..60), prop::option::of(0u64..8));
    prop_oneof![
        24 => push.prop_map(|(group, items)| Op::Push { group, items }),
        2 => groups().prop_map(Op::Flush),
        1 => (1usize..4).prop_map(Op::FlushAll),
        2 => groups().prop_map(Op::Cancel),
        6 => (any::<bool>(), after, 1usize..6).prop_map(|(replica, after, count)| Op::List { replica, after, count }),
        1 => alter.prop_map(|(idle, max_wait, max_items)| Op::Alter { idle, max_wait, max_items }),
    ]
}

pub fn rules() -> impl Strategy<Value = IdleRules> {
    let idle = prop_oneof![1u64..10, 1u64..200];
    let max_wait = prop_oneof![Just(0u64), 1u64..60, 1u64..300];
    let max_items = prop_oneof![2 => Just(0u64), 1 => 1u64..9];
    (idle, max_wait, max_items, any::<bool>()).prop_map(|(idle, max_wait, max_items, unique)| IdleRules {
        idle: Millis(idle),
        max_wait: Millis(max_wait),
        max_items,
        unique,
    })
}

/// The n-th item. The 0th is empty, and few of them make a group large.
fn item(n: u8) -> Vec<u8> {
    vec![n; if n % 8 == 7 { 1_500 } else { usize::from(n) % 5 }]
}

fn names(groups: &[u8]) -> Vec<Vec<u8>> {
    groups.iter().map(|group| name(*group)).collect()
}

impl Family for Idle {
    type Naive = naive::idle::Idle;
    type Op = Op;

    fn content(body: &[u8]) -> Content<Self> {
        let Fired { reason, items } = fired(body);
        (reason.as_str(), items.map(|(item, at)| (item.to_vec(), at.0)).collect())
    }

    fn step(world: &mut World<Self>, op: Op) {
        let now = world.now;
        match op {
            Op::Push { group, items } => {
                let items: Vec<_> = items.into_iter().map(item).collect();
                let run =
                    |key: &mut Debounce| key.push(&name(group), &items, UnixMs(now)).map_err(|error| error.code());
                let pushed = run(&mut world.master);
                assert_eq!(pushed, world.naive.push(&name(group), &items, now));
                if pushed.is_ok() {
                    assert_eq!(run(&mut world.replica), pushed);
                }
            }
            Op::Flush(groups) => {
                let groups = names(&groups);
                let count = world.settle(|key, now| key.flush(&groups, now));
                assert_eq!(count, world.naive.flush(&groups, now));
            }
            Op::FlushAll(most) => {
                let count = world.settle(|key, now| key.flush_all(most, now));
                assert_eq!(count, world.naive.flush_all(most, now));
            }
            Op::Cancel(groups) => {
                let groups = names(&groups);
                let count = world.settle(|key, now| key.cancel(&groups, now));
                assert_eq!(count, world.naive.cancel(&groups, now));
            }
            Op::List { replica, after, count } => {
                let after = after.map(name);
                let expected = world.naive.listed(after.as_deref(), count, now);
                assert_eq!(listed(world.side(replica), after.as_deref(), count, now), expected);
            }
            Op::Alter { idle, max_wait, max_items } => {
                let before = world.naive.gate.rules;
                let rules = IdleRules {
                    idle: idle.map_or(before.idle, Millis),
                    max_wait: max_wait.map_or(before.max_wait, Millis),
                    max_items: max_items.unwrap_or(before.max_items),
                    ..before
                };
                let changed = world.master.alter_rules(rules).expect("valid");
                if changed {
                    assert_eq!(world.replica.alter_rules(rules), Ok(true));
                }
                world.naive.gate.rules = rules;
                assert_eq!((changed, *world.master.rules()), (before != rules, rules));
            }
        }
    }

    fn check(key: &Queue<Self>, naive: &Naive<Self::Naive>, now: i64) {
        for group in 0..GROUPS {
            let expected = naive.collecting(&name(group), now).map(|index| &naive.gate.groups[index]);
            let expected = expected.map(|group| (group.fires_at, group.items.len(), group.items.clone()));
            let got = key.collecting(&name(group), UnixMs(now));
            let got = got.map(|group| {
                (group.fires_at.0, group.count, group.items.map(|(item, at)| (item.to_vec(), at.0)).collect())
            });
            assert_eq!(got, expected, "group {group}");
        }
        assert_eq!(listed(&mut key.clone(), None, 100, now), naive.listed(None, 100, now));
    }
}

fn listed(key: &mut Debounce, after: Option<&[u8]>, count: usize, now: i64) -> Vec<(Vec<u8>, usize, i64)> {
    let groups = key.groups(after, count, UnixMs(now));
    groups.iter().map(|group| (group.name.to_vec(), group.items, group.fires_at.0)).collect()
}
