//! Serves one claim of one key: at once in CLAIM, or when a client that waits is woken.

use crate::command::Outcome;
use crate::delivery::family::Family;
use crate::delivery::keyspace::{self, Opened};
use crate::delivery::replicate;
use crate::delivery::signals::Signals;
use crate::redis::{Ctx, Str};
use tsgen_engine::{Claim, ClaimTerms, DeliveryOptions, Millis, Token, UnixMs};

/// What a claim asks for.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub count: usize,
    /// The lease that was asked for; `None`: the key's own lease.
    pub lease: Option<Millis>,
}

impl Wanted {
    /// The terms of the claim, at a key with these options.
    pub fn terms<'a>(self, consumer: &'a Str, options: &DeliveryOptions, first: Option<Token>) -> ClaimTerms<'a> {
        let lease = self.lease.unwrap_or(options.lease);
        ClaimTerms { consumer: consumer.bytes(), count: self.count, lease, first }
    }
}

/// Serves a client that waits, once the key has a ready entry or a sink. True if the client has its reply; false if nothing has changed.
pub fn serve<F: Family>(ctx: &Ctx, name: &Str, consumer: &Str, wanted: Wanted, now: UnixMs) -> bool {
    let Ok(mut key) = keyspace::open_write::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    let terms = wanted.terms(consumer, value.queue.options(), None);
    let outcome = match value.queue.claim(&terms, now) {
        Ok(claim) => {
            replicate::claim::<F>(ctx, [name, consumer], &terms, &claim, now);
            finish(ctx, name, key, &claim, now)
        }
        Err(error) => Err(error.into()),
    };
    if let Err(fail) = outcome {
        fail.reply(ctx, F::VERBS.claim.name);
    }
    true
}

/// Replies with the claimed entries, and sends the signals of the claim.
pub fn finish<F: Family>(ctx: &Ctx, name: &Str, mut key: Opened<'_, F>, claim: &Claim, now: UnixMs) -> Outcome {
    let Some(value) = key.value()? else { return Ok(()) };
    ctx.reply_array(claim.count);
    for entry in value.queue.delivered(claim) {
        F::reply_entry(ctx, &entry);
    }
    let signals = Signals::of(ctx, name, value, || now, None);
    drop(key);
    signals.send(ctx, name, [F::VERBS.claim.event]);
    Ok(())
}
