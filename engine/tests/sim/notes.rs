//! What the clients of a simulated world saw, as the judge of histories wants it (`tests/history`): the same that judges real servers.

use crate::family::{Delivery, Family};
use crate::op::{Effect, Op};
use std::collections::BTreeMap;
use tsgen_engine::{TokenRange, UnixMs};
use tsgen_history::{judge, Act, Answer, Call, History, Kept, Kind, Loss};

const KEY: &str = "key";

/// One beat for each operation, so that nothing overlaps.
pub struct Notes {
    history: History,
    beat: u64,
    /// All tokens that a worker ever got: RELEASE names none.
    given: BTreeMap<u32, Vec<u64>>,
}

impl Notes {
    pub fn of<F: Family>(node: &crate::node::Node<F>) -> Self {
        let mut history = History::default();
        history.terms.extend(F::terms(&node.key).map(|terms| (KEY.to_owned(), terms)));
        Notes { history, beat: 0, given: BTreeMap::new() }
    }

    /// The operation that comes next.
    pub fn next(&self) -> u64 {
        self.beat + 1
    }

    /// Whether it changed anything, and what it did, is in `effect`.
    pub fn note<F: Family>(&mut self, op: &Op<F::Write>, effect: &Effect, before: &F::Truth, now: UnixMs) {
        let named =
            |tokens: &[TokenRange]| tokens.iter().flat_map(|range| range.first..=range.last).collect::<Vec<_>>();
        let counted = |tokens: &[u64]| match effect.count {
            0 => Answer::Refused,
            count if count == tokens.len() => Answer::Done,
            _ => Answer::Unclear,
        };
        let written = if effect.changed { Answer::Done } else { Answer::Refused };
        let (act, answer) = match op {
            Op::Write(write) => {
                self.beat += 1;
                F::noted(write, before, now).into_iter().for_each(|act| self.call(act, written, now));
                return;
            }
            Op::Claim { worker, lease, acks, .. } => {
                if !acks.is_empty() {
                    let answer = if effect.acked > 0 { Answer::Done } else { Answer::Refused };
                    self.beat += 1;
                    self.call(Act::Ack(named(acks)), answer, now);
                }
                let tokens = effect.delivered.iter().map(|delivery| delivery.token);
                self.given.entry(*worker).or_default().extend(tokens);
                let deliveries = effect.delivered.iter().map(F::handed).collect();
                (Act::Claim { lease_ms: lease.0 as i64, deliveries }, Answer::Done)
            }
            Op::Ack(tokens) => (Act::Ack(named(tokens)), counted(&named(tokens))),
            Op::Discard(tokens) => (Act::Discard(named(tokens)), counted(&named(tokens))),
            Op::Nack { tokens, .. } => (Act::HandBack(named(tokens)), counted(&named(tokens))),
            Op::Extend { tokens, lease } => {
                (Act::Extend { tokens: named(tokens), lease_ms: lease.0 as i64 }, counted(&named(tokens)))
            }
            Op::Release { worker } => {
                (Act::HandBack(self.given.get(worker).cloned().unwrap_or_default()), Answer::Unclear)
            }
            Op::RequeueAll | Op::Sweep | Op::Promote(_) | Op::PromoteAll | Op::Pause(_) => {
                self.beat += 1;
                // No client did it, but leases have ended by this clock.
                self.history.steps.push((self.beat, now.0));
                return;
            }
        };
        self.beat += 1;
        self.call(act, answer, now);
    }

    fn call(&mut self, act: Act, answer: Answer, now: UnixMs) {
        self.history.calls.push(Call {
            client: 0,
            key: KEY.to_owned(),
            begin: self.beat,
            end: self.beat,
            clock: (now.0, now.0),
            act,
            answer,
            replicated: None,
        });
    }

    /// A crash or a failover took back all operations from this one on.
    pub fn lost_from(&mut self, first: Option<u64>) {
        let (at, until) = (self.beat, self.beat + 1);
        self.beat += 1;
        self.history.losses.push(Loss { at, until, kept: first.map_or(Kept::Answered, Kept::Before) });
    }

    pub fn judge(&self) {
        if self.history.terms.is_empty() {
            return;
        }
        let report = judge(&self.history);
        assert!(report.is_clean(), "{report}");
        // A judge who is told nothing finds nothing.
        let owed = report.times_judged(Kind::Lost) + report.times_judged(Kind::SumNotExact);
        assert!(owed > 0 && report.times_judged(Kind::Early) > 0, "{report}");
    }
}

/// A delivery of one unit.
pub fn one(delivery: &Delivery, unit: impl ToString) -> tsgen_history::Delivery {
    tsgen_history::Delivery {
        token: delivery.token,
        units: vec![unit.to_string()],
        group: None,
        sums: Vec::new(),
        ready_at: None,
    }
}
