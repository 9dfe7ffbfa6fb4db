use super::Slab;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..600)) {
        let mut slab = Slab::<Box<u32>, 8>::new();
        let mut model = BTreeMap::new();
        for (number, (insert, pick)) in ops.iter().enumerate() {
            let value = number as u32;
            if *insert || model.is_empty() {
                let key = slab.insert(Box::new(value));
                prop_assert!(model.insert(key, value).is_none(), "a key in use was given out");
            } else {
                let key = *pick.get(&model.keys().copied().collect::<Vec<_>>());
                *slab[key] += 1;
                prop_assert_eq!(*slab.remove(key), model.remove(&key).unwrap() + 1);
                prop_assert!(slab.get(key).is_none() && slab.get_mut(key).is_none());
            }
            prop_assert_eq!(slab.len(), model.len());
        }
        let copy = slab.clone();
        prop_assert!(copy.memory() <= slab.memory());
        for (&key, &value) in &model {
            prop_assert_eq!(*slab[key], value);
            prop_assert_eq!(*copy[key], value);
        }
        for &key in model.keys() {
            slab.remove(key);
        }
        prop_assert!(slab.is_empty());
        prop_assert_eq!(slab.memory(), 0);
    }
}

/// The chunk that was opened for a value of a full one used to stay behind empty: forgotten by `fit`, and first in the list of those with room.
#[test]
fn a_value_of_a_full_chunk_moves_into_the_chunk_that_was_opened_for_it() {
    let mut slab = Slab::<u32, 4>::new();
    let keys: Vec<u32> = (0..40).map(|value| slab.insert(value)).collect();
    for key in &keys[..32] {
        slab.remove(*key);
    }
    for (value, key) in (32..40).zip(&keys[32..]) {
        let key = slab.relocate_low(*key).expect("there is room in lower chunks");
        assert!(key < 8 && slab[key] == value, "{value} under {key}");
    }
    assert_eq!(slab.fit(), 8);
    assert!((0..40).all(|value| slab.insert(value) >= 8));
}

proptest! {
    #[test]
    fn behaves_like_a_map_while_values_move(
        ops in prop::collection::vec((0u8..10, any::<prop::sample::Index>(), 1usize..60), 1..60),
    ) {
        let mut slab = Slab::<Box<u32>, 8>::new();
        let mut model: BTreeMap<u32, u32> = BTreeMap::new();
        let mut value = 0;
        for (op, pick, count) in ops {
            let keys: Vec<u32> = model.keys().copied().collect();
            match op {
                0..=3 => for _ in 0..count {
                    value += 1;
                    prop_assert!(model.insert(slab.insert(Box::new(value)), value).is_none(), "a key in use was given out");
                },
                4..=5 => {
                    for key in keys.iter().cycle().skip(pick.index(keys.len().max(1))).take(count.min(keys.len())) {
                        prop_assert_eq!(Some(*slab.remove(*key)), model.remove(key));
                    }
                }
                // Full chunks with high numbers are left.
                6 => {
                    for key in &keys[..keys.len().saturating_sub(count / 2)] {
                        prop_assert_eq!(Some(*slab.remove(*key)), model.remove(key));
                    }
                }
                7..=8 => for _ in 0..2 {
                    for key in model.keys().copied().collect::<Vec<_>>() {
                        let moved = if op == 7 { slab.relocate(key) } else { slab.relocate_low(key) };
                        if let Some(new) = moved {
                            let value = model.remove(&key).expect("it was there");
                            prop_assert!(model.insert(new, value).is_none(), "a key in use was given out");
                        }
                    }
                },
                _ => {
                    let end = slab.fit();
                    prop_assert!(model.keys().all(|key| *key < end));
                }
            }
            prop_assert_eq!(slab.len(), model.len());
            for (&key, &value) in &model {
                prop_assert_eq!(slab.get(key).map(|value| **value), Some(value));
            }
        }
    }
}

#[test]
fn an_emptied_chunk_gives_its_bytes_back_and_its_keys_are_used_again() {
    let mut slab = Slab::<u64, 1024>::new();
    let keys: Vec<u32> = (0..10_240).map(|value| slab.insert(value)).collect();
    let full = slab.memory();
    for &key in &keys[1024..] {
        slab.remove(key);
    }
    assert!(slab.memory() < full / 8, "{} of {full}", slab.memory());
    for value in 0..9216 {
        assert!(slab.insert(value) < 10_240);
    }
    assert_eq!(slab.memory(), full);
}
