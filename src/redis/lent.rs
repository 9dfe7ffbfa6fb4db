//! Checks at run time, as a `RefCell` does, that one value is lent at a time.
//!
//! Rust cannot see that two opened keys hold the same value, nor that a command or a keyspace event runs other code, which may delete the
//! lent value. So code that lends a value says so here, and code that may run other code asks here. A breach is a fault of the module: it
//! panics before there are two references or a dangling one.

use std::os::raw::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The lender: an opened key, or a registered type that shows all its values. Used under the server's global lock only, so no memory ordering
/// is needed. A child process inherits the state at the fork: nothing is lent there, and there is no lock to wait for.
static LENDER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Notes that `lender` lends a value; it may have lent the value before.
pub(super) fn lend(lender: *mut c_void) {
    let before = LENDER.load(Ordering::Relaxed);
    assert!(before.is_null() || before == lender, "two values are lent at once");
    LENDER.store(lender, Ordering::Relaxed);
}

/// Whether `lender` is the one that lends.
pub(super) fn is_lender(lender: *mut c_void) -> bool {
    LENDER.load(Ordering::Relaxed) == lender
}

/// Notes that the value which `lender` has lent is back.
pub(super) fn take_back(lender: *mut c_void) {
    if LENDER.load(Ordering::Relaxed) == lender {
        LENDER.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

/// Panics if a value is lent. Called before other code may run on the keyspace.
pub(super) fn assert_none() {
    assert!(LENDER.load(Ordering::Relaxed).is_null(), "other code may run on the keyspace while a value is lent");
}
