//! TALLY keys.

use super::{check_states, fail_some, lose_some, Family, NOW};
use std::collections::BTreeSet;
use tsgen_engine::{batch_number, Batch, DeliveryOptions, FieldKind, Millis, Tally, UnixMs, Window, WindowRules};

impl Family for Window {
    fn everything() -> Vec<Tally> {
        vec![with_windows(FieldKind::Any, |n| vec![n; usize::from(n) % 12]), with_windows(FieldKind::Uuid, uuid)]
    }

    fn exercise(key: &mut Tally, now: UnixMs) {
        let known: Vec<Vec<u8>> = (0..4).flat_map(|n| [vec![n; usize::from(n)], uuid(n)]).collect();
        for field in &known {
            if let (Ok(before), Ok(_)) = (key.sum(field), key.incr(field, 1, now)) {
                assert_eq!(key.sum(field).ok(), before.checked_add(1));
            }
        }
        let increments: Vec<(&[u8], i64)> = known.iter().map(|field| (&field[..], -1)).collect();
        key.mincr(&increments[..3], UnixMs(now.0.saturating_sub(100))).ok();
        key.mincr(&increments[1..2], now).ok();
        key.alter_rules(WindowRules { every: Millis(10), max_fields: 3, ..*key.rules() }).ok();
        key.mincr(&[(&known[1], i64::MAX), (&known[3], 1), (&known[5], 1), (&known[7], 1)], now).ok();
        let newest =
            |key: &mut Tally| key.ready_batch(now).entries.iter().filter_map(|ready| batch_number(ready.name)).max();
        let before = newest(key);
        if key.seal(now).changed {
            assert!(newest(key) > before, "a number below one that was given before");
        }
        assert_eq!(key.window(now), None);
        let ready = key.ready_batch(now).entries;
        for ready in &ready {
            let (batch, number) = (Batch::of(ready.body), batch_number(ready.name));
            let fields: Vec<_> = batch.sums().map(|(field, _)| field).collect();
            assert!(number.is_some() && fields.len() == batch.len() && !batch.is_empty());
            assert!(fields.is_sorted_by(|one, next| one < next), "a field twice, or out of order");
            assert!(batch.sums().all(|(field, sum)| batch.sum(field) == Some(sum)));
        }
        let numbers: BTreeSet<_> = ready.iter().map(|ready| ready.name).collect();
        assert_eq!(numbers.len(), ready.len(), "a batch twice");
        // The clock steps back, and is put right again.
        key.incr(&known[3], 1, now).ok();
        key.seal(UnixMs(0));
        key.ended_between(UnixMs(0), UnixMs(0), now);
    }
}

fn uuid(n: u8) -> Vec<u8> {
    format!("67e55044-10b1-426f-9247-bb680e5fe{n:03x}").into_bytes()
}

/// With windows that were sealed by their time, by their fields and on demand, and one that is open.
fn with_windows(kind: FieldKind, field: impl Fn(u8) -> Vec<u8>) -> Tally {
    let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
    let rules = WindowRules { every: Millis(100), field: kind, min: Some(-5), max: None, max_fields: 3 };
    let mut key = Tally::create(rules, options, [3, 4]).expect("valid");
    for n in 0..17u8 {
        let at = UnixMs(i64::from(n) * 30);
        key.incr(&field(n % 5), i64::from(n), at).expect("room");
        if n % 3 > 0 {
            key.seal(at);
        }
    }
    key.mincr(&[(&field(1), 1), (&field(2), 2), (&field(3), 3), (&field(4), i64::MAX)], NOW).expect("room");
    // Its number differs in one bit from that of the batch before.
    key.seal(NOW);
    let first = fail_some(&mut key);
    lose_some(&mut key, first);
    key.incr(&field(5), 1, UnixMs(1_200)).expect("room");
    key.seal(UnixMs(1_200));
    for n in [0, 1] {
        key.incr(&field(n), 7, UnixMs(1_210)).expect("room");
    }
    check_states(&mut key);
    key
}
