//! A RESP2 connection for load: requests are prepared in one buffer and written at once, replies are scanned, not built.
//!
//! The client's own cost must not hold the server up, and what is measured is the server's. Any error reply is a panic: a
//! benchmark of refused commands would be very fast.

use super::Server;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub fn socket(server: &Server) -> PathBuf {
    server.folder().join("socket")
}

/// Requests in wire form.
#[derive(Default)]
pub struct Requests {
    bytes: Vec<u8>,
    pub count: usize,
}

impl Requests {
    pub fn push(&mut self, args: &[&[u8]]) {
        self.begin(args.len());
        for arg in args {
            self.arg(arg);
        }
    }

    /// Starts a request of `args` arguments; as many [`Requests::arg`] must follow.
    pub fn begin(&mut self, args: usize) {
        write!(self.bytes, "*{args}\r\n").expect("memory");
        self.count += 1;
    }

    pub fn arg(&mut self, arg: &[u8]) {
        write!(self.bytes, "${}\r\n", arg.len()).expect("memory");
        self.bytes.extend_from_slice(arg);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

pub struct Pipe {
    stream: UnixStream,
    /// What was received and not yet given out starts at `start`.
    received: Vec<u8>,
    start: usize,
}

impl Pipe {
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("connect to the server");
        Self { stream, received: Vec::new(), start: 0 }
    }

    pub fn to(server: &Server) -> Self {
        Self::connect(&socket(server))
    }

    /// Writes all requests at once and waits for all replies. The requests are empty afterwards and can be filled again.
    ///
    /// This cannot lock up however large the buffer is: Redis keeps reading while its replies are not read.
    pub fn run(&mut self, requests: &mut Requests) {
        let count = self.send(requests);
        for _ in 0..count {
            self.read();
        }
    }

    /// Writes all requests and says how many replies must be read.
    pub fn send(&mut self, requests: &mut Requests) -> usize {
        self.stream.write_all(&requests.bytes).expect("write to the server");
        requests.bytes.clear();
        std::mem::take(&mut requests.count)
    }

    /// The next reply, raw.
    pub fn read(&mut self) -> &[u8] {
        let mut scan = Scan { at: 0, open: 1 };
        while !scan.is_complete(&self.received[self.start..]) {
            self.receive();
        }
        let start = self.start;
        self.start += scan.at;
        &self.received[start..self.start]
    }

    fn receive(&mut self) {
        // What was given out is dropped only when more is needed, so that dropping is rare and cheap.
        self.received.drain(..self.start);
        self.start = 0;
        let kept = self.received.len();
        self.received.resize(kept + (256 << 10), 0);
        let count = self.stream.read(&mut self.received[kept..]).expect("read from the server");
        assert!(count > 0, "the server closed the connection");
        self.received.truncate(kept + count);
    }
}

/// How far one reply has been scanned; keeps its place while more is received.
struct Scan {
    at: usize,
    /// Values that must still come before the reply is complete.
    open: usize,
}

impl Scan {
    fn is_complete(&mut self, bytes: &[u8]) -> bool {
        while self.open > 0 {
            let Some(line) = bytes[self.at..].iter().position(|byte| *byte == b'\n') else { return false };
            let next = self.at + line + 1;
            let head = &bytes[self.at..next - 2];
            match head[0] {
                b'-' => panic!("the server refused: {}", String::from_utf8_lossy(head)),
                b'$' => {
                    let end = next + length(head).map_or(0, |length| length + 2);
                    if end > bytes.len() {
                        return false;
                    }
                    self.at = end;
                }
                b'*' => {
                    self.open += length(head).unwrap_or(0);
                    self.at = next;
                }
                _ => self.at = next,
            }
            self.open -= 1;
        }
        true
    }
}

/// The integers and strings of a reply, in order, whatever arrays they stand in. A nil is an empty string, and as an array nothing.
pub fn leaves(reply: &[u8]) -> Vec<&[u8]> {
    let (mut leaves, mut at) = (Vec::new(), 0);
    while at < reply.len() {
        let end = at + reply[at..].iter().position(|byte| *byte == b'\r').expect("a whole reply");
        let head = &reply[at..end];
        at = end + 2;
        match (head[0], length(head)) {
            (b'*', _) => {}
            (b'$', None) => leaves.push(b"" as &[u8]),
            (b'$', Some(length)) => {
                leaves.push(&reply[at..at + length]);
                at += length + 2;
            }
            _ => leaves.push(&head[1..]),
        }
    }
    leaves
}

/// The length in a `$n` or `*n` line; none if it is -1, a nil.
fn length(head: &[u8]) -> Option<usize> {
    head[1..].iter().try_fold(0, |length, byte| byte.is_ascii_digit().then(|| length * 10 + usize::from(byte - b'0')))
}
