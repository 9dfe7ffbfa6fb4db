//! A private PostgreSQL, on a Unix socket in a folder of its own. It dies with its test, as all servers of the harness do.

use crate::harness::{mortal, signal, wait_until};
use rustix::process::{geteuid, kill_process, test_kill_process, Pid, Signal};
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Settings that make it small and quick, its log tell of deadlocks, and its rows of when they were committed. What it has committed is with the kernel, so `fsync = off`
/// loses nothing when processes are killed.
const SETTINGS: &str = "
listen_addresses = ''
fsync = off
shared_buffers = 32MB
deadlock_timeout = 100ms
restart_after_crash = off
track_commit_timestamp = on
";

pub struct Postgres {
    folder: tempfile::TempDir,
    child: Child,
}

impl Postgres {
    /// Starts a server with an empty database.
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("tsgen-postgres-").tempdir().expect("a temporary folder");
        let path = folder.path();
        let data = path.join("data");
        if let Some((user, group)) = unprivileged_user() {
            chown(path, Some(user), Some(group)).expect("give the folder away");
        }
        let mut initdb = unprivileged("initdb", path);
        initdb.args(["--no-sync", "--auth", "trust", "--username", "postgres", "--pgdata"]).arg(&data);
        let made = initdb.output().expect("run initdb");
        assert!(made.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&made.stderr));
        let mut configuration = fs::read_to_string(data.join("postgresql.conf")).expect("its configuration");
        configuration.push_str(&format!("{SETTINGS}unix_socket_directories = '{}'\n", path.display()));
        fs::write(data.join("postgresql.conf"), configuration).expect("configure it");
        let postgres = Self { child: spawn(path), folder };
        postgres.wait_until_ready();
        postgres
    }

    /// Where applications find it.
    pub fn url(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.folder.path().display())
    }

    /// Runs one statement; replies with its rows, a line each, columns divided by `|`.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.try_query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same, for a server that may be away.
    pub fn try_query(&self, sql: &str) -> Result<String, String> {
        let mut psql = Command::new("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"]).arg(self.folder.path()).args(["-c", sql]);
        let output = psql.output().expect("run psql");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// `kill -9` of all its processes, and waits for their end.
    pub fn kill(&mut self) {
        // First the one that starts others. These would notice, but may finish what they are at.
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let _ = self.child.kill();
        let _ = self.child.wait();
        let children: Vec<Pid> =
            children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
        for child in &children {
            // An error says that it has ended.
            let _ = kill_process(*child, Signal::KILL);
        }
        wait_until("all of PostgreSQL has ended", || children.iter().all(|child| test_kill_process(*child).is_err()));
    }

    /// Sends a signal to the process that takes connections, by its name (`STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Starts a server that was killed again.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.child = spawn(self.folder.path());
        self.wait_until_ready();
    }

    /// From now on each COMMIT is carried out, and then waits for a replica that there is not, until [`Self::let_commits_return`].
    /// Until then its effects are safe but not seen.
    #[track_caller]
    pub fn hold_commits(&self) {
        self.set_replicas("nobody");
    }

    #[track_caller]
    pub fn let_commits_return(&self) {
        self.set_replicas("");
    }

    #[track_caller]
    fn set_replicas(&self, names: &str) {
        self.query(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        self.query("SELECT pg_reload_conf()");
        wait_until("PostgreSQL has read its configuration", || self.query("SHOW synchronous_standby_names") == names);
    }

    /// How many commits are being held.
    #[track_caller]
    pub fn held_commits(&self) -> usize {
        let held = self.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        held.parse().expect("a count")
    }

    #[track_caller]
    fn wait_until_ready(&self) {
        wait_until("PostgreSQL answers", || self.try_query("SELECT 1").is_ok());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of PostgreSQL ---\n{}", self.log());
        }
    }
}

fn spawn(folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let mut command = unprivileged("postgres", folder);
    command.arg("-D").arg(folder.join("data"));
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
    command.spawn().expect("start PostgreSQL")
}

/// One of PostgreSQL's programs, which refuse to be run by root. The kernel kills it when the thread that runs this test ends.
fn unprivileged(program: &str, folder: &Path) -> Command {
    let mut command = mortal(programs().join(program));
    if let Some((user, group)) = unprivileged_user() {
        command.uid(user).gid(group);
    }
    command.current_dir(folder);
    command
}

/// For root: the user and the group that Debian makes for PostgreSQL.
fn unprivileged_user() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the users of this machine");
    let postgres = users.lines().find(|line| line.starts_with("postgres:")).expect("there is no user postgres");
    let mut numbers = postgres.split(':').skip(2).map(|number| number.parse().expect("a number"));
    numbers.next().zip(numbers.next())
}

/// Debian keeps the server's programs off the PATH, in a folder for each version.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let folders = versions.into_iter().rev().chain(std::env::split_paths(&on_path));
    let found = folders.into_iter().find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL is not installed: run scripts/setup examples")
}
