//! Which entry is handed out next, and the orders of heads that tell.

use super::classes::{Class, Heads};
use super::turns::{Stand, Wanted};
use super::Groups;
use crate::entries::{Entries, Handle};

impl Groups {
    /// Takes up to `count` entries in the order in which they are to be handed out, up to the horizon, and as long as `fits` says so of those
    /// taken before. They are in hand then, and queued no more. O(log n) an entry for each class below the limit.
    pub(crate) fn hand_out(
        &mut self,
        entries: &Entries,
        horizon: i64,
        count: usize,
        mut fits: impl FnMut(Option<Handle>) -> bool,
    ) -> Vec<Handle> {
        let (mut taken, mut round, mut last) = (Vec::new(), Vec::new(), None);
        while taken.len() < count {
            self.take_heads(entries, horizon, count - taken.len(), &mut round);
            self.warm_next(entries, &round);
            let fitting = round.iter().take_while(|number| fits(last.replace(self.table[**number].first))).count();
            for number in round.drain(fitting..) {
                self.plant(entries, self.class_of(number), number);
            }
            if fitting == 0 {
                break;
            }
            for number in round.drain(..) {
                taken.push(self.table[number].first);
                self.serve(entries, number);
            }
        }
        taken
    }

    /// Takes up to `most` groups out of their classes, in the order in which their heads are to be handed out. Several only where a group that is served
    /// cannot come before another one that was taken: with FAIR its next turn is above all others, with a limit of 1 it gets nothing more.
    fn take_heads(&mut self, entries: &Entries, horizon: i64, most: usize, taken: &mut Vec<u32>) {
        if self.fair {
            self.take_lowest_turns(horizon, most, taken);
        } else if self.limit == 1 {
            if let Some(Class { heads: Heads::ByPlace(order), .. }) = self.classes.get_mut(0) {
                let mut heads = Vec::new();
                order.take_through(entries, horizon, most, &mut heads);
                taken.extend(heads.into_iter().map(|head| entries.group(head)));
            }
        } else if let Some(number) = self.next(entries, horizon) {
            self.uproot(entries, self.class_of(number), number);
            taken.push(number);
        }
    }

    fn take_lowest_turns(&mut self, horizon: i64, most: usize, taken: &mut Vec<u32>) {
        loop {
            let mut nexts = self.open_classes().filter_map(|(class, of)| match &of.heads {
                Heads::ByTurn(turns) => Some((self.turns[turns.next(horizon)?].number(), class)),
                Heads::ByPlace(_) => None,
            });
            let Some((mut lowest, mut second)) = nexts.next().map(|first| (first, None)) else { break };
            for next in nexts {
                let other = next.max(lowest);
                lowest = lowest.min(next);
                second = Some(second.map_or(other.0, |turn: u64| turn.min(other.0)));
            }
            if let Some(Class { heads: Heads::ByTurn(turns), .. }) = self.classes.get_mut(lowest.1) {
                turns.take(&self.turns, &Wanted { horizon, below: second, most }, taken);
            }
            if taken.len() >= most {
                break;
            }
        }
    }

    /// The head of a group, which does not stand in its class any more, is handed out.
    fn serve(&mut self, entries: &Entries, number: u32) {
        self.follow(entries, number);
        let before = self.add_in_hand(number, 1);
        let class = self.recount(before, before + 1);
        self.take_turn(number);
        if self.table[number].has_head() {
            self.plant(entries, class, number);
        }
    }

    /// Whether anything can be handed out. O(log n) for each class below the limit.
    pub(crate) fn has_next(&self, entries: &Entries, horizon: i64) -> bool {
        self.next(entries, horizon).is_some()
    }

    fn next(&self, entries: &Entries, horizon: i64) -> Option<u32> {
        if self.fair {
            let found = self.open_classes().filter_map(|(_, class)| match &class.heads {
                Heads::ByTurn(turns) => turns.next(horizon),
                Heads::ByPlace(_) => None,
            });
            return found.min_by_key(|number| self.turns[*number].number());
        }
        let first = self.open_classes().filter_map(|(_, class)| match &class.heads {
            Heads::ByPlace(order) => order.first(),
            Heads::ByTurn(_) => None,
        });
        let first = first.min_by_key(|head| entries.place(*head))?;
        (entries.place(first).key <= horizon).then(|| entries.group(first))
    }

    /// Whether at least `wanted` groups have something that can be handed out. O(`wanted` log n).
    pub(crate) fn can_serve(&self, entries: &Entries, horizon: i64, wanted: usize) -> bool {
        let left = self.open_classes().fold(wanted, |left, (_, class)| match &class.heads {
            Heads::ByPlace(order) => left.saturating_sub(order.count_through(entries, horizon)),
            Heads::ByTurn(turns) => turns.count_down(horizon, left),
        });
        left == 0
    }

    /// The classes whose groups may have one more entry in hand, and of which some have a head, with their numbers.
    fn open_classes(&self) -> impl Iterator<Item = (u32, &Class)> {
        let below = if self.limit == 0 { 1 } else { self.limit };
        self.classes.below(below).filter(|(_, class)| !class.heads.is_empty())
    }

    pub(super) fn class_of(&self, number: u32) -> u32 {
        if self.limit == 0 {
            0
        } else {
            self.in_hand(number)
        }
    }

    /// Puts a group that has a head into a class, in which it is counted.
    pub(super) fn plant(&mut self, entries: &Entries, class: u32, number: u32) {
        let head = self.table[number].first;
        match &mut self.classes.of(class).heads {
            Heads::ByPlace(order) => order.insert(entries, head),
            Heads::ByTurn(turns) => turns.insert(&self.turns, Stand { number, key: entries.place(head).key }),
        }
    }

    /// Takes a group that has a head out of its class, in which it stays counted.
    pub(super) fn uproot(&mut self, entries: &Entries, class: u32, number: u32) {
        let head = self.table[number].first;
        match self.classes.get_mut(class).map(|class| &mut class.heads) {
            Some(Heads::ByPlace(order)) => drop(order.remove(entries, head)),
            Some(Heads::ByTurn(turns)) => turns.remove(&self.turns, number),
            None => {}
        }
    }

    /// A group has another number of entries in hand than before, and is counted in its class from now on, which is returned.
    fn recount(&mut self, before: u32, in_hand: u32) -> u32 {
        if self.limit == 0 {
            return 0;
        }
        self.classes.of(in_hand).groups += 1;
        self.classes.uncount(before);
        in_hand
    }

    pub(super) fn count(&mut self, entries: &Entries, number: u32, by: i32) {
        let before = self.add_in_hand(number, by);
        let moves = self.limit != 0 && self.table[number].has_head();
        if moves {
            self.uproot(entries, before, number);
        }
        let class = self.recount(before, before.wrapping_add_signed(by));
        if moves {
            self.plant(entries, class, number);
        }
    }
}
