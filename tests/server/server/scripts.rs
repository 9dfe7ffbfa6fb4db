//! What a newcomer's machine is told by the scripts behind `make`, before anybody waits for a compiler.

use crate::harness::*;
use std::net::TcpListener;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the scripts use of any machine. Neither apt-get nor sudo: nothing is installed from here.
const ALWAYS_THERE: [&str; 19] = [
    "bash", "sh", "env", "sed", "awk", "sort", "head", "tail", "cut", "tee", "cat", "mktemp", "rm", "dirname",
    "basename", "realpath", "uname", "id", "cmp",
];

/// A machine that has only what a test puts on its PATH.
struct Machine {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, PathBuf)>,
}

impl Machine {
    /// Nothing but the tools of any machine.
    fn bare() -> Self {
        let folder = tempfile::Builder::new().prefix("tsgen machine ").tempdir().expect("a temporary folder");
        let machine = Machine { folder, environment: Vec::new() };
        ALWAYS_THERE.iter().for_each(|name| machine.link(name, &on_path(name)));
        machine
    }

    /// One on which nothing is missing: Rust, a compiler, a server and its client, and what `LIBCLANG_PATH` names.
    fn complete() -> Self {
        let mut machine = Self::bare();
        machine.says("cargo", "cargo 1.85.0 (d73d2caf9 2024-12-31)");
        machine.says("rustc", "rustc 1.85.0 (4d91de4e4 2025-02-17)");
        machine.link("cc", &on_path("cc"));
        machine.has_file("lib/libclang-14.so.14.0.6");
        machine.has_file("lib/clang/14.0.6/include/stddef.h");
        machine.environment.push(("LIBCLANG_PATH", machine.path("lib")));
        machine.says("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1");
        machine.says("redis-cli", "redis-cli 7.0.15");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn link(&self, name: &str, to: &Path) {
        symlink(to, self.path(name)).expect("a link");
    }

    /// A program that says this, whatever it is asked.
    fn says(&self, name: &str, line: &str) {
        self.has_program(name, &format!("cat <<'TEXT'\n{line}\nTEXT\n"));
    }

    fn has_program(&self, name: &str, script: &str) {
        self.has_file(name);
        std::fs::write(self.path(name), format!("#!/bin/sh\n{script}")).expect("a program");
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).expect("a program");
    }

    fn has_file(&self, name: &str) {
        std::fs::create_dir_all(self.path(name).parent().expect("a folder")).expect("a folder");
        std::fs::write(self.path(name), "").expect("a file");
    }

    fn lacks(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("it was there");
    }

    fn run(&self, script: &str, args: &[&str]) -> Output {
        let mut command = Command::new(workspace().join("scripts").join(script));
        command.args(args).env_clear().env("PATH", self.folder.path()).current_dir(workspace());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().expect("run the script")
    }

    /// That `scripts/setup` refuses, with one line that contains all of `words`.
    #[track_caller]
    fn refuses(&self, words: &[&str]) {
        let output = self.run("setup", &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(words.iter().all(|word| told.contains(word)), "{words:?} in {told}");
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    }

    /// That `scripts/setup` names these packages, and no others, as missing.
    #[track_caller]
    fn misses(&self, what: &[&str]) {
        let output = self.run("setup", &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let listed: Vec<&str> = told.lines().filter(|line| line.starts_with("  - ")).collect();
        assert_eq!(listed.len(), what.len(), "{told}");
        assert!(what.iter().zip(&listed).all(|(what, line)| line.contains(what)), "{what:?} in {told}");
    }
}

fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists()).expect(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn setup_is_content_with_what_is_needed_and_installs_nothing() {
    let machine = Machine::complete();
    let output = machine.run("setup", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn setup_wants_a_rust_that_is_new_enough() {
    let machine = Machine::complete();
    machine.says("cargo", "cargo 1.65.0");
    machine.refuses(&["Rust 1.85 or newer", "/cargo is of Rust 1.65.0", "https://rustup.rs"]);
    machine.says("cargo", "cargo 1.100.0");
    machine.says("rustc", "rustc 1.63.0");
    machine.refuses(&["Rust 1.85 or newer", "/rustc is of Rust 1.63.0", "https://rustup.rs"]);
    machine.lacks("cargo");
    machine.refuses(&["cargo is missing", "https://rustup.rs"]);
}

#[test]
fn setup_wants_a_compiler_with_its_headers() {
    let machine = Machine::complete();
    machine.lacks("cc");
    machine.misses(&["a C compiler", "the C library's headers"]);
    machine.has_program("cc", "exit 1");
    machine.misses(&["a C compiler", "the C library's headers"]);
}

#[test]
fn setup_wants_libclang_itself_and_its_headers() {
    let machine = Machine::complete();
    machine.lacks("lib/clang/14.0.6/include/stddef.h");
    machine.misses(&["the headers of libclang-common-14"]);
    machine.has_file("lib/clang/15/include/stddef.h");
    machine.misses(&["the headers of libclang-common-14"]);
    machine.says("clang", "clang version 14");
    assert!(machine.run("setup", &[]).status.success(), "clang tells where headers are");
    machine.lacks("lib/libclang-14.so.14.0.6");
    // What clang itself is made of has a name like that.
    machine.has_file("lib/libclang-cpp.so.14");
    machine.has_file("lib/libclang-cpp.so.14.0");
    machine.refuses(&["there is no libclang where LIBCLANG_PATH says"]);
    for name in ["lib/libclang.so", "lib/libclang.so.1", "lib/libclang-19.so", "lib/libclang-19.so.19"] {
        machine.has_file(name);
        assert!(machine.run("setup", &[]).status.success(), "{name}");
        machine.lacks(name);
    }
}

#[test]
fn setup_wants_a_server_that_is_new_enough_and_valkey_is_one() {
    let machine = Machine::complete();
    machine.says("redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=1");
    machine.refuses(&["Redis 6.0.16", "Redis 7.0 or newer, or Valkey", "REDIS_SERVER=/path/to/redis-server"]);
    machine.says("valkey-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1");
    assert_eq!(text(&machine.run("which-server", &[]).stdout), "valkey-server\tredis-cli\tValkey 8.0.1\n");
    machine.lacks("redis-server");
    machine.lacks("redis-cli");
    machine.misses(&["the command line client"]);
    machine.says("valkey-cli", "valkey-cli 8.0.1");
    assert!(machine.run("setup", &[]).status.success());
    machine.lacks("valkey-server");
    machine.misses(&["Redis 7.0 or newer"]);
}

#[test]
fn the_server_that_is_named_comes_with_its_own_client() {
    let mut machine = Machine::complete();
    machine.says("own/redis-server", "Redis server v=8.6.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1");
    machine.environment.push(("REDIS_SERVER", machine.path("own/redis-server")));
    let server = machine.path("own/redis-server").display().to_string();
    assert_eq!(text(&machine.run("which-server", &[]).stdout), format!("{server}\tredis-cli\tRedis 8.6.3\n"));
    machine.says("own/redis-cli", "redis-cli 8.6.3");
    let client = machine.path("own/redis-cli").display().to_string();
    assert_eq!(text(&machine.run("which-server", &[]).stdout), format!("{server}\t{client}\tRedis 8.6.3\n"));
    machine.says("own/redis-server", "not a server");
    machine.refuses(&["REDIS_SERVER names", "does not tell its version"]);
    machine.lacks("own/redis-server");
    machine.refuses(&["no server where REDIS_SERVER says"]);
}

#[test]
fn examples_are_listed_and_a_port_that_is_taken_is_told_first() {
    // No compiler on this machine: whoever gets as far as that fails otherwise.
    let machine = Machine::bare();
    let list = machine.run("example", &[]);
    assert!(list.status.success());
    assert!(text(&list.stdout).contains("make example NAME=checkout "), "{}", text(&list.stdout));
    let unknown = machine.run("example", &["nothing"]);
    assert_eq!((unknown.status.code(), text(&unknown.stdout).as_str()), (Some(1), ""));
    assert!(text(&unknown.stderr).starts_with("There is no example nothing.\n"), "{}", text(&unknown.stderr));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    for (script, args) in [("example", vec!["checkout", &port]), ("check-port", vec![&port, "make run"])] {
        let refused = machine.run(script, &args);
        assert_eq!(refused.status.code(), Some(1), "{script}");
        let told = text(&refused.stderr);
        assert!(told.contains(&format!("Port {port} is taken")) && told.lines().count() == 1, "{script}: {told}");
    }
    for port in ["0", "65536", "six", "-1", ""] {
        let told = text(&machine.run("check-port", &[port, "make run"]).stderr);
        assert!(told.starts_with("PORT must be an integer between 1 and 65535"), "{port}: {told}");
    }
}

/// What cargo prints, with `status` as its end; and what `scripts/test` makes of it: its last lines and its own end.
fn total_of(printed: &str, status: i32) -> (String, Option<i32>) {
    let machine = Machine::bare();
    machine.has_program(
        "cargo",
        &format!("[ \"$2\" != --no-run ] || exit 0\ncat <<'TEXT'\n{printed}\nTEXT\nexit {status}"),
    );
    let output = machine.run("test", &[]);
    let told = text(&output.stdout);
    let total = told.split_once(&format!("{printed}\n\n")).unwrap_or_else(|| panic!("{told}")).1;
    (total.trim_end().to_owned(), output.status.code())
}

#[test]
fn the_total_of_all_test_programs_is_true() {
    let good = "     Running unittests src/lib.rs (target/debug/deps/a-1)\n\
                test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
    let doc =
        "   Doc-tests a\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
    let bad = "     Running tests/b.rs (target/debug/deps/b-1)\n\
               test result: FAILED. 480 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.00s";
    let crashed =
        "     Running tests/c.rs (target/debug/deps/c-1)\ntest one ... error: test failed, to rerun pass `--test c`";
    let all = |parts: &[&str]| parts.join("\n");
    assert_eq!(total_of(&all(&[good, doc]), 0), ("15 passed, 0 failed".to_owned(), Some(0)));
    assert_eq!(total_of(&all(&[good, bad, doc]), 101), ("495 passed, 2 failed".to_owned(), Some(101)));
    for (order, total) in
        [([good, crashed, doc], "15 passed, 1 failed"), ([bad, good, crashed], "492 passed, 3 failed")]
    {
        let told = format!("Test programs that ended without a result: 1\n{total}");
        assert_eq!(total_of(&all(&order), 101), (told, Some(101)));
    }
    assert_eq!(total_of("error: something of cargo's own", 101), (String::new(), Some(101)));
}
