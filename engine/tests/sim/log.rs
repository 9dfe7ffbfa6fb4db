//! What the log has.

use crate::family::Delivery;
use crate::op::Op;
use tsgen_engine::UnixMs;

/// What the log has of one operation.
pub struct Logged<W> {
    pub op: Op<W>,
    pub now: UnixMs,
    /// Its place among all that clients did.
    pub beat: u64,
    pub delivered: Vec<Delivery>,
    pub acked: Option<Delivery>,
    /// The file it is written to never ends before the next one.
    pub has_more: bool,
}
