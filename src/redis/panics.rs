//! The fence around every callback: a panic of ours becomes an answer, a log line and a number in INFO, not the end
//! of the server.
//!
//! It does not know what the callback was about. Its callers do the rest: a value that was lent to be changed is marked as damaged
//! (`redis/key`), a reply that was begun is made whole, and the connection of its client ends (`redis/command`).

use super::log;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};

static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// The error that a client gets after a panic.
pub const INTERNAL_ERROR: &str = "ERR internal error, see the server log";

/// How many panics were caught since the module was loaded.
pub fn caught() -> u64 {
    CAUGHT.load(Ordering::Relaxed)
}

/// Runs a callback; `None` if it panicked. `what` names the callback in the log.
#[inline]
pub fn catch<R>(what: &str, callback: impl FnOnce() -> R) -> Option<R> {
    match panic::catch_unwind(AssertUnwindSafe(callback)) {
        Ok(answer) => Some(answer),
        Err(_) => {
            CAUGHT.fetch_add(1, Ordering::Relaxed);
            log::warn(&format!("a panic in {what} was caught; please report it with the line above"));
            None
        }
    }
}

/// Sends the place and text of panics to the server's log instead of stderr, which a daemon does not have.
pub fn log_panics() {
    panic::set_hook(Box::new(|info| log::warn(&info.to_string())));
}
