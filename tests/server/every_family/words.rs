//! Commands made at random of the words that the server itself tells in COMMAND DOCS, some of them bent: whatever a command comes to take is tried
//! without a word here. Each gets a reply, nothing panics, and the replica, which was told only what was replicated, has the same data.
//!
//! The commands of a run follow from its seed; SEED=7 has another run. What time does to the keys meanwhile does not.

use super::{Family, FAMILIES};
use crate::common::*;
use crate::harness::*;

/// What stands for a text, whatever it is for.
const TEXTS: [&[u8]; 14] = [
    b"a",
    b"b",
    b"c",
    b"w",
    b"g",
    b"yes",
    b"no",
    b"",
    b"\0",
    b"%n%s",
    b"\xff\xfe",
    b"-",
    b"+",
    b"67e55044-10b1-426f-9247-bb680e5fe0c8",
];

/// What stands for a number: mostly small ones, for which something happens.
const NUMBERS: [&[u8]; 22] = [
    b"0",
    b"1",
    b"1",
    b"2",
    b"3",
    b"5",
    b"10",
    b"10",
    b"50",
    b"100",
    b"1000",
    b"1s",
    b"2h",
    b"-1",
    b"-0",
    b"+1",
    b"+50",
    b"x",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"4611686018427387904",
];

/// A command as the server tells of it.
struct Told {
    name: Vec<u8>,
    arguments: Vec<Reply>,
}

/// What makes commands.
struct Maker<'a> {
    random: Random,
    keys: &'a [&'static str],
    told: &'a [Told],
    /// Tokens, ids, cursors, … from replies.
    seen: Vec<Vec<u8>>,
}

pub fn field<'r>(of: &'r Reply, name: &str) -> Option<&'r Reply> {
    of.items().chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| &pair[1])
}

pub fn has_flag(of: &Reply, flag: &str) -> bool {
    field(of, "flags").is_some_and(|flags| flags.items().iter().any(|one| one.text() == flag))
}

pub fn parts(of: &Reply) -> Vec<Reply> {
    field(of, "arguments").map_or(Vec::new(), |parts| parts.items().to_vec())
}

/// All commands of the module for a family.
#[track_caller]
fn told(c: &mut Client, family: &str) -> Vec<Told> {
    let names = c.ok("COMMAND LIST FILTERBY MODULE tsgen");
    let names =
        names.items().iter().map(Reply::text).filter(|name| name.to_uppercase().starts_with(&format!("{family}.")));
    let told = names.map(|name| {
        let docs = c.ok(&format!("COMMAND DOCS {name}"));
        Told { name: name.into_bytes(), arguments: parts(&docs.items()[1]) }
    });
    told.collect()
}

impl Maker<'_> {
    /// A command with its arguments: as it is meant, or with a word or two of it bent.
    fn command(&mut self) -> Vec<Vec<u8>> {
        let told = self.told;
        let Told { name, arguments } = self.random.pick(told);
        let mut words = vec![name.clone()];
        arguments.iter().for_each(|argument| self.append(argument, &mut words));
        if self.random.one_in(3) {
            (0..self.random.between(1, 2)).for_each(|_| self.bend(&mut words));
        }
        words
    }

    fn append(&mut self, argument: &Reply, to: &mut Vec<Vec<u8>>) {
        if has_flag(argument, "optional") && !self.random.one_in(3) {
            return;
        }
        let times = if has_flag(argument, "multiple") { self.random.between(1, 3) } else { 1 };
        for nth in 0..times {
            let token = field(argument, "token").filter(|_| nth == 0 || has_flag(argument, "multiple_token"));
            to.extend(token.map(|token| token.text().into_bytes()));
            match argument.field("type").text().as_str() {
                "pure-token" => {}
                "block" => parts(argument).iter().for_each(|part| self.append(part, to)),
                "oneof" => {
                    let choice = self.random.pick(&parts(argument)).clone();
                    self.append(&choice, to);
                }
                "key" => to.push(self.random.pick(self.keys).as_bytes().to_vec()),
                // The whole command of TSGEN.AT.
                _ if argument.field("name").text() == "command" => {
                    to.extend(self.command());
                    return;
                }
                "integer" | "unix-time" => to.push(self.number()),
                _ => to.push(self.text()),
            }
        }
    }

    fn number(&mut self) -> Vec<u8> {
        self.seen_or(&NUMBERS)
    }

    fn text(&mut self) -> Vec<u8> {
        if self.random.one_in(4) {
            return self.number();
        }
        self.seen_or(&TEXTS)
    }

    fn seen_or(&mut self, words: &[&[u8]]) -> Vec<u8> {
        if !self.seen.is_empty() && self.random.one_in(2) {
            return self.random.pick(&self.seen).clone();
        }
        self.random.pick(words).to_vec()
    }

    /// Drops, doubles, replaces or moves a word; the command's name stays.
    fn bend(&mut self, words: &mut Vec<Vec<u8>>) {
        if words.len() < 2 {
            return;
        }
        let at = self.random.between(1, words.len() as i64 - 1) as usize;
        match self.random.below(4) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at].clone()),
            2 => words[at] = self.text(),
            _ => {
                let word = words.remove(at);
                words.push(word);
            }
        }
    }

    /// Keeps some of what a reply has.
    fn learn(&mut self, reply: &Reply) {
        match reply {
            Reply::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Reply::Int(number) if self.random.one_in(3) => self.keep(number.to_string().into_bytes()),
            Reply::Bulk(text) if text.len() < 60 && self.random.one_in(3) => self.keep(text.clone()),
            _ => {}
        }
    }

    fn keep(&mut self, word: Vec<u8>) {
        if self.seen.len() < 60 {
            self.seen.push(word);
        } else {
            let at = self.random.below(60) as usize;
            self.seen[at] = word;
        }
    }
}

/// Sends a command, alone or in a transaction or a script, where nothing blocks; tells the reply.
fn send(c: &mut Client, random: &mut Random, words: &[Vec<u8>]) -> Reply {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let may_block = words.iter().any(|word| word.eq_ignore_ascii_case(b"BLOCK"));
    match random.below(8) {
        0 => {
            let script: &[u8] = b"return redis.pcall(unpack(ARGV))";
            c.call(&[&[&b"EVAL"[..], script, b"0"], &words[..]].concat())
        }
        at if at == 1 || may_block => {
            c.ok("MULTI");
            c.call(&words);
            c.run("EXEC")
        }
        _ => c.call(&words),
    }
}

#[track_caller]
fn try_words(family: &Family, args: &[&str], seed: u64) {
    println!("{} {args:?} SEED={seed}", family.name);
    let (mut master, mut replica) = pair(args);
    let mut c = master.client();
    family.fill(&mut c);
    let keys: Vec<&str> = family.keys.iter().copied().chain(["new", "other", "first"]).collect();
    let told = told(&mut c, family.name);
    assert!(told.len() > 10, "{} commands", told.len());
    let mut maker = Maker { random: Random::new(seed), keys: &keys, told: &told, seen: Vec::new() };
    let mut accepted = 0;
    for nth in 1..=1_500 {
        let words = maker.command();
        let reply = send(&mut c, &mut maker.random, &words);
        accepted += usize::from(!reply.is_error());
        maker.learn(&reply);
        if nth % 500 == 0 {
            same_data(&master, &replica);
            // So that it does not end in keys that nobody can do anything with any more.
            family.fill_anew(&mut c);
        }
    }
    assert!(accepted > 300, "only {accepted} were accepted");
    same_data(&master, &replica);
    replica.client().ok("DEBUG RELOAD");
    same_data(&master, &replica);
    for server in [&mut master, &mut replica] {
        server.assert_alive();
        assert_eq!(server.client().info("tsgen", "tsgen_caught-panics").as_str(), "0", "{}", family.name);
    }
}

impl Family {
    /// The filled keys again, and nothing else.
    #[track_caller]
    fn fill_anew(&self, c: &mut Client) {
        c.ok("FLUSHALL");
        self.fill(c);
    }
}

#[test]
fn commands_made_of_the_servers_own_words_hurt_nothing() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for family in &FAMILIES {
        try_words(family, &[], seed);
        try_words(family, &["--tsgen.virtual-clock", "yes"], seed + 1);
    }
}
