//! The arguments of a command that this module calls. One string may be several arguments.
//!
//! An XADD of a large entry has hundreds of thousands of arguments, and half of them are the same few words.

use super::{OwnedStr, Str};

/// A list of arguments.
#[derive(Default)]
pub struct Arguments {
    strings: Vec<OwnedStr>,
    /// The arguments in order, as indexes into `strings`.
    said: Vec<u32>,
}

/// A string that is kept, and can be used as an argument any number of times.
#[derive(Clone, Copy)]
pub struct Kept(u32);

impl Arguments {
    /// Keeps a string; it is not an argument yet.
    pub fn keep(&mut self, string: OwnedStr) -> Kept {
        self.strings.push(string);
        Kept(u32::try_from(self.strings.len() - 1).expect("fewer than 2^32 arguments"))
    }

    /// Makes a kept string the next argument.
    pub fn say(&mut self, kept: Kept) {
        self.said.push(kept.0);
    }

    /// Keeps a string and makes it the next argument.
    pub fn push(&mut self, string: OwnedStr) {
        let kept = self.keep(string);
        self.say(kept);
    }

    /// All arguments, in order.
    pub fn as_strs(&self) -> Vec<&Str> {
        self.said.iter().filter_map(|number| self.strings.get(*number as usize)).map(|string| &**string).collect()
    }
}

impl Extend<OwnedStr> for Arguments {
    fn extend<I: IntoIterator<Item = OwnedStr>>(&mut self, strings: I) {
        strings.into_iter().for_each(|string| self.push(string));
    }
}
