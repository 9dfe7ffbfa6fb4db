//! The link between a replica and its master, through a relay: it can be cut anywhere in the stream, and held up.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct State {
    /// Where it leads.
    target: AtomicU16,
    /// Connections made before the last cut are closed.
    cuts: AtomicU64,
    is_held: AtomicBool,
    is_over: AtomicBool,
}

pub struct Link {
    pub port: u16,
    state: Arc<State>,
}

const BEAT: Duration = Duration::from_millis(2);

impl Link {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not wait");
        let port = listener.local_addr().expect("its number").port();
        let link = Self { port, state: Arc::default() };
        let state = Arc::clone(&link.state);
        thread::spawn(move || {
            while !state.is_over.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((replica, _)) => relay(&replica, &state),
                    Err(_) => thread::sleep(BEAT),
                }
            }
        });
        link
    }

    /// From now on it leads there; what stands is cut.
    pub fn lead_to(&self, port: u16) {
        self.state.target.store(port, Ordering::Release);
        self.cut();
    }

    /// Closes the connection, wherever in the stream it is. The replica connects again by itself.
    pub fn cut(&self) {
        self.state.cuts.fetch_add(1, Ordering::AcqRel);
    }

    /// Hands nothing on, until it is held no more.
    pub fn hold(&self, is_held: bool) {
        self.state.is_held.store(is_held, Ordering::Release);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Release);
        self.cut();
    }
}

fn relay(replica: &TcpStream, state: &Arc<State>) {
    // A server that is down refuses; so does the relay.
    let Ok(master) = TcpStream::connect(("127.0.0.1", state.target.load(Ordering::Acquire))) else { return };
    let cuts = state.cuts.load(Ordering::Acquire);
    for (from, to) in [(replica, &master), (&master, replica)] {
        let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
        let state = Arc::clone(state);
        thread::spawn(move || hand_on(&from, &to, &state, cuts));
    }
}

/// Hands on what comes, in small pieces, until either end closes or the link is cut.
fn hand_on(mut from: &TcpStream, mut to: &TcpStream, state: &State, cuts: u64) {
    from.set_nonblocking(false).and_then(|()| from.set_read_timeout(Some(BEAT))).expect("a timeout");
    to.set_nonblocking(false).expect("a socket that waits");
    let mut buffer = vec![0; 1 << 12];
    while state.cuts.load(Ordering::Acquire) == cuts {
        if state.is_held.load(Ordering::Acquire) {
            thread::sleep(BEAT);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(length @ 1..) if to.write_all(&buffer[..length]).is_ok() => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
