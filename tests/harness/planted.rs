//! The module that panics when it is told to: built once more, with the feature `planted-panic`.

use super::{workspace, Client};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The module, built once per test binary into a folder of its own.
pub fn planted() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let binary = std::env::current_exe().expect("the path of this test binary");
        let target = binary.ancestors().nth(3).expect("a target folder").join("planted");
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--package", "tsgen", "--features", "planted-panic", "--target-dir"])
            .arg(&target)
            .current_dir(workspace())
            .status();
        assert!(status.expect("run cargo").success(), "the module with planted panics does not build");
        target.join("debug/libtsgen.so")
    })
}

/// It panics at this step (a call of the API of Redis) from now on; 0: not at all.
#[track_caller]
pub fn plant(c: &mut Client, step: usize) {
    c.ok(&format!("CONFIG SET tsgen.planted-panic {step}"));
}
