//! A RESP client that shows replies exactly as they came, may be left blocked, and never retries anything.

use super::transcript::{self, Bindings, Form};
use super::{wait_until, Reply, Server, PATIENCE};
use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

pub struct Client {
    stream: BufReader<UnixStream>,
    /// What the placeholders of this connection's transcripts stand for.
    pub bindings: Bindings,
}

impl Client {
    /// Connects in RESP2. Any error is a panic.
    #[track_caller]
    pub fn connect(socket: &Path) -> Self {
        Self::try_connect(socket).unwrap_or_else(|error| panic!("cannot connect to {}: {error}", socket.display()))
    }

    pub fn try_connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), bindings: Bindings::new() })
    }

    /// Switches this connection to RESP3.
    #[track_caller]
    pub fn resp3(mut self) -> Self {
        let hello = self.run("HELLO 3");
        assert!(matches!(hello, Reply::Map(_)), "HELLO 3: {hello}");
        self
    }

    /// Sends one command without waiting for its reply.
    pub fn try_send(&mut self, args: &[&[u8]]) -> io::Result<()> {
        self.stream.get_mut().write_all(&request(args))
    }

    #[track_caller]
    pub fn send(&mut self, args: &[&[u8]]) {
        self.try_send(args).unwrap_or_else(|error| panic!("cannot send {}: {error}", show(args)));
    }

    /// Reads the next reply; an error if none comes within [`PATIENCE`] or the server is gone.
    pub fn try_read(&mut self) -> io::Result<Reply> {
        Reply::read(&mut self.stream)
    }

    #[track_caller]
    pub fn read(&mut self) -> Reply {
        self.try_read().unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// One command, one reply. Error replies are values here.
    #[track_caller]
    pub fn call(&mut self, args: &[&[u8]]) -> Reply {
        self.send(args);
        self.try_read().unwrap_or_else(|error| panic!("no reply to {}: {error}", show(args)))
    }

    /// One command written as in redis-cli.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Reply {
        let line = transcript::fill(line, &self.bindings);
        let words = transcript::words(&line);
        self.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// One command that must not be refused.
    #[track_caller]
    pub fn ok(&mut self, line: &str) -> Reply {
        let reply = self.run(line);
        assert!(!reply.is_error(), "{line}: {reply}");
        reply
    }

    /// Sends these commands in one write, without waiting for a reply: the server reads them in one turn of its loop, if they fit into the
    /// 16 KiB that it reads at a time.
    #[track_caller]
    pub fn send_at_once(&mut self, commands: &[impl AsRef<[Vec<u8>]>]) {
        let requests: Vec<u8> = commands.iter().flat_map(|command| request(command.as_ref())).collect();
        self.stream.get_mut().write_all(&requests).unwrap_or_else(|error| panic!("cannot send many: {error}"));
    }

    /// Sends many commands, up to 500 in one write, then reads all replies. For filling keys, and for what has to be in one turn.
    #[track_caller]
    pub fn pipeline<I, A>(&mut self, commands: I) -> Vec<Reply>
    where
        I: IntoIterator<Item = A>,
        A: AsRef<[Vec<u8>]>,
    {
        let mut replies = Vec::new();
        let mut commands = commands.into_iter();
        loop {
            // Neither side may fill both socket buffers, or they wait for each other.
            let batch: Vec<A> = commands.by_ref().take(500).collect();
            if batch.is_empty() {
                return replies;
            }
            self.send_at_once(&batch);
            replies.extend(batch.iter().map(|_| self.read()));
        }
    }

    /// Plays a transcript; the first reply that differs fails the test, with its line.
    #[track_caller]
    pub fn play(&mut self, text: &str) {
        self.replay(text, |_| {});
    }

    /// Plays a transcript as [`Client::play`] does, and shows each reply.
    #[track_caller]
    pub fn replay(&mut self, text: &str, show_reply: impl FnMut(&Reply)) {
        self.replay_as(Form::Short, text, show_reply);
    }

    /// The same for a transcript of either form.
    #[track_caller]
    pub fn replay_as(&mut self, form: Form, text: &str, mut show_reply: impl FnMut(&Reply)) {
        for step in transcript::steps(text, form) {
            let reply = self.run(&step.command);
            let got = form.shown(&reply);
            let is_match = transcript::matches(&step.expected, &got, &mut self.bindings);
            assert!(
                is_match,
                "line {} of the transcript: {}\n  expected {}\n  got      {got}\n  bound    {:?}",
                step.line, step.command, step.expected, self.bindings
            );
            show_reply(&reply);
        }
    }

    /// One command and the pattern its reply must match.
    #[track_caller]
    pub fn expect(&mut self, line: &str, pattern: &str) {
        let reply = self.run(line).to_string();
        assert!(
            transcript::matches(pattern, &reply, &mut self.bindings),
            "{line}\n  expected {pattern}\n  got      {reply}"
        );
    }

    /// What a placeholder of this connection's transcripts stands for.
    #[track_caller]
    pub fn bound(&self, name: &str) -> i64 {
        self.bindings.get(name).unwrap_or_else(|| panic!("<{name}> is not bound")).parse().expect("an integer")
    }

    /// One `name:value` line of `INFO section`.
    #[track_caller]
    pub fn info(&mut self, section: &str, name: &str) -> String {
        let text = self.ok(&format!("INFO {section}")).text();
        line_of(&text, name).unwrap_or_else(|| panic!("no {name} in INFO {section}:\n{text}"))
    }

    /// The same of a server that may be gone or refuse.
    pub fn try_info(&mut self, section: &str, name: &str) -> Option<String> {
        self.try_send(&[b"INFO", section.as_bytes()]).ok()?;
        let reply = self.try_read().ok().filter(|reply| !reply.is_error())?;
        line_of(&reply.text(), name)
    }
}

fn line_of(info: &str, name: &str) -> Option<String> {
    let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.map(|value| value.trim().to_owned())
}

/// A command as it is sent, and as it stands in an AOF.
pub fn request(args: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
    request
}

fn show(args: &[&[u8]]) -> String {
    Reply::Array(args.iter().take(12).map(|arg| Reply::Bulk(arg[..arg.len().min(200)].to_vec())).collect()).to_string()
}

/// A client that has sent a command which may block, and the server knows it.
pub struct Blocked {
    pub client: Client,
    pub id: i64,
}

impl Blocked {
    /// Sends `line` on a new connection and waits until the server lists that client as blocked.
    #[track_caller]
    pub fn new(server: &Server, line: &str) -> Self {
        Self::on(server, server.client(), line)
    }

    /// The same on a connection that the test prepared (RESP3, another database, another user).
    #[track_caller]
    pub fn on(server: &Server, mut client: Client, line: &str) -> Self {
        let id = client.ok("CLIENT ID").int();
        let words = transcript::words(line);
        client.send(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let blocked = Self { client, id };
        let mut observer = server.client();
        wait_until(&format!("{line} blocks"), || blocked.is_blocked(&mut observer));
        blocked
    }

    /// Whether the server still lists this client as blocked. True at once after the command that should (not) have woken it
    /// was answered: waking happens in the same turn of the server's loop.
    #[track_caller]
    pub fn is_blocked(&self, observer: &mut Client) -> bool {
        let list = observer.ok(&format!("CLIENT LIST ID {}", self.id)).text();
        let flags = list.split(' ').find_map(|field| field.strip_prefix("flags="));
        flags.is_some_and(|flags| flags.contains('b'))
    }

    /// The reply, once it comes.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.client.read()
    }
}
