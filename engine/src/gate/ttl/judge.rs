//! What a sighting means: what one watcher does with a key that was seen to change or to end.
//!
//! Pure: what was seen, what the watcher knows, how the key stands and what the node may do go in; a verdict comes out. The caller applies it.

use super::Ending;
use crate::time::UnixMs;

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// There is nothing under the name.
    Absent,
    /// It lives for ever, or it is one of ours, which we do not watch.
    Endless,
    /// It lives up to and with this millisecond.
    Until(UnixMs),
}

/// Something was done to a key. Of several changes the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has got, or may have got, a deadline.
    Set {
        /// A time of the server's clock before the command that did it; `None` where the server does not tell. The time of the command
        /// itself would not do: in a script the time from which deadlines are made stands still, while the server's clock goes on.
        after: Option<UnixMs>,
        /// The deadline that the key had right then; `None` if it could not be looked at, or had none to come.
        until: Option<UnixMs>,
    },
    /// It was deleted, moved away or made to live for ever.
    Unset,
}

/// The life of a key has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub how: Ending,
    /// The deadline it had then, where the server shows it.
    pub deadline: Option<UnixMs>,
    /// `Some` if the key was set since anybody looked: then what is known of it is of another life. Within, a time before the command that
    /// set it, where the server tells one.
    pub set: Option<Option<UnixMs>>,
}

impl End {
    /// Whether its deadline had passed before it was set: that is a way to delete a key (SET … PXAT 1).
    pub fn is_deletion(&self) -> bool {
        matches!((self.how, self.deadline, self.set), (Ending::Expired, Some(deadline), Some(Some(after))) if deadline < after)
    }
}

/// What a watcher knows of a key that it tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its deadline.
    pub deadline: UnixMs,
    /// How the key has ended, if that is known and was not told yet. A key that is gone without a word of its master has expired.
    pub ended: Option<Ending>,
}

impl Known {
    /// The end that is still to be told of a key that is not there any more: it has to be told before a new life takes its
    /// place. The end of an evicted key is told only once its deadline is over.
    pub fn owed(self, now: UnixMs) -> Option<Owed> {
        let ending = self.ended?;
        let is_over = ending == Ending::Expired || self.deadline < now;
        is_over.then_some(Owed { deadline: self.deadline, ending })
    }
}

/// An end that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The deadline under which the key ended.
    pub deadline: UnixMs,
    /// How it ended.
    pub ending: Ending,
}

/// Whether a node may say what has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A master: its word is what counts.
    Tells,
    /// A master that may not write just now.
    Waits,
    /// A replica, or a node that reads its files: it is told by others what has ended.
    Follows,
}

/// What becomes of a key with one watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The end of an earlier life, which is told first.
    pub first: Option<Owed>,
    /// What is done after that.
    pub then: Then,
}

/// Of which life of a key something is: one name may live several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfLife {
    /// Of the life that ends.
    This,
    /// Of a life before that.
    Earlier,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the key is no concern of this watcher.
    Nothing,
    /// The key is judged again when more can be done.
    Wait,
    /// The key is tracked up to this deadline. What was kept of its value is forgotten.
    Track(UnixMs),
    /// The key is not tracked any more.
    Untrack,
    /// Its end is told, and its entry made.
    Fire {
        /// The deadline under which it ended.
        deadline: UnixMs,
        /// Of which life is what was kept of its value.
        known: OfLife,
    },
    /// Its eviction is noted, and told if this node tells. Its deadline stands.
    Evict {
        /// That deadline.
        deadline: UnixMs,
        /// Of which life is what was kept of its value.
        known: OfLife,
    },
}

impl Then {
    fn alone(self) -> Verdict {
        Verdict { first: None, then: self }
    }
}

/// What the end of a life means to a watcher that knows this of the key.
pub fn judge_end(end: &End, known: Option<Known>, voice: Voice, now: UnixMs) -> Verdict {
    if voice == Voice::Waits {
        return Then::Wait.alone();
    }
    if voice == Voice::Follows {
        // A replica learns of the master's expiries by its word. What this node has evicted by itself is nobody else's concern.
        return match (end.how, known) {
            (Ending::Evicted, Some(known)) => Then::Evict { deadline: known.deadline, known: OfLife::This }.alone(),
            _ => Then::Nothing.alone(),
        };
    }
    let Some(_) = end.set else {
        return match (end.how, known) {
            (Ending::Expired, Some(known)) => Then::Fire { deadline: known.deadline, known: OfLife::This }.alone(),
            (Ending::Evicted, Some(known)) => Then::Evict { deadline: known.deadline, known: OfLife::This }.alone(),
            // The key was there before the watcher, which had not come across it yet; or its end was told already.
            (_, None) => Then::Nothing.alone(),
        };
    };
    let first = known.and_then(|known| known.owed(now));
    let then = match (end.how, end.deadline) {
        _ if end.is_deletion() => Then::Untrack,
        (Ending::Expired, deadline) => {
            Then::Fire { deadline: deadline.unwrap_or(UnixMs(now.0.saturating_sub(1))), known: OfLife::Earlier }
        }
        (Ending::Evicted, Some(deadline)) => Then::Evict { deadline, known: OfLife::Earlier },
        // Nobody can tell when it would have expired.
        (Ending::Evicted, None) if known.is_some_and(|known| known.ended.is_some()) && first.is_none() => Then::Nothing,
        (Ending::Evicted, None) => Then::Untrack,
    };
    Verdict { first, then }
}

/// What the last change of a key means to a watcher that knows this of it. `life`: how the key stands, which matters after
/// [`Change::Set`]. A key that had ended by then is judged by its end ([`judge_end`]).
pub fn judge_change(change: Change, life: Life, known: Option<Known>, voice: Voice, now: UnixMs) -> Verdict {
    let owed = known.and_then(|known| known.owed(now));
    let first = match voice {
        Voice::Tells => owed,
        Voice::Waits if owed.is_some() => return Then::Wait.alone(),
        Voice::Waits => None,
        // The master, or whoever takes its place, tells this end.
        Voice::Follows if known.is_some_and(|known| known.ended == Some(Ending::Expired)) => {
            return match (change, life) {
                (Change::Set { .. }, Life::Until(deadline)) => Then::Track(deadline),
                _ => Then::Nothing,
            }
            .alone();
        }
        Voice::Follows => None,
    };
    let is_evicted = known.is_some_and(|known| known.ended.is_some()) && first.is_none();
    let then = match (change, life) {
        (Change::Set { .. }, Life::Until(deadline)) => Then::Track(deadline),
        // The key may be there with its deadline over: a node that may end it finds out.
        (Change::Set { .. }, Life::Absent) if voice == Voice::Waits => Then::Wait,
        (Change::Set { .. }, Life::Absent) if is_evicted => Then::Nothing,
        _ => Then::Untrack,
    };
    Verdict { first, then }
}

#[cfg(test)]
mod tests;
