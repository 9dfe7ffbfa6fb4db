//! A relay between a worker of a library and the master, which notes what it hears: CLAIM, ACK and their like, with their replies and times.
//!
//! It leads to whoever is the master when somebody connects, and closes what leads to another, as an address that moves does.

use crate::harness::Reply;
use crate::heard::{calls_of, Exchange};
use crate::stage::Stage;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tsgen_history::Call;

const BEAT: Duration = Duration::from_millis(3);

pub struct Listener {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stage: Arc<Stage>,
    /// Its number among clients.
    client: u32,
    calls: Mutex<Vec<Call>>,
    is_over: AtomicBool,
}

/// One connection, as whoever cuts it sees it.
struct Line {
    leads_to: PathBuf,
    ends: (TcpStream, UnixStream),
    thread: JoinHandle<()>,
}

impl Listener {
    pub fn start(stage: &Arc<Stage>, client: u32) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a listener that does not wait");
        let port = socket.local_addr().expect("its number").port();
        let stage = Arc::clone(stage);
        let shared = Arc::new(Shared { stage, client, calls: Mutex::default(), is_over: AtomicBool::new(false) });
        let of = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&socket, &of));
        Self { port, shared, thread: Some(thread) }
    }

    /// What it has heard so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes all connections, and tells all that was said on them.
    pub fn end(mut self) -> Vec<Call> {
        self.shared.is_over.store(true, Ordering::Release);
        self.thread.take().expect("it ends once").join().expect("a listener that does not panic");
        self.calls()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
    }
}

fn accept(socket: &TcpListener, shared: &Arc<Shared>) {
    let mut lines: Vec<Line> = Vec::new();
    while !shared.is_over.load(Ordering::Acquire) {
        let master = shared.stage.master(shared.client);
        lines.iter().filter(|line| line.leads_to != master).for_each(Line::cut);
        let (ended, open): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|line| line.thread.is_finished());
        lines = open;
        ended.into_iter().for_each(Line::join);
        match socket.accept() {
            Ok((worker, _)) => lines.extend(connect(worker, master, shared)),
            Err(_) => thread::sleep(BEAT),
        }
    }
    lines.iter().for_each(Line::cut);
    lines.into_iter().for_each(Line::join);
}

/// A server that is down refuses; so does the relay.
fn connect(worker: TcpStream, leads_to: PathBuf, shared: &Arc<Shared>) -> Option<Line> {
    worker.set_nonblocking(false).and_then(|()| worker.set_nodelay(true)).ok()?;
    let server = UnixStream::connect(&leads_to).ok()?;
    let ends = (worker.try_clone().ok()?, server.try_clone().ok()?);
    let shared = Arc::clone(shared);
    let thread = thread::spawn(move || relay(&worker, &server, &shared));
    Some(Line { leads_to, ends, thread })
}

impl Line {
    fn cut(&self) {
        cut(&self.ends.0, &self.ends.1);
    }

    fn join(self) {
        self.thread.join().expect("a relay that does not panic");
    }
}

fn cut(worker: &TcpStream, server: &UnixStream) {
    let _ = worker.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Commands that were sent and have no reply yet.
type Open = Arc<Mutex<VecDeque<Exchange>>>;

fn relay(worker: &TcpStream, server: &UnixStream, shared: &Arc<Shared>) {
    let open = Open::default();
    let handles = worker.try_clone().and_then(|worker| Ok((worker, server.try_clone()?)));
    let Ok((to, from)) = handles else { return cut(worker, server) };
    let replies = {
        let (open, shared) = (Arc::clone(&open), Arc::clone(shared));
        thread::spawn(move || {
            hand_back(&from, &to, &open, &shared);
            cut(&to, &from);
        })
    };
    hand_on(worker, server, &open, shared);
    cut(worker, server);
    replies.join().expect("a relay that does not panic");
    // Nobody knows whether these were done.
    let left = std::mem::take(&mut *open.lock().unwrap_or_else(PoisonError::into_inner));
    left.into_iter().for_each(|exchange| note(exchange, None, shared));
}

fn hand_on(worker: &TcpStream, mut server: &UnixStream, open: &Open, shared: &Shared) {
    let mut from = Tee { from: BufReader::new(worker), heard: Vec::new() };
    while let Ok(Reply::Array(words)) = Reply::read(&mut from) {
        let words = words.iter().map(|word| String::from_utf8_lossy(word.bytes()).into_owned()).collect();
        let exchange = Exchange { words, begin: shared.stage.now(), clock: shared.stage.time_of_day() };
        open.lock().unwrap_or_else(PoisonError::into_inner).push_back(exchange);
        if server.write_all(&std::mem::take(&mut from.heard)).is_err() {
            return;
        }
    }
}

fn hand_back(server: &UnixStream, mut worker: &TcpStream, open: &Open, shared: &Shared) {
    let mut from = Tee { from: BufReader::new(server), heard: Vec::new() };
    while let Ok(reply) = Reply::read(&mut from) {
        let bytes = std::mem::take(&mut from.heard);
        // `>` is told without being asked for.
        if bytes[0] != b'>' {
            let asked = open.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            note(asked.expect("a reply to a command"), Some(&reply), shared);
        }
        if worker.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn note(exchange: Exchange, reply: Option<&Reply>, shared: &Shared) {
    let (now, time_of_day) = (shared.stage.now(), shared.stage.time_of_day());
    let mut calls = calls_of(&exchange, reply, shared.client);
    for call in &mut calls {
        call.end = now;
        call.clock = (exchange.clock.min(time_of_day), exchange.clock.max(time_of_day));
    }
    shared.calls.lock().unwrap_or_else(PoisonError::into_inner).append(&mut calls);
}

/// Keeps the bytes of what is read.
struct Tee<R> {
    from: R,
    heard: Vec<u8>,
}

impl<R: BufRead> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.heard.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Tee<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.from.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Ok(bytes) = self.from.fill_buf() {
            self.heard.extend_from_slice(&bytes[..amount]);
        }
        self.from.consume(amount);
    }
}
