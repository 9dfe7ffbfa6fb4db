//! Transcripts: commands and the replies they must get, as one readable text.
//!
//! ```text
//! > TSGEN.CLAIM k worker
//! [[<t> 1 'a' 5 '']]
//! > TSGEN.ACK k <t>
//! 1
//! ```
//!
//! `<name>` matches an integer the first time and stands for it from then on; `…` matches anything; `#` starts a comment line.
//!
//! The same language describes what a terminal shows (`Form::Terminal`): `redis> ` is the prompt, replies look as redis-cli
//! prints them, and what follows ` <- ` in a line is a remark.

use super::{terminal, Reply};
use std::collections::BTreeMap;

/// The integers that `<name>` placeholders have met so far.
pub type Bindings = BTreeMap<String, String>;

/// Splits a command line as redis-cli does: blanks separate, quotes group; inside double ones `\xHH`, `\n`, `\\` and `\"`, inside single ones `\'`.
pub fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(&first) = chars.peek() else { return words };
        let mut word = Vec::new();
        let quote = Some(first).filter(|first| ['"', '\''].contains(first));
        if quote.is_some() {
            chars.next();
        }
        while let Some(c) = chars.next_if(|c| quote.map_or(!c.is_whitespace(), |quote| *c != quote)) {
            let is_escape = c == '\\' && (quote == Some('"') || quote == Some('\'') && chars.peek() == Some(&'\''));
            if !is_escape {
                word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            match chars.next() {
                Some('x') => {
                    let hex: String = chars.by_ref().take(2).collect();
                    word.push(u8::from_str_radix(&hex, 16).expect("two hex digits after \\x"));
                }
                Some('n') => word.push(b'\n'),
                Some(other) => word.push(other as u8),
                None => panic!("a lone backslash ends {line:?}"),
            }
        }
        if quote.is_some() {
            assert_eq!(chars.next(), quote, "an open quote in {line:?}");
        }
        words.push(word);
    }
}

/// Whether `actual` is what `pattern` describes. Placeholders are bound only if the whole matches.
pub fn matches(pattern: &str, actual: &str, bindings: &mut Bindings) -> bool {
    let mut tried = bindings.clone();
    let is_match = matches_from(pattern, actual, &mut tried);
    if is_match {
        *bindings = tried;
    }
    is_match
}

fn matches_from(pattern: &str, actual: &str, bindings: &mut Bindings) -> bool {
    if let Some(rest) = pattern.strip_prefix('…') {
        let mut ends = (0..=actual.len()).filter(|&end| actual.is_char_boundary(end));
        return ends.any(|end| {
            let mut tried = bindings.clone();
            let is_match = matches_from(rest, &actual[end..], &mut tried);
            if is_match {
                *bindings = tried;
            }
            is_match
        });
    }
    if let Some((name, rest)) = placeholder(pattern) {
        let text = match bindings.get(name) {
            Some(bound) => bound.clone(),
            None => actual.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect(),
        };
        if text.is_empty() || !actual.starts_with(&text) {
            return false;
        }
        bindings.insert(name.to_owned(), text.clone());
        return matches_from(rest, &actual[text.len()..], bindings);
    }
    match (pattern.chars().next(), actual.chars().next()) {
        (None, None) => true,
        (Some(a), Some(b)) if a == b => matches_from(&pattern[a.len_utf8()..], &actual[b.len_utf8()..], bindings),
        _ => false,
    }
}

/// `<name>` at the start of `text`, and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, rest))
}

/// Replaces the bound placeholders in a command line.
pub fn fill(line: &str, bindings: &Bindings) -> String {
    let mut filled = line.to_owned();
    for (name, value) in bindings {
        filled = filled.replace(&format!("<{name}>"), value);
    }
    filled
}

/// How a transcript is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// Prompt `> `, replies as tests print them.
    Short,
    /// Prompt `redis> `, replies as redis-cli prints them, spread over any number of lines.
    Terminal,
}

impl Form {
    fn prompt(self) -> &'static str {
        match self {
            Form::Short => "> ",
            Form::Terminal => "redis> ",
        }
    }

    /// What a line says once it is rid of its margins and its remark.
    fn said(self, line: &str) -> &str {
        let line = match self {
            Form::Short => line,
            Form::Terminal => line.split(" <- ").next().unwrap_or(line),
        };
        line.trim()
    }

    /// A reply as this form shows it, in one line.
    pub fn shown(self, reply: &Reply) -> String {
        match self {
            Form::Short => reply.to_string(),
            Form::Terminal => terminal::shown(reply),
        }
    }
}

/// One step of a transcript: the line number of the command, the command, and the expected reply.
pub struct Step {
    pub line: usize,
    pub command: String,
    pub expected: String,
}

/// Cuts a transcript into its steps.
pub fn steps(transcript: &str, form: Form) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in transcript.lines().map(|line| form.said(line)).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(command) = line.strip_prefix(form.prompt()) {
            steps.push(Step { line: index + 1, command: command.to_owned(), expected: String::new() });
            continue;
        }
        let expected = &mut steps.last_mut().expect("a transcript starts with a command").expected;
        if !expected.is_empty() {
            expected.push(' ');
        }
        expected.push_str(line);
    }
    steps
}
