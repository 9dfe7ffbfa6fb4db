//! A connection that can be cut at a certain reply: what the server sent does not arrive, and the client cannot know whether the command
//! was done.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

pub struct Proxy {
    pub port: u16,
    cut_at: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Proxy {
    /// Listens on a port of its own and hands everything on to `target`, until the test ends.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let cut_at = Arc::default();
        let shared = Arc::clone(&cut_at);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down refuses; so does the proxy.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    connect(&client, &server, &shared);
                }
            }
        });
        Self { port, cut_at }
    }

    /// The next piece of a reply that contains these bytes is lost, and its connection with it.
    pub fn cut_at(&self, text: &str) {
        *self.armed() = Some(text.as_bytes().to_vec());
    }

    pub fn has_cut(&self) -> bool {
        self.armed().is_none()
    }

    fn armed(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        self.cut_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(client: &TcpStream, server: &TcpStream, cut_at: &Arc<Mutex<Option<Vec<u8>>>>) {
    let (from, to) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    thread::spawn(move || forward(&from, &to, |_| false));
    let (from, to) = (server.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
    let cut_at = Arc::clone(cut_at);
    thread::spawn(move || {
        forward(&from, &to, |bytes| {
            let mut armed = cut_at.lock().unwrap_or_else(PoisonError::into_inner);
            let is_it = armed.as_ref().is_some_and(|text| bytes.windows(text.len()).any(|window| window == text));
            if is_it {
                *armed = None;
            }
            is_it
        });
    });
}

/// Hands on what comes, until either end closes or `is_end` says so.
fn forward(mut from: &TcpStream, mut to: &TcpStream, mut is_end: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        if is_end(&buffer[..len]) || to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
