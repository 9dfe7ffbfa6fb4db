//! The clients, and how the programs are started that send through them.
//!
//! `scripts/setup clients` installs what they need below the target folder. What runs in Node runs there too, for Node looks for its
//! packages beside the program.

use crate::harness::{mortal, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A client, as one of the runners uses it.
#[derive(Debug)]
pub struct Client {
    pub name: &'static str,
    /// The versions of RESP that it speaks.
    pub protocols: &'static [u8],
    language: Language,
    /// The runner's own, after port, protocol and mode.
    options: &'static [&'static str],
}

#[derive(Debug)]
enum Language {
    Python,
    /// The runner's file.
    Node(&'static str),
    Rust,
    C,
}

/// How a batch of commands is sent, as runners are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// One after the other, each when the last is answered.
    Plain,
    /// All at once.
    Pipeline,
    /// All at once, in MULTI and EXEC.
    Transaction,
    /// As `Plain`, to the nodes of a cluster.
    Cluster,
}

pub const MODES: [Mode; 3] = [Mode::Plain, Mode::Pipeline, Mode::Transaction];

pub const CLIENTS: [Client; 6] = [
    Client { name: "redis-py", protocols: &[2, 3], language: Language::Python, options: &[] },
    Client { name: "redis-py with hiredis", protocols: &[2, 3], language: Language::Python, options: &["hiredis"] },
    Client { name: "node-redis", protocols: &[2, 3], language: Language::Node("node-redis.mjs"), options: &[] },
    Client { name: "ioredis", protocols: &[2, 3], language: Language::Node("ioredis.mjs"), options: &[] },
    Client { name: "redis-rs", protocols: &[2, 3], language: Language::Rust, options: &[] },
    // Debian 12 has 0.14; RESP3 came with 1.0.
    Client { name: "hiredis", protocols: &[2], language: Language::C, options: &[] },
];

/// The clients for Node as most programs use them: integers are Numbers.
pub const WITH_NUMBERS: [Client; 2] = [
    Client {
        name: "node-redis",
        protocols: &[2, 3],
        language: Language::Node("node-redis.mjs"),
        options: &["numbers"],
    },
    Client { name: "ioredis", protocols: &[2, 3], language: Language::Node("ioredis.mjs"), options: &["numbers"] },
];

impl Client {
    /// The runner's command line.
    pub fn command(&self, port: u16, protocol: u8, mode: Mode) -> Command {
        let mut command = match self.language {
            Language::Python => script(&python(), &here().join("redis-py/runner.py")),
            Language::Node(file) => script(&node(), &node_folder().join(file)),
            Language::Rust => mortal(env!("CARGO_BIN_EXE_redis-rs-runner")),
            Language::C => mortal(c_runner()),
        };
        command.args([port.to_string(), protocol.to_string(), format!("{mode:?}").to_lowercase()]).args(self.options);
        command
    }
}

/// A command that runs a file with its interpreter.
pub fn script(interpreter: &Path, file: &Path) -> Command {
    let mut command = mortal(interpreter);
    command.arg(file);
    command
}

/// The clients with these names.
pub fn named<'a>(names: &'a [&str]) -> impl Iterator<Item = &'static Client> + 'a {
    CLIENTS.iter().filter(|client| names.contains(&client.name))
}

pub fn here() -> PathBuf {
    workspace().join("tests/clients")
}

pub fn python() -> PathBuf {
    installed("python").join("bin/python")
}

pub fn node() -> PathBuf {
    installed("node").join("bin/node")
}

/// Where Node finds the packages: a folder with copies of the programs.
pub fn node_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = installed("node");
        for file in ["neutral.mjs", "node-redis.mjs", "ioredis.mjs"] {
            fs::copy(here().join("node").join(file), folder.join(file)).expect("a copy of the program");
        }
        folder
    })
}

fn installed(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients").join(name);
    assert!(folder.join("installed").exists(), "run scripts/setup clients first");
    folder
}

fn c_runner() -> &'static Path {
    static RUNNER: OnceLock<PathBuf> = OnceLock::new();
    RUNNER.get_or_init(|| compile(&here().join("hiredis/runner.c"), "hiredis-runner"))
}

/// Compiles a program that uses hiredis.
pub fn compile(source: &Path, name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("cc");
    command
        .args(["-Wall", "-Wextra", "-Werror", "-O1", "-D_GNU_SOURCE", "-o"])
        .args([&program, source])
        .arg("-lhiredis");
    assert!(command.status().expect("run cc").success(), "cc failed for {}", source.display());
    program
}
