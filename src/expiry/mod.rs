//! EXPIRY: watched keys that are delivered, with their values, once their time to live has run out.

mod commands;
mod copies;
pub mod endings;
mod ends;
mod events;
mod family;
mod handover;
mod judge;
mod lifetime;
mod overdue;
mod scan;
mod sightings;
mod tick;
mod values;
mod watcher;
pub mod watcher_index;

use crate::delivery::stored_queue::StoredQueue;
use crate::redis::datatype::DataType;

/// The family; what it adds to delivery is in `family`.
pub struct Expiry;

/// Its registered data type.
static TYPE: DataType<StoredQueue<Expiry>> = DataType::new();
