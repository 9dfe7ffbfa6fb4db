//! Programs that use the worker libraries, one of each language, and how they are started: `clients/conformance/README.md` tells what they do.
//!
//! `scripts/setup clients` installs what they need.

use super::{mortal, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub struct Language {
    pub name: &'static str,
    /// The interpreter, or what builds the worker, below the target folder.
    pub program: &'static str,
    pub worker: Place,
    /// Arguments before the configuration.
    pub args: &'static [&'static str],
    /// Variables of its environment; their values are folders of the workspace.
    pub environment: &'static [(&'static str, &'static str)],
    /// A folder below the target folder where sources are built, and that of the workspace from which they were copied.
    pub copy: Option<(&'static str, &'static str)>,
}

/// Where the program is that the interpreter runs.
pub enum Place {
    Workspace(&'static str),
    Target(&'static str),
    /// Nowhere: it is a program by itself, which this builds.
    Built(fn() -> PathBuf),
}

const PYTHON_PATH: &[(&str, &str)] = &[("PYTHONPATH", "clients/python/src")];
const PYTHON_WORKER: Place = Place::Workspace("clients/python/tests/conformance_worker.py");

pub const PYTHON: Language = Language {
    name: "Python",
    program: "clients/library-python/bin/python",
    worker: PYTHON_WORKER,
    args: &["threads"],
    environment: PYTHON_PATH,
    copy: None,
};

pub const PYTHON_ASYNCIO: Language = Language { args: &["asyncio"], ..PYTHON };

pub const NODE: Language = Language {
    name: "Node",
    program: "clients/node/bin/node",
    worker: Place::Target("clients/library-node/build/tests/conformance_worker.js"),
    args: &[],
    environment: &[],
    copy: Some(("clients/library-node", "clients/node")),
};

const GO_TOOL: &str = "clients/library-go/bin/go";

pub const GO: Language =
    Language { name: "Go", program: GO_TOOL, worker: Place::Built(go_worker), args: &[], environment: &[], copy: None };

/// A path below the target folder.
pub fn target(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(path)
}

impl Language {
    /// Whether what it needs was installed.
    pub fn is_installed(&self) -> bool {
        target(self.program).exists()
    }

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

/// The `go` that scripts/setup has found or installed, or a program beside it.
pub fn go_tool(name: &str, folder: &Path) -> Command {
    let link = target(GO_TOOL);
    let go = fs::canonicalize(&link);
    let go = go.unwrap_or_else(|_| panic!("run scripts/setup clients first: {} is missing", link.display()));
    let mut command = mortal(go.with_file_name(name));
    // What is tested is what go.mod says, with the Go that is here.
    command.current_dir(folder).env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=readonly").env("GOWORK", "off");
    command
}

/// Builds the worker in Go, once: never an older one than its sources.
fn go_worker() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-conformance-worker");
        let mut command = go_tool("go", &workspace().join("clients/go/conformance"));
        let output = command.arg("build").arg("-o").arg(&program).arg(".").output().expect("run go");
        assert!(output.status.success(), "go build\n{}", String::from_utf8_lossy(&output.stderr));
        program
    };
    BUILT.get_or_init(build).clone()
}
