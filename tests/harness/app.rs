//! An application under test: a real process, and what it has printed.
//!
//! It dies with its test, as servers do, and a test that fails shows what it said.

use super::process::{mortal, signal};
use super::{wait_until, PATIENCE};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

pub struct App {
    child: Child,
    command: String,
    lines: Lines,
    /// What reads its stdout and stderr.
    readers: Vec<JoinHandle<()>>,
}

/// Lines of stdout and stderr, in order of arrival.
type Lines = Arc<Mutex<Vec<String>>>;

impl App {
    /// Starts an application: `App::start(env!("CARGO_BIN_EXE_checkout"), &["serve", …])`.
    #[track_caller]
    pub fn start(binary: &str, args: &[&str]) -> Self {
        Self::start_with(binary, args, &[])
    }

    /// The same with variables that only it sees.
    #[track_caller]
    pub fn start_with(binary: impl AsRef<Path>, args: &[&str], environment: &[(&str, PathBuf)]) -> Self {
        let binary = binary.as_ref();
        let mut command = mortal(binary);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {}: {error}", binary.display()));
        let lines = Lines::default();
        let readers = vec![
            collect(child.stdout.take().expect("its stdout"), &lines),
            collect(child.stderr.take().expect("its stderr"), &lines),
        ];
        let name = binary.file_name().expect("a file name").to_string_lossy();
        Self { child, command: format!("{name} {}", args.join(" ")), lines, readers }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("its lines").clone()
    }

    /// All that it has ever printed, once it has ended.
    #[track_caller]
    pub fn last_lines(&mut self) -> Vec<String> {
        // Whatever it has started may hold its pipes open.
        wait_until(&format!("nobody holds what `{}` prints to", self.command), || {
            self.readers.iter().all(JoinHandle::is_finished)
        });
        self.readers.drain(..).for_each(|reader| reader.join().expect("a reader that does not panic"));
        self.lines()
    }

    /// Its lines so far that contain `text`.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.contains(text)).collect()
    }

    /// The first line that contains `text`, once it has been printed.
    #[track_caller]
    pub fn line_with(&self, text: &str) -> String {
        let mut found = None;
        wait_until(&format!("`{}` prints {text:?}", self.command), || {
            found = self.lines_with(text).into_iter().next();
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Sends a signal by its name (`STOP`, `CONT`, `TERM`, `INT`).
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill the application");
        self.child.wait().expect("the application's end");
    }

    /// SIGTERM; waits for the end and replies with the exit code, or None if a signal was its end.
    #[track_caller]
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.end().code()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the application's state") {
                return status;
            }
            assert!(Instant::now() < deadline, "`{}` does not end", self.command);
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- `{}` printed ---\n{}", self.command, self.lines().join("\n"));
        }
    }
}

/// Appends to `lines` what comes, in a thread of its own that ends with the process.
fn collect(from: impl Read + Send + 'static, lines: &Lines) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { return };
            lines.lock().expect("its lines").push(String::from_utf8_lossy(&line).into_owned());
        }
    })
}
