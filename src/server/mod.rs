//! The module as a whole: which families there are, configs, INFO, and the command that repeats others.

pub mod at;
pub mod config;
pub mod families;
pub mod info;
