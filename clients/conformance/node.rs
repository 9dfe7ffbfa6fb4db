//! The Node library by itself: its own tests, its types and format, and its package.

use crate::guides::{readme_worker_works, write_readme_worker};
use crate::harness::*;
use crate::languages::{target, NODE};
use crate::packages::{copy, first_program, succeeds};
use crate::postgres::Postgres;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn library() -> PathBuf {
    workspace().join("clients/node")
}

/// Where it is built, with what its tests need.
fn built() -> PathBuf {
    target("clients/library-node")
}

/// A program of Node in a folder. This Node has SQLite; the one that plays the scenarios may be older.
fn node(folder: &Path, args: &[&str]) -> Command {
    let _ = NODE.program(); // what is built must be as new as its sources
    let mut command = mortal(built().join("bin/node"));
    command.current_dir(folder).args(args);
    command
}

/// npm in a folder, with the Node that the tests use.
fn npm(folder: &Path, args: &[&str]) -> Command {
    let node = NODE.program().with_file_name("");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = mortal(built().join("npm"));
    command.current_dir(folder).args(args).env("PATH", format!("{}:{path}", node.display()));
    command
}

#[test]
fn its_own_tests_pass() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let postgres = Postgres::start();
    let entries = fs::read_dir(built().join("build/tests")).expect("what setup has built");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.js"));
    assert!(!files.is_empty(), "no tests");
    // One file after the other: they share the server.
    let mut command = node(&built(), &["--test", "--test-concurrency=1"]);
    command.args(files).env("REDIS_URL", format!("redis://127.0.0.1:{}", server.port));
    command.env("POSTGRES_DSN", postgres.url()).env("TSGEN_DOCS", workspace().join("docs/commands"));
    println!("{}", succeeds(command));
}

#[test]
fn types_and_format_hold() {
    succeeds(node(&built(), &["node_modules/typescript/bin/tsc", "--noEmit"]));
    succeeds(node(&built(), &["node_modules/@biomejs/biome/bin/biome", "ci", "--error-on-warnings", "."]));
}

const TYPED: &str = "
import { type Element, Tsgen, Worker } from 'tsgen';
import { writeSqlite, writePostgresql } from 'tsgen/exactly-once';
interface Mail { to: string }
const t = new Tsgen();
new Worker<Mail>(t, 'mails', async (job: Element<Mail>) => { const to: string = job.payload.to; await fetch(to, { signal: job.signal }); });
t.tally('likes').worker((batch) => batch.sums.get('v') === 1n);
// @ts-expect-error: a payload of another type
void t.delayQueue<Mail>('mails').add('mail-1', { to: 5 });
export { writePostgresql, writeSqlite };
";

/// The package as users get it, installed into a fresh folder, and the first program of its README in it.
#[test]
fn it_installs_and_its_first_program_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, app) = (folder.path().join("source"), folder.path().join("app"));
    // What `npm ci` and editors leave there is not part of it.
    copy(&library().join("src"), &source.join("src"));
    for file in ["README.md", "package.json", "tsconfig.json", "tsconfig.build.json"] {
        fs::copy(library().join(file), source.join(file)).expect("a copy");
    }
    std::os::unix::fs::symlink(built().join("node_modules"), source.join("node_modules")).expect("a link");
    succeeds(npm(&source, &["pack", "--silent"]));
    fs::create_dir(&app).expect("a folder");
    fs::write(app.join("package.json"), r#"{"private": true}"#).expect("a package.json");
    succeeds(npm(&app, &["install", "--silent", "--no-audit", "--no-fund", "../source/tsgen-0.1.0.tgz"]));
    let installed: Vec<_> = fs::read_dir(app.join("node_modules/tsgen")).expect("the package").collect();
    assert_eq!(installed.len(), 3, "dist, package.json and README.md: {installed:?}");

    // A program in TypeScript finds the types of all parts, and they hold where nothing is forgiven.
    fs::write(app.join("typed.mts"), TYPED).expect("write the program");
    let types = built().join("node_modules/@types").display().to_string();
    let tsc = built().join("node_modules/typescript/bin/tsc").display().to_string();
    let check = ["--noEmit", "--strict", "--module", "nodenext", "--types", "node", "--typeRoots", &types, "typed.mts"];
    succeeds(node(&app, &[&[tsc.as_str()][..], &check].concat()));

    fs::write(app.join("app.mjs"), first_program(&library(), "js")).expect("write the program");
    let server = Server::start(&[]);
    let environment = [("REDIS_URL", PathBuf::from(format!("redis://127.0.0.1:{}", server.port)))];
    let file = app.join("app.mjs").display().to_string();
    let mut running = App::start_with(NODE.program(), &[&file], &environment);
    running.line_with("to ada@example.org");
    assert_eq!(running.terminate(), Some(0));
    assert_eq!(server.client().ok("TSGEN.INFO mails").field("acked"), &Reply::Int(1));

    // And the one that the README of the repository shows.
    write_readme_worker("js", server.port, &app.join("worker.mjs"));
    let file = app.join("worker.mjs").display().to_string();
    readme_worker_works(&server, App::start_with(NODE.program(), &[&file], &[]));
}
