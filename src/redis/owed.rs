//! The replies that a command still owes its client.
//!
//! An array begins with its length, so a handler that ends halfway leaves an incomplete reply, and the client would read the next reply as a
//! part of it. So this file counts how many replies are still missing from the one reply: each array adds its elements.

use super::panics;
use super::Ctx;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Used under the server's global lock only.
static OWED: AtomicUsize = AtomicUsize::new(0);

/// Notes that one reply was sent; if it is an array or a map, `elements` more replies belong to it.
#[inline]
pub(super) fn sent(elements: usize) {
    OWED.store(OWED.load(Ordering::Relaxed).saturating_sub(1).saturating_add(elements), Ordering::Relaxed);
}

/// The reply of one callback. Callbacks may be nested: a command may call commands.
pub(super) struct Reply {
    before: usize,
}

impl Reply {
    pub(super) fn begin() -> Self {
        let before = OWED.swap(1, Ordering::Relaxed);
        Reply { before }
    }

    /// Makes the reply whole after a panic. The first missing reply is the error, in whichever array it stands.
    pub(super) fn complete(&self, ctx: &Ctx) {
        let missing = OWED.load(Ordering::Relaxed);
        if missing > 0 {
            ctx.reply_error(panics::INTERNAL_ERROR);
        }
        for _ in 1..missing {
            ctx.reply_null();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        OWED.store(self.before, Ordering::Relaxed);
    }
}
