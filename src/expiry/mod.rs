//! EXPIRY: watched keys that are delivered, with their values, once their time to live has run out.

pub mod commands;
pub mod family;
