//! TALLY: increments that are summed per field, and delivered as one batch for each window of time.

mod commands;
mod family;
pub mod increment;

use crate::delivery::stored_queue::StoredQueue;
use crate::redis::datatype::DataType;

/// The family; what it adds to delivery is in `family`.
pub struct Tally;

/// Its registered data type.
static TYPE: DataType<StoredQueue<Tally>> = DataType::new();
