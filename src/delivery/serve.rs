//! Serves a claim, of one key or of several: at once in CLAIM and MCLAIM, or when a client that waits is woken.

use crate::command::Fail;
use crate::delivery::acknowledge::Receipts;
use crate::delivery::family::Family;
use crate::delivery::figures::count_adopted_token;
use crate::delivery::keyspace;
use crate::delivery::replicate::{self, ServedClaim};
use crate::delivery::signals::Signals;
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::{Ctx, Str};
use tsgen_engine::{Claim, ClaimTerms, DeliveryOptions, Error, Millis, Round, Token, UnixMs};

/// Who claims, and what.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub consumer: &'a Str,
    pub count: usize,
    /// The lease that was asked for; `None`: the key's own lease.
    pub lease: Option<Millis>,
    /// On a replica or from the AOF: the first token that the master has handed out.
    pub token: Option<Token>,
}

impl<'a> Wanted<'a> {
    /// The terms of the claim, at a key with these options.
    fn terms(&self, options: &DeliveryOptions) -> ClaimTerms<'a> {
        let lease = self.lease.unwrap_or(options.lease);
        ClaimTerms { consumer: self.consumer.bytes(), count: self.count, lease, first: self.token }
    }
}

/// Acknowledges deliveries of one key, if asked to, then claims from it, and replies with the entries. False if there are none; then the client
/// has no reply yet. One write: what a replica repeats is this command, or an ACK if nothing came of the claim.
pub fn serve<F: Family>(
    ctx: &Ctx,
    name: &Str,
    wanted: &Wanted<'_>,
    receipts: Option<&Receipts<'_>>,
    now: UnixMs,
) -> Result<bool, Fail> {
    let mut key = keyspace::open_write::<F>(ctx, name)?;
    let Some(value) = key.value()? else { return Ok(false) };
    let timed_at = value.queue.times_acks().then_some(now);
    let mut acknowledged: &[&Str] = &[];
    if let Some(Receipts { tokens, given, .. }) = receipts {
        value.queue.check_claim(wanted.token, now)?;
        if value.queue.ack(tokens.as_slice(), now)?.changed {
            acknowledged = given;
        }
    }
    let terms = wanted.terms(value.queue.options());
    let claim = take::<F>(value, &terms, now)?;
    let has_claimed = claim.is_some_and(|claim| claim.changed);
    let has_acknowledged = !acknowledged.is_empty();
    if !has_claimed && !has_acknowledged {
        return Ok(false);
    }
    match claim {
        // The command came in an envelope that says everything already.
        _ if wanted.token.is_some() => ctx.replicate_verbatim(),
        Some(claim) if claim.changed => {
            let consumer = wanted.consumer;
            replicate::claim::<F>(ctx, &ServedClaim { name, consumer, terms: &terms, claim, acknowledged }, now);
        }
        _ => receipts.into_iter().for_each(|these| these.replicate::<F>(ctx, timed_at)),
    }
    if let Some(at) = timed_at.filter(|_| has_acknowledged) {
        value.schedule_drive(ctx.db(), name.bytes(), at, None);
    }
    let served = claim.filter(|claim| claim.count > 0);
    if let Some(claim) = served {
        reply_entries::<F>(ctx, value, &claim);
    }
    let signals = Signals::of(ctx, name, value, || now);
    drop(key);
    let events = [has_acknowledged.then_some(F::VERBS.ack.event), served.map(|_| F::VERBS.claim.event)];
    signals.send(ctx, name, events.into_iter().flatten());
    Ok(served.is_some())
}

/// What was claimed of one key, and is still to be told.
struct Taken<'n> {
    name: &'n Str,
    claim: Claim,
    signals: Signals,
}

/// Claims from several keys, one after the other, until nothing is left to ask for, and replies with the entries by key. The caller has looked at
/// the keys: none refuses. False if there are no entries; then the client has no reply yet.
///
/// Ends with the key at which the entries reach 4 MiB. Once there are entries, it also ends with the key at which it has ended as many leases
/// and delays as one CLAIM may.
pub fn serve_several<F: Family>(ctx: &Ctx, names: &[&Str], wanted: &Wanted<'_>, now: UnixMs) -> bool {
    let mut taken = Vec::new();
    let mut round = Round::of(wanted.count);
    for &name in names {
        if round.is_over() {
            break;
        }
        let Ok(mut key) = keyspace::open_write::<F>(ctx, name) else { continue };
        let Ok(Some(value)) = key.value() else { continue };
        let Some(count) = round.asks(&mut value.queue, now) else { continue };
        let terms = Wanted { count, ..*wanted }.terms(value.queue.options());
        let Ok(Some(claim)) = take::<F>(value, &terms, now) else { continue };
        round.took(&value.queue, &claim);
        if claim.changed {
            let consumer = wanted.consumer;
            replicate::claim::<F>(ctx, &ServedClaim { name, consumer, terms: &terms, claim, acknowledged: &[] }, now);
            let signals = Signals::of(ctx, name, value, || now);
            taken.push(Taken { name, claim, signals });
        }
    }
    let given = taken.iter().filter(|taken| taken.claim.count > 0);
    if round.is_served() {
        // Not before, because an array begins with its length.
        ctx.reply_array(given.clone().count());
        for taken in given {
            reply_key::<F>(ctx, taken.name, &taken.claim);
        }
    }
    for Taken { name, claim, signals } in taken {
        signals.send(ctx, name, (claim.count > 0).then_some(F::VERBS.claim.event));
    }
    round.is_served()
}

/// Leases ready entries of one key. `None`: there was nothing to try.
fn take<F: Family>(value: &mut StoredQueue<F>, terms: &ClaimTerms<'_>, now: UnixMs) -> Result<Option<Claim>, Fail> {
    if value.has_sink() {
        return Err(Error::HasSink.into());
    }
    if !value.queue.claimable(now) {
        return Ok(None);
    }
    let claim = value.queue.claim(terms, now)?;
    if claim.adopted {
        count_adopted_token();
    }
    Ok(Some(claim))
}

fn reply_entries<F: Family>(ctx: &Ctx, value: &StoredQueue<F>, claim: &Claim) {
    ctx.reply_array(claim.count);
    for entry in value.queue.delivered(claim) {
        F::reply_entry(ctx, &entry);
    }
}

fn reply_key<F: Family>(ctx: &Ctx, name: &Str, claim: &Claim) {
    ctx.reply_array(2);
    ctx.reply_bytes(name.bytes());
    let key = keyspace::open_quietly::<F>(ctx, name);
    match key {
        Some(mut key) => match key.view() {
            Ok(Some(value)) => reply_entries::<F>(ctx, value, claim),
            _ => ctx.reply_array(0),
        },
        None => ctx.reply_array(0),
    }
}
