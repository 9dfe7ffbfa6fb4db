//! Whether a call took effect for good, may have, or did not.

use crate::{Answer, Call, Durability, History, Kept, Loss};

impl Loss {
    fn leaves(&self, call: &Call) -> bool {
        match self.kept {
            Kept::Answered => true,
            Kept::Before(time) => call.end < time,
            Kept::Replicated => call.replicated.is_some_and(|at| at <= self.at),
        }
    }
}

impl History {
    /// Whether what was answered stands at `time`, whatever was lost until then.
    pub(crate) fn survives(&self, call: &Call, time: u64) -> bool {
        let concerns = |loss: &&Loss| loss.at <= time && loss.until > call.begin;
        self.losses.iter().filter(concerns).all(|loss| loss.leaves(call))
    }

    /// Whether it was answered while a loss was on its way that took it: perhaps by a server that was no longer the master, of whose history nothing stands.
    pub(crate) fn was_aside(&self, call: &Call) -> bool {
        let meets = |loss: &&Loss| loss.at <= call.end && call.begin < loss.until;
        self.losses.iter().filter(meets).any(|loss| !loss.leaves(call))
    }

    /// Whether it was done and stands at `time`.
    pub(crate) fn stands(&self, call: &Call, time: u64) -> bool {
        call.answer == Answer::Done && self.survives(call, time)
    }

    /// The highest time of day that a server may have seen in this time.
    pub(crate) fn highest_clock(&self, from: u64, until: u64) -> i64 {
        let calls = self.calls.iter().filter(|call| call.begin <= until && call.end >= from).map(|call| call.clock.1);
        let steps = self.steps.iter().filter(|(at, _)| (from..=until).contains(at)).map(|(_, to)| *to);
        calls.chain(steps).max().unwrap_or(i64::MIN)
    }

    /// The lowest.
    pub(crate) fn lowest_clock(&self, from: u64, until: u64) -> i64 {
        let calls = self.calls.iter().filter(|call| call.begin <= until && call.end >= from).map(|call| call.clock.0);
        let steps = self.steps.iter().filter(|(at, _)| (from..=until).contains(at)).map(|(_, to)| *to);
        calls.chain(steps).min().unwrap_or(i64::MAX)
    }
}

impl Call {
    /// The last time at which it may have taken effect. A command without a reply may lie in a buffer for long.
    pub(crate) fn latest(&self) -> u64 {
        match self.answer {
            Answer::Unclear => u64::MAX,
            Answer::Done | Answer::Refused => self.end,
        }
    }

    pub(crate) fn may_have_been_done(&self) -> bool {
        self.answer != Answer::Refused
    }

    pub(crate) fn durability(&self, always_synced: bool) -> Durability {
        match (self.replicated, always_synced) {
            (Some(_), _) => Durability::Replicated,
            (None, true) => Durability::Synced,
            (None, false) => Durability::Neither,
        }
    }
}
