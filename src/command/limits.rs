//! The limits of durations, names and payloads.

use crate::command::fail::Outcome;
use crate::redis::config::{Config, Number};
use crate::redis::Ctx;
use tsgen_engine::Millis;

/// Ten years: the longest duration.
pub const MAX_MS: i64 = Millis::MAX_DURATION.0 as i64;
/// The most bytes of a name, whatever is configured.
pub const NAME_LIMIT: i64 = 64 * 1024;
/// The most bytes of a payload, whatever is configured: a chunk of a snapshot has to hold a payload whole.
pub const PAYLOAD_LIMIT: i64 = 128 * 1024 * 1024;

/// The most bytes of an id, group, field, consumer or reason.
static MAX_NAME_SIZE: Number = Number::new(c"max-name-size", NAME_LIMIT, 1, NAME_LIMIT);
/// The most bytes of a payload, item or value.
pub static MAX_PAYLOAD_SIZE: Number = Number::new(c"max-payload-size", 64 * 1024 * 1024, 0, PAYLOAD_LIMIT);
pub static CONFIGS: [Config; 2] = [Config::Number(&MAX_NAME_SIZE), Config::Number(&MAX_PAYLOAD_SIZE)];

/// Fails if a name that is about to be stored (id, consumer, reason, …) is longer than configured. Names from a master or our AOF were
/// checked when a client sent them.
pub fn check_name(ctx: &Ctx, what: &str, name: &[u8]) -> Outcome {
    check_size(ctx, what, name, &MAX_NAME_SIZE)
}

/// Fails if a name that is only looked up is longer than `NAME_LIMIT`: the name may have been stored before the configured limit was lowered.
pub fn check_sought(what: &str, name: &[u8]) -> Outcome {
    if i64::try_from(name.len()).is_ok_and(|length| length <= NAME_LIMIT) {
        return Ok(());
    }
    Err(format!("ERR {what} must be at most {NAME_LIMIT} bytes").into())
}

pub fn check_payload(ctx: &Ctx, what: &str, payload: &[u8]) -> Outcome {
    check_size(ctx, what, payload, &MAX_PAYLOAD_SIZE)
}

#[inline]
fn check_size(ctx: &Ctx, what: &str, bytes: &[u8], limit: &Number) -> Outcome {
    let (length, allowed) = (i64::try_from(bytes.len()).unwrap_or(i64::MAX), limit.get());
    if length <= allowed {
        return Ok(());
    }
    let flags = ctx.flags();
    if length <= limit.max && (flags.is_replicated() || flags.is_loading()) {
        return Ok(());
    }
    Err(format!("ERR {what} must be at most {allowed} bytes").into())
}
