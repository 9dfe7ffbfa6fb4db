//! Buffers that the allocator would rather have elsewhere.
//!
//! Defragmentation is the business of whoever allocates. This module shows the buffers of a key to a [`Mover`], one after the other, which may
//! move each. Contents and handles stay as they are. The buffers shown are those that may be small, which is where allocators fragment: pages and
//! chunks of small keys, large payloads, items of groups, values of tracked keys, members of grants. The nodes of the standard library's
//! trees and hash tables are not shown: they have no buffer that could be taken out.

use crate::gate::Gate;
use crate::mover::Mover;
use crate::pass::{Pass, Step};
use crate::queue::Queue;

/// How many parts the queue has; those of the gate are numbered behind them.
const GATE: usize = 6;

impl<G: Gate> Queue<G> {
    /// Shows the buffers, from the first on if `anew`, else from where the last call stopped. True if there are more.
    pub fn show_buffers(&mut self, mover: &mut impl Mover, anew: bool) -> bool {
        let mut shown = self.shown.take().filter(|_| !anew).unwrap_or_default();
        loop {
            let cursor = &mut shown.cursor;
            let step = match shown.part {
                0 => cursor.show(mover, |number, mover| self.entries.show_page(number, mover)),
                1 => cursor.show(mover, |number, mover| self.entries.show_outside(number, mover)),
                2 => cursor.show(mover, |number, mover| self.records.show_chunk(number, mover, |_, _| {})),
                3 => cursor.show(mover, |number, mover| self.order.show_chunk(number, mover)),
                4 => self.grants.show(cursor, mover),
                5 => cursor.show(mover, |number, mover| {
                    self.groups.as_mut().is_some_and(|groups| groups.show_chunk(number, mover))
                }),
                part => self.gate.show_buffers(part - GATE, cursor, mover),
            };
            match step {
                Step::More => {
                    self.shown = Some(shown);
                    return true;
                }
                Step::Done => shown = Pass { part: shown.part + 1, ..Pass::default() },
                Step::NoPart => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests;
