//! Panics on purpose, only in a module that a test builds for itself (feature `planted-panic`) and nobody ships. There is no other way to
//! test what follows a panic.

#[cfg(feature = "planted-panic")]
use super::config::Number;
#[cfg(feature = "planted-panic")]
use std::sync::atomic::Ordering;

/// The steps left until the panic: `CONFIG SET tsgen.planted-panic n` panics at the n-th step from then on.
#[cfg(feature = "planted-panic")]
pub static AT: Number = Number::new(c"planted-panic", 0, 0, 1_000_000);

/// The same for looks at values that are shown one after the other. They are no steps of `AT`, because tests of `AT` ask INFO.
#[cfg(feature = "planted-panic")]
pub static AT_LOOK: Number = Number::new(c"planted-panic-at-look", 0, 0, 1_000_000);

#[cfg(feature = "planted-panic")]
fn count_down(steps: &Number) {
    let left = steps.value.load(Ordering::Relaxed);
    if left > 0 {
        steps.value.store(left - 1, Ordering::Relaxed);
        assert!(left > 1, "planted");
    }
}

/// A step: a call of the API of Redis in the middle of a change, at which a panic would leave the change half done.
#[cfg(feature = "planted-panic")]
pub fn step() {
    count_down(&AT);
}

/// One of several values is shown.
#[cfg(feature = "planted-panic")]
pub fn look() {
    count_down(&AT_LOOK);
}

#[cfg(not(feature = "planted-panic"))]
#[inline(always)]
pub fn step() {}

#[cfg(not(feature = "planted-panic"))]
#[inline(always)]
pub fn look() {}
