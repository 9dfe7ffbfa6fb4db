//! TALLY: increments that are summed per field, and delivered as one batch for each window of time.

pub mod commands;
pub mod family;
pub mod increment;
