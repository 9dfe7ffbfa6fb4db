//! A Chromium of its own for each test, without a window, and its DevTools protocol over two pipes: messages of JSON that end with a NUL.
//!
//! It is spoken to as such, without a library: those bring the whole protocol as generated code, which takes longer to compile than all
//! tests take to run, and what is needed here are some twenty calls.

use crate::harness::*;
use serde_json::{json, Value};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it may take to answer. Generous, because CI machines stall.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Chromium {
    child: std::process::Child,
    input: Mutex<ChildStdin>,
    inbox: Arc<Inbox>,
    /// Of its settings and caches.
    profile: tempfile::TempDir,
}

/// What has come from it.
#[derive(Default)]
struct Inbox {
    messages: Mutex<Messages>,
    changed: Condvar,
}

#[derive(Default)]
struct Messages {
    last_call: u64,
    answers: HashMap<u64, Value>,
    events: Vec<Event>,
    has_ended: bool,
}

/// Something that it has told by itself.
#[derive(Clone)]
pub struct Event {
    /// Of the tab.
    pub session: String,
    pub method: String,
    pub params: Value,
}

/// The program: `CHROMIUM`, Debian's, or the first of those that are on the PATH.
fn program() -> PathBuf {
    if let Some(own) = std::env::var_os("CHROMIUM") {
        return own.into();
    }
    // What Debian has on the PATH is a script that would end alone.
    let debian = PathBuf::from("/usr/lib/chromium/chromium-headless-shell");
    if debian.is_file() {
        return debian;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let found = names
        .iter()
        .find_map(|name| std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file()));
    found.expect("a Chromium: `scripts/setup console` installs one, or CHROMIUM names it")
}

impl Chromium {
    pub fn start() -> Self {
        let profile = tempfile::Builder::new().prefix("tsgen-browser-").tempdir().expect("a temporary folder");
        // The pipes have to be 3 and 4, which a shell arranges.
        let mut command = mortal("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#]).arg(program());
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ]);
        // It asks its makers for nothing.
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-pings"]);
        // Nor does it slow down what nobody looks at.
        command.args([
            "--disable-background-timer-throttling",
            "--disable-renderer-backgrounding",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        // Its sandbox needs what root in a container does not have. What is shown is our own page.
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("start Chromium");
        let input = Mutex::new(child.stdin.take().expect("its input"));
        let output = child.stdout.take().expect("its output");
        let inbox = Arc::new(Inbox::default());
        let sorted = Arc::clone(&inbox);
        std::thread::spawn(move || sorted.fill(output));
        Self { child, input, inbox, profile }
    }

    /// Calls a method, of the browser or of a tab. What it refuses is an error.
    pub fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let id = {
            let mut messages = self.inbox.lock();
            messages.last_call += 1;
            messages.last_call
        };
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut line = message.to_string().into_bytes();
        line.push(0);
        self.input.lock().expect("its input").write_all(&line).map_err(|error| error.to_string())?;
        self.inbox.wait(method, |messages| {
            if messages.has_ended {
                return Some(Err("Chromium has ended".to_owned()));
            }
            let answer = messages.answers.remove(&id)?;
            Some(match answer.get("error") {
                Some(error) => Err(format!("{method}: {error}")),
                None => Ok(answer["result"].clone()),
            })
        })
    }

    /// The events of a tab so far, in order.
    pub fn events(&self, session: &str) -> Vec<Event> {
        self.inbox.lock().events.iter().filter(|event| event.session == session).cloned().collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A process of its own that keeps the cache may live a moment longer, and make its folder again.
        for _ in 0..100 {
            let _ = std::fs::remove_dir_all(self.profile.path());
            std::thread::sleep(Duration::from_millis(5));
            if !self.profile.path().exists() {
                return;
            }
        }
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut Messages) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut messages = self.lock();
        loop {
            if let Some(found) = look(&mut messages) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "Chromium does not answer: {what}");
            messages = self.changed.wait_timeout(messages, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn fill(&self, output: impl Read) {
        for message in BufReader::new(output).split(0) {
            let Ok(message) = message else { break };
            let Ok(mut message) = serde_json::from_slice::<Value>(&message) else { continue };
            let mut messages = self.lock();
            if let Some(id) = message["id"].as_u64() {
                messages.answers.insert(id, message);
            } else {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (session, method) = (text(&message["sessionId"]), text(&message["method"]));
                messages.events.push(Event { session, method, params: message["params"].take() });
            }
            drop(messages);
            self.changed.notify_all();
        }
        self.lock().has_ended = true;
        self.changed.notify_all();
    }
}
