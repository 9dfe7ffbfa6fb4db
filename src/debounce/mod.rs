//! DEBOUNCE: items that are delivered in groups, once a group has been quiet.

mod commands;
mod family;
pub mod items;

use crate::delivery::stored_queue::StoredQueue;
use crate::redis::datatype::DataType;

/// The family; what it adds to delivery is in `family`.
pub struct Debounce;

/// Its registered data type.
static TYPE: DataType<StoredQueue<Debounce>> = DataType::new();
