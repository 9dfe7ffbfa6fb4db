use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

struct Both {
    entries: Entries,
    order: Order,
    model: BTreeMap<(i64, u64), Handle>,
    seq: u64,
}

impl Both {
    fn new() -> Self {
        Both { entries: Entries::new(), order: Order::new(), model: BTreeMap::new(), seq: 0 }
    }

    fn insert(&mut self, key: i64) {
        self.seq += 1;
        // Not rising: entries of one key come in any order too.
        let seq = self.seq * 7919 % 1_000_003;
        let handle = self.entries.insert(Place { key, seq }, b"", b"", 0);
        self.order.insert(&self.entries, handle);
        assert!(self.model.insert((key, seq), handle).is_none());
    }

    fn remove(&mut self, place: (i64, u64)) {
        let handle = self.model.remove(&place).unwrap();
        assert!(self.order.remove(&self.entries, handle));
        assert!(!self.order.remove(&self.entries, handle));
        self.entries.remove(handle);
    }

    fn take(&mut self, key: i64, max: usize) {
        let mut out = vec![Handle::NONE];
        self.order.take_through(&self.entries, key, max, &mut out);
        let expected: Vec<_> = self.model.range(..=(key, u64::MAX)).take(max).map(|(&p, &h)| (p, h)).collect();
        assert_eq!(out[1..], expected.iter().map(|&(_, handle)| handle).collect::<Vec<_>>());
        for (place, handle) in expected {
            self.model.remove(&place);
            self.entries.remove(handle);
        }
    }

    fn check(&self, key: i64) {
        let (order, entries) = (&self.order, &self.entries);
        self.check_nodes();
        assert_eq!(order.len(), self.model.len());
        assert_eq!(order.is_empty(), self.model.is_empty());
        assert_eq!(order.first(), self.model.values().next().copied());
        assert_eq!(order.count_through(entries, key), self.model.range(..=(key, u64::MAX)).count());
        let after = (key < i64::MAX).then(|| self.model.range((key.saturating_add(1), 0)..).next()).flatten();
        assert_eq!(order.first_after(entries, key), after.map(|(_, &handle)| handle));
        assert!(order.iter_from(entries, key).eq(self.model.range((key, 0)..).map(|(_, &handle)| handle)));
        let place = |&(key, seq): &(i64, u64)| Place { key, seq };
        assert!(self.model.keys().step_by(37).all(|at| order.contains(entries, place(at))));
        assert!(!order.contains(entries, Place { key, seq: 2_000_000 }));
        assert!(order.iter().eq(self.model.values().copied()));
    }

    /// Counts add up, bounds separate, and no node is lost or kept for nothing.
    fn check_nodes(&self) {
        if self.order.is_empty() {
            assert_eq!(self.order.memory(), 0);
            return;
        }
        let (mut leaves, mut inners) = (0, 0);
        let mut rest = vec![(self.order.root, self.order.height, self.order.len, None, None)];
        while let Some((node, level, count, from, to)) = rest.pop() {
            if level == 0 {
                leaves += 1;
                let leaf = &self.order.leaves[node];
                assert_eq!(leaf.len(), count);
                assert!(leaf.parts.is_sorted() && leaf.parts[count..].iter().all(|&part| part == u8::MAX));
                for &handle in leaf.handles() {
                    let place = Some(self.entries.place(Handle(handle)));
                    assert!(place >= from && (to.is_none() || place < to));
                }
                continue;
            }
            inners += 1;
            let inner = &self.order.inners[node];
            assert_eq!(inner.count() as usize, count);
            for index in 0..inner.len() {
                let from = if index == 0 { from } else { Some(inner.bounds[index]) };
                let to = if index + 1 < inner.len() { Some(inner.bounds[index + 1]) } else { to };
                rest.push((inner.children[index], level - 1, inner.counts[index] as usize, from, to));
            }
        }
        assert_eq!((leaves, inners), (self.order.leaves.len(), self.order.inners.len()));
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// So many keys from the first in steps: in order, backwards, all equal, or scattered.
    Insert(i64, i64, usize),
    Scatter(u64, usize),
    Remove(prop::sample::Index, usize),
    Take(i64, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let key = || prop_oneof![8 => -2000i64..2000, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    prop_oneof![
        3 => (key(), -2i64..3, 1usize..400).prop_map(|(key, step, count)| Op::Insert(key, step, count)),
        3 => (any::<u64>(), 1usize..400).prop_map(|(seed, count)| Op::Scatter(seed, count)),
        3 => (any::<prop::sample::Index>(), 1usize..300).prop_map(|(pick, count)| Op::Remove(pick, count)),
        3 => (key(), prop_oneof![0usize..500, Just(usize::MAX)]).prop_map(|(key, max)| Op::Take(key, max)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn behaves_like_an_ordered_map(ops in prop::collection::vec((op(), -2100i64..2100), 1..40)) {
        let mut both = Both::new();
        for (op, key) in ops {
            match op {
                Op::Insert(first, step, count) => {
                    (0..count as i64).for_each(|nth| both.insert(first.saturating_add(nth * step)));
                }
                Op::Scatter(mut seed, count) => (0..count).for_each(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    both.insert((seed >> 40) as i64 % 4000 - 2000);
                }),
                Op::Remove(pick, count) => {
                    // Every third of a stretch, which thins leaves, or all of it, which empties them.
                    let all: Vec<_> = both.model.keys().copied().collect();
                    let start = if all.is_empty() { 0 } else { pick.index(all.len()) };
                    let step = if count % 2 == 0 { 3 } else { 1 };
                    all[start..].iter().step_by(step).take(count).for_each(|&place| both.remove(place));
                }
                Op::Take(key, max) => both.take(key, max),
            }
            both.check(key);
            both.check(i64::MAX);
            both.check(i64::MIN);
        }
        let copy = both.order.clone();
        prop_assert!(copy.iter().eq(both.order.iter()));
        prop_assert!(copy.memory() <= both.order.memory());
        both.take(i64::MAX, usize::MAX);
        prop_assert_eq!(both.order.memory(), 0);
        prop_assert_eq!(copy.iter().count(), copy.len());
    }
}

/// (in order or scattered, n) -> a tree of four levels, checked after every part of a drain.
#[test]
fn deep_trees_keep_their_shape_and_their_memory() {
    for (scattered, bytes) in [(false, 5.7), (true, 7.7)] {
        let mut both = Both::new();
        let n = 300_000i64;
        (0..n).for_each(|nth| both.insert(if scattered { nth * 7_919 % 1_000_003 } else { nth }));
        let per_handle = both.order.memory() as f64 / n as f64;
        assert!(per_handle < bytes, "{per_handle} bytes a handle");
        both.check(1000);
        let places: Vec<_> = both.model.keys().copied().collect();
        places.iter().filter(|&&(key, seq)| (key as u64 + seq) % 10 != 0).for_each(|&place| both.remove(place));
        both.check(n / 2);
        let per_handle = (both.order.leaves.len() * 320) as f64 / both.order.len() as f64;
        assert!(per_handle < 20.0, "{per_handle} bytes a handle when nine of ten are gone");
        while !both.order.is_empty() {
            both.take(i64::MAX, 9_999);
            both.check(n / 2);
        }
    }
}

#[test]
fn nodes_fill_their_slots() {
    assert_eq!(size_of::<Leaf>(), 320);
    let mut entries = Entries::new();
    let handle = entries.insert(Place { key: 0, seq: 0 }, b"", b"", 0);
    let mut leaves = Slab::<Leaf, 1>::new();
    leaves.insert(Leaf::of(&entries, &[handle.0]));
    assert!(leaves.memory() < 320 + 5 * 48, "a slot is no larger than its leaf: {}", leaves.memory());
}
