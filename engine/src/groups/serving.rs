//! Which entry is handed out next, and the trees that tell.

use super::tree::Forest;
use super::{Class, Groups, Table, NONE};
use crate::entries::{Entries, Handle};

impl Groups {
    /// Takes the entry whose turn it is, up to the horizon: it is queued no more, and in hand. O(log n) for each class below the limit.
    pub fn hand_out(&mut self, entries: &Entries, horizon: i64) -> Option<Handle> {
        let number = self.next(entries, horizon)?;
        let handle = self.table[number].first;
        let class = self.class_of(number);
        self.uproot(entries, class, number);
        self.follow(entries, number);
        self.table[number].in_hand += 1;
        self.recount(number, class);
        if self.fair {
            self.take_turn(number);
        }
        if self.table[number].has_head {
            self.plant(entries, self.class_of(number), number);
        }
        Some(handle)
    }

    /// Whether anything can be handed out. O(log n) for each class below the limit.
    pub fn has_next(&self, entries: &Entries, horizon: i64) -> bool {
        self.next(entries, horizon).is_some()
    }

    pub(super) fn next(&self, entries: &Entries, horizon: i64) -> Option<u32> {
        let found = self.open_classes().filter_map(|class| self.forest(entries).next(class.root, horizon));
        if self.fair {
            return found.min_by_key(|number| self.table[*number].turn());
        }
        found.min_by_key(|number| entries.place(self.table[*number].first))
    }

    /// Whether so many groups have something that can be handed out. O(`wanted`).
    pub fn can_serve(&self, entries: &Entries, horizon: i64, wanted: usize) -> bool {
        let mut left = wanted;
        for class in self.open_classes() {
            left = self.forest(entries).count_down(class.root, horizon, left);
        }
        left == 0
    }

    /// The classes whose groups may have one more entry in hand.
    pub(super) fn open_classes(&self) -> impl Iterator<Item = &Class> {
        let below = if self.limit == 0 { 1 } else { self.limit };
        self.classes.range(..below).map(|(_, class)| class).filter(|class| class.root != NONE)
    }

    pub(super) fn forest<'a>(&'a self, entries: &'a Entries) -> Forest<&'a Table, &'a Entries> {
        Forest { table: &self.table, entries, is_fair: self.fair }
    }

    pub(super) fn class_of(&self, number: u32) -> u32 {
        if self.limit == 0 {
            0
        } else {
            self.table[number].in_hand
        }
    }

    pub(super) fn plant(&mut self, entries: &Entries, class: u32, number: u32) {
        let root = self.classes.get(&class).map_or(NONE, |class| class.root);
        let mut forest = Forest { table: &mut self.table, entries, is_fair: self.fair };
        let root = forest.insert(root, number);
        self.classes.entry(class).or_insert(Class { root: NONE, groups: 0 }).root = root;
    }

    pub(super) fn uproot(&mut self, entries: &Entries, class: u32, number: u32) {
        let Some(class) = self.classes.get_mut(&class) else { return };
        let mut forest = Forest { table: &mut self.table, entries, is_fair: self.fair };
        class.root = forest.remove(class.root, number);
    }

    /// A group is in another class than this one, in which it was counted.
    pub(super) fn recount(&mut self, number: u32, was: u32) {
        let class = self.class_of(number);
        if class == was {
            return;
        }
        self.uncount(was);
        self.classes.entry(class).or_insert(Class { root: NONE, groups: 0 }).groups += 1;
    }

    pub(super) fn uncount(&mut self, class: u32) {
        if let Some(of) = self.classes.get_mut(&class) {
            of.groups -= 1;
            if of.groups == 0 {
                self.classes.remove(&class);
            }
        }
    }

    pub(super) fn count(&mut self, entries: &Entries, number: u32, by: i32) {
        let class = self.class_of(number);
        let moves = self.limit != 0 && self.table[number].has_head;
        if moves {
            self.uproot(entries, class, number);
        }
        let group = &mut self.table[number];
        group.in_hand = group.in_hand.wrapping_add_signed(by);
        self.recount(number, class);
        if moves {
            self.plant(entries, self.class_of(number), number);
        }
    }
}
