//! Rust as far as the rules need it: words and signs, and the paths and modules that are made of them.

use std::collections::BTreeSet;

/// A source file: its words and signs, without comments and without what stands in quotes.
pub struct Source {
    tokens: Vec<String>,
}

impl Source {
    pub fn read(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (mut tokens, mut at) = (Vec::new(), 0);
        while let Some(char) = chars.get(at) {
            let next = chars.get(at + 1).copied().unwrap_or(' ');
            match *char {
                '/' if next == '/' => at += chars[at..].iter().take_while(|char| **char != '\n').count(),
                '/' if next == '*' => at = end_of_comment(&chars, at),
                '"' => at = end_of_quote(&chars, at + 1, '"'),
                // A lifetime has no second quote.
                '\'' if next == '\\' || chars.get(at + 2) == Some(&'\'') => at = end_of_quote(&chars, at + 1, '\''),
                char if char.is_alphanumeric() || char == '_' => {
                    let word: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                    at += word.chars().count();
                    match (word.as_str(), chars.get(at)) {
                        ("r" | "br" | "cr", Some('#' | '"')) => at = end_of_raw(&chars, at),
                        _ => tokens.push(word),
                    }
                }
                ':' if next == ':' => {
                    tokens.push("::".to_owned());
                    at += 2;
                }
                char => {
                    if !char.is_whitespace() {
                        tokens.push(char.to_string());
                    }
                    at += 1;
                }
            }
        }
        Source { tokens }
    }

    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", String::as_str)
    }

    /// How often these words and signs follow each other.
    pub fn count(&self, words: &[&str]) -> usize {
        self.tokens
            .windows(words.len())
            .filter(|tokens| tokens.iter().zip(words).all(|(token, word)| token == word))
            .count()
    }

    /// The modules that stand in files of their own.
    pub fn modules(&self) -> BTreeSet<&str> {
        let is_named = |at: &usize| self.token(*at) == "mod" && self.token(at + 2) == ";";
        (0..self.tokens.len()).filter(is_named).map(|at| self.token(at + 1)).collect()
    }

    /// All paths that lead from this module into the crate, from its root.
    pub fn paths(&self, module: &[String]) -> Vec<Vec<String>> {
        let children = self.modules();
        // The depths at which modules inside of this file began.
        let (mut paths, mut depth, mut inner, mut at) = (Vec::new(), 0, Vec::new(), 0);
        while at < self.tokens.len() {
            match self.token(at) {
                "mod" if self.token(at + 2) == "{" => inner.push(depth),
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inner.last() == Some(&depth) {
                        inner.pop();
                    }
                }
                word if self.token(at.wrapping_sub(1)) != "::" => {
                    let hands_on = self.token(at.wrapping_sub(1)) == "use"
                        && matches!(self.token(at.wrapping_sub(2)), "pub" | ")");
                    let begins = match word {
                        "crate" | "super" | "self" => self.token(at + 1) == "::",
                        child => {
                            children.contains(child) && inner.is_empty() && self.token(at + 1) == "::" && !hands_on
                        }
                    };
                    // `crate` in the braces of a `use` cannot be, and `self` there is the module that it is in.
                    if begins {
                        let mut here = module.to_vec();
                        here.extend(inner.iter().map(|_| String::new()));
                        let end = self.spell_out(at, here, &mut paths);
                        at = end;
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        paths
    }

    /// Spells out the path, or the tree of paths, that begins here; where it ends.
    fn spell_out(&self, mut at: usize, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
        loop {
            match self.token(at) {
                "{" => {
                    at += 1;
                    while self.token(at) != "}" {
                        at = self.spell_out(at, path.clone(), paths);
                        if self.token(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "crate" => path.clear(),
                "super" => drop(path.pop()),
                "self" => {}
                part => path.push(part.to_owned()),
            }
            at += 1;
            if self.token(at) != "::" || self.token(at + 1) == "<" {
                break;
            }
            at += 1;
        }
        if self.token(at) == "as" {
            at += 2;
        }
        paths.push(path);
        at
    }
}

fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_quote(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw(chars: &[char], from: usize) -> usize {
    let fences = chars[from..].iter().take_while(|char| **char == '#').count();
    let mut at = from + fences + 1;
    while at < chars.len() && !(chars[at] == '"' && chars[at + 1..].iter().take(fences).all(|char| *char == '#')) {
        at += 1;
    }
    at + 1 + fences
}
