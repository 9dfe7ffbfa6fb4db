//! A client in a process of its own, which sends what it is told and prints the replies.
//!
//! Commands are lines: words between single blanks, each byte that is not an ASCII letter or digit as `%XX`, so that a word may be
//! empty. An empty line ends a batch, which is sent then, in the runner's [`Mode`]. The replies come one a line, as `json` tells,
//! once the whole batch is answered.

use crate::clients::{Client, Mode};
use crate::harness::*;
use crate::json;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{channel, Receiver};

pub type Command = Vec<Vec<u8>>;

pub struct Runner {
    name: String,
    child: Child,
    to: ChildStdin,
    from: Receiver<String>,
}

impl Runner {
    #[track_caller]
    pub fn start(client: &Client, port: u16, protocol: u8, mode: Mode) -> Self {
        let name = format!("{}, RESP{protocol}, {mode:?}", client.name);
        let mut command = client.command(port, protocol, mode);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start a client");
        let to = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (send, from) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { name, child, to, from }
    }

    /// Sends a batch and waits for all of its replies.
    #[track_caller]
    pub fn send(&mut self, batch: &[Command]) -> Vec<Reply> {
        self.begin(batch);
        batch.iter().map(|_| self.reply()).collect()
    }

    /// The same for commands as redis-cli takes them.
    #[track_caller]
    pub fn run(&mut self, lines: &[&str]) -> Vec<Reply> {
        self.send(&lines.iter().map(|line| words(line)).collect::<Vec<_>>())
    }

    /// Sends a batch whose replies may take a while.
    #[track_caller]
    pub fn begin(&mut self, batch: &[Command]) {
        let mut text = String::new();
        for command in batch {
            let words: Vec<String> = command.iter().map(|word| escape(word)).collect();
            text += &words.join(" ");
            text.push('\n');
        }
        text.push('\n');
        self.to.write_all(text.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// The next reply.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        let line = self.from.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        json::reply(&line)
    }

    /// Ends the process as the kernel would: nothing is said to the server.
    pub fn kill(mut self) {
        self.child.kill().expect("kill the client");
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn escape(word: &[u8]) -> String {
    word.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").expect("memory");
        }
        text
    })
}
