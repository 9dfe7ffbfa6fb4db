//! Bugs at the seams, each of which some property must find.

use crate::family::Family;
use crate::node::Node;
use crate::op::{apply, Effect, Op};
use tsgen_engine::{DeliveryOptions, Millis, UnixMs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A claim is served, and the end of a watched key told, by a clock that is a beat ahead.
    ServesEarly,
    /// A write is answered and forgotten.
    ForgetsWrites,
    /// An ACK is answered, and the entry queued again.
    ForgetsAcks,
    /// An entry that comes back has the token that it had.
    RepeatsTokens,
    /// Tokens are counted, and made of no clock.
    CountsTokens,
    /// A lease ends a beat before its worker was told.
    ShortensLeases,
    /// A claim minds no pause.
    MindsNoPause,
    /// A claim minds no group.
    MindsNoGroup,
    /// A sweep of the timer is not repeated by the replica.
    LosesSweeps,
    /// A batch has the number of the time at which its window ended, not of the operation that sealed it.
    NumbersByWindow,
    /// The new home of a slot hands back what was leased.
    MovesWithoutLeases,
    /// The database has no fencing column.
    NoFence,
    /// An ACK also settles what was handed back and is dead.
    RevivesStale,
    /// A claim that acknowledges does so behind the claim.
    ClaimsBeforeItAcks,
    /// Of a claim that acknowledges, replicas are told the claim.
    TellsOnlyTheClaim,
    /// Groups take no turns.
    MindsNoTurn,
    /// A report of one source counts for all.
    CountsTheFirst,
    /// An id that was acknowledged is not remembered.
    ForgetsWhatIsDone,
    /// An id is remembered for ever.
    RemembersForEver,
    /// A period is counted from the time of the ACK.
    CountsFromTheAck,
    /// With a run that dies what comes again is over.
    EndsWithADeadRun,
    /// The next run is made when one begins.
    MakesRunsWhenTheyBegin,
    /// An eviction is taken for a deletion.
    TakesEvictionsForDeletions,
    /// A deletion because of a deadline is not announced.
    AnnouncesNothing,
    /// Keys are asked in the opposite order.
    AsksTheLastFirst,
}

impl Plant {
    /// Does something else on the master.
    pub fn instead<F: Family>(self, node: &mut Node<F>, op: &mut Op<F::Write>, now: UnixMs) -> Option<Effect> {
        match (self, &mut *op) {
            (Plant::ServesEarly, Op::Claim { .. }) => {
                let ahead = now.after(Millis(1));
                Some(apply::<F>(node, op, ahead, ahead))
            }
            (Plant::ShortensLeases, Op::Claim { worker, count, lease, .. }) => {
                let shorter = Millis(lease.0 - 1);
                let mut claim = Op::claim(*worker, *count, shorter);
                Some(apply::<F>(node, &mut claim, now, now))
            }
            (Plant::MindsNoPause, Op::Claim { .. }) => {
                let paused = node.key.options().paused;
                apply::<F>(node, &mut Op::Pause(false), now, now);
                let claimed = apply::<F>(node, op, now, now);
                apply::<F>(node, &mut Op::Pause(paused), now, now);
                Some(claimed)
            }
            (Plant::MindsNoGroup, Op::Claim { .. }) => {
                let options = node.key.options().clone();
                let wider = DeliveryOptions { group_limit: 2, ..options.clone() };
                node.key.alter_delivery(wider, now).expect("it has groups");
                let claimed = apply::<F>(node, op, now, now);
                node.key.alter_delivery(options, now).expect("it has groups");
                Some(claimed)
            }
            (Plant::ClaimsBeforeItAcks, Op::Claim { worker, count, lease, first, acks }) if !acks.is_empty() => {
                let mut claim = Op::claim(*worker, *count, *lease);
                let mut effect = apply::<F>(node, &mut claim, now, now);
                if let Op::Claim { first: given, .. } = claim {
                    *first = given;
                }
                let acked = apply::<F>(node, &mut Op::Ack(acks.clone()), now, now);
                (effect.acked, effect.changed) = (acked.count, effect.changed || acked.changed);
                Some(effect)
            }
            (Plant::ForgetsWhatIsDone, Op::Ack(tokens)) => {
                apply::<F>(node, &mut Op::Nack { tokens: tokens.clone(), dead: true }, now, now);
                Some(apply::<F>(node, &mut Op::Discard(tokens.clone()), now, now))
            }
            (Plant::RemembersForEver, Op::Write(_)) => Some(apply::<F>(node, op, UnixMs(0), now)),
            (_, Op::Write(write)) if F::spoiled(self, write).is_some() => {
                *write = F::spoiled(self, write).expect("just seen");
                Some(apply::<F>(node, op, now, now))
            }
            (Plant::ForgetsWrites, Op::Write(_)) => {
                let mut other = node.clone();
                Some(apply::<F>(&mut other, op, now, now))
            }
            (Plant::ForgetsAcks, Op::Ack(tokens)) => {
                let mut nack = Op::Nack { tokens: tokens.clone(), dead: false };
                Some(apply::<F>(node, &mut nack, now, now))
            }
            (Plant::RevivesStale, Op::Ack(tokens)) => {
                let mut discard = Op::Discard(tokens.clone());
                let acked = apply::<F>(node, op, now, now);
                Some(if acked.count > 0 { acked } else { apply::<F>(node, &mut discard, now, now) })
            }
            _ => None,
        }
    }

    /// Spoils what the master answers.
    pub fn spoil(self, effect: &mut Effect, last_token: u64) {
        for delivery in &mut effect.delivered {
            match self {
                Plant::RepeatsTokens if last_token > 0 => delivery.token = last_token,
                Plant::CountsTokens => delivery.token = last_token + 1,
                Plant::NumbersByWindow => delivery.name = delivery.key.to_string().into_bytes(),
                _ => {}
            }
        }
    }

    /// What replicas are told of this; none: nothing.
    pub fn tells<F: Family>(self, op: Op<F::Write>) -> Option<Op<F::Write>> {
        match (self, op) {
            (Plant::LosesSweeps, Op::Sweep) => None,
            (plant, Op::Write(write)) if F::is_lost(plant, &write) => None,
            (Plant::TellsOnlyTheClaim, Op::Claim { worker, count, lease, first, .. }) => {
                Some(Op::Claim { worker, count, lease, first, acks: Vec::new() })
            }
            (_, op) => Some(op),
        }
    }
}
