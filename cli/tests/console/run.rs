//! One run of the program, and what came of it.

use crate::harness::*;
use std::io::Write;
use std::process::{Command, Stdio};

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Its output, if it has done what it was to do.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its error, if it ended with this code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }
}

fn command(url: &str, args: &[&str]) -> Command {
    let mut command = mortal(env!("CARGO_BIN_EXE_tsgen"));
    command.args(args).env("REDIS_URL", url).env_remove("REDISCLI_AUTH");
    command
}

pub fn url(server: &Server) -> String {
    format!("redis://127.0.0.1:{}", server.port)
}

/// Runs it at an URL, with this on its standard input.
#[track_caller]
pub fn tsgen_at(url: &str, args: &[&str], input: &str) -> Ran {
    let mut command = command(url, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start tsgen");
    // It may end before it has read all of it.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("its output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs it at a server.
#[track_caller]
pub fn tsgen(server: &Server, args: &[&str]) -> Ran {
    tsgen_at(&url(server), args, "")
}

/// What it prints as JSON.
#[track_caller]
pub fn json(server: &Server, args: &[&str]) -> serde_json::Value {
    let text = tsgen(server, &[args, &["--json"]].concat()).done();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Starts it, to run beside the test, with a standard error that nobody reads.
#[track_caller]
pub fn start_unheard(server: &Server, args: &[&str]) -> Process {
    let mut command = command(&url(server), args);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Process::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer)).expect("start tsgen")
}

/// Starts it, to run beside the test.
#[track_caller]
pub fn start(server: &Server, args: &[&str]) -> App {
    start_at(&url(server), args)
}

/// The same at an URL.
#[track_caller]
pub fn start_at(url: &str, args: &[&str]) -> App {
    App::start_with(env!("CARGO_BIN_EXE_tsgen"), args, &[("REDIS_URL", url.into())])
}
