//! The languages, and how their conformance workers are started.

use crate::go;
use crate::harness::workspace;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Language {
    /// The interpreter, below the target folder.
    program: &'static str,
    worker: Place,
    /// Arguments before the configuration.
    args: &'static [&'static str],
    /// Variables of its environment; their values are folders of the workspace.
    environment: &'static [(&'static str, &'static str)],
    /// A folder below the target folder where sources are built, and that of the workspace from which they were copied.
    copy: Option<(&'static str, &'static str)>,
}

/// Where the program is that the interpreter runs.
enum Place {
    Workspace(&'static str),
    Target(&'static str),
    /// Nowhere: it is a program by itself, which this builds.
    Built(fn() -> PathBuf),
}

const PYTHON_PATH: &[(&str, &str)] = &[("PYTHONPATH", "clients/python/src")];
const PYTHON_WORKER: Place = Place::Workspace("clients/python/tests/conformance_worker.py");

pub const PYTHON: Language = Language {
    program: "clients/library-python/bin/python",
    worker: PYTHON_WORKER,
    args: &["threads"],
    environment: PYTHON_PATH,
    copy: None,
};

pub const PYTHON_ASYNCIO: Language = Language { args: &["asyncio"], ..PYTHON };

pub const NODE: Language = Language {
    program: "clients/node/bin/node",
    worker: Place::Target("clients/library-node/build/tests/conformance_worker.js"),
    args: &[],
    environment: &[],
    copy: Some(("clients/library-node", "clients/node")),
};

pub const GO: Language =
    Language { program: "", worker: Place::Built(go::worker), args: &[], environment: &[], copy: None };

pub const RUST: Language =
    Language { worker: Place::Built(|| env!("CARGO_BIN_EXE_rust-conformance-worker").into()), ..GO };

/// A path below the target folder.
pub fn target(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(path)
}

impl Language {
    pub fn program(&self) -> PathBuf {
        if let Place::Built(build) = self.worker {
            return build();
        }
        let program = target(self.program);
        assert!(program.exists(), "run scripts/setup clients first: {} is missing", program.display());
        if let Some((copy, source)) = self.copy {
            for part in ["src", "tests"] {
                let (copy, source) = (files(&target(copy).join(part)), files(&workspace().join(source).join(part)));
                assert!(copy == source, "run scripts/setup clients first: what is built is older than its sources");
            }
        }
        program
    }

    pub fn args(&self) -> Vec<String> {
        let file = match self.worker {
            Place::Workspace(path) => Some(workspace().join(path)),
            Place::Target(path) => Some(target(path)),
            Place::Built(_) => None,
        };
        file.iter()
            .map(|file| file.display().to_string())
            .chain(self.args.iter().map(|arg| (*arg).to_owned()))
            .collect()
    }

    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        self.environment.iter().map(|(name, folder)| (*name, workspace().join(folder))).collect()
    }
}

/// The names of the files in a folder without folders, and what is in them.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect());
    let mut paths: Vec<PathBuf> = entries.unwrap_or_default();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).expect("a file"))).collect()
}
