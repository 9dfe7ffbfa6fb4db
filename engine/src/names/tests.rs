use super::*;
use crate::entries::Place;
use proptest::prelude::*;
use std::collections::BTreeMap;

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
