//! A private redis-server with the module loaded, on a Unix socket and a free loopback port, in a folder of its own.
//!
//! It dies with its test: on drop, also while unwinding, and by the kernel if the test runner itself is killed. A server that
//! crashed, or a module that panicked inside it, fails the test even if every reply was as expected.

use super::port::Port;
use super::process::{mortal, signal, Process};
use super::programs::programs;
use super::{wait_until, workspace, Client, Clock, Network};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How [`Server::restart`] ends the running process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// `SHUTDOWN SAVE`: an RDB file is written first.
    Save,
    /// `SHUTDOWN NOSAVE`: what the AOF has (or nothing) is what is left.
    NoSave,
    /// `kill -9`.
    Kill,
}

pub struct Server {
    folder: tempfile::TempDir,
    process: Process,
    pub port: u16,
    /// Its port while it is down.
    _reserved: Port,
    args: Vec<String>,
    module: Option<PathBuf>,
    environment: Environment,
    /// A module that panics is what the test is about.
    may_panic: bool,
}

/// Where its process lives.
#[derive(Default)]
struct Environment {
    /// Variables that only the server sees.
    variables: Vec<(&'static str, PathBuf)>,
    /// Loopback if there is none.
    network: Option<Network>,
}

impl Environment {
    fn under(clock: &Clock) -> Self {
        Self { variables: clock.environment(), network: None }
    }

    fn address(&self) -> &'static str {
        self.network.as_ref().map_or("127.0.0.1", |network| network.address)
    }
}

impl Server {
    /// Starts a server with the module. `args` are redis-server options (`"--appendonly", "yes"`) and win over the defaults.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::launch(args, Some(module()), Environment::default())
    }

    /// Starts a server with the module that lives by this clock, also after a restart.
    #[track_caller]
    pub fn start_under(clock: &Clock, args: &[&str]) -> Self {
        Self::launch(args, Some(module()), Environment::under(clock))
    }

    /// The same on another network than loopback.
    #[track_caller]
    pub fn start_in(network: &Network, clock: &Clock, args: &[&str]) -> Self {
        let environment = Environment { network: Some(network.clone()), ..Environment::under(clock) };
        Self::launch(args, Some(module()), environment)
    }

    /// Starts a server with another build of the module, which may panic.
    #[track_caller]
    pub fn start_with(module: &Path, args: &[&str]) -> Self {
        let mut server = Self::launch(args, Some(module), Environment::default());
        server.may_panic = true;
        server
    }

    /// The same under a clock.
    #[track_caller]
    pub fn start_with_under(module: &Path, clock: &Clock, args: &[&str]) -> Self {
        let mut server = Self::launch(args, Some(module), Environment::under(clock));
        server.may_panic = true;
        server
    }

    /// Starts a server whose memory is overwritten when it is freed, so that whoever looks at it afterwards is found out.
    #[track_caller]
    pub fn start_where_freed_is_overwritten(args: &[&str]) -> Self {
        let variables = vec![("MALLOC_CONF", PathBuf::from("junk:free"))];
        Self::launch(args, Some(module()), Environment { variables, network: None })
    }

    /// Starts a server without the module, to test this harness itself.
    #[track_caller]
    pub fn plain(args: &[&str]) -> Self {
        Self::launch(args, None, Environment::default())
    }

    /// The same under a clock.
    #[track_caller]
    pub fn plain_under(clock: &Clock, args: &[&str]) -> Self {
        Self::launch(args, None, Environment::under(clock))
    }

    #[track_caller]
    fn launch(args: &[&str], module: Option<&Path>, environment: Environment) -> Self {
        let folder = tempfile::Builder::new().prefix("tsgen-test-").tempdir().expect("a temporary folder");
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let reserved = Port::reserve();
        let port = reserved.number();
        let process = spawn(folder.path(), port, &args, module, &environment);
        let module = module.map(Path::to_owned);
        let mut server =
            Self { folder, process, port, _reserved: reserved, args, module, environment, may_panic: false };
        server.wait_until_ready();
        server
    }

    /// A new RESP2 connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(&self.socket())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where applications find it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder().join("socket")
    }

    /// Where other servers find it.
    pub fn address(&self) -> &'static str {
        self.environment.address()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything this server has logged, its stderr included.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder().join("log")).unwrap_or_default()).into_owned()
    }

    /// Ends the process as told and starts it again on the same folder and port.
    #[track_caller]
    pub fn restart(&mut self, stop: Stop) {
        self.stop(stop);
        self.start_again();
    }

    /// Has the next start take other options.
    pub fn set_args(&mut self, args: &[&str]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    }

    /// Starts a server that was stopped again on the same folder and port.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.process = spawn(self.folder.path(), self.port, &self.args, self.module.as_deref(), &self.environment);
        self.wait_until_ready();
    }

    /// Starts a server that was stopped again; how it ended, if it refused what it found.
    #[track_caller]
    pub fn try_start_again(&mut self) -> Option<ExitStatus> {
        self.process = spawn(self.folder.path(), self.port, &self.args, self.module.as_deref(), &self.environment);
        let mut ended = None;
        wait_until("the server answers or ends", || {
            ended = self.process.has_ended();
            ended.is_some() || self.answers()
        });
        ended
    }

    fn answers(&self) -> bool {
        Client::try_connect(&self.socket()).is_ok_and(|mut client| {
            client.try_send(&[b"PING"]).is_ok() && client.try_read().is_ok_and(|reply| reply == "PONG")
        })
    }

    /// Starts a server that was stopped again, sees it end by itself, not by a signal, and tells what it logged meanwhile.
    #[track_caller]
    pub fn fails_to_start(&mut self) -> String {
        let before = self.log().len();
        self.process = spawn(self.folder.path(), self.port, &self.args, self.module.as_deref(), &self.environment);
        let status = self.process.end();
        assert!(status.code().is_some_and(|code| code != 0), "it ended with {status}");
        self.log().split_off(before)
    }

    /// Ends the process and waits for its end.
    #[track_caller]
    pub fn stop(&mut self, stop: Stop) {
        match stop {
            Stop::Kill => self.process.kill(),
            Stop::Save | Stop::NoSave => {
                let how: &[u8] = if stop == Stop::Save { b"SAVE" } else { b"NOSAVE" };
                self.client().send(&[b"SHUTDOWN", how]);
            }
        }
        let status = self.process.end();
        if stop != Stop::Kill {
            assert!(status.success(), "SHUTDOWN ended with {status}\n{}", tail(&self.log()));
        }
    }

    /// Waits for the end of a process that the test has brought down itself, and says how it ended.
    pub fn child_end(&mut self) -> ExitStatus {
        self.process.end()
    }

    /// Sends a signal by its name (`STOP`, `CONT`, `TERM`).
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Has the kernel refuse this process more memory than it has and these bytes.
    #[track_caller]
    pub fn leave_room(&self, bytes: u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running process");
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).expect("its size");
        let kilobytes: u64 = size.trim().trim_end_matches(" kB").parse().expect("in kB");
        let most = Some((kilobytes << 10) + bytes);
        let limit = rustix::process::Rlimit { current: most, maximum: most };
        let pid = rustix::process::Pid::from_raw(self.pid() as i32);
        rustix::process::prlimit(pid, rustix::process::Resource::As, limit).expect("set a limit");
    }

    /// Whether this is Redis of this version or a newer one, or a server compatible with such. Valkey says of itself that it is Redis
    /// 7.2.4, whatever it has learnt since.
    #[track_caller]
    pub fn has_version(&self, wanted: &str) -> bool {
        is_as_new(&self.client().info("server", "redis_version"), wanted)
    }

    /// Whether this is Valkey of this version or a newer one.
    #[track_caller]
    pub fn has_valkey(&self, wanted: &str) -> bool {
        let text = self.client().ok("INFO server").text();
        text.lines()
            .find_map(|line| line.strip_prefix("valkey_version:"))
            .is_some_and(|is| is_as_new(is.trim(), wanted))
    }

    /// Fails unless the server still answers, and says what it logged if not.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.process.has_ended() {
            panic!("the server ended: {status}\n{}", tail(&self.log()));
        }
        assert_eq!(self.client().run("PING"), "PONG");
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.process.has_ended() {
                panic!("the server ended while starting: {status}\n{}", tail(&self.log()));
            }
            if self.answers() {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not answer\n{}", tail(&self.log()));
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed by a signal that the test did not send: the assertion failures of Redis and Rust's aborts end this way.
        let log = self.log();
        let crashed = log.contains(CRASH_REPORT) || (log.contains("panicked at") && !self.may_panic);
        self.process.kill();
        if crashed && !std::thread::panicking() {
            panic!("the server crashed or the module panicked\n{}", tail(&log));
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server on port {} ---\n{}", self.port, tail(&log));
        }
    }
}

/// Whether one version is no older than another.
pub fn is_as_new(version: &str, wanted: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    numbers(version) >= numbers(wanted)
}

/// How the report of a crash begins, after the name of the server.
const CRASH_REPORT: &str = " BUG REPORT START";

/// The end of a log; from the start of the crash report if there is one.
fn tail(log: &str) -> String {
    if let Some(start) = log.find(CRASH_REPORT).or_else(|| log.find("panicked at")) {
        let from = log[..start].char_indices().rev().nth(600).map_or(0, |(index, _)| index);
        return log[from..].lines().take(150).collect::<Vec<_>>().join("\n");
    }
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

fn spawn(folder: &Path, port: u16, args: &[String], module: Option<&Path>, environment: &Environment) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let _ = fs::remove_file(folder.join("socket"));
    let program = &programs().server;
    let mut command = environment.network.as_ref().map_or_else(|| mortal(program), |network| network.mortal(program));
    command.args(["--port", &port.to_string(), "--bind", environment.address()]);
    command.arg("--unixsocket").arg(folder.join("socket")).arg("--dir").arg(folder);
    command.args([
        "--save",
        "",
        "--appendonly",
        "no",
        // With `everysec` Redis holds writes back for up to two seconds while the disk is busy, and `kill -9` would lose what a test has been
        // told is written.
        "--appendfsync",
        "no",
        "--enable-debug-command",
        "yes",
        "--enable-module-command",
        "yes",
    ]);
    command.args(["--repl-diskless-sync-delay", "0", "--latency-monitor-threshold", "0"]);
    if environment.network.is_some() {
        // Who is not on loopback is taken for a stranger. Nobody is, on a network of the test's own.
        command.args(["--protected-mode", "no"]);
    }
    if let Some(module) = module {
        command.arg("--loadmodule").arg(module);
    }
    command.args(args);
    command.envs(environment.variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
    Process::spawn(&mut command).expect("start the server")
}

/// The module under test: `TSGEN_MODULE`, or this workspace's release build, brought up to date once per test binary.
pub fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        if let Some(path) = std::env::var_os("TSGEN_MODULE") {
            return PathBuf::from(path);
        }
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let status = Command::new(cargo)
            .args(["build", "--release", "--quiet", "--package", "tsgen"])
            .current_dir(workspace())
            .status();
        assert!(status.expect("run cargo").success(), "cargo build --release failed");
        // …/target/debug/deps/<test binary>
        let binary = std::env::current_exe().expect("the path of this test binary");
        let target = binary.ancestors().nth(3).expect("a target folder");
        target.join("release/libtsgen.so")
    })
}
