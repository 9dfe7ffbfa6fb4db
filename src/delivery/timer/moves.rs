//! What happens as soon as slots of a cluster have moved: the timer takes up keys again, and a listener is told.

use crate::delivery::timer::{deadlines, slots};
use crate::redis::cluster::{self, Move, Ranges};
use crate::redis::ctx::unix_ms;
use crate::redis::Ctx;
use std::sync::OnceLock;
use tsgen_engine::UnixMs;

/// A function that is told of slots that have moved.
pub type MoveListener = fn(what: Move, ranges: &Ranges);

static LISTENER: OnceLock<MoveListener> = OnceLock::new();

/// Subscribes to moves of slots; at load.
pub fn register(ctx: &Ctx) -> bool {
    cluster::listen(ctx, moved);
    true
}

/// Tells `listener` of moves from now on, for good; the timer comes right after it. Only the first listener is kept.
pub fn on_move(listener: MoveListener) {
    LISTENER.get_or_init(|| listener);
}

fn moved(_: &Ctx, what: Move, ranges: Ranges) {
    for (db, name) in slots::note(what, &ranges, UnixMs(unix_ms())) {
        deadlines::note(db, &name, UnixMs(0));
    }
    if let Some(listener) = LISTENER.get() {
        listener(what, &ranges);
    }
    deadlines::come_soon();
}
