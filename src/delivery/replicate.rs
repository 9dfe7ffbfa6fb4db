//! What replicas and the AOF cannot learn from the client's command: the options of a new key, the tokens of a claim, what the timer did.

use crate::command::call::AT;
use crate::delivery::family::Family;
use crate::delivery::options;
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::ctx::Envelope;
use crate::redis::{Ctx, OwnedStr, Str};
use tsgen_engine::{Claim, ClaimTerms, Place, TokenRange, UnixMs};

/// Replicates a key that was made at `now`, by CREATE or by its first write, as a CREATE with every option written out.
///
/// The CREATE goes in the envelope although time does not matter to it: only CREATE itself can tell where its keys are (the stream of its
/// sink), and a replicated command must have its keys at fixed places (`Handler::FINDS_KEYS`).
pub fn creation<F: Family>(ctx: &Ctx, name: &Str, value: &StoredQueue<F>, now: UnixMs) {
    let explained = options::explain::<F>(&value.queue);
    let arguments: Vec<&Str> = std::iter::once(name).chain(explained.iter().map(|option| &**option)).collect();
    ctx.replicate_at(AT, now.0, F::VERBS.create.name, &arguments);
}

/// Replicates an acknowledgement at a key to which its time matters, because the key remembers ids or has recurring elements. Tokens that
/// were listed one by one go out as ranges: to copy each of them would cost as much as to settle it.
pub fn acknowledged_at<F: Family>(ctx: &Ctx, name: &Str, tokens: &[TokenRange], now: UnixMs) {
    let range = |range: &TokenRange| match range.first == range.last {
        true => OwnedStr::number(i64::try_from(range.first).unwrap_or(i64::MAX)),
        false => OwnedStr::new(format!("{}-{}", range.first, range.last).as_bytes()),
    };
    let ranges: Vec<OwnedStr> = tokens.iter().map(range).collect();
    let arguments: Vec<&Str> = std::iter::once(name).chain(ranges.iter().map(|range| &**range)).collect();
    ctx.replicate_at(AT, now.0, F::VERBS.ack.name, &arguments);
}

/// A claim that has changed its key.
pub struct ServedClaim<'a> {
    pub name: &'a Str,
    pub consumer: &'a Str,
    pub terms: &'a ClaimTerms<'a>,
    pub claim: Claim,
    /// The tokens of deliveries that it acknowledged before, as the client wrote them.
    pub acknowledged: &'a [&'a Str],
}

/// Replicates a claim, with the tokens that it handed out.
pub fn claim<F: Family>(ctx: &Ctx, served: &ServedClaim<'_>, now: UnixMs) {
    let ServedClaim { name, consumer, terms, claim, acknowledged } = *served;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (count, lease) = (number(terms.count as u64), number(terms.lease.0));
    let options = [(c"COUNT", count), (c"LEASE", lease), (c"TOKEN", number(claim.first))];
    let more = (!acknowledged.is_empty()).then_some((c"ACK", acknowledged));
    let envelope = Envelope { at: AT, ms: now.0, command: F::VERBS.claim.name };
    ctx.replicate_at_with(envelope, [name, consumer], options, more);
}

/// Replicates one stride of the timer's sweep over leases and delays that have ended.
pub fn sweep<F: Family>(ctx: &Ctx, name: &Str, now: UnixMs) {
    ctx.replicate_at(AT, now.0, F::VERBS.sweep.name, &[name]);
}

/// Replicates a sweep over leases and delays that have ended, which went on until `wanted` entries were ready.
pub fn sweep_for<F: Family>(ctx: &Ctx, name: &Str, wanted: usize, now: UnixMs) {
    let wanted = OwnedStr::number(i64::try_from(wanted).unwrap_or(i64::MAX));
    ctx.replicate_at(AT, now.0, F::VERBS.sweep.name, &[name, &wanted]);
}

/// Replicates that the entries at these places have left for the sink; they were not the oldest.
pub fn drop_taken<F: Family>(ctx: &Ctx, name: &Str, places: &[Place], now: UnixMs) {
    let number = |number: u64| OwnedStr::number(i64::try_from(number).unwrap_or(i64::MAX));
    let pairs = places.iter().flat_map(|place| [OwnedStr::number(place.key), number(place.seq)]);
    let numbers: Vec<OwnedStr> = std::iter::once(number(places.len() as u64)).chain(pairs).collect();
    let arguments: Vec<&Str> = std::iter::once(name).chain(numbers.iter().map(|number| &**number)).collect();
    ctx.replicate_at(AT, now.0, F::VERBS.drop_ready.name, &arguments);
}

/// Replicates that the oldest `count` ready entries have left for the sink.
pub fn drop_ready<F: Family>(ctx: &Ctx, name: &Str, count: usize, now: UnixMs) {
    let count = OwnedStr::number(i64::try_from(count).unwrap_or(i64::MAX));
    ctx.replicate_at(AT, now.0, F::VERBS.drop_ready.name, &[name, &count]);
}
