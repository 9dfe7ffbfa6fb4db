//! The conversation: `conversation.txt`, read into steps, and how one client goes through them.
//!
//! It is a transcript as those of the harness are (see `tests/harness/transcript.rs`), with strings in quotes also where Redis replies with
//! a status, and maps between braces, which are arrays in RESP2. Beside `> command` and the reply it must get, a line may be
//! `$ command`, which the test sends on a connection of its own, or `? command field value`: it waits until the map that the
//! command replies with has that value. Clients send what is between such lines, and before a `<name>` that is to be known, in one batch.

use crate::clients::{Client, Mode};
use crate::harness::*;
use crate::runner::{Command, Runner};

const TEXT: &str = include_str!("conversation.txt");

/// The biggest integer up to which clients read all into JavaScript's numbers: node-redis adds a digit before it takes 48 away,
/// the code of the digit 0, and has to stay below 2^53 with that.
const MAX_SAFE: u64 = (1 << 53) - 48;

enum Step {
    Say { line: &'static str, reply: &'static str },
    Aside(&'static str),
    Wait { command: &'static str, field: &'static str, value: &'static str },
}

/// What to expect of a client with integers that JavaScript's numbers do not hold.
#[derive(Clone, Copy, PartialEq)]
pub enum Integers {
    Exact,
    /// They are seen to be rounded.
    Numbers,
}

fn steps() -> Vec<Step> {
    let mut lines = TEXT.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut steps = Vec::new();
    while let Some(line) = lines.next() {
        let (kind, rest) = line.split_at(2);
        steps.push(match kind {
            "> " => Step::Say { line: rest, reply: lines.next().expect("a reply") },
            "$ " => Step::Aside(rest),
            "? " => {
                let (rest, value) = rest.rsplit_once(' ').expect("a value");
                let (command, field) = rest.rsplit_once(' ').expect("a field");
                Step::Wait { command, field, value }
            }
            _ => panic!("not a line of a conversation: {line}"),
        });
    }
    steps
}

/// The commands that the conversation has, without what is said about it.
pub fn commands() -> impl Iterator<Item = Command> {
    steps().into_iter().filter_map(|step| match step {
        Step::Say { line, .. } => Some(words(line)),
        _ => None,
    })
}

/// Has the whole conversation with a server that has no keys, and returns how many replies it compared.
#[track_caller]
pub fn hold(server: &Server, client: &Client, protocol: u8, mode: Mode, integers: Integers) -> usize {
    let mut talk = Talk {
        aside: server.client(),
        runner: Runner::start(client, server.port, protocol, mode),
        about: format!("{}, RESP{protocol}, {mode:?}", client.name),
        protocol,
        integers,
        known: Bindings::new(),
        batch: Vec::new(),
        compared: 0,
    };
    for step in steps() {
        match step {
            Step::Say { line, reply } => talk.say(line, reply),
            Step::Aside(line) => {
                talk.send_batch();
                talk.aside.ok(line);
            }
            Step::Wait { command, field, value } => {
                talk.send_batch();
                let aside = &mut talk.aside;
                wait_until(&format!("{field} is {value}"), || aside.ok(command).field(field) == &value);
            }
        }
    }
    talk.send_batch();
    talk.compared
}

struct Talk {
    aside: super::harness::Client,
    runner: Runner,
    about: String,
    protocol: u8,
    integers: Integers,
    /// What `<name>` stands for.
    known: Bindings,
    batch: Vec<(String, &'static str)>,
    compared: usize,
}

impl Talk {
    #[track_caller]
    fn say(&mut self, line: &'static str, reply: &'static str) {
        if !line.contains('<') {
            return self.batch.push((line.to_owned(), reply));
        }
        self.send_batch();
        self.batch.push((fill(line, &self.known), reply));
    }

    #[track_caller]
    fn send_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let commands: Vec<Command> = batch.iter().map(|(line, _)| words(line)).collect();
        let replies = self.runner.send(&commands);
        for ((line, expected), reply) in batch.iter().zip(&replies) {
            self.compare(line, expected, &reply.to_string());
        }
    }

    #[track_caller]
    fn compare(&mut self, line: &str, expected: &str, reply: &str) {
        let expected = if self.protocol == 2 { without_maps(expected) } else { expected.to_owned() };
        let is_rounded = self.integers == Integers::Numbers && has_unsafe(&expected);
        let is_right = if is_rounded { reply.contains('~') } else { matches(&expected, reply, &mut self.known) };
        assert!(is_right, "{}: {line}\n  expected {expected}\n  got      {reply}", self.about);
        self.compared += 1;
    }
}

/// A map of RESP3 is a flat array in RESP2. No string of the conversation has braces.
fn without_maps(reply: &str) -> String {
    reply.replace('{', "[").replace('}', "]")
}

fn has_unsafe(reply: &str) -> bool {
    reply.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.parse::<u64>().is_ok_and(|value| value > MAX_SAFE))
}
