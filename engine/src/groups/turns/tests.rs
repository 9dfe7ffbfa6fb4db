use super::*;
use std::collections::BTreeMap;

/// What is in a tree, as a list by turn, with what is asked of it at every step.
struct World {
    turns: Turns,
    given: Given,
    stands: BTreeMap<u64, Stand>,
    next_turn: u64,
}

impl World {
    fn new() -> Self {
        World { turns: Turns::new(), given: Slab::new(), stands: BTreeMap::new(), next_turn: 1 }
    }

    fn begin(&mut self, key: i64) {
        let turn = Turn::of(self.next_turn).expect("a low turn");
        let stand = Stand { number: self.given.insert(turn), key };
        self.turns.insert(&self.given, stand);
        self.stands.insert(self.next_turn, stand);
        self.next_turn += 1;
    }

    /// Takes the group of a turn out, and puts it back with another key, and a new turn if it is served.
    fn change(&mut self, turn: u64, key: i64, is_served: bool) {
        let number = self.stands.remove(&turn).expect("a group").number;
        self.turns.remove(&self.given, number);
        let turn = if is_served { self.next_turn } else { turn };
        self.next_turn += u64::from(is_served);
        self.given[number] = Turn::of(turn).expect("a low turn");
        self.turns.insert(&self.given, Stand { number, key });
        self.stands.insert(turn, Stand { number, key });
    }

    fn end(&mut self, turn: u64) {
        let number = self.stands.remove(&turn).expect("a group").number;
        self.turns.remove(&self.given, number);
        self.given.remove(number);
    }

    /// Gives groups in sparse chunks new numbers, and moves nodes out of such chunks.
    fn compact(&mut self) {
        for (turn, stand) in &mut self.stands {
            if let Some(new) = self.given.relocate(stand.number) {
                self.turns.replace(*turn, stand.number, new);
                stand.number = new;
            }
        }
        let mut next = Some(0);
        while let Some(turn) = next {
            next = self.turns.compact(turn);
            assert!(next.is_none_or(|next| next > turn));
        }
        assert_eq!(self.turns.waste(), 0);
    }

    /// Takes some out, in one go, and puts every other one back, the rest with new turns.
    fn take(&mut self, wanted: &Wanted) {
        let is_wanted = |(turn, stand): &(&u64, &Stand)| {
            stand.key <= wanted.horizon && wanted.below.is_none_or(|below| **turn < below)
        };
        let expected: Vec<(u64, Stand)> =
            self.stands.iter().filter(is_wanted).take(wanted.most).map(|(turn, stand)| (*turn, *stand)).collect();
        let mut taken = Vec::new();
        self.turns.take(&self.given, wanted, &mut taken);
        assert_eq!(taken, expected.iter().map(|(_, stand)| stand.number).collect::<Vec<_>>());
        for (turn, _) in &expected {
            self.stands.remove(turn);
        }
        self.check(wanted.horizon);
        for (nth, (mut turn, stand)) in expected.into_iter().enumerate() {
            if nth % 2 == 1 {
                turn = self.next_turn;
                self.next_turn += 1;
                self.given[stand.number] = Turn::of(turn).expect("a low turn");
            }
            self.turns.insert(&self.given, stand);
            self.stands.insert(turn, stand);
        }
    }

    fn next(&self, horizon: i64) -> Option<(u64, u32)> {
        let within = self.stands.iter().find(|(_, stand)| stand.key <= horizon);
        within.map(|(turn, stand)| (*turn, stand.number))
    }

    fn check(&self, horizon: i64) {
        assert_eq!(self.turns.next(horizon), self.next(horizon).map(|(_, number)| number));
        let within = self.stands.values().filter(|stand| stand.key <= horizon).count();
        for wanted in [1, within, within + 5] {
            assert_eq!(self.turns.count_down(horizon, wanted), wanted.saturating_sub(within));
        }
        assert_eq!(self.turns.is_empty(), self.stands.is_empty());
        self.check_end();
    }

    /// What is said of the very end is so.
    fn check_end(&self) {
        let Some(end) = &self.turns.end else { return };
        let leaf = &self.turns.leaves[end.leaf];
        let (turn, last) = self.stands.last_key_value().expect("a group at the end");
        assert_eq!((end.turn, end.lowest), (*turn, leaf.lowest()));
        assert_eq!(leaf.numbers[leaf.len() - 1], last.number);
    }
}

#[test]
fn the_next_is_the_lowest_turn_within_the_horizon_whatever_happened_before() {
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        // It grows to three levels, is mixed, and shrinks to nothing.
        for (steps, ends) in [(6_000, 1), (6_000, 5), (60_000, 9)] {
            for step in 0..steps {
                let key = random.i64(0..1_000);
                let any = |random: &mut fastrand::Rng| {
                    let from = random.u64(0..world.next_turn);
                    world.stands.range(from..).next().or(world.stands.iter().next()).map(|(turn, _)| *turn)
                };
                match (random.u32(0..10), any(&mut random)) {
                    (roll, Some(turn)) if roll < ends => world.end(turn),
                    (7, Some(turn)) if step % 32 == 0 => {
                        let below = random.bool().then_some(turn);
                        let most = if random.bool() { random.usize(1..10) } else { random.usize(1..3_000) };
                        world.take(&Wanted { horizon: key, below, most });
                    }
                    (8, Some(turn)) => world.change(turn, key, false),
                    (9, _) => {
                        if let Some((turn, _)) = world.next(key) {
                            world.change(turn, key, true);
                        }
                    }
                    _ => world.begin(key),
                }
                if step % 1_024 == 0 {
                    world.compact();
                }
                if step % 16 == 0 {
                    world.check(key);
                    world.check(i64::MAX);
                    world.check(-1);
                }
            }
        }
    }
}

#[test]
fn groups_that_are_served_in_order_fill_their_leaves() {
    let mut world = World::new();
    (0..20_000).for_each(|key| world.begin(key));
    for _ in 0..100_000 {
        let (turn, _) = world.next(i64::MAX).expect("a group");
        let key = world.stands[&turn].key;
        world.change(turn, key, true);
    }
    assert!(world.turns.height >= 2);
    let bytes = world.turns.memory() as f64 / world.stands.len() as f64;
    assert!(bytes < 13.5, "{bytes} bytes a group");
}

#[test]
fn a_tree_of_which_little_is_left_takes_little() {
    let mut world = World::new();
    (0..200_000).for_each(|key| world.begin(key));
    for turn in world.stands.keys().copied().filter(|turn| turn % 100 != 0).collect::<Vec<_>>() {
        world.end(turn);
    }
    assert!(world.turns.waste() > 0);
    world.compact();
    world.check(i64::MAX);
    let bytes = world.turns.memory() as f64 / world.stands.len() as f64;
    assert!(bytes < 100.0, "{bytes} bytes a group");
}

#[test]
fn what_is_empty_holds_no_memory() {
    let mut world = World::new();
    (0..5_000).for_each(|key| world.begin(key));
    for turn in world.stands.keys().rev().copied().collect::<Vec<_>>() {
        world.end(turn);
    }
    world.check(i64::MAX);
    assert_eq!(world.turns.memory(), 0);
}
