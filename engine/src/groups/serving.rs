//! Which entry is handed out next, and the orders of heads that tell.

use super::tree::Forest;
use super::{Class, Groups, Nodes, NONE};
use crate::entries::{Entries, Handle};

impl Groups {
    /// Takes up to `count` entries in the order in which they are to be handed out, up to the horizon, and as long as `fits` says so of
    /// what was taken before: they are queued no more, and in hand. O(log n) an entry for each class below the limit.
    pub(crate) fn hand_out(
        &mut self,
        entries: &Entries,
        horizon: i64,
        count: usize,
        mut fits: impl FnMut(Option<Handle>) -> bool,
    ) -> Vec<Handle> {
        let mut taken = Vec::new();
        if !self.fair && self.limit == 1 {
            self.take_heads(entries, horizon, count, &mut taken, fits);
            return taken;
        }
        while taken.len() < count && fits(taken.last().copied()) {
            let Some(number) = self.next(entries, horizon) else { break };
            let (handle, class) = (self.table[number].first, self.class_of(number));
            self.uproot(entries, class, number);
            taken.push(handle);
            self.serve(entries, number, class);
        }
        taken
    }

    /// With a limit of 1, no group is served twice by one claim: the heads of all that have nothing in hand, in their order.
    fn take_heads(
        &mut self,
        entries: &Entries,
        horizon: i64,
        count: usize,
        taken: &mut Vec<Handle>,
        mut fits: impl FnMut(Option<Handle>) -> bool,
    ) {
        let Some(class) = self.classes.get_mut(&0) else { return };
        class.heads.take_through(entries, horizon, count, taken);
        let mut before = None;
        let fitting = taken.iter().take_while(|handle| fits(before.replace(**handle))).count();
        for handle in taken.split_off(fitting) {
            class.heads.insert(entries, handle);
        }
        self.warm(entries, taken.iter());
        for handle in &*taken {
            self.serve(entries, entries.group(*handle), 0);
        }
    }

    /// The head of a group, which does not stand in its class any more, is handed out.
    fn serve(&mut self, entries: &Entries, number: u32, class: u32) {
        self.follow(entries, number);
        let group = &mut self.table[number];
        group.set_in_hand(group.in_hand() + 1);
        self.recount(number, class);
        self.take_turn(number);
        if self.table[number].has_head() {
            self.plant(entries, self.class_of(number), number);
        }
    }

    /// Whether anything can be handed out. O(log n) for each class below the limit.
    pub(crate) fn has_next(&self, entries: &Entries, horizon: i64) -> bool {
        self.next(entries, horizon).is_some()
    }

    fn next(&self, entries: &Entries, horizon: i64) -> Option<u32> {
        if self.fair {
            let forest = self.forest(entries);
            let found = self.open_classes().filter_map(|class| forest.next(class.root, horizon));
            return found.min_by_key(|number| self.nodes[*number].turn());
        }
        let first = self.open_classes().filter_map(|class| class.heads.first());
        let first = first.min_by_key(|head| entries.place(*head))?;
        (entries.place(first).key <= horizon).then(|| entries.group(first))
    }

    /// Whether so many groups have something that can be handed out. O(`wanted`).
    pub(crate) fn can_serve(&self, entries: &Entries, horizon: i64, wanted: usize) -> bool {
        let mut left = wanted;
        for class in self.open_classes() {
            left = if self.fair {
                self.forest(entries).count_down(class.root, horizon, left)
            } else {
                left.saturating_sub(class.heads.count_through(entries, horizon))
            };
        }
        left == 0
    }

    /// The classes whose groups may have one more entry in hand, and of which some have a head.
    fn open_classes(&self) -> impl Iterator<Item = &Class> {
        let below = if self.limit == 0 { 1 } else { self.limit };
        self.classes
            .range(..below)
            .map(|(_, class)| class)
            .filter(|class| class.root != NONE || !class.heads.is_empty())
    }

    fn forest<'a>(&'a self, entries: &'a Entries) -> Forest<'a, &'a Nodes> {
        Forest { table: &self.table, nodes: &self.nodes, entries }
    }

    pub(super) fn class_of(&self, number: u32) -> u32 {
        if self.limit == 0 {
            0
        } else {
            self.table[number].in_hand()
        }
    }

    /// Puts a group that has a head into a class, in which it is counted.
    pub(super) fn plant(&mut self, entries: &Entries, class: u32, number: u32) {
        let class = self.classes.entry(class).or_insert(Class::new());
        if self.fair {
            let mut forest = Forest { table: &self.table, nodes: &mut self.nodes, entries };
            class.root = forest.insert(class.root, number);
        } else {
            class.heads.insert(entries, self.table[number].first);
        }
    }

    /// Takes a group that has a head out of its class, in which it stays counted.
    pub(super) fn uproot(&mut self, entries: &Entries, class: u32, number: u32) {
        let Some(class) = self.classes.get_mut(&class) else { return };
        if self.fair {
            let mut forest = Forest { table: &self.table, nodes: &mut self.nodes, entries };
            class.root = forest.remove(class.root, number);
        } else {
            class.heads.remove(entries, self.table[number].first);
        }
    }

    /// A group is in another class than this one, in which it was counted.
    fn recount(&mut self, number: u32, was: u32) {
        let class = self.class_of(number);
        if class != was {
            self.classes.entry(class).or_insert(Class::new()).groups += 1;
            self.uncount(was);
        }
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
        let moves = self.limit != 0 && self.table[number].has_head();
        if moves {
            self.uproot(entries, class, number);
        }
        let group = &mut self.table[number];
        group.set_in_hand(group.in_hand().wrapping_add_signed(by));
        self.recount(number, class);
        if moves {
            self.plant(entries, self.class_of(number), number);
        }
    }
}
