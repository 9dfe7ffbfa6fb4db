//! A clock of a test's own.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// All commands of a [`Tsgen`](crate::Tsgen) that has one run at its time, until it is jumped on. Its clones are the same clock.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<AtomicI64>);

impl VirtualClock {
    pub(crate) fn at(now: i64) -> Self {
        Self(Arc::new(now.into()))
    }

    /// Its time in Unix ms.
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Lets so much time pass.
    pub fn jump(&self, length: Duration) {
        self.0.fetch_add(i64::try_from(crate::options::ms(length)).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}
