//! TSGEN: elements with a timestamp behind a watermark.

pub mod commands;
pub mod family;
pub mod timestamp;
