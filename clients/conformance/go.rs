//! The Go library by itself: its own tests, its format, and the first program of its README.

use crate::guides::{readme_worker_works, write_readme_worker};
use crate::harness::*;
use crate::languages::go_tool;
use crate::packages::succeeds;
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

/// A fresh module that has the library as the README tells, and the first program in it.
#[test]
fn its_first_program_runs() {
    let readme = fs::read_to_string(library().join("README.md")).expect("the README");
    let block = |language: &str| {
        let start = readme.find(&format!("```{language}\n")).expect("a block") + 4 + language.len();
        readme[start..].split("```").next().expect("its end").to_owned()
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("main.go"), block("go")).expect("write the program");
    let commands = block("sh");
    assert!(commands.contains("clients/go"), "{commands}");
    let script = commands.replace("/path/to/tsgen", &workspace().display().to_string());
    let go = go_tool("go", folder.path()).get_program().to_owned();
    let bin = Path::new(&go).parent().expect("its folder").display().to_string();
    let mut shell = mortal("bash");
    // All lines but the one that starts it: a test needs its process, not that of `go run`.
    let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("go run")).collect();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    shell.args(["-euc", &lines.join("\n")]).current_dir(folder.path()).env("GOTOOLCHAIN", "local").env("PATH", path);
    succeeds(shell);
    let mut build = go_tool("go", folder.path());
    build.args(["build", "-o", "app", "."]);
    succeeds(build);

    let server = Server::start(&[]);
    let address = [("REDIS_ADDR", PathBuf::from(format!("127.0.0.1:{}", server.port)))];
    let mut app = App::start_with(folder.path().join("app"), &[], &address);
    app.line_with("to ada@example.org");
    assert_eq!(app.terminate(), Some(0));
    assert_eq!(server.client().ok("TSGEN.INFO mails").field("acked"), &Reply::Int(1));

    // And the one that the README of the repository shows.
    write_readme_worker("go", server.port, &folder.path().join("main.go"));
    let mut build = go_tool("go", folder.path());
    build.args(["build", "-o", "worker", "."]);
    succeeds(build);
    readme_worker_works(&server, App::start_with(folder.path().join("worker"), &[], &[]));
}
