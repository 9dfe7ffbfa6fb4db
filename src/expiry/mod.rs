//! EXPIRY: watched keys that are delivered, with their values, once their time to live has run out.

mod commands;
mod events;
mod family;

use crate::delivery::stored_queue::StoredQueue;
use crate::redis::datatype::DataType;

/// The family; what it adds to delivery is in `family`.
pub struct Expiry;

/// Where its type is registered.
static TYPE: DataType<StoredQueue<Expiry>> = DataType::new();
