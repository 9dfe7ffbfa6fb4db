//! The Python library by itself: its own tests, its types and format, and its package.

use crate::harness::*;
use crate::languages::PYTHON;
use crate::packages::{copy, first_commands, first_program, succeeds};
use crate::postgres::Postgres;
use std::fs;
use std::path::PathBuf;
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

fn url(server: &Server) -> String {
    format!("redis://127.0.0.1:{}", server.port)
}

/// Some of its tests, with a server of their own.
fn tests(args: &[&str], environment: &[(&str, &str)]) {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let mut command = tool("python");
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).args(args);
    command.env("REDIS_URL", url(&server)).envs(environment.iter().copied());
    println!("{}", succeeds(command));
}

#[test]
fn its_own_tests_pass() {
    tests(
        &["tests/test_commands.py", "tests/test_exactly_once.py", "tests/test_worker.py"],
        &[("POSTGRES_DSN", &Postgres::start().url())],
    );
}

#[test]
fn taskiq_has_its_broker() {
    tests(&["tests/test_taskiq.py"], &[]);
}

#[test]
fn celery_has_its_transport() {
    tests(&["tests/test_celery.py"], &[("PLAIN_REDIS_URL", &url(&Server::plain(&[])))]);
}

#[test]
fn an_eta_beyond_the_visibility_timeout_runs_once() {
    tests(&["tests/test_eta_beside_redis.py"], &[]);
}

#[test]
fn celery_finds_the_master_that_sentinels_name() {
    let servers: Vec<Server> = (0..2).map(|_| Server::start(&[])).collect();
    servers[1].replica_of(&servers[0]);
    let sentinels = Sentinels::watch(&servers[0], 1);
    let urls: Vec<_> = sentinels.ports().iter().map(|port| format!("sentinel://127.0.0.1:{port}")).collect();
    let environment = [("SENTINELS", urls.join(";")), ("MASTER", Sentinels::NAME.to_owned())];
    tests(&["tests/test_celery_sentinel.py"], &environment.each_ref().map(|(name, value)| (*name, value.as_str())));
}

/// No test is in a file that nothing runs.
#[test]
fn each_file_of_tests_is_run() {
    let here = fs::read_to_string(workspace().join("clients/conformance/python.rs")).expect("this file");
    for entry in fs::read_dir(library().join("tests")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(!name.starts_with("test_") || here.contains(&format!("\"tests/{name}\"")), "nothing runs {name}");
    }
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

/// A fresh environment, which gets the package as the README says, and all its extras; and the first program of its README in it.
#[test]
fn it_installs_and_its_first_program_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("source");
    copy(&library(), &source);
    let commands = first_commands(&library());
    assert!(commands.contains("/path/to/tsgen/clients/python"), "{commands}");
    let commands = commands.replace("/path/to/tsgen/clients/python", &source.display().to_string());
    let mut shell = mortal("bash");
    shell.args(["-euc", &commands]).current_dir(folder.path());
    succeeds(shell);
    let bin = folder.path().join("venv/bin");
    let mut pip = mortal(bin.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .arg(format!("{}[celery,cron,otel,prometheus,taskiq]", source.display()));
    succeeds(pip);
    let mut all = mortal(bin.join("python"));
    all.args(["-c", "import tsgen.celery, tsgen.cron, tsgen.otel, tsgen.prometheus, tsgen.taskiq"]);
    succeeds(all);

    let file = folder.path().join("app.py");
    fs::write(&file, first_program(&library(), "python")).expect("write the program");
    let server = Server::start(&[]);
    let environment = [("REDIS_URL", PathBuf::from(url(&server))), ("PYTHONUNBUFFERED", "1".into())];
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
