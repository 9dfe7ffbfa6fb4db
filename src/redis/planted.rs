//! Panics on purpose, in a module that a test builds for itself (feature `planted-panic`) and nobody ships: what follows a panic can be
//! tried nowhere else.

/// Panics at the n-th step from now on: `CONFIG SET tsgen.planted-panic n`.
#[cfg(feature = "planted-panic")]
pub static AT: crate::redis::config::Number = crate::redis::config::Number::new(c"planted-panic", 0, 0, 1_000_000);

/// A step: a call of the API of Redis at which something may have been changed and something else not yet.
#[cfg(feature = "planted-panic")]
pub fn step() {
    use std::sync::atomic::Ordering;
    let left = AT.value.load(Ordering::Relaxed);
    if left > 0 {
        AT.value.store(left - 1, Ordering::Relaxed);
        assert!(left > 1, "planted");
    }
}

#[cfg(not(feature = "planted-panic"))]
#[inline(always)]
pub fn step() {}
