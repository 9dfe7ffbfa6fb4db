//! The configs of the module: what CONFIG GET `tsgen.*` shows.
//!
//! Defaults for keys that are made by their first write are read when such a key is made, and made explicit to replicas;
//! changing them changes no key that exists.

use crate::command::caller::VIRTUAL_CLOCK;
use crate::command::limits::{MAX_MS, MAX_NAME_SIZE, MAX_PAYLOAD_SIZE};
use crate::redis::config::{load, Number};
use crate::redis::Ctx;
use tsgen_engine::{DeliveryOptions, Millis, Rules, Tallying, MAX_FIELDS, MAX_ITEMS};

static LEASE: Number = Number::new(c"lease", 30_000, 1, MAX_MS);
static MAX_DELIVERIES: Number = Number::new(c"max-deliveries", 16, 0, u32::MAX as i64);
static BACKOFF: Number = Number::new(c"backoff", 0, 0, MAX_MS);
static MAX_BACKOFF: Number = Number::new(c"max-backoff", 0, 0, MAX_MS);
static MAX_LEN: Number = Number::new(c"max-len", 0, 0, i64::MAX);
static DEBOUNCE_IDLE: Number = Number::new(c"debounce-idle", 60_000, 1, MAX_MS);
static DEBOUNCE_MAX_WAIT: Number = Number::new(c"debounce-max-wait", 0, 0, MAX_MS);
static DEBOUNCE_MAX_ITEMS: Number = Number::new(c"debounce-max-items", 0, 0, MAX_ITEMS as i64);
static DEBOUNCE_UNIQUE: Number = Number::new(c"debounce-unique", 1, 0, 1);
static TALLY_EVERY: Number = Number::new(c"tally-every", 9_000, 1, MAX_MS);
static TALLY_MAX_FIELDS: Number = Number::new(c"tally-max-fields", 10_000, 1, MAX_FIELDS as i64);

/// Tells Redis of them, and takes what redis.conf says.
pub fn register(ctx: &Ctx) -> bool {
    let delivery = [&LEASE, &MAX_DELIVERIES, &BACKOFF, &MAX_BACKOFF, &MAX_LEN, &MAX_NAME_SIZE, &MAX_PAYLOAD_SIZE];
    let debounce = [&DEBOUNCE_IDLE, &DEBOUNCE_MAX_WAIT, &DEBOUNCE_MAX_ITEMS];
    let tally = [&TALLY_EVERY, &TALLY_MAX_FIELDS];
    let switches = [&DEBOUNCE_UNIQUE, &VIRTUAL_CLOCK];
    #[cfg(feature = "planted-panic")]
    if !crate::redis::planted::AT.register(ctx) {
        return false;
    }
    delivery.into_iter().chain(debounce).chain(tally).all(|number| number.register(ctx))
        && switches.into_iter().all(|switch| switch.register_switch(ctx))
        && load(ctx)
}

fn unsigned(number: &Number) -> u64 {
    u64::try_from(number.get()).unwrap_or(0)
}

/// The gate options of a DEBOUNCE key that is made now and not told otherwise.
pub fn debounce_defaults() -> Rules {
    Rules {
        idle: Millis(unsigned(&DEBOUNCE_IDLE)),
        max_wait: Millis(unsigned(&DEBOUNCE_MAX_WAIT)),
        max_items: unsigned(&DEBOUNCE_MAX_ITEMS),
        unique: DEBOUNCE_UNIQUE.get() != 0,
    }
}

/// The gate options of a TALLY key that is made now and not told otherwise.
pub fn tally_defaults() -> Tallying {
    Tallying { every: Millis(unsigned(&TALLY_EVERY)), max_fields: unsigned(&TALLY_MAX_FIELDS), ..Tallying::default() }
}

/// Options of a key that is made now and not told otherwise.
pub fn delivery_defaults() -> DeliveryOptions {
    DeliveryOptions {
        lease: Millis(unsigned(&LEASE)),
        max_deliveries: u32::try_from(MAX_DELIVERIES.get()).unwrap_or(0),
        backoff: Millis(unsigned(&BACKOFF)),
        max_backoff: Millis(unsigned(&MAX_BACKOFF)),
        max_len: unsigned(&MAX_LEN),
        sink: None,
    }
}
