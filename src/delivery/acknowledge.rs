//! Acknowledges deliveries: in ACK, and before the claims of MCLAIM.

use crate::command::tokens::Tokens;
use crate::command::{Fail, Outcome};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::replicate;
use crate::delivery::signals::Signals;
use crate::redis::{Ctx, Str};
use tsgen_engine::{UnixMs, MAX_COUNT};

/// The deliveries of one key that CLAIM or MCLAIM acknowledges.
pub struct Receipts<'a> {
    pub name: &'a Str,
    pub tokens: Tokens,
    /// The tokens as the client wrote them.
    pub given: &'a [&'a Str],
}

impl Receipts<'_> {
    /// Replicates these as an ACK of their own: with its time where that matters to the key (`timed_at`), else as the client wrote them.
    pub fn replicate<F: Family>(&self, ctx: &Ctx, timed_at: Option<UnixMs>) {
        match timed_at {
            Some(at) => replicate::acknowledged_at::<F>(ctx, self.name, self.tokens.as_slice(), at),
            None => ctx.replicate_on(F::VERBS.ack.name, self.name, self.given),
        }
    }
}

/// Acknowledges deliveries of one key, and tells everybody; `as_given` tells replicas what the client wrote, if anything changed and its time
/// does not matter. Returns how many were current.
pub fn acknowledge<F: Family>(
    ctx: &Ctx,
    name: &Str,
    tokens: &Tokens,
    as_given: impl FnOnce(),
    now: impl Fn() -> UnixMs,
) -> Result<usize, Fail> {
    let mut key = keyspace::open_write::<F>(ctx, name)?;
    let Some(value) = key.value()? else { return Ok(0) };
    // The clock is read only at a key that remembers ids or has recurring elements.
    let timed_at = value.queue.times_acks().then(&now);
    let settled = value.queue.ack(tokens.as_slice(), timed_at.unwrap_or(UnixMs::EVER))?;
    if settled.changed {
        if let Some(at) = timed_at {
            replicate::acknowledged_at::<F>(ctx, name, tokens.as_slice(), at);
            value.schedule_drive(ctx.db(), name.bytes(), at, None);
        } else {
            as_given();
        }
        let signals = Signals::of_leaving(ctx, name, value, || timed_at.unwrap_or_else(now));
        drop(key);
        signals.send(ctx, name, [F::VERBS.ack.event]);
    }
    Ok(settled.count)
}

/// Fails if these acknowledgements are more than one command may settle, in one of the keys or in all together. Changes nothing.
pub fn check_receipts<F: Family>(ctx: &Ctx, receipts: &[Receipts<'_>]) -> Outcome {
    let named = receipts.iter().map(|receipts| receipts.tokens.len()).fold(0, u64::saturating_add);
    if named <= MAX_COUNT as u64 {
        return Ok(());
    }
    let mut room = MAX_COUNT;
    for Receipts { name, tokens, .. } in receipts {
        let mut key = keyspace::open_write::<F>(ctx, name)?;
        if let Some(value) = key.value()? {
            room = value.queue.check_tokens(tokens.as_slice(), room)?;
        }
    }
    Ok(())
}

/// Acknowledges all of these, which were checked. Each key is replicated as an ACK of its own.
pub fn acknowledge_all<F: Family>(ctx: &Ctx, receipts: &[Receipts<'_>], now: UnixMs) -> Outcome {
    for each in receipts {
        acknowledge::<F>(ctx, each.name, &each.tokens, || each.replicate::<F>(ctx, None), || now)?;
    }
    Ok(())
}
