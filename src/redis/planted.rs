//! Panics on purpose, only in a module that a test builds for itself (feature `planted-panic`) and nobody ships. There is no other way to
//! test what follows a panic.

/// The steps left until the panic: `CONFIG SET tsgen.planted-panic n` panics at the n-th step from then on.
#[cfg(feature = "planted-panic")]
pub static AT: crate::redis::config::Number = crate::redis::config::Number::new(c"planted-panic", 0, 0, 1_000_000);

/// A step: a call of the API of Redis in the middle of a change, at which a panic would leave the change half done.
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
