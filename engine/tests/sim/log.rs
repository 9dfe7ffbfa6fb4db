//! What the log has.

use crate::family::{Delivery, Truth};
use crate::op::Op;
use tsgen_engine::UnixMs;

/// What the log has of one operation.
pub struct Logged<W> {
    pub op: Op<W>,
    pub now: UnixMs,
    /// Its place among all that clients did.
    pub beat: u64,
    pub delivered: Vec<Delivery>,
    /// What it acknowledged or cleared away, before anything was delivered.
    pub settled: Option<Delivery>,
    /// The file it is written to never ends before the next one.
    pub has_more: bool,
}

impl<W> Logged<W> {
    pub fn settle(&self, truth: &mut impl Truth<W>) {
        if let Some(delivery) = &self.settled {
            match self.op {
                Op::Discard(_) => truth.given_up(delivery),
                _ => truth.acked(delivery),
            }
        }
    }
}
