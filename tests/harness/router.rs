//! A cluster-aware client, as applications have one: it follows MOVED and ASK, tries again what Redis says to try again, and
//! goes to another node when one is gone.
//!
//! A command whose reply was lost with its node is sent once more, so a write may happen twice.

use super::{transcript, Client, Reply, PATIENCE};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Errors that tell to try again.
const AGAIN: [&str; 6] = ["TRYAGAIN", "CLUSTERDOWN", "UNBLOCKED", "LOADING", "MASTERDOWN", "READONLY"];

pub struct Router {
    nodes: Vec<(u16, PathBuf)>,
    connections: BTreeMap<u16, Client>,
    /// The node that served last.
    at: u16,
    /// Errors that were followed or waited out, by their first word.
    pub followed: BTreeMap<String, usize>,
}

impl Router {
    /// The nodes, by their ports.
    pub fn new(nodes: Vec<(u16, PathBuf)>) -> Self {
        let at = nodes[0].0;
        Router { nodes, connections: BTreeMap::new(), at, followed: BTreeMap::new() }
    }

    /// Another client of the same nodes.
    pub fn again(&self) -> Self {
        Self::new(self.nodes.clone())
    }

    /// One command; the reply of the node that serves it. Gives up after [`PATIENCE`].
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Reply {
        let words = transcript::words(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        let mut asking = None;
        while Instant::now() < deadline {
            let reply = match self.attempt(&words, asking.take()) {
                Ok(reply) => reply,
                Err(error) => {
                    last = error.to_string();
                    self.give_up_on_node();
                    continue;
                }
            };
            let Reply::Error(text) = &reply else { return reply };
            let mut told = text.split(' ');
            let kind = told.next().unwrap_or_default();
            let port = || text.rsplit(':').next().and_then(|port| port.parse().ok());
            match kind {
                "MOVED" => self.at = port().unwrap_or_else(|| panic!("{text}")),
                "ASK" => asking = port(),
                _ if AGAIN.contains(&kind) => std::thread::sleep(Duration::from_millis(3)),
                _ => return reply,
            }
            *self.followed.entry(kind.to_owned()).or_default() += 1;
            last = text.clone();
        }
        panic!("{line}: no node serves it: {last}");
    }

    /// One command that must not be refused.
    #[track_caller]
    pub fn ok(&mut self, line: &str) -> Reply {
        let reply = self.run(line);
        assert!(!reply.is_error(), "{line}: {reply}");
        reply
    }

    /// How many connections have been lost so far.
    pub fn lost(&self) -> usize {
        self.followed.get("lost").copied().unwrap_or(0)
    }

    /// The port of the node that serves this key.
    #[track_caller]
    pub fn port_of(&mut self, key: &str) -> u16 {
        self.ok(&format!("TTL {key}"));
        self.at
    }

    fn attempt(&mut self, words: &[&[u8]], asking: Option<u16>) -> io::Result<Reply> {
        let client = self.connection(asking.unwrap_or(self.at))?;
        if asking.is_some() {
            client.try_send(&[b"ASKING"])?;
            client.try_read()?;
        }
        client.try_send(words)?;
        client.try_read()
    }

    fn connection(&mut self, port: u16) -> io::Result<&mut Client> {
        if !self.connections.contains_key(&port) {
            let node = self.nodes.iter().find(|(of, _)| *of == port);
            let (_, socket) = node.ok_or_else(|| io::Error::other(format!("sent to the unknown port {port}")))?;
            self.connections.insert(port, Client::try_connect(socket)?);
        }
        self.connections.get_mut(&port).ok_or_else(|| io::Error::other("no connection"))
    }

    /// The next one may know better. Connections are made anew: one of them may have been the lost one.
    fn give_up_on_node(&mut self) {
        self.connections.clear();
        let nth = self.nodes.iter().position(|(port, _)| *port == self.at).unwrap_or(0);
        self.at = self.nodes[(nth + 1) % self.nodes.len()].0;
        *self.followed.entry("lost".to_owned()).or_default() += 1;
        std::thread::sleep(Duration::from_millis(3));
    }
}
