//! EXPIRY: watched keys that are delivered, with their values, once their time to live has run out.

mod commands;
pub mod copies;
mod events;
mod family;
pub mod handover;
pub mod last_values;
pub mod lifetime;
pub mod scan;
pub mod sightings;
pub mod watcher;
pub mod watcher_index;

use crate::delivery::stored_queue::StoredQueue;
use crate::redis::datatype::DataType;

/// The family; what it adds to delivery is in `family`.
pub struct Expiry;

/// Where its type is registered.
static TYPE: DataType<StoredQueue<Expiry>> = DataType::new();
