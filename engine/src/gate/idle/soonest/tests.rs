use super::*;

struct Naive(Vec<Key>, Soonest);

fn key(at: i64, seq: u64) -> Key {
    Key { at, seq }
}

impl Naive {
    fn set(&mut self, number: usize, key: Key) {
        if self.0.len() <= number {
            self.0.resize(number + 1, NONE);
        }
        let old = std::mem::replace(&mut self.0[number], key);
        assert_eq!(self.1.get(number as u32), old);
        assert_eq!(self.1.set(number as u32, key), old);
        assert_eq!(self.1.get(number as u32), key);
    }

    fn fit(&mut self) {
        let things = self.0.iter().rposition(|key| *key != NONE).map_or(0, |last| last + 1);
        self.0.truncate(things);
        self.1.fit(things);
    }

    fn check(&self, from: Key) {
        let mut sorted: Vec<(Key, u32)> = (0..).zip(&self.0).map(|(number, key)| (*key, number)).collect();
        sorted.retain(|(key, _)| *key != NONE);
        sorted.sort_unstable();
        assert_eq!(self.1.first(), sorted.first().map_or(NONE, |(key, _)| *key));
        assert_eq!(self.1.first_number(), sorted.first().map(|(_, number)| *number));
        let after: Vec<(Key, u32)> = sorted.iter().copied().filter(|(key, _)| *key >= from).collect();
        for count in [0, 1, 5, usize::MAX] {
            assert_eq!(self.1.from(from, count), after[..after.len().min(count)]);
        }
    }
}

/// Numbers that look random and are the same in each run.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn whatever_comes_moves_and_goes_the_first_and_those_behind_it_are_found() {
    for things in [1, 8, 9, 64, 65, 700, 1_500] {
        let (mut all, mut state) = (Naive(Vec::new(), Soonest::new()), things);
        for seq in 0..3_000 {
            let number = random(&mut state, things) as usize;
            let new = if random(&mut state, 4) == 0 { NONE } else { key(random(&mut state, 50) as i64 - 10, seq) };
            all.set(number, new);
            if seq % 500 == 0 {
                all.fit();
            }
            if seq % 7 == 0 {
                all.check(key(random(&mut state, 50) as i64 - 10, random(&mut state, 3_000)));
                all.check(FIRST);
            }
        }
    }
}

#[test]
fn things_may_be_numbered_with_gaps() {
    let mut all = Naive(Vec::new(), Soonest::new());
    for number in [5, 1_000, 0, 70_000, 64] {
        all.set(number, key(number as i64, 1));
        all.check(key(3, 0));
    }
    all.1.clear();
    assert_eq!(all.1.first(), NONE);
}

/// The chunks of the slab that gives out the numbers come back at once when they are empty; so must what stands beside them.
#[test]
fn a_chunk_without_things_gives_its_bytes_back() {
    let mut all = Naive(Vec::new(), Soonest::new());
    for number in 0..20_000 {
        all.set(number, key(20_000 - number as i64, 1));
    }
    let full = all.1.memory();
    assert!(full < 20_000 * 19 + 20_000, "{full} bytes");
    // A copy counts on from what it has itself.
    all.1 = all.1.clone();
    assert!(all.1.memory() <= full);
    (1_024..20_000).for_each(|number| all.set(number, NONE));
    assert!(all.1.memory() < full / 8, "{} of {full} bytes", all.1.memory());
    all.check(key(19_500, 0));
    let before = all.1.memory();
    all.fit();
    assert!(all.1.memory() < before);
    all.check(key(19_500, 0));
    all.set(9_000, key(7, 7));
    all.check(FIRST);
    (0..20_000).for_each(|number| all.set(number, NONE));
    assert!(all.1.memory() < 1_000, "{} bytes", all.1.memory());
    all.check(FIRST);
}

#[test]
fn one_thing_takes_little() {
    let mut all = Naive(Vec::new(), Soonest::new());
    all.set(0, key(5, 1));
    all.check(FIRST);
    assert!(all.1.memory() <= 100, "{} bytes", all.1.memory());
}
