//! The replication stream, literally: a connection that asks for it as a replica does and keeps the commands.
//!
//! It uses plain SYNC, and it never acknowledges anything; the server drops such a replica only after its repl-timeout (60 s).

use super::{Client, Reply, Server, PATIENCE};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Feed {
    stream: BufReader<TcpStream>,
    marks: usize,
}

impl Feed {
    /// Connects and skips the initial snapshot; everything the server propagates from now on is seen.
    #[track_caller]
    pub fn open(server: &Server) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("connect to the server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.write_all(b"SYNC\r\n").expect("send SYNC");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        // Empty lines keep the link alive while the snapshot is made.
        while line.trim().is_empty() {
            line.clear();
            assert_ne!(stream.read_line(&mut line).expect("the snapshot's length"), 0, "the server closed the feed");
        }
        let length: u64 =
            line.trim().strip_prefix('$').and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("SYNC: {line}"));
        std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink()).expect("the snapshot");
        Self { stream, marks: 0 }
    }

    /// All commands propagated since the last call, one text each, without SELECT and PING. A write through `client` marks the end.
    #[track_caller]
    pub fn take(&mut self, client: &mut Client) -> Vec<String> {
        self.marks += 1;
        let mark = format!("SET feed:mark {}", self.marks);
        client.ok(&mark);
        let mut commands = Vec::new();
        loop {
            let command = Reply::read(&mut self.stream).unwrap_or_else(|error| panic!("after {commands:?}: {error}"));
            let words: Vec<String> = command.items().iter().map(word).collect();
            if words.join(" ") == mark {
                return commands;
            }
            if !matches!(words[0].to_ascii_uppercase().as_str(), "SELECT" | "PING") {
                commands.push(words.join(" "));
            }
        }
    }

    /// Whether what was propagated since the last call is exactly `patterns`, in which `<name>` and `…` work as in transcripts.
    #[track_caller]
    pub fn expect(&mut self, client: &mut Client, patterns: &[&str]) {
        let commands = self.take(client);
        let is_same = commands.len() == patterns.len()
            && patterns
                .iter()
                .zip(&commands)
                .all(|(pattern, command)| super::matches(pattern, command, &mut client.bindings));
        assert!(is_same, "expected to be replicated:\n  {}\ngot:\n  {}", patterns.join("\n  "), commands.join("\n  "));
    }
}

/// Plain words as they are, everything else quoted.
fn word(reply: &Reply) -> String {
    let bytes = reply.bytes();
    if !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\'') {
        reply.text()
    } else {
        reply.to_string()
    }
}
