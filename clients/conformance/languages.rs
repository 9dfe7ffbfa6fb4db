//! The languages, and how their conformance workers are started.

use crate::harness::workspace;
use std::path::{Path, PathBuf};

pub struct Language {
    /// The program, below the target folder, and its arguments before the configuration; paths in them are from the workspace.
    program: &'static str,
    args: &'static [&'static str],
    /// Variables of its environment; their values are folders of the workspace.
    environment: &'static [(&'static str, &'static str)],
}

const PYTHON_PATH: &[(&str, &str)] = &[("PYTHONPATH", "clients/python/src")];

pub const PYTHON: Language = Language {
    program: "clients/library-python/bin/python",
    args: &["clients/python/tests/conformance_worker.py", "threads"],
    environment: PYTHON_PATH,
};

pub const PYTHON_ASYNCIO: Language = Language {
    program: "clients/library-python/bin/python",
    args: &["clients/python/tests/conformance_worker.py", "asyncio"],
    environment: PYTHON_PATH,
};

impl Language {
    pub fn program(&self) -> PathBuf {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(self.program);
        assert!(program.exists(), "run scripts/setup clients first: {} is missing", program.display());
        program
    }

    pub fn args(&self) -> Vec<String> {
        let [file, rest @ ..] = self.args else { return Vec::new() };
        let file = workspace().join(file).display().to_string();
        std::iter::once(file).chain(rest.iter().map(|arg| (*arg).to_owned())).collect()
    }

    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        self.environment.iter().map(|(name, folder)| (*name, workspace().join(folder))).collect()
    }
}
