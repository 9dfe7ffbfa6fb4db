//! A way to a server on which the test has a say: it hears what is asked, changes what passes, stops it, or cuts the way.

use crate::harness::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passes,
    /// It is lost, with all connections, and there are no new ones.
    IsCut,
    /// It is lost, with its connection.
    IsDropped,
}

type Ask = Arc<Mutex<dyn FnMut(&mut [u8]) -> Fate + Send>>;
type Answer = Arc<Mutex<dyn FnMut(&mut [u8]) + Send>>;

/// The URL of a way to the server. `ask` has whatever is asked before it passes, and `answer` whatever is answered; what they change keeps its length.
pub fn through(
    server: &Server,
    ask: impl FnMut(&mut [u8]) -> Fate + Send + 'static,
    answer: impl FnMut(&mut [u8]) + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = server.port;
    let (ask, answer): (Ask, Answer) = (Arc::new(Mutex::new(ask)), Arc::new(Mutex::new(answer)));
    let is_cut = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", server))) else { return };
            if is_cut.load(Ordering::Relaxed) {
                continue;
            }
            let (asking, answering) = (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
            let (ask, answer, is_cut) = (ask.clone(), answer.clone(), is_cut.clone());
            std::thread::spawn(move || {
                pass(answering, near, |bytes| {
                    answer.lock().expect("the test's say")(bytes);
                    Fate::Passes
                });
            });
            std::thread::spawn(move || {
                pass(asking, far, |bytes| {
                    let fate = ask.lock().expect("the test's say")(bytes);
                    is_cut.fetch_or(fate == Fate::IsCut, Ordering::Relaxed);
                    fate
                });
            });
        }
    });
    format!("redis://127.0.0.1:{port}")
}

/// Passes on what comes, until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, mut say: impl FnMut(&mut [u8]) -> Fate) {
    let mut bytes = vec![0; 1 << 20];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if say(&mut bytes[..count]) != Fate::Passes || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

/// Replaces a text by one of the same length, wherever it is.
pub fn replace(bytes: &mut [u8], text: &str, by: &str) {
    assert_eq!(text.len(), by.len());
    while let Some(at) = bytes.windows(text.len()).position(|part| part.eq_ignore_ascii_case(text.as_bytes())) {
        bytes[at..at + text.len()].copy_from_slice(by.as_bytes());
    }
}

/// A command that has stopped on its way.
pub struct Halt {
    reached: Receiver<()>,
    fate: Sender<Fate>,
}

impl Halt {
    /// Waits until it is there.
    #[track_caller]
    pub fn reached(&self) {
        self.reached.recv_timeout(Duration::from_secs(60)).expect("the command comes by");
    }

    /// It passes, and so does everything behind it.
    pub fn pass(self) {
        self.fate.send(Fate::Passes).expect("it waits");
    }

    /// It does not, nor does anything behind it.
    pub fn cut(self) {
        self.fate.send(Fate::IsCut).expect("it waits");
    }

    /// It does not, nor does its connection go on; others do.
    pub fn drop_connection(self) {
        self.fate.send(Fate::IsDropped).expect("it waits");
    }
}

/// A way on which the `nth` command of this name stops, and the halt of it. Others wait meanwhile.
pub fn halting(server: &Server, command: &str, nth: usize) -> (String, Halt) {
    let (is_there, reached) = channel();
    let (fate, decided) = channel();
    let word = format!("\r\n{command}\r\n").into_bytes();
    let mut seen = 0;
    let ask = move |bytes: &mut [u8]| {
        if seen >= nth || !bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(&word)) {
            return Fate::Passes;
        }
        seen += 1;
        if seen < nth || is_there.send(()).is_err() {
            return Fate::Passes;
        }
        // A test that fails lets it pass.
        decided.recv().unwrap_or(Fate::Passes)
    };
    (through(server, ask, |_| {}), Halt { reached, fate })
}
