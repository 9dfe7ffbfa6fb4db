//! The Rust library by itself: its package, the first program of its README, and its sums, which count once. Its own tests are
//! `cargo test -p tsgen-client`; its format is held by `make lint`.

use crate::guides::{readme_worker_works, write_readme_worker};
use crate::harness::*;
use crate::languages::target;
use crate::packages::{first_program, succeeds};
use crate::postgres::Postgres;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn library() -> PathBuf {
    workspace().join("clients/rust")
}

fn cargo(folder: &Path, line: &str) -> Command {
    let mut command = mortal(env!("CARGO"));
    // What this test was started by has variables for its own package.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(line.split(' '));
    command
}

/// The package as users get it, unpacked, and the first program of the README over it in a fresh crate, made as the README tells.
#[test]
fn it_is_packed_and_its_first_program_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let packed = folder.path().join("packed");
    let mut pack = cargo(workspace(), "package --quiet --package tsgen-client --no-verify --allow-dirty --target-dir");
    pack.arg(&packed);
    succeeds(pack);
    let name = "tsgen-client-0.1.0";
    let mut unpack = mortal("tar");
    unpack.arg("-xf").arg(packed.join("package").join(format!("{name}.crate"))).arg("-C").arg(folder.path());
    succeeds(unpack);
    let package = folder.path().join(name);
    for file in ["README.md", "src/lib.rs"] {
        assert!(package.join(file).exists(), "{file} is not in the package");
    }
    assert!(!package.join("tests").exists(), "the tests need the workspace");

    let readme = fs::read_to_string(library().join("README.md")).expect("the README");
    let commands = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    let app = folder.path().join("mails");
    succeeds(cargo(folder.path(), "new --quiet --vcs none mails"));
    fs::write(app.join("src/main.rs"), first_program(&library(), "rust")).expect("write the program");
    // The versions that this was tested with, which are here already.
    fs::copy(workspace().join("Cargo.lock"), app.join("Cargo.lock")).expect("a copy");
    for line in commands.lines().filter(|line| line.starts_with("cargo add")) {
        let line = line.replace("/path/to/tsgen/clients/rust", &package.display().to_string());
        succeeds(cargo(&app, &line["cargo ".len()..].replace("add ", "add --quiet ")));
    }
    // Its dependencies are built once, and kept.
    let kept = target("clients/library-rust");
    let mut build = cargo(&app, "build --quiet --target-dir");
    build.arg(&kept);
    succeeds(build);

    let server = Server::start(&[]);
    let url = [("REDIS_URL", PathBuf::from(format!("redis://127.0.0.1:{}", server.port)))];
    let mut running = App::start_with(kept.join("debug/mails"), &[], &url);
    running.line_with("to ada@example.org");
    assert_eq!(running.terminate(), Some(0));
    assert_eq!(server.client().ok("TSGEN.INFO mails").field("acked"), &Reply::Int(1));

    // And the one that the README of the repository shows.
    write_readme_worker("rust", server.port, &app.join("src/main.rs"));
    let mut build = cargo(&app, "build --quiet --target-dir");
    build.arg(&kept);
    succeeds(build);
    readme_worker_works(&server, App::start_with(kept.join("debug/mails"), &[], &[]));
}

/// What a database holds, and how it is reached.
struct Database {
    postgres: Option<Postgres>,
    file: tempfile::TempDir,
}

impl Database {
    fn sqlite() -> Self {
        let database = Self { postgres: None, file: tempfile::tempdir().expect("a temporary folder") };
        database.open().execute_batch(tsgen_client::SQLITE_TABLES).expect("tables");
        database
    }

    fn postgres() -> Self {
        let postgres = Postgres::start();
        postgres.query(tsgen_client::POSTGRES_TABLES);
        Self { postgres: Some(postgres), ..Self::sqlite() }
    }

    fn open(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file.path().join("db")).expect("a database")
    }

    fn args(&self) -> [String; 2] {
        match &self.postgres {
            Some(postgres) => ["postgres".to_owned(), postgres.url()],
            None => ["sqlite".to_owned(), self.file.path().join("db").display().to_string()],
        }
    }

    fn totals(&self) -> String {
        let query = "SELECT coalesce(string_agg(field || '=' || total, ' ' ORDER BY field), '') FROM tallies";
        if let Some(postgres) = &self.postgres {
            return postgres.query(query);
        }
        let query = "SELECT coalesce(group_concat(pair, ' '), '') FROM (SELECT field || '=' || total AS pair FROM tallies ORDER BY field)";
        self.open().query_row(query, (), |row| row.get(0)).expect("totals")
    }
}

/// A worker that is killed before its commit, or between its commit and its ACK: the batch comes again, and counts once.
fn counts_once(database: &Database, moment: &str, written: &str, second: &str) {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE likes LEASE 1000");
    c.ok("TALLY.MINCR likes v 5 w 2");
    c.ok("TALLY.SEAL likes");
    let work = |moment: &str| {
        let mut command = mortal(env!("CARGO_BIN_EXE_rust-tally-worker"));
        command.arg(format!("redis://127.0.0.1:{}", server.port)).args(database.args()).arg(moment);
        command.output().expect("run it")
    };
    let killed = work(moment);
    assert_eq!(killed.status.signal(), Some(9), "{}", String::from_utf8_lossy(&killed.stderr));
    assert_eq!(database.totals(), written);
    wait_until("its lease has ended", || c.ok("TALLY.INFO likes").field("ready").int() == 1);
    let last = work("never");
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    assert_eq!(String::from_utf8_lossy(&last.stdout).trim(), second);
    assert_eq!(database.totals(), "v=5 w=2");
    assert_eq!(c.ok("TALLY.INFO likes").field("acked").int(), 1);
}

#[test]
fn a_worker_killed_before_its_commit_counts_once_in_postgres() {
    counts_once(&Database::postgres(), "before", "", "true");
}

#[test]
fn a_worker_killed_before_its_ack_counts_once_in_postgres() {
    counts_once(&Database::postgres(), "after", "v=5 w=2", "false");
}

#[test]
fn a_worker_killed_before_its_commit_counts_once_in_sqlite() {
    counts_once(&Database::sqlite(), "before", "", "true");
}

#[test]
fn a_worker_killed_before_its_ack_counts_once_in_sqlite() {
    counts_once(&Database::sqlite(), "after", "v=5 w=2", "false");
}
