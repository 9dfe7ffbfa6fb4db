//! Time: which key is looked at when, and the one timer of the server. It is to know no family and nothing of delivery.

pub mod lateness;
pub mod moves;
pub mod renames;
pub mod slots;
pub mod tick;
