//! How a pass goes through the parts of a key, step by step: that of `compact`, in which entries move, and that of `buffers`, in which buffers do.

use crate::entries::{Place, Walk};
use crate::mover::Mover;
use crate::order::Order;
use crate::token::Token;

/// How far a pass has come in one part of a key.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    pub(crate) walk: Walk,
    pub(crate) index: usize,
    pub(crate) place: Place,
    pub(crate) token: Token,
}

/// What is left to do in a part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// More.
    More,
    /// Nothing.
    Done,
    /// There is no such part, nor any behind it.
    NoPart,
}

/// How far a pass has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    pub part: usize,
    pub cursor: Cursor,
}

impl Default for Pass {
    /// At the beginning.
    fn default() -> Self {
        Pass { part: 0, cursor: Cursor::START }
    }
}

impl Cursor {
    pub(crate) const START: Cursor =
        Cursor { walk: Walk::START, index: 0, place: Place { key: i64::MIN, seq: 0 }, token: 0 };

    /// Goes on from the index at which the last step stopped.
    pub(crate) fn through(&mut self, step: impl FnOnce(usize) -> Option<usize>) -> Step {
        match step(self.index) {
            Some(next) => {
                self.index = next;
                Step::More
            }
            None => Step::Done,
        }
    }

    /// Goes on through an order from the place at which the last step stopped, for about `most` nodes.
    pub(crate) fn along(&mut self, order: &mut Order, most: usize) -> Step {
        let mut done = 0;
        while done < most.max(1) && order.waste() > 0 {
            match order.compact(self.place) {
                Some(next) => self.place = next,
                None => return Step::Done,
            }
            done += LEAVES;
        }
        more(done)
    }

    /// Shows one thing after the other, until `show` says that there is none or the mover is tired.
    pub(crate) fn show<M: Mover>(&mut self, mover: &mut M, mut show: impl FnMut(usize, &mut M) -> bool) -> Step {
        while show(self.index, mover) {
            self.index += 1;
            if mover.is_tired() {
                return Step::More;
            }
        }
        Step::Done
    }
}

/// What is left after a step that has done `done` pieces of work: a step does none only where there is no waste.
pub(crate) fn more(done: usize) -> Step {
    match done {
        0 => Step::Done,
        _ => Step::More,
    }
}

/// The most leaves below one inner node.
pub(crate) const LEAVES: usize = 63;
