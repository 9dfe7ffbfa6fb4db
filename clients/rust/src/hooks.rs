//! What a worker tells while it works.

use crate::job::{Claimed, Failure};
use std::time::Duration;

/// Is told what a worker does: for counters and durations. What runs around a handler, a span for example, is a handler around it.
///
/// They are called by the tasks that work, so they should be quick. A panic of one is logged, and changes nothing.
#[allow(unused_variables)]
pub trait Hooks: Send + Sync + 'static {
    /// Before the first CLAIM.
    fn on_ready(&self) {}
    /// It has been claimed, and its handler is about to begin.
    fn on_claim(&self, job: &Claimed) {}
    /// Its handler has returned `Ok`, after so long.
    fn on_done(&self, job: &Claimed, took: Duration) {}
    /// Its handler has failed with this: it will be tried again, or is a dead letter.
    fn on_failed(&self, job: &Claimed, why: &Failure, took: Duration) {}
    /// Its token is no longer current.
    fn on_lost(&self, job: &Claimed) {}
}
