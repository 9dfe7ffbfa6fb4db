//! Acknowledges deliveries: in ACK, and before the claims of MCLAIM.

use crate::command::tokens::Tokens;
use crate::command::{Fail, Outcome};
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Opened};
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

/// Acknowledges deliveries of one key, and tells everybody; `replicate` tells replicas, if anything changed. Returns how many were current.
pub fn acknowledge<F: Family>(
    ctx: &Ctx,
    name: &Str,
    tokens: &Tokens,
    replicate: impl FnOnce(),
    now: impl FnOnce() -> UnixMs,
) -> Result<usize, Fail> {
    let mut key = keyspace::open_write::<F>(ctx, name)?;
    let Some(value) = key.value()? else { return Ok(0) };
    if value.queue.times_acks() {
        return acknowledge_at::<F>(ctx, name, key, tokens, now());
    }
    // It does not depend on time, so the clock is not read.
    let settled = value.queue.ack(tokens.as_slice(), UnixMs::EVER)?;
    if settled.changed {
        replicate();
        let signals = Signals::of_leaving(ctx, name, value, now);
        drop(key);
        signals.send(ctx, name, [F::VERBS.ack.event]);
    }
    Ok(settled.count)
}

/// At a key that remembers what is done, or in which something comes again when it is.
fn acknowledge_at<F: Family>(
    ctx: &Ctx,
    name: &Str,
    mut key: Opened<'_, F>,
    tokens: &Tokens,
    now: UnixMs,
) -> Result<usize, Fail> {
    let Some(value) = key.value()? else { return Ok(0) };
    let settled = value.queue.ack(tokens.as_slice(), now)?;
    if settled.changed {
        replicate::acknowledged_at::<F>(ctx, name, tokens.as_slice(), now);
        value.schedule_drive(ctx.db(), name.bytes(), now, None);
        let signals = Signals::of_leaving(ctx, name, value, || now);
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
    for Receipts { name, tokens, given } in receipts {
        acknowledge::<F>(ctx, name, tokens, || replicate::acknowledged::<F>(ctx, name, given), || now)?;
    }
    Ok(())
}
