//! DEBOUNCE: items that are delivered by groups, once a group has been quiet.

pub mod commands;
pub mod family;
pub mod items;
