//! What replicas and the AOF are told of what no command says: what made a key explicit, what a claim handed out, what the timer did.

use crate::command::call::AT;
use crate::delivery::family::Family;
use crate::delivery::options;
use crate::delivery::stored_queue::StoredQueue;
use crate::redis::{Ctx, OwnedStr, Str};
use tsgen_engine::{Claim, Millis, UnixMs};

/// A key that was made at `now`, by CREATE or its first write, with everything that made it explicit.
///
/// In the envelope although time does not matter: only CREATE itself can tell where its keys are (the stream of its sink), and what is
/// replicated must have its keys at fixed places (`Handler::TELLS_KEYS`).
pub fn creation<F: Family>(ctx: &Ctx, name: &Str, value: &StoredQueue<F>, now: UnixMs) {
    let explained = options::explain::<F>(&value.queue);
    let arguments: Vec<&Str> = std::iter::once(name).chain(explained.iter().map(|option| &**option)).collect();
    ctx.replicate_at(AT, now.0, F::VERBS.create.name, &arguments);
}

/// A claim, with the tokens it handed out.
pub fn claim<F: Family>(ctx: &Ctx, name: &Str, consumer: &Str, wanted: (usize, Millis), claim: &Claim, now: UnixMs) {
    let (count, lease) = wanted;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let options = [(c"COUNT", number(count as u64)), (c"LEASE", number(lease.0)), (c"TOKEN", number(claim.first))];
    ctx.replicate_at_with(AT, now.0, F::VERBS.claim.name, [name, consumer], options);
}

/// A stride of what time has ended, ended by the timer.
pub fn sweep<F: Family>(ctx: &Ctx, name: &Str, now: UnixMs) {
    ctx.replicate_at(AT, now.0, F::VERBS.sweep.name, &[name]);
}

/// What time has ended, ended until so many were ready.
pub fn sweep_for<F: Family>(ctx: &Ctx, name: &Str, wanted: usize, now: UnixMs) {
    let wanted = OwnedStr::number(i64::try_from(wanted).unwrap_or(i64::MAX));
    ctx.replicate_at(AT, now.0, F::VERBS.sweep.name, &[name, &wanted]);
}

/// Entries at these places that have left for the sink, which were not the oldest.
pub fn drop_taken<F: Family>(ctx: &Ctx, name: &Str, places: &[(i64, u64)], now: UnixMs) {
    let number = |number: u64| OwnedStr::number(i64::try_from(number).unwrap_or(i64::MAX));
    let pairs = places.iter().flat_map(|(key, seq)| [OwnedStr::number(*key), number(*seq)]);
    let numbers: Vec<OwnedStr> = std::iter::once(number(places.len() as u64)).chain(pairs).collect();
    let arguments: Vec<&Str> = std::iter::once(name).chain(numbers.iter().map(|number| &**number)).collect();
    ctx.replicate_at(AT, now.0, F::VERBS.drop_ready.name, &arguments);
}

/// Ready entries that have left for the sink, the oldest.
pub fn drop_ready<F: Family>(ctx: &Ctx, name: &Str, count: usize, now: UnixMs) {
    let count = OwnedStr::number(i64::try_from(count).unwrap_or(i64::MAX));
    ctx.replicate_at(AT, now.0, F::VERBS.drop_ready.name, &[name, &count]);
}
