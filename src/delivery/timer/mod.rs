//! Time: which key is looked at when, and the one timer of the server. This folder must know no family and nothing of delivery.

pub mod deadlines;
pub mod lateness;
pub mod moves;
pub mod renames;
pub mod slots;
pub mod tick;
