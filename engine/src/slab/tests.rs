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
