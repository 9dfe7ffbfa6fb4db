//! REQUEUE and DISCARD: the two ways out for a dead letter.

use super::sweep::Goal;
use crate::entries::Handle;
use crate::error::Error;
use crate::gate::Gate;
use crate::queue::{Queue, Settled};
use crate::time::UnixMs;
use crate::token::{Token, TokenRange};

/// Which dead letters, or delayed entries, an operation is about.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Up to this many: the dead letters with the lowest tokens, or the delayed entries that would come back first.
    All(usize),
    /// Those whose last deliveries had these tokens.
    Tokens(&'a [TokenRange]),
}

impl<G: Gate> Queue<G> {
    /// Gives dead letters their old places back, with no deliveries counted. O(log n) an entry.
    ///
    /// Errors: [`Error::TooManyTokens`].
    pub fn requeue(&mut self, which: Which<'_>, now: UnixMs) -> Result<Settled, Error> {
        self.bury(which, now, |queue, handle| {
            queue.forgive(handle);
            queue.queue_up(handle);
        })
    }

    /// Drops dead letters for good. O(log n) an entry.
    ///
    /// Errors: [`Error::TooManyTokens`].
    pub fn discard(&mut self, which: Which<'_>, now: UnixMs) -> Result<Settled, Error> {
        self.bury(which, now, Self::erase)
    }

    fn bury(&mut self, which: Which<'_>, now: UnixMs, act: impl Fn(&mut Self, Handle)) -> Result<Settled, Error> {
        let mut changed = false;
        let chosen: Vec<(Token, Handle)> = match which {
            Which::All(count) => {
                changed |= self.sweep(now, Goal::Dead(count));
                self.dead.iter().take(count).map(|(token, death)| (*token, death.handle)).collect()
            }
            Which::Tokens(ranges) => {
                self.check_ranges(ranges)?;
                let mut chosen = Vec::new();
                for range in ranges {
                    changed |= self.catch_up(*range, now);
                    chosen
                        .extend(self.dead.range(range.first..=range.last).map(|(token, death)| (*token, death.handle)));
                }
                chosen
            }
        };
        let mut count = 0;
        for (token, handle) in chosen {
            // A token that is named twice counts once.
            if self.dead.remove(&token).is_some() {
                act(self, handle);
                count += 1;
            }
        }
        Ok(Settled { count, changed: changed || count > 0 })
    }
}
