//! The callers that may name a time or send a whole value: a master, an AOF, and tests.

use crate::command::fail::{Fail, Outcome};
use crate::redis::config::{Config, Number};
use crate::redis::Ctx;

/// Whether ordinary clients may do so, too; for tests.
static VIRTUAL_CLOCK: Number = Number::new(c"virtual-clock", 0, 0, 1);

pub static CONFIGS: [Config; 1] = [Config::Switch(&VIRTUAL_CLOCK)];

pub fn has_virtual_clock() -> bool {
    VIRTUAL_CLOCK.get() != 0
}

const FORBIDDEN: Fail = Fail::text("ERR this is how an AOF rebuilds a key; ordinary clients use RESTORE");

/// Fails unless the caller may send a whole value.
pub fn check_caller(ctx: &Ctx) -> Outcome {
    let flags = ctx.flags();
    if flags.is_loading() || flags.is_replicated() || has_virtual_clock() {
        return Ok(());
    }
    Err(FORBIDDEN)
}
