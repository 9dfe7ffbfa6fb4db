//! TSGEN: elements with a timestamp behind a watermark.

pub mod adding;
mod commands;
mod family;
pub mod forgetting;
pub mod silence;
pub mod timestamp;

use crate::delivery::stored_queue::StoredQueue;
use crate::redis::datatype::DataType;

/// The family; what it adds to delivery is in `family`.
pub struct Tsgen;

/// Its registered data type.
static TYPE: DataType<StoredQueue<Tsgen>> = DataType::new();
