//! What a command still owes its client.
//!
//! An array is begun with its length, so a handler that ends halfway leaves a reply that is none, and whatever is sent next would be
//! read as a part of it. So it is counted how many more replies make the one reply whole: each array adds its elements.

use super::panics;
use super::Ctx;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Used under the server's global lock only.
static OWED: AtomicUsize = AtomicUsize::new(0);

/// One reply was sent; if it is an array or a map, so many more belong to it.
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

    /// After a panic: makes it whole. The first reply that is missing tells of the error, in whichever array that is.
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
