//! Follows keys that the timer must drive when they get another name.
//!
//! The subscription begins only once there is such a key, because every SET EX, DEL and EXPIRE of the server pays for it. (COPY and RESTORE
//! need no subscription: they call the data type.)

use crate::delivery::timer::deadlines;
use crate::redis::key_events::{Class, KeyListener};
use crate::redis::{Ctx, Str};
use std::ffi::CStr;
use tsgen_engine::UnixMs;

static RENAMES: KeyListener = KeyListener::new(Class::Generic, renamed);

/// Follows renamed keys from now on, for good.
pub fn follow() {
    RENAMES.listen();
}

/// Never opens the key: opening could expire it here and now, and the replica would differ.
fn renamed(ctx: &Ctx, event: &CStr, key: &Str) {
    if matches!(event.to_bytes(), b"rename_to" | b"move_to") {
        deadlines::note(ctx.db(), key.bytes(), UnixMs(0));
    }
}
