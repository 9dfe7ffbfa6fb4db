//! Groups that get new numbers once most others have left, so that the chunks they stood in come back.
//!
//! Entries bear the numbers of their groups, and all entries of a group are found only by a walk through all entries. So this is done in one go,
//! in keys that have become so small that it takes no longer than a large command. (Rejected: an old number that leads to the new one until a walk has
//! been everywhere. Each look at a group would pay for that.)

use super::classes::Heads;
use super::turns::{Stand, Turns};
use super::{Groups, Rest, NONE};
use crate::entries::{Entries, Walk};
use crate::order::Order;
use crate::rubbish::Rubbish;
use crate::shards::Shards;
use std::mem::take;

/// The most entries of a key whose groups get new numbers: some two milliseconds, if all that they are in is cold.
const AT_ONCE: usize = 4_000;

impl Heads {
    fn waste(&self) -> usize {
        match self {
            Heads::ByPlace(order) => order.waste(),
            Heads::ByTurn(turns) => turns.waste(),
        }
    }
}

impl Groups {
    /// Bytes that [`Groups::fit`] would give back, if they are many. O(distinct numbers of entries in hand).
    pub(crate) fn waste(&self, entries: &Entries) -> usize {
        self.names.waste() + self.sparse(entries)
    }

    /// Bytes that new numbers would give back.
    fn sparse(&self, entries: &Entries) -> usize {
        if entries.len() > AT_ONCE {
            return 0;
        }
        let heads: usize = self.classes.iter().map(|class| class.heads.waste()).sum();
        self.table.waste() + self.turns.waste() + self.details.waste() + heads
    }

    /// Gives groups new numbers, if that gives bytes back; then shrinks the tables of names, from the `from`-th on, to what they hold. Returns where
    /// to go on, if there are more. O(`most`), and O(n log n) in up to [`AT_ONCE`] entries for new numbers.
    pub(crate) fn fit(&mut self, entries: &mut Entries, from: usize, most: usize) -> Option<usize> {
        if from == 0 && self.sparse(entries) > 0 {
            self.renumber(entries);
        }
        let table = &self.table;
        self.names.fit(from, most, |number| table[number].hash)
    }

    fn renumber(&mut self, entries: &mut Entries) {
        let (table, turns, mut details) = (take(&mut self.table), take(&mut self.turns), take(&mut self.details));
        let names = std::mem::replace(&mut self.names, Shards::new());
        // The new numbers are 0, 1, 2, …, in order of the old ones.
        let mut old = Vec::with_capacity(table.len());
        for (number, group) in table.numbered() {
            let mut group = group.clone();
            if let Some(at) = group.details() {
                group.set_rest(Rest::Details(self.details.insert(details.remove(at))));
            }
            if self.fair {
                self.turns.insert(turns[number]);
            }
            let hash = group.hash;
            let new = self.table.insert(group);
            debug_assert_eq!(new as usize, old.len());
            let table = &self.table;
            self.names.insert(hash, new, |number| table[number].hash);
            old.push(number);
        }
        let new = |number: u32| old.binary_search(&number).expect("the number of a group") as u32;
        let mut heads = Vec::new();
        for class in self.classes.iter_mut() {
            let anew = match &class.heads {
                Heads::ByPlace(order) => {
                    let mut anew = Order::new();
                    order.iter().for_each(|head| anew.insert(entries, head));
                    Heads::ByPlace(anew)
                }
                Heads::ByTurn(turns) => {
                    let mut anew = Turns::new();
                    turns.each(&mut |stand| anew.insert(&self.turns, Stand { number: new(stand.number), ..stand }));
                    Heads::ByTurn(anew)
                }
            };
            heads.push(std::mem::replace(&mut class.heads, anew));
        }
        let mut walk = Walk::START;
        while let Some(page) = walk.next(entries) {
            for handle in page.handles {
                let number = entries.group(handle);
                if number != NONE {
                    entries.set_group(handle, new(number));
                }
            }
        }
        self.rubbish.put(Box::new((table, turns, details, names, heads)));
    }

    /// Takes what held groups before they got new numbers.
    pub(crate) fn take_rubbish(&mut self) -> Option<Rubbish> {
        self.rubbish.take()
    }
}
