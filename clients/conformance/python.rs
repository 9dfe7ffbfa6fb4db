//! The Python library by itself: its own tests, its types and format, and its package.

use crate::harness::*;
use crate::languages::{target, PYTHON};
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

/// Tests that a framework ships, with ours plugged in by the plugin of this name: `clients/python/tests/frameworks` tells of them.
fn tests_of(framework: &str, plugin: &str, args: &[&str]) {
    let packages = fs::read_dir(target("clients/frameworks")).expect("run scripts/setup clients first");
    let mut packages = packages.map(|entry| entry.expect("an entry").path());
    let package = packages.find(|path| path.display().to_string().contains(&format!("/{framework}-")));
    let package = package.unwrap_or_else(|| panic!("run scripts/setup clients first: {framework} is missing"));
    let server = Server::start(&[]);
    let (port, url) = (server.port.to_string(), url(&server));
    let ours = library().join("tests/frameworks");
    let mut command = tool("python");
    command.current_dir(package);
    command.env("PYTHONPATH", std::env::join_paths([library().join("src"), ours]).expect("two folders"));
    command.args(["-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", "-p", plugin]).args(args);
    command.envs([("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", &port), ("REDIS_6379_TCP", &port), ("REDIS_URL", &url)]);
    // Tests of Celery look into the first database for the results, whatever this says.
    command.env("TEST_BROKER", format!("tsgen://127.0.0.1:{port}/0")).env("TEST_BACKEND", format!("{url}/0"));
    println!("{}", succeeds(command));
}

const TASKIQ: &[&str] = &[
    "tests/abc",
    "tests/api/test_receiver_task.py",
    "tests/depends",
    "tests/middlewares/test_simple_retry.py",
    "tests/middlewares/test_task_retry.py",
    "tests/test_exceptions_flow.py",
    "tests/test_kicker.py",
    "tests/test_requeue.py",
    "tests/test_retry_task.py",
];

#[test]
fn tests_that_taskiq_ships_pass() {
    tests_of("taskiq", "taskiq_tests", TASKIQ);
}

/// All at the same time, each with a server of its own: most of their time they wait.
#[test]
#[ignore = "kombu and Celery mark tests of theirs as flaky, and repeat these: make test-frameworks"]
fn tests_that_kombu_and_celery_ship_pass() {
    let failover = library().join("tests/frameworks/kombu_failover.py").display().to_string();
    let redis = "t/integration/test_redis.py";
    let parts: [(&str, &str, &[&str]); 6] = [
        ("kombu", "kombu_tests", &[redis, "-k", "not (Expiration or Health)"]),
        ("kombu", "kombu_tests", &[redis, "-k", "Expiration or Health"]),
        ("kombu", "kombu_tests", &["--rootdir", ".", "-c", "setup.cfg", &failover]),
        ("celery", "celery_tests", &["t/integration/test_tasks.py"]),
        ("celery", "celery_tests", &["t/integration/test_canvas.py"]),
        ("celery", "celery_tests", &["t/integration/test_group_chains.py", "t/integration/test_inspect.py"]),
    ];
    scope(|scope| {
        for (framework, plugin, args) in parts {
            scope.spawn(move || tests_of(framework, plugin, args));
        }
    });
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
