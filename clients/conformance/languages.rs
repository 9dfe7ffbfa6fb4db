//! The languages of the workers: those of the harness, and Rust, whose worker is a program of this package.

use crate::harness::library::Place;

pub use crate::harness::library::{go_tool, target, Language, GO, NODE, PYTHON, PYTHON_ASYNCIO};

pub const RUST: Language = Language {
    name: "Rust",
    program: "",
    worker: Place::Built(|| env!("CARGO_BIN_EXE_rust-conformance-worker").into()),
    ..GO
};
