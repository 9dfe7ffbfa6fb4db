//! A second client that asks for nothing but an answer, every 0.2 ms, while something else goes on: the longest it waited is
//! the longest the server stopped.
//!
//! On a busy machine it also waits while the kernel runs something else. That is told apart, for the server and for this
//! client (see `sched`).

use super::pipe::{self, Pipe, Requests};
use super::sched::{Longest, Span, Thread};
use super::Server;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PAUSE: Duration = Duration::from_micros(200);

pub struct Probe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    has_ended: Condvar,
}

#[derive(Default)]
struct Seen {
    longest: Longest,
    /// PINGs that were sent, and those of them that were answered.
    sent: u64,
    answered: u64,
    is_over: bool,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe {
    pub fn start(server: &Server) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let (socket, main_thread) = (pipe::socket(server), Thread::of(server));
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || probe(&socket, &main_thread, &shared)
        });
        Self { shared, thread: Some(thread) }
    }

    /// The longest since the last call. A PING that is still waiting ends first, however long that takes, and one more that is sent after the call.
    pub fn take(&self) -> Longest {
        let mut seen = self.shared.seen();
        let last = seen.sent + 1;
        while seen.answered < last {
            assert!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "a PING was refused");
            let waited = self.shared.has_ended.wait_timeout(seen, Duration::from_millis(100));
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut seen.longest)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.seen().is_over = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn probe(socket: &Path, server: &Thread, shared: &Shared) {
    let mut pipe = Pipe::connect(socket);
    let mut ping = Requests::default();
    let here = Thread::here();
    loop {
        {
            let mut seen = shared.seen();
            if seen.is_over {
                return;
            }
            seen.sent += 1;
        }
        ping.push(&[b"PING"]);
        let span = Span::begin(server, &here);
        pipe.send(&mut ping);
        let span = span.sent();
        pipe.read();
        let longest = span.end();
        let mut seen = shared.seen();
        seen.longest = seen.longest.or(longest);
        seen.answered += 1;
        drop(seen);
        shared.has_ended.notify_all();
        thread::sleep(PAUSE);
    }
}
