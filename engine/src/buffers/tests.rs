use crate::gate::idle::IdleRules;
use crate::gate::ttl::{Copied, Prefix, TtlRules};
use crate::gate::watermark::{Addition, Guard, WatermarkRules};
use crate::gate::Gate;
use crate::mover::Mover;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};
use crate::{ClaimTerms, Debounce, Expiry, Tsgen};
use std::collections::BTreeSet;

/// Puts every buffer elsewhere, and remembers where it was.
struct Everywhere {
    shown: BTreeSet<usize>,
    again: usize,
    patience: usize,
    left: usize,
}

impl Everywhere {
    fn with(patience: usize) -> Self {
        Everywhere { shown: BTreeSet::new(), again: 0, patience, left: patience }
    }
}

impl Mover for Everywhere {
    fn buffer<T>(&mut self, buffer: &mut Vec<T>) {
        if buffer.capacity() == 0 {
            return;
        }
        let mut elsewhere = Vec::with_capacity(buffer.capacity());
        elsewhere.append(buffer);
        self.again += usize::from(!self.shown.insert(elsewhere.as_ptr() as usize));
        *buffer = elsewhere;
    }

    fn is_tired(&mut self) -> bool {
        self.left = self.left.checked_sub(1).unwrap_or(self.patience);
        self.left == 0
    }
}

fn chunks<G: Gate>(key: &Queue<G>) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

/// Whatever the patience, all is shown, and nothing is changed.
#[track_caller]
fn is_shown<G: Gate>(key: &mut Queue<G>, at_least: usize) {
    let (before, memory) = (chunks(key), key.memory());
    for patience in [1, 7, usize::MAX] {
        let mut mover = Everywhere::with(patience);
        let mut calls = 1;
        while key.show_buffers(&mut mover, calls == 1) {
            calls += 1;
        }
        // A new place may be one that another buffer has just left.
        let shown = mover.shown.len() + mover.again;
        assert!(shown >= at_least, "{shown} buffers");
        assert!(patience == usize::MAX || calls > shown / (1_100 * patience), "{calls} calls for {shown} buffers");
        assert!(chunks(key) == before);
        assert_eq!(key.memory(), memory);
    }
}

#[test]
fn buffers_of_elements_are_shown() {
    let mut key = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..3_000u32 {
        let size = if n % 100 == 0 { 6_000 } else { 20 };
        key.add(&Addition::once(Guard::Always, i64::from(n), &n.to_be_bytes(), &vec![7; size]), UnixMs(5))
            .expect("room");
    }
    key.advance(3_000, None, UnixMs(5)).expect("external");
    for _ in 0..20 {
        key.claim(&ClaimTerms { consumer: b"w", count: 100, lease: Millis(1_000), first: None }, UnixMs(6))
            .expect("no sink");
    }
    // Pages, what is outside, records, leaves, grants.
    is_shown(&mut key, 6 + 30 + 2 + 1 + 20);
    assert!(key.get(&100u32.to_be_bytes(), UnixMs(6)).is_some_and(|element| element.payload == [7; 6_000]));
}

#[test]
fn items_of_groups_are_shown() {
    let mut key = Debounce::create(IdleRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..2_000u32 {
        key.push(&n.to_be_bytes(), &["item", "other"], UnixMs(5)).expect("room");
    }
    is_shown(&mut key, 2_000);
}

/// Of groups: their table, turns, heads by class, details, and the names of those whose first entry has another.
#[test]
fn what_holds_groups_is_shown() {
    let options = DeliveryOptions { group_limit: 2, fair: true, ..DeliveryOptions::default() };
    let mut plain = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    let mut key = Tsgen::create(WatermarkRules::default(), options, [3, 4]).expect("valid");
    for n in 0..2_000u32 {
        let (id, group) = (n.to_be_bytes(), (n / 2).to_be_bytes());
        let once = Addition::once(Guard::Always, i64::from(n), &id, b"");
        plain.add(&once, UnixMs(5)).expect("room");
        key.add(&Addition { group: Some(&group), ..once }, UnixMs(5)).expect("room");
    }
    let mut mover = Everywhere::with(usize::MAX);
    assert!(!plain.show_buffers(&mut mover, true));
    let without = mover.shown.len() + mover.again;
    // The table and the details have chunks of 64, and hardly any group has the name of its first entry.
    is_shown(&mut key, without + 16 + 16 + 990);
}

#[test]
fn values_of_tracked_keys_are_shown() {
    let rules =
        TtlRules { prefixes: vec![Prefix(b"".as_slice().into())], max_value: 100, keep_evicted: false, max_held: 0 };
    let mut key = Expiry::create(rules, DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..2_000u32 {
        key.track(&n.to_be_bytes(), UnixMs(5));
        key.keep(&n.to_be_bytes(), Copied { kind: 1, bytes: Some([8; 20].into()) });
    }
    is_shown(&mut key, 2_000);
}
