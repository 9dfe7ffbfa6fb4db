//! The addresses of damaged values: a set that takes no lock.
//!
//! The child process that writes a file asks the set about each value. Only the server's main thread forks, but another thread of the server
//! may be freeing a value just then; a lock that this thread held would be held in the child for ever. So nothing here waits for anybody:
//! addresses stand in a chain of places that never gets shorter, and a removed address leaves its place free. Damaged values are very rare.

use std::iter::successors;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

/// A place of the chain, and the places behind it. The address 0 marks a free place.
pub struct Damaged {
    address: AtomicUsize,
    next: OnceLock<Box<Damaged>>,
}

impl Damaged {
    pub const fn new() -> Self {
        Damaged { address: AtomicUsize::new(0), next: OnceLock::new() }
    }

    fn places(&self) -> impl Iterator<Item = &Damaged> {
        successors(Some(self), |place| place.next.get().map(|next| &**next))
    }

    /// Changes one of the places from `old` to `new`; false if none was `old`.
    fn put(&self, old: usize, new: usize) -> bool {
        let change =
            |place: &Damaged| place.address.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_ok();
        self.places().any(change)
    }

    pub fn contains(&self, address: usize) -> bool {
        self.places().any(|place| place.address.load(Ordering::Acquire) == address)
    }

    /// Adds an address; on the main thread only. True if it was not there.
    pub fn insert(&self, address: usize) -> bool {
        if self.contains(address) {
            return false;
        }
        if !self.put(0, address) {
            let last = self.places().last().unwrap_or(self);
            last.next.get_or_init(|| Box::new(Damaged { address: AtomicUsize::new(address), next: OnceLock::new() }));
        }
        true
    }

    /// Removes an address; on any thread. True if it was there.
    pub fn remove(&self, address: usize) -> bool {
        self.put(address, 0)
    }
}
