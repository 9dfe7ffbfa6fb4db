//! The Python library by itself: its own tests, its types and format, and its package.

use crate::harness::*;
use crate::languages::PYTHON;
use crate::postgres::Postgres;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn library() -> PathBuf {
    workspace().join("clients/python")
}

/// A program of the environment that has what the tests need.
fn tool(name: &str) -> Command {
    let mut command = mortal(PYTHON.program().with_file_name(name));
    command.current_dir(library()).env("PYTHONPATH", library().join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[track_caller]
fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("run it");
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{told}");
    told
}

#[test]
fn its_own_tests_pass() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let postgres = Postgres::start();
    let mut command = tool("python");
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]);
    command.env("REDIS_URL", format!("redis://127.0.0.1:{}", server.port)).env("POSTGRES_DSN", postgres.url());
    println!("{}", succeeds(command));
}

#[test]
fn types_and_format_hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for args in [
        &["ruff", "check", "--no-cache", "."][..],
        &["ruff", "format", "--no-cache", "--check", "."],
        &["python", "tools/unasync.py", "--check"],
    ] {
        let mut command = tool(args[0]);
        command.args(&args[1..]);
        succeeds(command);
    }
    let mut command = tool("mypy");
    command.arg("--cache-dir").arg(folder.path());
    succeeds(command);
}

/// A fresh environment, which gets the package as users do, with all its extras; and the first program of its README in it.
#[test]
fn it_installs_and_its_first_program_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("source");
    copy(&library(), &source);
    let mut venv = mortal("python3");
    venv.args(["-m", "venv"]).arg(folder.path().join("venv"));
    succeeds(venv);
    let bin = folder.path().join("venv/bin");
    let mut pip = mortal(bin.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .arg(format!("{}[cron,otel,prometheus]", source.display()));
    succeeds(pip);

    let readme = fs::read_to_string(library().join("README.md")).expect("the README");
    let program = readme.split("```").nth(1).and_then(|block| block.strip_prefix("python\n")).expect("a first program");
    assert!(program.lines().filter(|line| !line.is_empty()).count() <= 15, "the first program is too long");
    let file = folder.path().join("app.py");
    fs::write(&file, program).expect("write the program");
    let server = Server::start(&[]);
    let environment =
        [("REDIS_URL", PathBuf::from(format!("redis://127.0.0.1:{}", server.port))), ("PYTHONUNBUFFERED", "1".into())];
    let mut app = App::start_with(bin.join("python"), &[&file.display().to_string()], &environment);
    app.line_with("to ada@example.org");
    assert_eq!(app.terminate(), Some(0));

    // The same workers without the producer.
    let mut c = server.client();
    c.ok(r#"TSGEN.ADD mails +0 mail-2 {"to":"bob@example.org"}"#);
    let mut environment = environment.to_vec();
    environment.push(("PYTHONPATH", folder.path().to_owned()));
    let mut worker = App::start_with(bin.join("tsgen-worker"), &["app:t"], &environment);
    worker.line_with("to bob@example.org");
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(c.ok("TSGEN.INFO mails").field("acked"), &Reply::Int(2));
}

/// Copies what is in a folder, without what begins with a dot: a build would write into it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if name.to_string_lossy().starts_with('.') || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}
