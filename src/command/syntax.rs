//! The little language in which the table of commands describes the arguments of a command. From a sentence follow the
//! arity and the argument tree of COMMAND DOCS.
//!
//! | written                  | means                                              |
//! |--------------------------|----------------------------------------------------|
//! | `name`, `name:integer`   | an argument; one that is an integer                |
//! | `WORD`                   | itself; what follows it in its group belongs to it |
//! | `READY\|REJECT`          | one of these words                                 |
//! | `[ … ]`, `( … )`         | optional, grouped                                  |
//! | `( a … \| b … )`         | one of these                                       |
//! | `x [x ...]`, `[x ...]`   | one or more, any number                            |
//!
//! The language does not know the commands.

use crate::command::args::{integer, is};
use crate::redis::argument::{Argument, Kind};
use crate::redis::Str;

/// The arguments of a command, read from a sentence.
pub struct Syntax {
    pub arguments: Vec<Argument>,
    /// The arity as Redis counts it: with the command's name, negative if more arguments are allowed.
    pub arity: i32,
}

impl Syntax {
    /// Reads a sentence. Sentences stand in the source, so a wrong one is a wrong program: it panics, and the module is not loaded.
    pub fn read(sentence: &str) -> Self {
        let spaced = sentence.replace('[', " [ ").replace(']', " ] ").replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let arguments = sequence(&mut words);
        assert!(words.next().is_none(), "unbalanced syntax: {sentence}");
        let least: i32 = 1 + arguments.iter().map(Argument::least).sum::<i32>();
        let open = arguments.iter().any(Argument::varies);
        Syntax { arguments, arity: if open { -least } else { least } }
    }

    /// The positions of keys in `argv`, which begins with the name of the command. Keys are looked for in front of the options, and then in
    /// options in any order, up to the first word that is no option. An empty name is no key.
    pub fn keys(&self, argv: &[&Str]) -> Vec<usize> {
        let (mut found, mut at) = (Vec::new(), 1);
        for argument in self.arguments.iter().take_while(|argument| argument.token.is_none() && !argument.optional) {
            at = argument.find_keys(argv, at, &mut found);
        }
        let mut options = Vec::new();
        options_among(&self.arguments, &mut options);
        while let Some(word) = argv.get(at) {
            let named = |option: &&&Argument| option.token.as_deref().is_some_and(|token| is(word, token));
            let Some(option) = options.iter().find(named) else { break };
            at = option.find_keys(argv, at, &mut found);
        }
        found.retain(|at| argv.get(*at).is_some_and(|name| !name.bytes().is_empty()));
        found
    }
}

/// All arguments that begin with a word of their own and can be left out, also those inside of others.
fn options_among<'a>(arguments: &'a [Argument], to: &mut Vec<&'a Argument>) {
    for argument in arguments {
        match argument.kind {
            Kind::OneOf if argument.token.is_none() => options_among(&argument.parts, to),
            Kind::Block => to.extend(argument.parts.iter().filter(|part| part.optional && part.token.is_some())),
            _ => {}
        }
        if argument.token.is_some() {
            to.push(argument);
        }
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn sequence(words: &mut Words<'_>) -> Vec<Argument> {
    let mut read = Vec::new();
    while let Some(word) = words.next_if(|word| !matches!(*word, "]" | ")" | "|" | "...")) {
        match word {
            open @ ("[" | "(") => group(open, words, &mut read),
            word if word.starts_with(char::is_uppercase) && !word.contains('|') => {
                let owned = sequence(words);
                read.push(Argument::after_word(word, owned));
            }
            word => read.push(Argument::of_word(word)),
        }
    }
    read
}

/// Reads a group behind its opening bracket, up to and including the closing one.
fn group(open: &str, words: &mut Words<'_>, before: &mut Vec<Argument>) {
    let optional = open == "[";
    let mut choices = vec![sequence(words)];
    while words.next_if_eq(&"|").is_some() {
        choices.push(sequence(words));
    }
    let repeats = words.next_if_eq(&"...").is_some();
    assert!(words.next().is_some_and(|word| matches!(word, "]" | ")")), "a group does not end");
    if repeats && choices.len() == 1 && before.ends_with(&choices[0]) {
        let repeated = before.split_off(before.len() - choices[0].len());
        let several = Argument::joined(repeated);
        before.push(Argument { multiple: true, repeats_token: several.token.is_some(), ..several });
        return;
    }
    let mut parts: Vec<_> = choices.into_iter().map(Argument::joined).collect();
    let argument = match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            Argument { parts: parts.into_iter().chain(last).collect(), ..Argument::plain("choice", Kind::OneOf) }
        }
    };
    let repeats_token = repeats && argument.token.is_some();
    before.push(Argument { optional, multiple: repeats || argument.multiple, repeats_token, ..argument });
}

impl Argument {
    fn plain(name: &str, kind: Kind) -> Self {
        Argument {
            name: name.to_lowercase(),
            token: None,
            kind,
            optional: false,
            multiple: false,
            repeats_token: false,
            parts: Vec::new(),
        }
    }

    fn of_word(word: &str) -> Self {
        if word.contains('|') {
            let parts = word.split('|').map(|word| Argument::after_word(word, Vec::new())).collect();
            return Argument { parts, ..Argument::plain("choice", Kind::OneOf) };
        }
        if let Some(name) = word.strip_suffix(":integer") {
            return Argument::plain(name, Kind::Integer);
        }
        let kind = match word {
            "key" => Kind::Key(0),
            "stream" => Kind::Key(1),
            "n" | "limit" | "bytes" => Kind::Integer,
            "unix-ms" => Kind::Time,
            _ => Kind::Text,
        };
        Argument::plain(word, kind)
    }

    fn after_word(word: &str, mut owned: Vec<Argument>) -> Self {
        let token = Some(word.to_owned());
        match owned.len() {
            0 => Argument { token, ..Argument::plain(word, Kind::Word) },
            1 if !owned[0].optional && owned[0].token.is_none() => {
                let only = owned.remove(0);
                Argument { token, ..only }
            }
            _ => Argument { token, parts: owned, ..Argument::plain(word, Kind::Block) },
        }
    }

    fn joined(mut several: Vec<Argument>) -> Self {
        if several.len() == 1 {
            return several.remove(0);
        }
        Argument { parts: several, ..Argument::plain("data", Kind::Block) }
    }

    /// The fewest words that the argument takes.
    fn least(&self) -> i32 {
        if self.optional {
            return 0;
        }
        let token = i32::from(self.token.is_some() && self.kind != Kind::Word);
        token
            + match self.kind {
                Kind::Block => self.parts.iter().map(Argument::least).sum(),
                Kind::OneOf => self.parts.iter().map(Argument::least).min().unwrap_or(0),
                _ => 1,
            }
    }

    /// Notes the keys in this argument, which begins at `at`, without what is optional in it; returns where it ends.
    fn find_keys(&self, argv: &[&Str], mut at: usize, found: &mut Vec<usize>) -> usize {
        at += usize::from(self.token.is_some());
        match self.kind {
            Kind::Word => {}
            Kind::Block => {
                for part in self.parts.iter().filter(|part| !part.optional) {
                    // What comes more than once comes as often as the number before it says.
                    let number = argv.get(at - 1).filter(|_| part.multiple).and_then(|word| integer(word.bytes()));
                    let times = number.map_or(1, |number| usize::try_from(number).unwrap_or(0).min(argv.len()));
                    for _ in 0..times {
                        at = part.find_keys(argv, at, found);
                    }
                }
            }
            Kind::Key(_) => {
                found.push(at);
                at += 1;
            }
            Kind::Text | Kind::Integer | Kind::Time | Kind::OneOf => at += 1,
        }
        at
    }

    /// Whether the argument can take more words than `least`.
    fn varies(&self) -> bool {
        let of_different_lengths =
            self.kind == Kind::OneOf && self.parts.iter().any(|part| part.least() != self.parts[0].least());
        self.optional || self.multiple || of_different_lengths || self.parts.iter().any(Argument::varies)
    }
}
