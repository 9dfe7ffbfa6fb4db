use super::*;
use crate::entries::Place;

/// A line, and the same handles in a plain list.
struct World {
    entries: Entries,
    line: Line,
    model: Vec<Handle>,
}

impl World {
    fn new() -> Self {
        World { entries: Entries::new(), line: Line::default(), model: Vec::new() }
    }

    fn insert(&mut self, key: i64, seq: u64) {
        let handle = self.entries.insert(Place { key, seq }, b"name", b"", 0);
        self.line.insert(&self.entries, handle);
        let at = self.model.partition_point(|other| self.entries.place(*other) < self.entries.place(handle));
        self.model.insert(at, handle);
    }

    fn remove(&mut self, nth: usize) {
        let handle = self.model.remove(nth);
        self.line.remove(&self.entries, handle);
        self.line.remove(&self.entries, handle);
        self.entries.remove(handle);
    }

    fn relocate(&mut self, nth: usize) {
        let old = self.model[nth];
        let new = self.entries.relocate(old);
        self.line.replace(&self.entries, old, new);
        self.entries.leave(old);
        self.model[nth] = new;
    }

    fn pop(&mut self) {
        let expected = if self.model.is_empty() { None } else { Some(self.model.remove(0)) };
        assert_eq!(self.line.pop_first(&self.entries), expected);
        if let Some(handle) = expected {
            self.entries.remove(handle);
        }
    }

    fn check(&self) {
        assert_eq!(self.line.handles(), self.model);
        assert_eq!(self.line.first(), self.model.first().copied());
        assert_eq!(self.line.is_empty(), self.model.is_empty());
        assert_eq!(self.line.clone().handles(), self.model);
    }
}

#[test]
fn a_line_is_a_list_in_order_whatever_its_length() {
    for seed in 0..4 {
        let (mut random, mut world) = (fastrand::Rng::with_seed(seed), World::new());
        // Longer, shorter, longer again: each length in each of its forms.
        for (step, towards) in [700, 100, 600, 0, 5, 0, 3].into_iter().enumerate() {
            while world.model.len() != towards {
                let grows = if random.u8(..4) == 0 { random.bool() } else { world.model.len() < towards };
                match random.u8(..8) {
                    0 if !world.model.is_empty() => world.relocate(random.usize(..world.model.len())),
                    _ if grows => {
                        let key = if random.bool() { 1_000_000 } else { random.i64(..1_000) };
                        world.insert(key, random.u64(..1 << 40));
                    }
                    1..4 if !world.model.is_empty() => world.remove(random.usize(..world.model.len())),
                    _ => world.pop(),
                }
                if step > 2 || random.u8(..16) == 0 {
                    world.check();
                }
            }
            world.check();
        }
    }
}

#[test]
fn a_line_is_long_from_its_513th_entry_on_until_128_are_left() {
    let mut world = World::new();
    let mut told = Vec::new();
    (0..513).for_each(|n| {
        world.insert(0, n);
        told.push(world.line.is_long());
    });
    assert_eq!((told.iter().position(|long| *long), told.len()), (Some(512), 513));
    while world.line.is_long() {
        world.pop();
    }
    assert_eq!(world.model.len(), 128);
}

/// What a ring keeps is at most four times what is in it and a little more, and a line of one takes nothing.
#[test]
fn a_line_that_gets_shorter_gives_its_memory_back() {
    let mut world = World::new();
    assert_eq!(world.line.memory(), 0);
    (0..512).for_each(|n| world.insert(0, n));
    let full = world.line.memory();
    assert_eq!(full, 512 * size_of::<Handle>());
    while world.model.len() > 126 {
        world.remove(world.model.len() - 1);
        assert_eq!(world.line.memory(), full, "{} left", world.model.len());
    }
    while !world.model.is_empty() {
        world.pop();
        let slots = world.line.memory() / size_of::<Handle>();
        assert!(slots <= 4 * world.model.len() + 8 && slots >= world.model.len(), "{slots}");
    }
    assert_eq!(world.line.memory(), 0);
}
