//! Nothing: the driver is a test, `tests.rs`.
