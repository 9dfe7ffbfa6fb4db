//! How a client finds its way in a cluster: it follows MOVED and ASK, and sends nothing twice that may have been done.

use crate::harness::{Client, Reply};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Nodes {
    /// By port.
    nodes: Vec<(u16, PathBuf)>,
    connections: BTreeMap<u16, Client>,
    /// Who served the keys of a tag last.
    owners: BTreeMap<String, u16>,
}

impl Nodes {
    pub fn new(nodes: Vec<(u16, PathBuf)>) -> Self {
        Self { nodes, connections: BTreeMap::new(), owners: BTreeMap::new() }
    }

    pub fn disconnect(&mut self) {
        self.connections.clear();
    }

    /// One command, on keys of one tag. No reply: the connection is gone, and nobody knows. With `is_cut` it goes before the reply comes.
    pub fn send(&mut self, line: &str, is_cut: bool) -> Option<Reply> {
        let tag = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).expect("a tag").0.to_owned();
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut asking = None;
        let mut last = None;
        for _ in 0..20 {
            let owner = *self.owners.entry(tag.clone()).or_insert(self.nodes[0].0);
            let port = asking.unwrap_or(owner);
            let Some(client) = self.connection(port) else {
                // It was not sent. Another node may know who serves it.
                let at = self.nodes.iter().position(|(of, _)| *of == owner).unwrap_or(0);
                self.owners.insert(tag.clone(), self.nodes[(at + 1) % self.nodes.len()].0);
                std::thread::sleep(Duration::from_millis(5));
                asking = None;
                continue;
            };
            let sent = match asking.take() {
                Some(_) => client.try_send(&[b"ASKING"]).and_then(|()| client.try_read().map(drop)),
                None => Ok(()),
            };
            let reply = sent.and_then(|()| client.try_send(&words)).and_then(|()| client.try_read());
            let Some(reply) = reply.ok().filter(|_| !is_cut) else {
                self.connections.remove(&port);
                return None;
            };
            let Reply::Error(text) = &reply else { return Some(reply) };
            let to = text.rsplit(':').next().and_then(|port| port.parse().ok());
            match (text.split(' ').next().unwrap_or_default(), to) {
                ("MOVED", Some(to)) => drop(self.owners.insert(tag.clone(), to)),
                ("ASK", Some(to)) => asking = Some(to),
                _ => return Some(reply),
            }
            last = Some(reply);
        }
        // Refused, as far as anybody went.
        Some(last.unwrap_or_else(|| Reply::Error("CLUSTERDOWN nobody answers".to_owned())))
    }

    fn connection(&mut self, port: u16) -> Option<&mut Client> {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.connections.entry(port) {
            let socket: &Path = &self.nodes.iter().find(|(of, _)| *of == port)?.1;
            entry.insert(Client::try_connect(socket).ok()?);
        }
        self.connections.get_mut(&port)
    }
}
