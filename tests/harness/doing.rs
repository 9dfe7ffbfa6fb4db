//! What each thread of a test is at. A test that goes on for ever then says what it waits for, before somebody outside loses patience with it.

use super::process::Started;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// In the order in which they were begun.
static DOING: Mutex<BTreeMap<u64, At>> = Mutex::new(BTreeMap::new());

struct At {
    thread: ThreadId,
    what: String,
    since: Instant,
}

/// Until it goes, a thread is at something.
pub struct Doing(u64);

/// From now on this thread is at `what`, within whatever it is at already. Costs a lock.
#[must_use = "it is over when this goes"]
pub fn doing(what: impl Into<String>) -> Doing {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let at = At { thread: thread::current().id(), what: what.into(), since: Instant::now() };
    DOING.lock().unwrap_or_else(PoisonError::into_inner).insert(number, at);
    Doing(number)
}

impl Drop for Doing {
    fn drop(&mut self) {
        DOING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// A time by which something must be over. If it is not, what everybody is at is told, and this process ends, with all that it has started.
///
/// It is the last resort, for what has no time limit of its own: a thread that is joined, a pipe that stays open, a loop. So it must be longer than the limits of what lies within.
pub struct Deadline {
    /// Nothing is ever sent: it goes with the deadline.
    _is_over: Sender<()>,
}

impl Deadline {
    pub fn after(what: &str, patience: Duration) -> Self {
        Self::with(what, patience, |report| {
            eprintln!("{report}");
            std::process::abort();
        })
    }

    /// The same, with something else to be done with the report.
    pub fn with(what: &str, patience: Duration, then: impl FnOnce(String) + Send + 'static) -> Self {
        let (sender, receiver) = channel::<()>();
        let (what, started) = (what.to_owned(), Started::by_this_thread());
        thread::spawn(move || {
            if receiver.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                then(report(&what, patience, &started));
            }
        });
        Self { _is_over: sender }
    }
}

fn report(what: &str, patience: Duration, started: &Started) -> String {
    let mut report = format!("HANGS: {what} is not over after {} s\n", patience.as_secs());
    for at in DOING.lock().unwrap_or_else(PoisonError::into_inner).values() {
        let ms = at.since.elapsed().as_millis();
        let _ = writeln!(report, "  {:?}, for {ms} ms: {}", at.thread, at.what);
    }
    for pid in started.pids() {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let state =
            read("status").lines().find_map(|line| line.strip_prefix("State:")).map(|state| state.trim().to_owned());
        let _ = writeln!(
            report,
            "  process {pid}, {}: {}",
            state.as_deref().unwrap_or("gone"),
            read("cmdline").replace('\0', " ")
        );
    }
    report
}
