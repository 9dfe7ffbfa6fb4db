//! What the kernel says about a thread: how long it has run, and how long it was ready to run while something else did.
//!
//! A benchmark shares its machine. With these two, the time that something took can be told from the time it was kept waiting.
//! What a hypervisor takes away is in neither, and remains in the results.

use super::Server;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

pub struct Thread(Option<File>);

/// Milliseconds since the thread started. Both stay 0 where the kernel does not tell (no schedstat).
#[derive(Clone, Copy, Default)]
pub struct Times {
    /// On a processor. Exact while the thread sleeps; up to a tick old while it runs.
    pub cpu: f64,
    /// Ready, and not on a processor.
    pub not_run: f64,
}

impl Times {
    /// The server's own part of the milliseconds that the one command in this exchange took on the wall clock.
    ///
    /// The kernel ran something else before and after that command, too, so taking all of that time off may be too much: never
    /// less than what the server used of a processor, unless the command was faster than even that.
    pub fn own_of(self, wall: f64) -> f64 {
        (wall - self.not_run).max(wall.min(self.cpu))
    }

    fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, not_run: self.not_run - before.not_run }
    }
}

impl Thread {
    /// The main thread of a server.
    pub fn of(server: &Server) -> Self {
        Self(File::open(format!("/proc/{0}/task/{0}/schedstat", server.pid())).ok())
    }

    /// The calling thread.
    pub fn here() -> Self {
        Self(File::open("/proc/thread-self/schedstat").ok())
    }

    pub fn times(&self) -> Times {
        let mut text = [0; 64];
        let length = self.0.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let mut fields = text[..length].split(|byte| *byte == b' ').map(|field| {
            let ns = std::str::from_utf8(field).ok().and_then(|ns| ns.parse::<f64>().ok());
            ns.unwrap_or(0.0) / 1e6
        });
        Times { cpu: fields.next().unwrap_or(0.0), not_run: fields.next().unwrap_or(0.0) }
    }
}

/// The longest of some spans, in milliseconds: on the wall clock, and without the time the kernel ran something else.
/// The two need not be of the same span.
#[derive(Clone, Copy, Default)]
pub struct Longest {
    pub wall: f64,
    pub own: f64,
}

impl Longest {
    pub fn or(self, other: Self) -> Self {
        Self { wall: self.wall.max(other.wall), own: self.own.max(other.own) }
    }
}

/// An exchange of this thread with a server, as this thread sees it: how long the server took, not counting what the kernel ran meanwhile.
///
/// It may be somewhat more than that, but not less, or a busy machine would hide a stall:
///
/// - Server and thread may both have been ready while neither ran. Such a time is taken off once: only the longer of the two.
/// - The server may put this thread aside when the request wakes it. So what this thread waits counts from when the request was on its
///   way.
/// - The server may have been ready, and not run, since before the request. So what is left is at least what it used of a processor.
pub struct Span<'a> {
    server: &'a Thread,
    here: &'a Thread,
    start: Instant,
    server_before: Times,
    here_not_run: f64,
}

impl<'a> Span<'a> {
    pub fn begin(server: &'a Thread, here: &'a Thread) -> Self {
        let server_before = server.times();
        Self { server, here, start: Instant::now(), server_before, here_not_run: 0.0 }
    }

    /// The request is on its way.
    pub fn sent(self) -> Self {
        Self { here_not_run: self.here.times().not_run, ..self }
    }

    /// The reply is here.
    pub fn end(self) -> Longest {
        let wall = self.start.elapsed().as_secs_f64() * 1e3;
        let here = self.here.times().not_run - self.here_not_run;
        let server = self.server.times().since(self.server_before);
        let not_run = (server.not_run - here).max(0.0);
        Longest { wall, own: Times { not_run, ..server }.own_of((wall - here).max(0.0)) }
    }
}

/// What a server used and was denied during an exchange.
pub fn during(server: &Thread, exchange: impl FnOnce()) -> Times {
    let before = server.times();
    exchange();
    // The server goes to sleep; only then is its time exact.
    std::thread::sleep(Duration::from_millis(1));
    server.times().since(before)
}
