use super::*;
use crate::entries::Place;
use crate::gate::ttl::{Copied, Prefix, TtlRules};
use crate::gate::watermark::{Addition, Guard, WatermarkRules};
use crate::{ClaimTerms, Debounce, DeliveryOptions, Expiry, IdleRules, Millis, Tally, Tsgen, UnixMs, WindowRules};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

struct Both {
    entries: Entries,
    names: Names,
    model: BTreeMap<Vec<u8>, Handle>,
}

impl Both {
    fn new() -> Self {
        Both { entries: Entries::new(), names: Names::new([1, 2]), model: BTreeMap::new() }
    }

    fn put(&mut self, name: &[u8]) {
        let hash = self.names.hash(name);
        let handle = self.entries.insert(Place { key: 0, seq: 0 }, name, b"", hash);
        let old = self.names.get_hashed(&self.entries, name, hash);
        assert_eq!(old, self.model.insert(name.to_vec(), handle));
        match old {
            Some(old) => {
                assert!(self.names.replace(old, handle, hash));
                assert!(!self.names.replace(old, handle, hash));
                assert!(!self.names.remove(&self.entries, old), "the name means another entry now");
                self.entries.remove(old);
            }
            None => self.names.insert(handle, hash),
        }
    }

    fn remove(&mut self, name: &[u8]) {
        let found = self.names.get(&self.entries, name);
        assert_eq!(found, self.model.remove(name));
        if let Some(handle) = found {
            assert!(self.names.remove(&self.entries, handle));
            assert!(!self.names.remove(&self.entries, handle));
            self.entries.remove(handle);
        }
    }

    fn deliver(&mut self, name: &[u8]) {
        if let Some(&handle) = self.model.get(name) {
            self.entries.set_delivered(handle, true);
            self.entries.set_aux(handle, 12_345);
        }
    }

    fn check(&self) {
        assert_eq!(self.names.len(), self.model.len());
        for (name, &handle) in &self.model {
            assert_eq!(self.names.get(&self.entries, name), Some(handle));
        }
        self.names.handles.check();
    }
}

proptest! {
    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec((0u8..4, 0u32..300), 1..800)) {
        let mut both = Both::new();
        for (kind, number) in ops {
            let name = if number == 0 { vec![] } else { number.to_string().into_bytes() };
            match kind {
                0 | 1 => both.put(&name),
                2 => both.remove(&name),
                _ => both.deliver(&name),
            }
        }
        both.check();
        let copy = both.names.clone();
        both.model.values().for_each(|&handle| assert_eq!(copy.get(&both.entries, both.entries.name(handle)), Some(handle)));
        prop_assert_eq!(copy.len(), both.names.len());
    }
}

#[test]
fn many_names_split_shards_at_different_times_and_go_away_again() {
    let mut both = Both::new();
    let empty = both.names.memory();
    let name = |number: u32| number.to_be_bytes();
    let mut range = (f64::MAX, 0f64);
    for number in 0..400_000 {
        both.put(&name(number));
        if number % 7 == 0 {
            both.deliver(&name(number));
        }
        if number > 50_000 && number % 5_000 == 0 {
            let per_name = both.names.memory() as f64 / f64::from(number);
            range = (range.0.min(per_name), range.1.max(per_name));
        }
    }
    both.check();
    assert!(range.0 > 12.0 && range.1 < 16.0, "{range:?} bytes a name");
    (0..400_000).rev().for_each(|number| both.remove(&name(number)));
    both.check();
    assert_eq!(both.names.memory(), empty);
}

#[test]
fn names_that_come_and_go_do_not_make_shards_grow() {
    let mut both = Both::new();
    let name = |number: u32| number.to_be_bytes();
    (0..50_000).for_each(|number| both.put(&name(number)));
    let before = both.names.memory();
    for number in 50_000..600_000 {
        both.remove(&name(number - 50_000));
        both.put(&name(number));
    }
    both.check();
    assert!(both.names.memory() < before * 3 / 2, "{} after {before}", both.names.memory());
}

#[test]
fn equal_hashes_grow_a_shard_not_the_directory() {
    let (mut entries, mut names) = (Entries::new(), Names::new([0, 0]));
    let handles: Vec<Handle> = (0..10_000u32)
        .map(|number| {
            let handle = entries.insert(Place { key: 0, seq: 0 }, &number.to_be_bytes(), b"", 77);
            names.insert(handle, 77);
            handle
        })
        .collect();
    assert!(names.memory() < 700_000, "{}", names.memory());
    assert_eq!(names.get_hashed(&entries, &9_999u32.to_be_bytes(), 77), Some(handles[9_999]));
    assert!(handles.iter().all(|&handle| names.remove(&entries, handle)));
}

/// Two names that have the same hash in every table of names with the seed 1, 2.
fn twins() -> [[u8; 4]; 2] {
    let names = Names::new([1, 2]);
    let mut seen = HashMap::new();
    let mut pairs =
        (0..u32::MAX).map(u32::to_be_bytes).filter_map(|name| Some([seen.insert(names.hash(&name), name)?, name]));
    pairs.next().expect("there are more names than hashes")
}

/// Hashes have 32 bits, so among some ten thousand names two have the same one.
#[test]
fn two_names_of_one_hash_are_two_in_every_family() {
    let [one, other] = twins();
    let options = || DeliveryOptions { group_limit: 1, ..DeliveryOptions::default() };
    let all = ClaimTerms { consumer: b"w", count: 9, lease: Millis(1_000), first: None };

    let mut elements = Tsgen::create(WatermarkRules::default(), options(), [1, 2]).expect("valid options");
    for (id, group) in [(one, b"a"), (other, b"b")] {
        elements
            .add(&Addition { group: Some(group), ..Addition::once(Guard::Always, 1, &id, b"") }, UnixMs(0))
            .expect("room");
    }
    assert_eq!(elements.len(), 2);
    for name in [one, other] {
        assert_eq!(elements.get(&name, UnixMs(0)).map(|element| element.id.to_vec()), Some(name.to_vec()));
    }

    let mut groups = Tsgen::create(WatermarkRules::default(), options(), [1, 2]).expect("valid options");
    for (id, group) in [(b"1", one), (b"2", other), (b"3", one)] {
        groups
            .add(&Addition { group: Some(&group), ..Addition::once(Guard::Always, 1, id, b"") }, UnixMs(0))
            .expect("room");
    }
    groups.advance(1, None, UnixMs(0)).expect("external");
    let claim = groups.claim(&all, UnixMs(0)).expect("no sink");
    assert_eq!(groups.delivered(&claim).map(|entry| entry.name).collect::<Vec<_>>(), [b"1", b"2"], "one of each group");

    let mut collecting = Debounce::create(IdleRules::default(), options(), [1, 2]).expect("valid rules");
    let mut sums = Tally::create(WindowRules::default(), options(), [1, 2]).expect("valid rules");
    let rules =
        TtlRules { prefixes: vec![Prefix(b"".as_slice().into())], max_value: 9, keep_evicted: false, max_held: 0 };
    let mut tracked = Expiry::create(rules, options(), [1, 2]).expect("valid rules");
    for (name, number) in [(one, 1), (other, 2)] {
        collecting.push(&name, &["item"], UnixMs(0)).expect("room");
        sums.incr(&name, number, UnixMs(0)).expect("room");
        tracked.track(&name, UnixMs(number));
    }
    assert_eq!(collecting.len(), 2);
    assert_eq!([one, other].map(|name| sums.sum(&name)), [Ok(1), Ok(2)]);
    assert_eq!([one, other].map(|name| tracked.tracked_until(&name)), [1, 2].map(|at| Some(UnixMs(at))));
    tracked.keep(&other, Copied { kind: 1, bytes: None });
    assert!(tracked.untrack(&one) && tracked.kept(&other).is_some());
}
