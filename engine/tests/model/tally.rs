//! The model of TALLY: its own operations, on all three. A replica is told of plain increments without a time, as if the window
//! it has were open whatever its clock says.

use crate::naive::{self, Naive};
use crate::world::{name, Content, Family, World};
use proptest::prelude::*;
use tsgen_engine::{
    Batch, Error, FieldKind, Incremented, Millis, OpenWindow, Queue, Tally, UnixMs, Window, WindowRules,
};

const FIELDS: u8 = 14;

#[derive(Clone, Debug)]
pub enum Op {
    Incr(u8, i64),
    Mincr(Vec<(u8, i64)>),
    Seal,
    Alter { every: Option<u64>, max_fields: Option<u64> },
}

pub fn op() -> impl Strategy<Value = Op> {
    let delta = || prop_oneof![24 => -4i64..9, 1 => i64::MAX - 9..=i64::MAX, 1 => i64::MIN..i64::MIN + 9];
    let increments = prop::collection::vec((0..FIELDS, delta()), 1..8);
    let alter = (prop::option::of(1u64..60), prop::option::of(1u64..9));
    prop_oneof![
        20 => (0..FIELDS, delta()).prop_map(|(field, delta)| Op::Incr(field, delta)),
        8 => increments.prop_map(Op::Mincr),
        3 => Just(Op::Seal),
        1 => alter.prop_map(|(every, max_fields)| Op::Alter { every, max_fields }),
    ]
}

pub fn rules() -> impl Strategy<Value = WindowRules> {
    let every = prop_oneof![1u64..10, 1u64..150];
    let field = prop_oneof![2 => Just(FieldKind::Any), 1 => Just(FieldKind::Uuid)];
    let min = prop::option::weighted(0.3, -3i64..2);
    let max = prop::option::weighted(0.3, 3i64..9);
    let max_fields = prop_oneof![1 => 1u64..9, 1 => Just(10_000)];
    (every, field, min, max, max_fields).prop_map(|(every, field, min, max, max_fields)| WindowRules {
        every: Millis(every),
        field,
        min,
        max,
        max_fields,
    })
}

/// The n-th field. Some differ late; as UUIDs two are one in another case, and the last two are none.
fn field(kind: FieldKind, n: u8) -> Vec<u8> {
    let uuid = format!("67e55044-10b1-426f-9247-bb680e5fe{:03x}", 0xabc + u32::from(n / 2));
    match (kind, n % 2) {
        (FieldKind::Uuid, _) if n >= FIELDS - 2 => [name(n), uuid.into_bytes()][usize::from(n % 2)][1..].to_vec(),
        (FieldKind::Uuid, 0) => uuid.into_bytes(),
        (FieldKind::Uuid, _) => uuid.to_uppercase().into_bytes(),
        (FieldKind::Any, 0) => name(n),
        (FieldKind::Any, _) => [&b"in-common\x05\x05\x05"[..], &name(n)].concat(),
    }
}

impl Family for Window {
    type Naive = naive::window::Window;
    type Op = Op;

    fn content(body: &[u8]) -> Content<Self> {
        let batch = Batch::of(body);
        (batch.opened_at.0, batch.sums().map(|(field, sum)| (field.to_vec(), sum)).collect())
    }

    fn step(world: &mut World<Self>, op: Op) {
        let now = world.now;
        let named = |kind, (n, delta): (u8, i64)| (field(kind, n), delta);
        let kind = world.naive.gate.rules.field;
        match op {
            Op::Incr(n, delta) => {
                let increment = named(kind, (n, delta));
                let run = |key: &mut Tally, now: UnixMs| {
                    key.incr(&increment.0, increment.1, now)
                        .map(|done| Incremented { sum: vec![done.sum], counted: done.counted })
                };
                count(world, std::slice::from_ref(&increment), run);
            }
            Op::Mincr(increments) => {
                let increments: Vec<_> = increments.into_iter().map(|increment| named(kind, increment)).collect();
                let args: Vec<_> = increments.iter().map(|(field, delta)| (&field[..], *delta)).collect();
                count(world, &increments, |key, now| key.mincr(&args, now));
            }
            Op::Seal => {
                let count = world.settle(|key, now| key.seal(now));
                assert_eq!(count, world.naive.seal(now));
            }
            Op::Alter { every, max_fields } => {
                let before = world.naive.gate.rules;
                let rules = WindowRules {
                    every: every.map_or(before.every, Millis),
                    max_fields: max_fields.unwrap_or(before.max_fields),
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
        for n in 0..FIELDS {
            let field = field(naive.gate.rules.field, n);
            assert_eq!(key.sum(&field), naive.sum(&field), "field {n}");
        }
        let open = naive.gate.open.as_ref();
        let open = open.map(|open| OpenWindow {
            opened_at: UnixMs(open.opened_at),
            seals_at: UnixMs(open.seals_at),
            fields: open.sums.len(),
        });
        assert_eq!(key.window(UnixMs(now)), open);
    }
}

type Told = Result<Incremented<Vec<i64>>, Error>;

fn count(world: &mut World<Window>, increments: &[(Vec<u8>, i64)], run: impl Fn(&mut Tally, UnixMs) -> Told) {
    let counted = run(&mut world.master, UnixMs(world.now));
    assert_eq!(counted, world.naive.incr(increments, world.now));
    if let Ok(done) = &counted {
        let told_at = if done.counted.is_plain { UnixMs(i64::MIN) } else { UnixMs(world.now) };
        assert_eq!(run(&mut world.replica, told_at), counted);
    }
}
