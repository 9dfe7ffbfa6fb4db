//! The Go library by itself: its own tests, its format, and the first programs of its README.

use crate::guides::{readme_worker_works, write_readme_worker};
use crate::harness::*;
use crate::languages::go_tool;
use crate::packages::{first_commands, first_program, succeeds};
use crate::postgres::Postgres;
use std::fs;
use std::path::{Path, PathBuf};

fn library() -> PathBuf {
    workspace().join("clients/go")
}

/// The folders of its modules: its own, those of its extras, and that of the worker.
fn modules() -> Vec<PathBuf> {
    let inside = fs::read_dir(library()).expect("the library").map(|entry| entry.expect("an entry").path());
    let modules: Vec<_> = [library()].into_iter().chain(inside).filter(|path| path.join("go.mod").exists()).collect();
    assert_eq!(modules.len(), 4, "{modules:?}");
    modules
}

/// The library's with the race detector. That takes a C compiler, which scripts/setup sees to.
#[test]
fn its_own_tests_pass() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let postgres = Postgres::start();
    for folder in modules() {
        let mut command = go_tool("go", &folder);
        let race = (folder == library()).then_some("-race");
        command.args(["test", "-count=1"]).args(race).arg("./...");
        command.env("REDIS_URL", format!("redis://127.0.0.1:{}", server.port)).env("POSTGRES_DSN", postgres.url());
        let told = succeeds(command);
        assert!(told.contains("ok  \t"), "no test has run in {}: {told}", folder.display());
        println!("{told}");
    }
}

#[test]
fn format_and_vet_hold() {
    let mut gofmt = go_tool("gofmt", &library());
    gofmt.args(["-l", "."]);
    assert_eq!(succeeds(gofmt), "", "gofmt -w these");
    for folder in modules() {
        let mut vet = go_tool("go", &folder);
        vet.args(["vet", "./..."]);
        succeeds(vet);
    }
}

/// A fresh module that has the library as the README tells, the first program in it, and the one that gives it work.
#[test]
fn its_first_program_runs() {
    let readme = fs::read_to_string(library().join("README.md")).expect("the README");
    let producer = readme.split("```go\n").nth(2).and_then(|rest| rest.split("```").next()).expect("a second program");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let app = folder.path();
    fs::write(app.join("main.go"), first_program(&library(), "go")).expect("write the program");
    fs::create_dir(app.join("add")).expect("a folder");
    fs::write(app.join("add/main.go"), producer).expect("write the program");
    let mut gofmt = go_tool("gofmt", app);
    gofmt.args(["-l", "."]);
    assert_eq!(succeeds(gofmt), "", "the format of the programs in the README");
    let commands = first_commands(&library());
    assert!(commands.contains("clients/go"), "{commands}");
    let script = commands.replace("/path/to/tsgen", &workspace().display().to_string());
    let go = go_tool("go", app).get_program().to_owned();
    let bin = Path::new(&go).parent().expect("its folder").display().to_string();
    let mut shell = mortal("bash");
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    shell.args(["-euc", &script]).current_dir(app).env("GOTOOLCHAIN", "local").env("PATH", path);
    succeeds(shell);
    build(app, ".", "app");
    build(app, "./add", "producer");

    let server = Server::start(&[]);
    let url = [("REDIS_URL", PathBuf::from(format!("redis://127.0.0.1:{}", server.port)))];
    let mut worker = App::start_with(app.join("app"), &[], &url);
    let mut producer = mortal(app.join("producer"));
    producer.env(url[0].0, &url[0].1);
    assert_eq!(succeeds(producer), "");
    worker.line_with("to ada@example.org");
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(server.client().ok("TSGEN.INFO mails").field("acked"), &Reply::Int(1));

    // And the one that the README of the repository shows.
    write_readme_worker("go", server.port, &app.join("main.go"));
    build(app, ".", "app");
    readme_worker_works(&server, App::start_with(app.join("app"), &[], &[]));
}

fn build(folder: &Path, package: &str, program: &str) {
    let mut build = go_tool("go", folder);
    build.args(["build", "-o", program, package]);
    succeeds(build);
}
