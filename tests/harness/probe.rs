//! A second client that asks for nothing but an answer, every 0.2 ms, while something else goes on: the longest it waited is
//! the longest the server stopped.
//!
//! On a busy machine it also waits while the kernel runs something else. That is told apart, for the server and for this
//! client (see `sched`).

use super::pipe::{self, Pipe, Requests};
use super::sched::{self, Longest, Thread};
use super::Server;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PAUSE: Duration = Duration::from_micros(200);

pub struct Probe {
    shared: Arc<(Mutex<Longest>, AtomicBool)>,
    thread: Option<JoinHandle<()>>,
}

impl Probe {
    pub fn start(server: &Server) -> Self {
        let shared = Arc::new((Mutex::default(), AtomicBool::new(false)));
        let (socket, main_thread) = (pipe::socket(server), Thread::of(server));
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || probe(&socket, &main_thread, &shared)
        });
        Self { shared, thread: Some(thread) }
    }

    /// The longest since the last call. Lets a PING that is still waiting end first.
    pub fn take(&self) -> Longest {
        thread::sleep(PAUSE * 10);
        assert!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "a PING was refused");
        std::mem::take(&mut self.shared.0.lock().expect("the probe lives"))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.1.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn probe(socket: &Path, server: &Thread, (longest, is_over): &(Mutex<Longest>, AtomicBool)) {
    let mut pipe = Pipe::connect(socket);
    let mut ping = Requests::default();
    let here = Thread::here();
    while !is_over.load(Ordering::Relaxed) {
        ping.push(&[b"PING"]);
        let span = sched::span(server, &here, || pipe.run(&mut ping));
        let mut longest = longest.lock().expect("the benchmark lives");
        *longest = longest.or(span);
        drop(longest);
        thread::sleep(PAUSE);
    }
}
