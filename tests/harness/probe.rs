//! A second client that asks for nothing but an answer, every 0.2 ms, while something else goes on: the longest it waited is
//! the longest the server stopped.
//!
//! On a busy machine it also waits while the kernel runs something else. That is told apart, for the server and for this
//! client (see `sched`).

use super::pipe::{self, Pipe, Requests};
use super::sched::{self, Longest, Thread};
use super::{Server, PATIENCE};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PAUSE: Duration = Duration::from_micros(200);

#[derive(Default)]
struct Pings {
    longest: Longest,
    /// How many have been answered.
    answered: u64,
}

#[derive(Default)]
struct Shared {
    pings: Mutex<Pings>,
    /// One more has been answered.
    answer: Condvar,
    is_over: AtomicBool,
}

pub struct Probe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Probe {
    pub fn start(server: &Server) -> Self {
        let shared = Arc::new(Shared::default());
        let (socket, main_thread) = (pipe::socket(server), Thread::of(server));
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || probe(&socket, &main_thread, &shared)
        });
        Self { shared, thread: Some(thread) }
    }

    /// The longest since the last call. Waits for a PING that has been sent after the call, so that none of before is missing, however
    /// late this machine runs the probe.
    pub fn take(&self) -> Longest {
        let pings = self.shared.pings.lock().expect("the probe lives");
        // The one that is under way may have been sent before.
        let enough = pings.answered + 2;
        let is_waited_for = |pings: &mut Pings| pings.answered < enough;
        let (mut pings, timeout) =
            self.shared.answer.wait_timeout_while(pings, PATIENCE * 3, is_waited_for).expect("the probe lives");
        assert!(!timeout.timed_out(), "PINGs are not answered any more, or were refused");
        std::mem::take(&mut pings.longest)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn probe(socket: &Path, server: &Thread, shared: &Shared) {
    let mut pipe = Pipe::connect(socket);
    let mut ping = Requests::default();
    let here = Thread::here();
    while !shared.is_over.load(Ordering::Relaxed) {
        ping.push(&[b"PING"]);
        let span = sched::span(server, &here, || pipe.run(&mut ping));
        let mut pings = shared.pings.lock().expect("the benchmark lives");
        pings.longest = pings.longest.or(span);
        pings.answered += 1;
        drop(pings);
        shared.answer.notify_all();
        thread::sleep(PAUSE);
    }
}
